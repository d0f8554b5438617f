//! The plugins that the controls name, loaded and fitted to their configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config::Config,
    domain::{CatchUp, Control, Digest, InputOrigin, PluginName, RunReason, escaped},
    sandbox::{LoadError, Plugin, RefusedKey, Sandbox, SchemaError},
    trust::{Belongings, Signer},
};

use super::{
    Reach,
    pinned::{Chosen, Unusable, choose},
    renewal::RefusedPlugin,
};

/// Why a control cannot be tested at all. Its runs are `error` with this reason; the others go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PluginFault {
    pub reason: RunReason,
    pub message: String,
}

/// What a schema says of each configuration, by the digest of that.
type Held = Arc<BTreeMap<Digest, Vec<RefusedKey>>>;

/// One plugin: its bytes are kept as evidence, so that its runs can be re-performed.
#[derive(Debug, Clone)]
pub struct Shelved {
    pub plugin: Plugin,
    pub digest: Digest,
    pub bytes: Arc<[u8]>,
    pub path: PathBuf,
    pub belongings: Belongings,
    /// Who signed it, of those who are trusted; `None`: nobody had to.
    pub signer: Option<Signer>,
    /// What the plugin's `config_schema` says of each configuration that it is given; `None`: it takes any. Looked at
    /// once, since it takes longer than a run.
    schema: Result<Option<Held>, SchemaError>,
}

impl Shelved {
    /// Compiles a plugin that was read from `path`, asks it what it needs, and holds the configurations that controls give it
    /// against its schema.
    ///
    /// # Errors
    /// The bytes are no plugin that can run here.
    pub fn load(
        sandbox: &Sandbox,
        config: &Config,
        name: &PluginName,
        path: PathBuf,
        bytes: Vec<u8>,
        belongings: Belongings,
    ) -> Result<Self, PluginFault> {
        let refused = |error: LoadError| PluginFault {
            reason: error.reason(),
            message: format!("{}: {}", path.display(), told(&error)),
        };
        let plugin = sandbox.load(&bytes).map_err(refused)?;
        let digest = Digest::of(&bytes);
        let loaded = Self { plugin, digest, bytes: bytes.into(), path, belongings, signer: None, schema: Ok(None) };
        Ok(loaded.held_against(sandbox, config, name))
    }

    /// The same under another configuration: what its schema says of every table that controls give it.
    pub(super) fn held_against(self, sandbox: &Sandbox, config: &Config, name: &PluginName) -> Self {
        let schema = &self.plugin.description().config_schema;
        let schema = if schema.is_null() { Ok(None) } else { held_against(sandbox, schema, config, name).map(Some) };
        Self { schema, ..self }
    }

    /// Whether a control gives it all that it needs, and its configuration is as it demands.
    ///
    /// # Errors
    /// What is missing, or refused.
    pub fn fits(&self, control: &Control) -> Result<(), PluginFault> {
        fits(self, control)
    }
}

/// Every plugin that a configuration names.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    pub(super) plugins: BTreeMap<PluginName, Result<Shelved, Unusable>>,
    /// Newer files in whose place the plugin that was in use goes on.
    pub(super) refused: BTreeMap<PluginName, RefusedPlugin>,
    /// Those that an enabled control names.
    in_use: BTreeSet<PluginName>,
}

impl Shelf {
    /// Reads and compiles. What cannot be is kept as the fault that it is.
    pub fn load(sandbox: &Sandbox, config: &Config) -> Self {
        Self::load_telling(sandbox, config, |_| ())
    }

    /// [`Self::load`], which may take minutes; `begun` is told of each plugin before it is read.
    pub fn load_telling(sandbox: &Sandbox, config: &Config, begun: impl Fn(&PluginName)) -> Self {
        let (mut plugins, mut in_use) = (BTreeMap::new(), BTreeSet::new());
        for control in config.controls.iter().filter(|control| control.has_plugin()) {
            let name = &control.check.plugin;
            if control.enabled {
                in_use.insert(name.clone());
            }
            if !plugins.contains_key(name) {
                begun(name);
                plugins.insert(name.clone(), load_one(sandbox, config, name));
            }
        }
        Self { plugins, refused: BTreeMap::new(), in_use }
    }

    /// The plugins that enabled controls name, as far as they could be loaded, in order of name.
    pub fn in_use(&self) -> impl Iterator<Item = (&PluginName, Result<&Shelved, &PluginFault>)> {
        let of_use = self.plugins.iter().filter(|(name, _)| self.in_use.contains(*name));
        of_use.map(|(name, shelved)| (name, shelved.as_ref().map_err(|unusable| &unusable.fault)))
    }

    /// The newer files that were refused, while the plugin that was in use before goes on.
    pub const fn refused(&self) -> &BTreeMap<PluginName, RefusedPlugin> {
        &self.refused
    }

