use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, sandbox};
use crate::{
    config::{self, Config},
    domain::{Digest, PluginName},
    runner::signed_by,
    sandbox::Sandbox,
    trust::{Belongings, Held, LOCK_FILE, Lock, Locked, by_content, write_lock},
};

/// Write `plugins.lock`: name, version, digest and signer of every plugin that lies in `plugin_dirs`.
///
/// With a lock the daemon runs nothing that differs from it. What becomes other by this is shown, a line a plugin. With `signers`
/// in `[plugins]`, nothing is locked while one of the plugins is not signed by one of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 the lock is as the plugins are; 1 a plugin is not signed by whom it must be, or with --check the lock would \
                  be another one; 2 the configuration is refused.\n\nExample:\n  evidenced plugin lock --check\n  evidenced plugin lock"
)]
pub(super) struct LockArguments {
    /// Plugins that are taken from their plain files NAME.wasm, though `evidenced plugin update` put newer ones beside them.
    #[arg(value_name = "NAME")]
    names: Vec<PluginName>,
    /// Say what would become other, and write nothing.
    #[arg(long)]
    check: bool,
}

impl LockArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let config = match config::load(&context.config) {
            Ok(loaded) => loaded.config,
            Err(refused) => {
                context.printer.talk(&refused);
                return Ok(ExitStatus::Usage);
            }
        };
        let path = lock_path(context, &config);
        // Who only looks may do so wherever they may read.
        let _held = if self.check { None } else { Some(Held::take(&path)?) };
        // An update may have written it until it was held.
        let config = config::load(&context.config).map_or(config, |loaded| loaded.config);
        let before = config.plugins.lock.as_ref().map(|lock| lock.lock.clone()).unwrap_or_default();
        let sandbox = sandbox()?;
        let (mut lock, mut unsigned) = (Lock::default(), 0);
        for (name, file) in files(&config)? {
            let file = match kept(&config, &before, &name).filter(|_| !self.names.contains(&name)) {
                Some(kept) => {
                    if file.exists() && Digest::of(&std::fs::read(&file)?) != before.plugins[&name].digest {
                        context.printer.talk(format_args!(
                            "{name} stays {}; to lock {} instead: evidenced plugin lock {name}",
                            kept.display(),
                            file.display()
                        ));
                    }
                    kept
                }
                None => file,
            };
            match locked(&sandbox, &config, &name, &file) {
                Ok(locked) => {
                    lock.plugins.insert(name, locked);
                }
                Err(Unlocked::NoPlugin(why)) => context.printer.talk(format_args!("left out: {why}")),
                Err(Unlocked::Unsigned(why)) => {
                    context.printer.talk(format_args!("error: {why}"));
                    unsigned += 1;
                }
            }
        }
        if unsigned > 0 {
            context.printer.talk("nothing was written: every plugin must be signed by one of `signers`");
            return Ok(ExitStatus::No);
        }
        let difference = lock.difference(&before);
        for line in &difference {
            match context.printer.is_json() {
                true => context.printer.object(&serde_json::json!({ "change": line }))?,
                false => context.printer.line(line)?,
            }
        }
        let is_same = difference.is_empty() && path.exists();
        if self.check {
            return Ok(if is_same { ExitStatus::Done } else { ExitStatus::No });
        }
        if is_same {
            context.printer.talk(format_args!("{} is as the plugins are", path.display()));
        } else {
            write_lock(&path, &lock)?;
            context.printer.talk(format_args!("{} names {} plugins", path.display(), lock.plugins.len()));
        }
        Ok(ExitStatus::Done)
    }
}

/// Where the lock lies, or is to lie.
fn lock_path(context: &Context, config: &Config) -> PathBuf {
    match &config.plugins.lock {
        Some(lock) => lock.path.clone(),
        None => context.config.with_file_name(LOCK_FILE),
    }
}

/// Every plugin, and its plain file: those that controls name by path, and those of `plugin_dirs`, the first that has it.
fn files(config: &Config) -> anyhow::Result<BTreeMap<PluginName, PathBuf>> {
    let mut files = config.plugin_files.clone();
    let mut by_content_alone = BTreeSet::new();
    for folder in config.plugin_dirs.iter().filter(|folder| folder.is_dir()) {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let Some(name) = crate::trust::name_of(&path) else { continue };
            let plain = folder.join(format!("{name}.wasm"));
            if path == plain {
                files.entry(name).or_insert(plain);
            } else {
                by_content_alone.insert((name, plain));
            }
        }
    }
    for (name, plain) in by_content_alone {
        files.entry(name).or_insert(plain);
    }
    // Names with a slash lie in folders of folders: those that controls name.
    for control in config.controls.iter().filter(|control| control.has_plugin()) {
        let name = &control.check.plugin;
        if !files.contains_key(name)
            && let Some(file) = config.plugin_paths(name).into_iter().find(|path| path.exists())
        {
            files.insert(name.clone(), file);
        }
    }
    Ok(files)
}

/// The file of the lock before, if one lies in any of the folders under the name of its content.
fn kept(config: &Config, before: &Lock, name: &PluginName) -> Option<PathBuf> {
    let digest = before.plugins.get(name)?.digest;
    config.plugin_paths(name).iter().map(|path| by_content(path, digest)).find(|named| named.exists())
}

/// Why a plugin is not in the lock.
enum Unlocked {
    NoPlugin(String),
    Unsigned(String),
}

fn locked(sandbox: &Sandbox, config: &Config, name: &PluginName, file: &Path) -> Result<Locked, Unlocked> {
    let no_plugin = |why: String| Unlocked::NoPlugin(format!("{}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| no_plugin(error.to_string()))?;
    let digest = Digest::of(&bytes);
    let note = std::fs::read(Belongings::of(file, digest).signature).ok();
    let signer = signed_by(name, digest, note.as_deref(), &config.plugins.signers, None);
    let signer = signer.map_err(|why| Unlocked::Unsigned(format!("plugin `{name}`, {}: {why}", file.display())))?;
    let plugin = sandbox.load(&bytes).map_err(|error| no_plugin(error.to_string()))?;
    Ok(Locked { version: plugin.description().version.clone(), digest, signer })
}
