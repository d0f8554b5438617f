//! The plugins that the controls name, loaded and fitted to their configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config::Config,
    domain::{CatchUp, Control, Digest, Grant, InputOrigin, PluginName, RunReason},
    sandbox::{Plugin, Sandbox},
    trust::{Belongings, Signer},
};

use super::{
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
    /// Of the plugin's `config_schema`; `None`: any configuration. Compiled once, since it takes longer than a run.
    schema: Result<Option<Arc<jsonschema::Validator>>, String>,
}

impl Shelved {
    /// Compiles a plugin that was read from `path`, and asks it what it needs.
    ///
    /// # Errors
    /// The bytes are no plugin that can run here.
    pub fn load(sandbox: &Sandbox, path: PathBuf, bytes: Vec<u8>, belongings: Belongings) -> Result<Self, PluginFault> {
        let plugin = sandbox
            .load(&bytes)
            .map_err(|error| PluginFault { reason: error.reason(), message: format!("{}: {error}", path.display()) })?;
        let schema = &plugin.description().config_schema;
        let schema = if schema.is_null() {
            Ok(None)
        } else {
            let validator = jsonschema::validator_for(schema);
            validator.map(|validator| Some(Arc::new(validator))).map_err(|error| error.to_string())
        };
        let digest = Digest::of(&bytes);
        Ok(Self { plugin, digest, bytes: bytes.into(), path, belongings, signer: None, schema })
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

    /// The plugin, if the control gives it all that it needs and its configuration is as it demands.
    pub fn fitted(&self, control: &Control) -> Result<&Shelved, PluginFault> {
        let shelved = self.plugin(&control.check.plugin)?;
        fits(shelved, control)?;
        Ok(shelved)
    }
}

fn load_one(sandbox: &Sandbox, config: &Config, name: &PluginName) -> Result<Shelved, Unusable> {
    let Chosen { path, bytes, digest, belongings, signer } = choose(config, name)?;
    let loaded = Shelved::load(sandbox, path, bytes, belongings);
    let loaded = loaded.map_err(|fault| Unusable { fault, found: Some(digest) })?;
    Ok(Shelved { signer, ..loaded })
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
    let schema = shelved.schema.as_ref().map_err(|error| PluginFault {
        reason: RunReason::PluginUnsupported,
        message: format!("the configuration schema of plugin `{}` is no JSON Schema: {error}", check.plugin),
    })?;
    if let Some(validator) = schema {
        let errors: Vec<_> = validator
            .iter_errors(&check.config)
            .map(|error| format!("`config{}`: {error}", error.instance_path().to_string().replace('/', ".")))
            .collect();
        if !errors.is_empty() {
            return Err(PluginFault {
                reason: RunReason::ConfigRefused,
                message: format!("plugin `{}` refuses the configuration: {}", check.plugin, errors.join("; ")),
            });
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
    let missing = missing_grants(shelved, control);
    if missing.is_empty() {
        return Ok(());
    }
    Err(PluginFault {
        reason: RunReason::GrantMissing,
        message: format!("plugin `{}` needs what {} does not grant: {}", check.plugin, control.id, missing.join("; ")),
    })
}

fn missing_grants(shelved: &Shelved, control: &Control) -> Vec<String> {
    let needs = &shelved.plugin.description().needs;
    let check = &control.check;
    let mut missing = Vec::new();
    for input in needs.inputs.iter().filter(|input| !input.optional) {
        if !check.inputs.iter().any(|granted| granted.name == input.name) {
            missing.push(format!("input `{}` (add [[control.input]])", input.name));
        }
    }
    for pointer in &needs.hosts {
        // A key that is not there names no URL; whether it may be left out is the schema's matter.
        let urls = check.config.pointer(pointer).map(urls_in).unwrap_or_default();
        for url in urls {
            if !check.grants.iter().any(|grant| covers(grant, &url)) {
                missing.push(format!("{url} (add a source or [[control.grant]])"));
            }
        }
    }
    missing
}

fn urls_in(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(url) => vec![url.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(urls_in).collect(),
        _ => Vec::new(),
    }
}

fn covers(grant: &Grant, url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    url.scheme() == grant.scheme.as_str() && host == grant.host && url.port_or_known_default() == Some(grant.port)
}
