//! Compiled plugins, for the build and for tests: sources under `plugins/` and `tests/fixtures/` come in, one
//! WebAssembly file for each goes out, and its recorded cases beside it, under `target/` and nowhere else.
//!
//! Nothing here knows what a plugin does; of the daemon only what its authors use is used, so that both make the same.

mod c;
mod cases;
mod component;
pub(crate) mod debian;
mod javascript;
mod rust;
mod toolchain;

pub(crate) use javascript::from_npm;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// The compiled standard plugin `NAME`: `target/plugins/NAME.wasm`. Builds it, and all others, when it is missing.
///
/// # Panics
/// When it cannot be built; the message says what to install.
pub fn plugin(name: &str) -> PathBuf {
    built(name, Home::Standard)
}

/// The compiled test plugin `NAME` of `tests/fixtures`: `target/fixtures/NAME.wasm`. Builds it when it is missing.
///
/// # Panics
/// When it cannot be built; the message says what to install.
pub fn fixture(name: &str) -> PathBuf {
    built(name, Home::Fixture)
}

fn built(name: &str, home: Home) -> PathBuf {
    let layout = Layout::of_this_checkout();
    let file = layout.output(name, home);
    if !file.exists() {
        let built = match home {
            Home::Standard => build(&layout),
            Home::Fixture => build_fixtures(&layout),
        };
        built.unwrap_or_else(|error| panic!("plugins cannot be built: {error:#}"));
    }
    assert!(file.exists(), "there is no plugin `{name}`: nothing made {}", file.display());
    file
}

/// Builds the standard plugins that are older than their sources. One process at a time.
pub fn build(layout: &Layout) -> Result<()> {
    build_all_of(layout, Home::Standard)
}

/// Builds the plugins that only tests need; they want more tools than the standard ones.
pub fn build_fixtures(layout: &Layout) -> Result<()> {
    build_all_of(layout, Home::Fixture)
}

fn build_all_of(layout: &Layout, home: Home) -> Result<()> {
    fs::create_dir_all(&layout.target).with_context(|| format!("cannot make {}", layout.target.display()))?;
    let lock_path = layout.target.join("plugins.lock");
    let lock = fs::File::create(&lock_path).with_context(|| format!("cannot open {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;

    let sources = sources(layout)?;
    let of = |language| {
        let these = sources.iter().filter(move |source| source.home == home && source.manifest.language == language);
        these.collect::<Vec<_>>()
    };
    rust::build(layout, &of(Language::Rust))?;
    c::build(layout, &of(Language::C))?;
    javascript::build(layout, &of(Language::JavaScript))?;
    for source in sources.iter().filter(|source| source.home == home) {
        cases::place(layout, source)?;
    }
    Ok(())
}

/// Where this checkout's files are.
#[derive(Debug, Clone)]
pub struct Layout {
    pub root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target`.
    pub target: PathBuf,
}

impl Layout {
    pub fn of_this_checkout() -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = tests.parent().expect("the tests lie in the workspace").to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Self { root, target }
    }

    fn output(&self, name: &str, home: Home) -> PathBuf {
        let folder = match home {
            Home::Standard => "plugins",
            Home::Fixture => "fixtures",
        };
        self.target.join(folder).join(format!("{name}.wasm"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    Standard,
    Fixture,
}

/// A folder with a `plugin.toml`. Its name is the plugin's.
#[derive(Debug)]
struct Source {
    name: String,
    folder: PathBuf,
    home: Home,
    manifest: Manifest,
}

/// What the build needs of `plugin.toml`; the rest of the file is for people and for `init`.
#[derive(Debug, serde::Deserialize)]
struct Manifest {
    language: Language,
    #[serde(default)]
    kind: Kind,
    /// Where the sources lie, when that is another plugin's folder.
    sources: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    Rust,
    C,
    JavaScript,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Component,
    /// A preview-1 module.
    Command,
    /// The same, made a `wasi:cli` component.
    CommandComponent,
}

fn sources(layout: &Layout) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (folder, home) in [("plugins", Home::Standard), ("tests/fixtures", Home::Fixture)] {
        let folder = layout.root.join(folder);
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let folder = entry?.path();
            let manifest = folder.join("plugin.toml");
            if !manifest.exists() {
                continue;
            }
            let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
            let manifest: PluginToml = toml::from_str(&text).with_context(|| format!("in {}", manifest.display()))?;
            let name = folder.file_name().and_then(|name| name.to_str()).context("a plugin's folder is not UTF-8")?;
            sources.push(Source { name: name.to_owned(), folder: folder.clone(), home, manifest: manifest.build });
        }
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some([one, other]) = sources.array_windows().find(|[one, other]| one.name == other.name) {
        bail!("two plugins have one name: {} and {}", one.folder.display(), other.folder.display());
    }
    Ok(sources)
}

#[derive(serde::Deserialize)]
struct PluginToml {
    build: Manifest,
}

/// Whether `made` is there and not older than `from`.
fn is_fresh(made: &Path, from: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    matches!((modified(made), modified(from)), (Some(made), Some(from)) if made >= from)
}

/// Writes a file so that a reader sees all of it or nothing.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write {}", path.display()))?;
    // A temporary file is its owner's alone; what a build made is not.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions).with_context(|| format!("cannot write {}", path.display()))?;
    std::io::Write::write_all(&mut file, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
