//! One thing that is wrong in a configuration, as it is shown.

use serde::Serialize;
use std::{fmt, path::PathBuf};

/// What is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub level: Level,
    /// Kebab-case; stays the same from version to version.
    pub code: &'static str,
    pub message: String,
    /// As it was named, or beside what was named.
    pub file: PathBuf,
    /// `None`: the file as a whole, because it could not be read.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// What to type.
    pub hint: Option<String>,
}

/// Both count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The configuration is refused.
    Error,
    /// The configuration is accepted; somebody should look.
    Warning,
}

/// Why a configuration is refused: everything that is wrong in it, in the order of the files. Holds at least one
/// error; warnings may stand between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics(pub(super) Vec<Diagnostic>);

impl Diagnostics {
    pub fn list(&self) -> &[Diagnostic] {
        &self.0
    }

    /// Without the warnings that stand between.
    pub fn error_count(&self) -> u64 {
        self.0.iter().filter(|diagnostic| diagnostic.level == Level::Error).count() as u64
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}[{}]: {}\n  --> {}", self.code, self.message, self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}
