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
    /// Nobody has acknowledged an open exception, or the promised date has passed.
    Reminder,
    /// The control changes between passing and failing more often than it can be told.
    Flapping,
    /// It stopped doing so.
    Steady,
    /// A file of a plugin is missing, garbage or not the one that was there.
    PluginFault,
    /// A newer file of a plugin was refused: the one that was in use goes on.
    PluginRefused,
    /// What each control's first test came to, after the first start.
    FirstResults,
    /// Something waits for a second person's approval.
    Proposed,
    /// What a person stated about an attested control holds no longer soon.
    Expiring,
    /// An exclusion ends soon: its subject is tested again.
    ExclusionEnds,
    /// Alerts that were held, told in one mail.
    Several,
    /// Paging services alone are told what became of an incident: that somebody has acknowledged it, or that it is over.
    IncidentUpdate,
    Summary(SummaryKind),
}

/// Why an alert waits before it becomes a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// Others of the same moment go into the same mail.
    Grouping,
    /// Too many alerts in a short time: they go out as one.
    Storm,
    /// The reader's quiet hours, and it is not severe enough to break them.
    QuietHours,
    /// The reader has got as many mails as one may get in an hour.
    Rate,
}

/// Why an alert becomes no mail at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithheldReason {
    /// The control flaps, and a mail has said so.
    Flapping,
    /// A person has silenced the control for a time.
    Silenced,
}

/// How much a mail tells: subjects and the check's words, or numbers alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    #[default]
    Full,
    Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SummaryKind {
    Weekly,
    Monthly,
    /// A calendar quarter.
    Quarterly,
    Window,
}
