//! The checks by which the daemon tests itself.

use super::PluginName;

/// A check that is code of the daemon and no plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuiltIn {
    /// Every control was tested as often as its schedule says.
    MonitoringRan,
    /// Every plugin in use still fails where it must.
    PluginsCanFail,
}

impl BuiltIn {
    pub const ALL: [Self; 2] = [Self::MonitoringRan, Self::PluginsCanFail];

    /// The names of plugins that no file has begin so.
    pub const PREFIX: &str = "builtin/";

    /// The control that it tests.
    pub const fn control(self) -> &'static str {
        match self {
            Self::MonitoringRan => "MON-01",
            Self::PluginsCanFail => "MON-03",
        }
    }

    /// What stands where others name their plugin.
    pub const fn plugin(self) -> &'static str {
        match self {
            Self::MonitoringRan => "builtin/monitoring-ran",
            Self::PluginsCanFail => "builtin/plugins-can-fail",
        }
    }

    pub fn of(plugin: &PluginName) -> Option<Self> {
        Self::ALL.into_iter().find(|built_in| built_in.plugin() == plugin.as_str())
    }

    /// Whether the control of this id is one of those that the daemon tests itself.
    pub fn is_control(id: &str) -> bool {
        Self::ALL.into_iter().any(|built_in| built_in.control() == id)
    }
}
