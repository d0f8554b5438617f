use serde::{Deserialize, Serialize};

/// Why a mail exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertCause {
    /// The control failed, confirmed: an exception opened.
    Failed,
    /// It failed already when the alert was switched on.
    AlreadyFailing,
    /// The set of failing subjects grew while the exception was open.
    MoreSubjects,
    /// The control went untested.
    NotTested,
    /// It was tested again after it had gone untested.
    TestedAgain,
    /// A subject passed its time to fix.
    Overdue,
    /// The control passes again.
    Recovered,
    /// The daemon was down, or the clock jumped.
    MonitoringGap,
    ConfigurationRefused,
    /// A file of a plugin is missing, garbage or not the one that was there.
    PluginFault,
    Summary(SummaryKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SummaryKind {
    Weekly,
    Monthly,
    Window,
}
