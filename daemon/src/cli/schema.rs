use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, fit, plugins, run};
use crate::{
    config::{self, PLUGIN_DIRS, PluginSchema, Schema},
    domain::PluginName,
    sandbox::{Plugin, Sandbox},
};

/// Print the JSON Schema of the configuration, with what plugins take: for completion and checks in editors.
///
/// Plugins are those in `plugin_dirs` of the configuration and those that it names by path; without a configuration, those
/// that came with this program. They are loaded and asked what they take, and none is run.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 printed, also without a plugin that cannot be loaded.\n\nExample:\n  evidenced schema > \
                  evidenced.schema.json\nThen `#:schema ./evidenced.schema.json` as the first line of a file tells editors that use taplo."
)]
pub(super) struct SchemaArguments {}

impl SchemaArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let places = Places::of(context);
        let found = places.plugins();
        if found.is_empty() {
            let folders: Vec<_> = places.folders.iter().map(|folder| folder.display().to_string()).collect();
            context.printer.talk(format_args!(
                "no plugin was found in {}: what plugins take is not part of the schema",
                folders.join(" or ")
            ));
        }
        let mut schema = Schema::base();
        if !found.is_empty() {
            let sandbox = fit::sandbox(run::compile_in_child()?)?;
            for (name, file) in &found {
                if let Err(error) = add(&mut schema, name, file, &sandbox) {
                    let file = file.path.display();
                    context.printer.talk(format_args!("{file}: {error:#}: what it takes is not part of the schema"));
                }
            }
        }
        context.printer.document(schema.as_json())?;
        Ok(ExitStatus::Done)
    }
}

fn add(schema: &mut Schema, name: &PluginName, file: &File, sandbox: &Sandbox) -> anyhow::Result<()> {
    let bytes = fs::read(&file.path).context("cannot read it")?;
    let plugin: Plugin = sandbox.load(&bytes)?;
    if let Some(warning) = plugin.warning() {
        anyhow::bail!("{warning}");
    }
    let description = plugin.description();
    schema
        .add_plugin(PluginSchema {
            name,
            is_named_by_path: file.is_named_by_path,
            summary: &description.summary,
            config_schema: &description.config_schema,
        })
        .map_err(anyhow::Error::msg)
}

/// Where plugins may lie.
struct Places {
    folders: Vec<PathBuf>,
    named: BTreeMap<PluginName, PathBuf>,
}

#[derive(Debug, PartialEq)]
struct File {
    path: PathBuf,
    is_named_by_path: bool,
}

impl Places {
    fn of(context: &Context) -> Self {
        match config::load(&context.config) {
            Ok(loaded) => Self { folders: loaded.config.plugin_dirs, named: loaded.config.plugin_files },
            Err(_) => {
                // One that is being written is no reason to write on without help.
                if context.config.exists() {
                    let file = context.config.display();
                    context.printer.talk(format_args!(
                        "{file} is refused (`evidenced check-config` says why): plugins are looked for in the usual places"
                    ));
                }
                let usual = PLUGIN_DIRS.map(PathBuf::from);
                let near = plugins::find().ok().filter(|near| !usual.contains(near));
                Self { folders: near.into_iter().chain(usual).collect(), named: BTreeMap::new() }
            }
        }
    }

    /// By name; the first folder that has it counts, as for the daemon.
    fn plugins(&self) -> BTreeMap<PluginName, File> {
        let mut found = BTreeMap::new();
        for (name, path) in &self.named {
            found.insert(name.clone(), File { path: path.clone(), is_named_by_path: true });
        }
        for path in self.folders.iter().flat_map(|folder| files_in(folder)) {
            let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<PluginName>().ok());
            if let Some(name) = name {
                found.entry(name).or_insert(File { path, is_named_by_path: false });
            }
        }
        found
    }
}

/// The files of a folder that may be plugins; none if it cannot be listed.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm") && path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Printer, sandbox::CompileWhere};

    #[test]
    fn plugins_are_looked_for_where_the_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("evidenced.toml");
        let control = "[[control]]\nid = \"SEC-01\"\nevery = \"1h\"\nplugin = \"./own/badges.wasm\"\n";
        fs::write(&main, format!("organization = \"x\"\nplugin_dirs = [\"a\", \"b\"]\n{control}")).unwrap();
        for file in ["a/keys.wasm", "b/keys.wasm", "b/access.wasm", "b/notes.txt", "own/badges.wasm"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let places = Places::of(&Context { config: main, printer: Printer::new(false) });
        let found: Vec<_> = places
            .plugins()
            .into_iter()
            .map(|(name, file)| {
                (name.to_string(), file.path.starts_with(folder.path().join("b")), file.is_named_by_path)
            })
            .collect();
        let expected = [("access", true, false), ("badges", false, true), ("keys", false, false)];
        assert_eq!(found, expected.map(|(name, is_in_b, is_named)| (name.to_owned(), is_in_b, is_named)));
    }

    #[test]
    fn what_is_no_plugin_is_named_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("garbage.wasm");
        fs::write(&path, "no plugin").unwrap();
        let sandbox = fit::sandbox(CompileWhere::InProcess).unwrap();
        let mut schema = Schema::base();
        let file = File { path, is_named_by_path: false };
        assert!(add(&mut schema, &"garbage".parse().unwrap(), &file, &sandbox).is_err());
        assert_eq!(schema.as_json(), Schema::base().as_json());
    }
}
