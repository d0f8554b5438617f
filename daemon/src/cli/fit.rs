//! Controls whose plugin cannot test them as they are configured, each at the line that is to be mended.

use std::sync::Arc;

use crate::{
    config::{Config, Diagnostic, Level, Loaded, Origin, Position},
    domain::{Control, RunReason},
    runner::{PluginFault, Shelf},
    sandbox::{CompileWhere, RefusedKey, Sandbox, SandboxSettings},
};

/// Loads every plugin that the configuration names, as the daemon will; nothing is kept, and nothing is run but
/// `describe`.
pub(super) fn shelf(config: &Config, compile: CompileWhere) -> anyhow::Result<Shelf> {
    Ok(Shelf::load(&*sandbox(compile)?, config))
}

/// A sandbox that is used to look at plugins one by one, and forgotten.
pub(super) fn sandbox(compile: CompileWhere) -> anyhow::Result<Arc<Sandbox>> {
    Ok(Sandbox::new(SandboxSettings { concurrency: 1, compile, ..SandboxSettings::default() })?)
}

/// What makes the daemon run an enabled control in vain: one for each key that its plugin refuses, else one for the control.
pub(super) fn faults(loaded: &Loaded, shelf: &Shelf) -> Vec<Diagnostic> {
    let controls = loaded.config.controls.iter().filter(|control| control.enabled && control.has_plugin());
    controls.flat_map(|control| of_control(loaded, shelf, control)).collect()
}

fn of_control(loaded: &Loaded, shelf: &Shelf, control: &Control) -> Vec<Diagnostic> {
    let Err(PluginFault { reason, message }) = shelf.fitted(control) else { return Vec::new() };
    let refused = shelf.refused_keys(control);
    if !refused.is_empty() {
        return refused.iter().map(|key| of_key(loaded, control, key)).collect();
    }
    let (code, key, hint) = match reason {
        RunReason::ConfigRefused => {
            ("config-refused", "config", "the plugin's schema says what it takes; mend the keys that are named")
        }
        RunReason::GrantMissing => {
            ("grant-missing", "plugin", "grant what is named, or take it out of the configuration")
        }
        RunReason::PluginMissing => {
            ("plugin-missing", "plugin", "put the file there, or name its folder in `plugin_dirs`")
        }
        RunReason::PluginChanged => (
            "plugin-changed",
            "plugin",
            "put back the file that the lock names; or, if the other one is wanted, `evidenced plugin lock` takes it up",
        ),
        RunReason::PluginUnsigned => (
            "plugin-unsigned",
            "plugin",
            "have it signed by `evidenced plugin sign`; `[plugins]` says whose signature it needs",
        ),
        _ => ("plugin-unusable", "plugin", "put another build of the plugin there"),
    };
    let values = loaded.expanded(control);
    let is_of = |name: &str| name == key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    let written = values.iter().find_map(|value| value.origin.filter(|_| is_of(&value.key)));
    let origin = written.or_else(|| values.iter().find_map(|value| value.origin));
    vec![diagnostic(code, format!("{} cannot be tested: {message}", control.id), origin, Some(hint.to_owned()))]
}

/// At the key itself; a key that is missing at the table that it is missing in, or else at the control's plugin.
fn of_key(loaded: &Loaded, control: &Control, key: &RefusedKey) -> Diagnostic {
    let origins = loaded.origins.get(&control.id);
    let lengths = (1..=key.path.len()).rev();
    let names = lengths.map(|length| format!("config.{}", key.path[..length].join("."))).chain(["plugin".to_owned()]);
    let origin = names.into_iter().find_map(|name| origins?.get(&name));
    let message = format!("{} cannot be tested: plugin `{}` refuses {key}", control.id, control.check.plugin);
    diagnostic("config-refused", message, origin, key.hint.clone())
}

fn diagnostic(code: &'static str, message: String, origin: Option<&Origin>, hint: Option<String>) -> Diagnostic {
    Diagnostic {
        level: Level::Error,
        code,
        message,
        file: origin.map(|origin| origin.file.to_path_buf()).unwrap_or_default(),
        position: origin.map(|origin| Position { line: origin.line, column: origin.column }),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config;

    #[test]
    fn a_plugin_that_cannot_test_its_control_is_told_at_the_line_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let control = |id: &str, plugin: &str, more: &str| {
            format!(
                "[[control]]\nid = \"{id}\"\ntitle = \"t\"\nowner = \"o\"\nfamily = \"security\"\nseverity = \"low\"\n\
                 every = \"5m\"\nplugin = \"{plugin}\"\n{more}"
            )
        };
        let text = [
            "organization = \"Example\"\nplugin_dirs = [\".\"]\nstate_dir = \"state\"\n",
            &control("SEC-01", "garbage", ""),
            &control("SEC-02", "nowhere", ""),
            &control("SEC-03", "nowhere", "enabled = false\n"),
        ];
        fs::write(folder.path().join("evidenced.toml"), text.concat()).unwrap();
        fs::write(folder.path().join("garbage.wasm"), "no plugin").unwrap();
        let loaded = config::load(&folder.path().join("evidenced.toml")).unwrap();
        let shelf = shelf(&loaded.config, CompileWhere::InProcess).unwrap();
        let told: Vec<_> = faults(&loaded, &shelf)
            .into_iter()
            .map(|fault| (fault.code, fault.position.map(|position| position.line), fault.message))
            .collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0].0, told[0].1), ("plugin-unusable", Some(11)));
        assert!(told[0].2.starts_with("SEC-01 cannot be tested: "), "{told:?}");
        assert_eq!((told[1].0, told[1].1), ("plugin-missing", Some(19)));
    }
}
