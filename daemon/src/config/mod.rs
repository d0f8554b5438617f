//! TOML files -> a validated configuration, or every error in them at once.
//!
//! In: `evidenced.toml` and `conf.d/*.toml`. Out: domain types with everything resolved (templates, defaults, sources),
//! and the file and line that each value came from.
//! Must not know: the ledger, the sandbox, a clock.
//!
//! The way of a file: `files` reads it into a `tree` that knows where everything stands; `templates` lays defaults,
//! templates and rows on each other; `resolve` reads the whole, with `sources`, `controls` and `mail` for its parts.
//! What is wrong on the way is said by `diagnostics`.

mod alerts;
mod asked;
mod controls;
mod credentials;
mod databases;
mod diagnostic;
mod diagnostics;
mod endpoint;
mod events;
mod expanded;
mod files;
mod holidays;
mod inputs;
mod intervals;
mod last_resort;
mod mail;
mod model;
mod monitoring;
mod network;
#[cfg(test)]
mod noted;
mod plugins;
mod quantities;
mod resolve;
mod schema;
mod secrets;
mod section;
mod sources;
mod templates;
#[cfg(test)]
mod tests;
mod token_places;
mod tree;
mod webhooks;
mod words;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use diagnostics::Errors;
use files::Files;
use resolve::{Resolved, Surroundings, resolve};
use tree::{Node, Table, Value};

pub use diagnostic::{Diagnostic, Diagnostics, Level, Position};
pub use expanded::{ExpandedValue, limit_values, limit_words, schedule_words};
pub use last_resort::state_dir_of;
pub use model::{
    Access, Alerts, Config, CredentialSpec, DatabaseSource, EmailAddress, Endpoint, Hears, Heartbeat, Mail, MailLogin,
    MailTls, Network, PluginLock, Plugins, ProxyLogin, Quiet, Recipient, Runner, Smtp, Source, Transport, Webhook,
};

pub use quantities::{duration, until};
pub use resolve::PLUGIN_DIRS;
pub use schema::{PluginSchema, Schema};

use crate::domain::{ControlId, Timestamp};

/// A configuration that is accepted.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// Where the values of each control were written, by key; those of `config` and `limits` as `config.max_age_days`, what is
    /// further in as `config.golden.0.name`.
    /// What is not in it has its default.
    pub origins: BTreeMap<ControlId, BTreeMap<String, Origin>>,
    /// What is accepted, and yet worth a look.
    pub warnings: Vec<Diagnostic>,
    endings: Vec<(Timestamp, Diagnostic)>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: Arc<Path>,
    /// Both count from 1.
    pub line: u32,
    pub column: u32,
}

impl Loaded {
    /// The warnings, and what has run out at that time.
    pub fn warnings_at(&self, now: Timestamp) -> Vec<&Diagnostic> {
        let ended = self.endings.iter().filter(|(until, _)| *until <= now).map(|(_, diagnostic)| diagnostic);
        let mut all: Vec<_> = self.warnings.iter().chain(ended).collect();
        all.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        all
    }
}

/// Reads FILE and `conf.d/*.toml` beside it, in order of name. Relative paths in them are relative to FILE's folder.
/// Without `state_dir`, the state lies in `$STATE_DIRECTORY`.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    // systemd separates several folders by colons; the first is the daemon's own.
    let state_directory = env::var("STATE_DIRECTORY").ok().and_then(|all| all.split(':').next().map(PathBuf::from));
    load_in(path, state_directory.filter(|directory| directory.is_absolute()))
}

/// FILE and `conf.d/*.toml` beside it, in order of name; without the latter if their folder cannot be listed, which
/// [`load`] tells.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    let beside = files::conf_d(path).unwrap_or_default();
    [path.to_owned()].into_iter().chain(beside).collect()
}

fn load_in(path: &Path, state_directory: Option<PathBuf>) -> Result<Loaded, Diagnostics> {
    let mut errors = Errors::default();
    let (files, root) = Files::read(path, &mut errors);
    let base = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = base.parent().unwrap_or(Path::new("/")).to_owned();
    if errors.is_unreadable() {
        // Whatever is missing may stand in what could not be read.
        return Err(errors.finish(&files).err().unwrap_or(Diagnostics(Vec::new())));
    }
    let Resolved { config, drafts } = resolve(&root, &Surroundings { base, state_directory }, &mut errors);
    let remarks = errors.finish(&files)?;
    let config = config.expect("whatever leaves a configuration incomplete is an error");
    let origins = drafts.into_iter().map(|(id, table)| (id, origins(&table, &files))).collect();
    Ok(Loaded { config, origins, warnings: remarks.warnings, endings: remarks.endings })
}

fn origins(table: &Table, files: &Files) -> BTreeMap<String, Origin> {
    let mut origins = BTreeMap::new();
    for (key, member) in table {
        match &member.node.value {
            Value::Table(inner) => inner.iter().for_each(|(name, inner)| {
                let name = format!("{key}.{name}");
                origins.insert(name.clone(), files.origin(inner.key_at));
                within(&name, &inner.node, files, &mut origins);
            }),
            _ => {
                origins.insert(key.clone(), files.origin(member.key_at));
            }
        }
    }
    origins
}

/// What stands in a value, by its key and the number of a list's member.
fn within(key: &str, node: &Node, files: &Files, origins: &mut BTreeMap<String, Origin>) {
    match &node.value {
        Value::Table(members) => members.iter().for_each(|(name, member)| {
            let name = format!("{key}.{name}");
            origins.insert(name.clone(), files.origin(member.key_at));
            within(&name, &member.node, files, origins);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| {
            let name = format!("{key}.{at}");
            origins.insert(name.clone(), files.origin(item.at));
            within(&name, item, files, origins);
        }),
        _ => (),
    }
}