    /// The plugin by itself, as far as it could be loaded.
    pub fn plugin(&self, name: &PluginName) -> Result<&Shelved, PluginFault> {
        match self.plugins.get(name) {
            Some(Ok(shelved)) => Ok(shelved),
            Some(Err(unusable)) => Err(unusable.fault.clone()),
            None => Err(PluginFault {
                reason: RunReason::PluginMissing,
                message: format!("plugin `{name}` was not loaded: no control of the configuration named it"),
            }),
        }
    }

    /// The keys of a control's configuration that its plugin does not take; none where there is no plugin that could say so.
    pub fn refused_keys(&self, control: &Control) -> &[RefusedKey] {
        let shelved = self.plugins.get(&control.check.plugin).and_then(|shelved| shelved.as_ref().ok());
        let held = shelved.and_then(|shelved| shelved.schema.as_ref().ok()?.as_ref());
        held.and_then(|held| held.get(&digest_of(&control.check.config))).map(Vec::as_slice).unwrap_or_default()
    }

    /// The plugin, if the control gives it all that it needs and its configuration is as it demands.
    pub fn fitted(&self, control: &Control) -> Result<&Shelved, PluginFault> {
        let shelved = self.plugin(&control.check.plugin)?;
        fits(shelved, control)?;
        Ok(shelved)
    }
}

fn load_one(sandbox: &Sandbox, config: &Config, name: &PluginName) -> Result<Shelved, Unusable> {
    let Chosen { path, bytes, digest, belongings, signer } = choose(config, name)?;
    let loaded = Shelved::load(sandbox, config, name, path, bytes, belongings);
    let loaded = loaded.map_err(|fault| Unusable { fault, found: Some(digest) })?;
    Ok(Shelved { signer, ..loaded })
}

/// In one line that is safe to print, and no longer than it helps: some words in it are the file's.
fn told(error: &impl std::fmt::Display) -> String {
    const CHARS_MAX: usize = 1_000;
    let words = escaped(&error.to_string());
    match words.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// Every configuration that controls give the plugin, each held against its schema once.
fn held_against(
    sandbox: &Sandbox,
    schema: &serde_json::Value,
    config: &Config,
    name: &PluginName,
) -> Result<Held, SchemaError> {
    let users = config.controls.iter().filter(|control| control.has_plugin() && control.check.plugin == *name);
    let configs: BTreeMap<Digest, &serde_json::Value> =
        users.map(|control| (digest_of(&control.check.config), &control.check.config)).collect();
    let errors = sandbox.held_against(schema, &configs.values().copied().collect::<Vec<_>>())?;
    Ok(Arc::new(configs.into_keys().zip(errors).collect()))
}

fn digest_of(config: &serde_json::Value) -> Digest {
    Digest::of(config.to_string().as_bytes())
}

/// The file of a plugin: as a control named it, else the first of `plugin_dirs` that has it.
pub fn find(config: &Config, name: &PluginName) -> Option<PathBuf> {
    let paths = config.plugin_paths(name);
    match config.plugin_files.get(name) {
        Some(_) => paths.into_iter().next(),
        None => paths.into_iter().find(|path| Path::exists(path)),
    }
}

fn fits(shelved: &Shelved, control: &Control) -> Result<(), PluginFault> {
    let check = &control.check;
    let held = shelved.schema.as_ref().map_err(|error| PluginFault {
        reason: RunReason::PluginUnsupported,
        message: format!("the configuration schema of plugin `{}` {}", check.plugin, told(error)),
    })?;
    if let Some(held) = held {
        let refused = |why: &str| PluginFault {
            reason: RunReason::ConfigRefused,
            message: format!("plugin `{}` refuses the configuration: {why}", check.plugin),
        };
        match held.get(&digest_of(&check.config)) {
            Some(keys) if keys.is_empty() => {}
            Some(keys) => {
                let keys: Vec<_> = keys.iter().map(RefusedKey::to_string).collect();
                return Err(refused(&told(&keys.join("; "))));
            }
            None => return Err(refused("it was not there when the plugin was loaded")),
        }
    }
    if check.catch_up == CatchUp::All && !shelved.plugin.description().needs.interval {
        return Err(PluginFault {
            reason: RunReason::ConfigRefused,
            message: format!(
                "{} says `catch_up = \"all\"`, and plugin `{}` reads no events: what is tested later is tested as it \
                 is then, so that one run says as much as all of them (use `latest`)",
                control.id, check.plugin
            ),
        });
    }
    let by_events = check.inputs.iter().find(|input| matches!(input.origin, InputOrigin::Events(_)));
    if let (Some(input), false) = (by_events, shelved.plugin.description().needs.interval) {
        return Err(PluginFault {
            reason: RunReason::ConfigRefused,
            message: format!(
                "input `{}` of {} comes by `events`, those of the run's interval, and plugin `{}` is asked about none: its \
                 description must say `interval`",
                input.name, control.id, check.plugin
            ),
        });
    }
    let missing = Reach::of(shelved.plugin.description(), control).missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(PluginFault {
        reason: RunReason::GrantMissing,
        message: format!("plugin `{}` needs what {} does not grant: {}", check.plugin, control.id, missing.join("; ")),
    })
}
