//! What any source says, in one form.

use evidenced_plugin::Timestamp;

/// One thing that a principal did, or was kept from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub at: Timestamp,
    /// The source's own id.
    pub id: String,
    pub principal: String,
    pub target: Target,
    /// Where it came from, as the source writes it; `None` when it does not say.
    pub address: Option<String>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Read(Read),
    /// Access was refused.
    Refused,
    /// The log was changed so that it says less.
    LogWeakened,
    /// The log was changed, and still names reads.
    LogChanged,
    /// A session that could have switched the log off left no line in it.
    SilentSession,
}

/// One read, however many lines the log has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// In the unit of the control; `None` when the source does not count it.
    pub amount: Option<u64>,
    pub way: Way,
}

/// How it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// So that the log counts how much.
    Counted,
    /// In bulk (COPY, a cursor, a copy on the server): then an unknown amount is no fault of the log's settings.
    Bulk,
    /// It ended by an error, after it may have read: such statements have no line in the audit log.
    BrokenOff,
    /// Other lines of the log show it, and the audit log does not.
    Unaudited,
}

/// What was read. Datasets by their place in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Dataset(usize),
    /// A read whose object the log does not name: it may be any dataset.
    Unnamed,
    /// Signing in.
    Login,
    /// The audit log itself.
    Audit,
}

pub(crate) const UNNAMED: &str = "(unnamed object)";
pub(crate) const LOGIN: &str = "(login)";
pub(crate) const AUDIT: &str = "(audit log)";

/// A principal that does not exist: what was typed for its name may be a password, and is not repeated.
pub(crate) const UNKNOWN_PRINCIPAL: &str = "(unknown role)";
