use std::fmt;

use evidenced_contract::{Failure, FailureKind, Report};

use crate::domain::RunReason;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The plugin judged. Whether the report is whole is still to be checked (`domain::verdict`).
    Report(Report),
    /// The plugin says that it could not test.
    Failure(Failure),
    /// It answered with something that is no answer; why.
    Broken(String),
    /// It met a limit.
    Limit(Limit),
    /// It used a capability that its description does not declare.
    Undeclared(&'static str),
    /// It ended by a trap; which.
    Trap(String),
    /// A replay asked what the transcript does not answer; what was asked.
    CannotTell(String),
    /// The daemon ended it.
    Stopped,
    /// The host could not run it; why.
    Host(String),
}

impl Ended {
    /// Why the outcome is an `error`; `None` for a report, whose outcome is derived.
    pub const fn reason(&self) -> Option<RunReason> {
        Some(match self {
            Self::Report(_) => return None,
            Self::Failure(failure) => match failure.kind {
                FailureKind::Internal => RunReason::Internal,
                FailureKind::Unreachable => RunReason::Unreachable,
                FailureKind::Denied => RunReason::Denied,
                FailureKind::Throttled => RunReason::Throttled,
                FailureKind::Timeout => RunReason::Timeout,
                FailureKind::BadInput => RunReason::BadInput,
                FailureKind::Unsupported => RunReason::Unsupported,
            },
            Self::Broken(_) => RunReason::BrokenReport,
            Self::Limit(limit) => limit.reason(),
            Self::Undeclared(_) => RunReason::GrantMissing,
            Self::Trap(_) => RunReason::Trap,
            Self::Stopped => RunReason::Stopped,
            Self::CannotTell(_) | Self::Host(_) => RunReason::Host,
        })
    }

    /// Whether the same plugin on the same transcript must end the same way. What ended by time or by the host is
    /// not re-performable.
    pub const fn is_deterministic(&self) -> bool {
        match self {
            Self::Report(_) | Self::Failure(_) | Self::Broken(_) | Self::Undeclared(_) | Self::Trap(_) => true,
            Self::Limit(limit) => limit.is_deterministic(),
            Self::CannotTell(_) | Self::Stopped | Self::Host(_) => false,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report(report) => write!(f, "report: {}", report.summary),
            Self::Failure(failure) => match &failure.source {
                Some(source) => write!(f, "{}: {} ({source})", kind(failure.kind), failure.message),
                None => write!(f, "{}: {}", kind(failure.kind), failure.message),
            },
            Self::Broken(why) => write!(f, "broken report: the plugin {why}"),
            Self::Limit(limit) => write!(f, "limit {limit}"),
            Self::Undeclared(what) => write!(
                f,
                "the plugin used {what}, which its description does not declare: add `{what}` to `needs` of its description"
            ),
            Self::Trap(why) => write!(f, "the plugin trapped: {why}"),
            Self::CannotTell(what) => write!(f, "cannot tell: the transcript has no answer to {what}"),
            Self::Stopped => f.write_str("stopped by the daemon"),
            Self::Host(why) => write!(f, "the host could not run the plugin: {why}"),
        }
    }
}

const fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Internal => "internal",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Denied => "denied",
        FailureKind::Throttled => "throttled",
        FailureKind::Timeout => "timeout",
        FailureKind::BadInput => "bad-input",
        FailureKind::Unsupported => "unsupported",
    }
}

/// What a run may not exceed, with the value that it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All linear memories of the run together, in bytes.
    Memory(u64),
    /// All linear memories of all runs together, in bytes.
    MemoryTotal(u64),
    /// Elements of all tables of the run together, or the number of its tables.
    Tables(u64),
    /// Handles that are held at once.
    Handles(u64),
    /// Milliseconds of wall clock.
    Wall(u64),
    /// Bytes of the report.
    Report(u64),
    /// Bytes of the log.
    Log(u64),
    /// Requests, and calls of the host altogether.
    Requests(u64),
    /// Bytes of what one call of the host was given.
    Call(u64),
    /// Bytes of what the host was asked and answered.
    Transcript(u64),
    /// Rounds of a command.
    Rounds(u64),
    /// Bytes of the memo of a command.
    Memo(u64),
    /// Bytes of the control's state.
    State(u64),
}

impl Limit {
    /// The name in configuration and in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::MemoryTotal(_) => "memory_total",
            Self::Tables(_) => "tables",
            Self::Handles(_) => "handles",
            Self::Wall(_) => "wall",
            Self::Report(_) => "report",
            Self::Log(_) => "log",
            Self::Requests(_) => "requests",
            Self::Call(_) => "call",
            Self::Transcript(_) => "transcript",
            Self::Rounds(_) => "rounds",
            Self::Memo(_) => "memo",
            Self::State(_) => "state",
        }
    }

    const fn reason(self) -> RunReason {
        match self {
            Self::Memory(_) => RunReason::LimitMemory,
            Self::MemoryTotal(_) => RunReason::Host,
            Self::Tables(_) | Self::Handles(_) => RunReason::LimitTables,
            Self::Wall(_) => RunReason::LimitWall,
            Self::Report(_) | Self::Memo(_) => RunReason::LimitReport,
            Self::Log(_) => RunReason::LimitLog,
            Self::Requests(_) | Self::Call(_) | Self::Transcript(_) => RunReason::LimitRequests,
            Self::Rounds(_) => RunReason::LimitRounds,
            Self::State(_) => RunReason::LimitState,
        }
    }

    const fn is_deterministic(self) -> bool {
        !matches!(self, Self::MemoryTotal(_) | Self::Wall(_))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::Memory(bytes)
            | Self::Report(bytes)
            | Self::Log(bytes)
            | Self::State(bytes)
            | Self::Memo(bytes)
            | Self::Transcript(bytes) => {
                write!(f, " ({})", Size(bytes))
            }
            Self::Call(bytes) => write!(f, " ({} in one call of the host)", Size(bytes)),
            Self::MemoryTotal(bytes) => write!(f, " ({} over all runs)", Size(bytes)),
            Self::Tables(elements) => write!(f, " ({elements} elements)"),
            Self::Wall(millis) if millis % 1000 == 0 => write!(f, " ({} s)", millis / 1000),
            Self::Wall(millis) => write!(f, " ({millis} ms)"),
            Self::Requests(count) | Self::Handles(count) | Self::Rounds(count) => write!(f, " ({count})"),
        }
    }
}

/// Bytes as people configure them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % (1 << 30) == 0 => write!(f, "{} GiB", bytes >> 30),
            bytes if bytes > 0 && bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes > 0 && bytes % (1 << 10) == 0 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
