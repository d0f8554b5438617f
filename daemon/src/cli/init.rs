use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, plugins};

/// The configuration that the packages install, too.
const MAIN: &str = include_str!("../../../packaging/config/evidenced.toml");
const CONTROLS: &str = include_str!("../../../packaging/config/conf.d/controls.toml");

/// The line of it that says where plugins are looked for.
const PLUGIN_DIRS: &str = "# plugin_dirs = [\"/usr/lib/evidenced/plugins\", \"/etc/evidenced/plugins\"]\n";

/// The line of it that says where the daemon listens.
const SOCKET: &str = "socket       = \"/run/evidenced/evidenced.sock\"   # who is in its group may ask the daemon\n";

/// Write a small commented configuration into a folder.
///
/// Nothing is overwritten: a file that is there already stays as it is, and the exit status is 3.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced init ./evidenced\n  evidenced check-config --config ./evidenced/evidenced.toml"
)]
pub(super) struct InitArguments {
    /// The folder; it is made if it is not there.
    directory: PathBuf,
}

impl InitArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        // Without plugins it can be configured all the same.
        let plugins = plugins::find().ok().filter(|folder| folder != Path::new(plugins::INSTALLED));
        let written = write_sample(&self.directory, plugins.as_deref())?;
        for path in &written {
            context.printer.file(path)?;
        }
        let main = self.directory.join("evidenced.toml");
        context.printer.talk(format_args!(
            "Next: evidenced check-config --config {main}\nThe sample's controls are off. Write the addresses of your own \
             systems into {controls}, then `enabled = true`, and try one: evidenced check AVL-01/assistant --config {main}",
            main = main.display(),
            controls = self.directory.join("conf.d/controls.toml").display(),
        ));
        Ok(ExitStatus::Done)
    }
}

/// Writes the sample, the state beside it, and returns the files. `plugins`: where they are to be looked for, if not
/// where packages put them.
fn write_sample(directory: &Path, plugins: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    // A folder of one's own keeps its state too, and the socket in it; the packages leave that to systemd.
    let mut main = MAIN.replacen("# state_dir  =", "state_dir    =", 1).replacen(SOCKET, "", 1);
    if let Some(plugins) = plugins {
        let folder = plugins.to_str().with_context(|| format!("{} is not UTF-8: move it", plugins.display()))?;
        let line = format!("plugin_dirs  = [{}]\n", toml::Value::from(folder));
        main = main.replacen(PLUGIN_DIRS, &line, 1);
    }
    let files =
        [(directory.join("evidenced.toml"), main), (directory.join("conf.d/controls.toml"), CONTROLS.to_owned())];
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        anyhow::bail!("{} is there already; nothing was written: name another folder, or move it away", path.display());
    }
    for (path, text) in &files {
        write_new(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(files.map(|(path, _)| path).to_vec())
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // `create_new`: whoever was faster in writing it keeps what they wrote.
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_accepted_without_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("new/folder");
        let written = write_sample(&directory, None).unwrap();
        assert_eq!(written, [directory.join("evidenced.toml"), directory.join("conf.d/controls.toml")]);
        let loaded = crate::config::load(&written[0]).unwrap_or_else(|refused| panic!("{refused}"));
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.config.state_dir, directory.join("state"));
        assert_eq!(loaded.config.socket, directory.join("state/evidenced.sock"));
        let written = loaded.config.controls.iter().filter(|control| control.built_in().is_none());
        assert_eq!(written.count(), 3);
    }

    #[test]
    fn the_sample_tells_plugins_what_they_take() {
        let folder = tempfile::tempdir().unwrap();
        let config = crate::config::load(&write_sample(folder.path(), None).unwrap()[0]).unwrap().config;
        let plugins = [
            ("inference-uptime", include_str!("../../../plugins/inference-uptime/config.schema.json")),
            ("key-rotation", include_str!("../../../plugins/key-rotation/config.schema.json")),
        ];
        for control in config.controls.iter().filter(|control| control.has_plugin()) {
            let (_, schema) = plugins.iter().find(|(name, _)| *name == control.check.plugin.as_str()).unwrap();
            let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
            let faults: Vec<_> = schema.iter_errors(&control.check.config).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{}: {faults:?}", control.id);
        }
    }

    #[test]
    fn plugins_beside_the_program_are_written_into_the_sample() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("a \"b\"/plugins");
        let written = write_sample(&folder.path().join("conf"), Some(&plugins)).unwrap();
        assert_eq!(crate::config::load(&written[0]).unwrap().config.plugin_dirs, [plugins]);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("conf.d")).unwrap();
        fs::write(folder.path().join("conf.d/controls.toml"), "mine").unwrap();
        let error = write_sample(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("controls.toml is there already"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join("conf.d/controls.toml")).unwrap(), "mine");
        assert!(!folder.path().join("evidenced.toml").exists());
    }

    #[test]
    fn the_packaged_sample_is_accepted_too() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("evidenced.toml");
        fs::write(&main, MAIN).unwrap();
        let config = crate::config::load(&main).unwrap().config;
        assert_eq!(config.state_dir, Path::new("/var/lib/evidenced"));
        assert_eq!(config.socket, Path::new("/run/evidenced/evidenced.sock"));
    }
}
