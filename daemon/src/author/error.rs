use std::{io, path::PathBuf};

/// Why something of an author cannot be done. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    #[error("cannot read {}: {why}", path.display())]
    Unread { path: PathBuf, why: String },
    #[error("cannot write {}", path.display())]
    Unwritten {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "`{0}` is no name of a plugin: a name starts with a letter from a to z, then come letters from a to z, digits and `-`, \
         at most 64 in all (for example `api-keys`)"
    )]
    Name(String),
    #[error("{} is there already; nothing was written: take another name, or move it away", .0.display())]
    Taken(PathBuf),
    #[error("there is no language `{found}`: {known}")]
    Language { found: String, known: String },
    #[error("{built} has no template for {language}: it was built without `plugin-sdk/{language}/template`")]
    NoTemplate { language: &'static str, built: String },
    #[error("the contract's WIT cannot be read: {0}")]
    Wit(String),
    #[error("bindings for {language} cannot be made: {why}")]
    Bindings { language: &'static str, why: String },
    #[error("no WebAssembly file: it starts with neither a module nor a component; build the plugin first (`make`)")]
    NotWasm,
    #[error("it is a component already: there is nothing to be done, run `evidenced plugin inspect` on it")]
    IsComponent,
    #[error(
        "it exports `_start` and is a command: the daemon runs such a module as it is (`--command` makes it a `wasi:cli` component all \
         the same)"
    )]
    IsCommand,
    #[error("it exports no `_start`, so it is no command: leave out `--command`")]
    NoCommand,
    #[error(
        "it exports none of the contract's functions ({missing} is missing): link the bindings (`evidenced plugin bindings`) into it, as a \
         reactor without `main` (C: `-mexec-model=reactor`, Go: `-buildmode=c-shared`), and strip no exports"
    )]
    NoChecker { missing: &'static str },
    #[error("it does not become a component: {0}")]
    Unfit(String),
    #[error("there is no {}: name a plugin's `.wasm` file or a project's folder", .0.display())]
    Missing(PathBuf),
    #[error("there is no `.wasm` file in {}: run `make` there first", .0.display())]
    NothingBuilt(PathBuf),
    #[error("there are several `.wasm` files in {}: {}: name the one that is meant", folder.display(), names.join(", "))]
    SeveralBuilt { folder: PathBuf, names: Vec<String> },
    #[error("{why}")]
    Cases { folder: PathBuf, why: String },
    #[error(
        "there are no cases in {}: record one by `evidenced plugin run … --record {}/NAME.toml`, or write one by hand          (plugin-sdk/README.md, \"Recorded cases\")", .0.display(), .0.display()
    )]
    NoCases(PathBuf),
    #[error("the run cannot be set up as the arguments say:\n{0}")]
    Arguments(String),
    #[error("the configuration holds `null`, which the daemon's TOML cannot say: leave the key out")]
    Config,
    #[error("no case is made of this run: {0}")]
    Unrecorded(String),
    #[error(
        "there is no case in which {0} can be measured: name one with `--case`, or write one (plugin-sdk/README.md)"
    )]
    NothingToMeasure(String),
    #[error("the sandbox cannot be set up")]
    Sandbox(#[source] crate::sandbox::SandboxError),
}
