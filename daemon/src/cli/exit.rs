use std::process::ExitCode;

/// How a command ended; the numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: done, or the answer is yes.
    Done,
    /// 1: the answer is no: `check` of a control that fails, `verify` of a broken ledger.
    No,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: could not be done, or could not be tested.
    Unable,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::No => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Unable => 3,
        })
    }
}
