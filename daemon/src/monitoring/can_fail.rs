//! Whether each plugin in use still fails where it must: the test of the tests.

use std::fmt;

use evidenced_contract::{Failure, Finding, Measurement, Report, Status};
use serde::{Deserialize, Serialize};

use super::{finding, report};
use crate::domain::{Digest, PluginName};

/// What the recorded cases of the plugins in use came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CasesTold {
    pub plugins: Vec<ToldPlugin>,
}

/// One plugin, and its cases in order of name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldPlugin {
    pub plugin: PluginName,
    /// Of its bytes; `None`: it cannot be loaded, and `fault` says why.
    pub digest: Option<Digest>,
    pub version: String,
    pub fault: Option<String>,
    /// Where its cases lie.
    pub folder: String,
    pub cases: Vec<ToldCase>,
}

/// One recorded case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldCase {
    /// Its file.
    pub case: String,
    /// Of the file; `None`: it cannot be read.
    pub digest: Option<Digest>,
    pub came: Came,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// The plugin answered.
    To {
        expected: String,
        came_out: String,
        /// A finding of the report fails.
        fails: bool,
    },
    /// It could not be run, or was ended by the host; why.
    ToNothing(String),
}

pub(super) fn judge(told: CasesTold) -> Result<Report, Failure> {
    let findings: Vec<_> = told.plugins.iter().map(judge_plugin).collect();
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let summary = match (count(Status::Fail), count(Status::Error), findings.len()) {
        (_, _, 0) => "no enabled control names a plugin".to_owned(),
        (0, 0, 1) => "the one plugin in use fails where it must".to_owned(),
        (0, 0, all) => format!("all {all} plugins in use fail where they must"),
        (0, errors, all) => format!("{errors} of {all} plugins in use could not be looked at"),
        (failing, _, all) => format!("of {failing} of {all} plugins in use nothing shows that they can fail"),
    };
    Ok(report(summary, "the plugins that enabled controls name".to_owned(), findings))
}

fn judge_plugin(plugin: &ToldPlugin) -> Finding {
    let (status, message) = came_to(plugin);
    let cases = Measurement {
        name: "recorded_cases".to_owned(),
        value: plugin.cases.len() as f64,
        unit: "1".to_owned(),
        limit: Some(1.0),
    };
    let finding = finding(plugin.plugin.as_str(), status, message, vec![cases]);
    Finding { label: plugin.digest.map(|digest| format!("{} {digest}", plugin.version)), ..finding }
}

fn came_to(plugin: &ToldPlugin) -> (Status, String) {
    if let Some(fault) = &plugin.fault {
        return (Status::Error, format!("it cannot be loaded: {fault}"));
    }
    let (mut otherwise, mut to_nothing, mut fail) = (Vec::new(), Vec::new(), 0);
    for case in &plugin.cases {
        match &case.came {
            Came::ToNothing(why) => to_nothing.push(format!("{}: {why}", case.case)),
            Came::To { expected, came_out, .. } if expected != came_out => {
                otherwise.push(format!("{}: {}", case.case, difference(expected, came_out)));
            }
            Came::To { fails, .. } => fail += u64::from(*fails),
        }
    }
    let (all, folder) = (plugin.cases.len(), &plugin.folder);
    match (otherwise.first(), to_nothing.first()) {
        (Some(first), _) => {
            (Status::Fail, format!("{} of {all} recorded cases come out otherwise; {first}", otherwise.len()))
        }
        (None, Some(first)) => {
            (Status::Error, format!("{} of {all} recorded cases could not be run; {first}", to_nothing.len()))
        }
        (None, None) if fail == 0 => (
            Status::Fail,
            format!("no recorded case in which it fails lies in {folder}: put one there, so that it is seen to fail"),
        ),
        (None, None) => (Status::Pass, format!("it fails in {fail} of {all} recorded cases, as recorded")),
    }
}

/// Recorded cases that do not come out as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasesFault {
    pub all: u32,
    pub failed: u32,
    /// The first of them, and what came out.
    pub first: String,
}

impl CasesFault {
    /// How many cases there are, if all come out as recorded.
    ///
    /// # Errors
    /// Those that do not, or cannot be run.
    pub fn of(plugin: &ToldPlugin) -> Result<u32, Self> {
        let wrong = |case: &ToldCase| match &case.came {
            Came::ToNothing(why) => Some(format!("{}: {why}", case.case)),
            Came::To { expected, came_out, .. } if expected != came_out => {
                Some(format!("{}: {}", case.case, difference(expected, came_out)))
            }
            Came::To { .. } => None,
        };
        let failed: Vec<_> = plugin.cases.iter().filter_map(wrong).collect();
        let count = |all: usize| u32::try_from(all).unwrap_or(u32::MAX);
        match failed.first() {
            None => Ok(count(plugin.cases.len())),
            Some(first) => {
                Err(Self { all: count(plugin.cases.len()), failed: count(failed.len()), first: first.clone() })
            }
        }
    }
}

impl fmt::Display for CasesFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, failed, first } = self;
        write!(f, "{failed} of {all} recorded cases do not come out as recorded; {first}")
    }
}

/// The first line that is another one.
fn difference(expected: &str, came_out: &str) -> String {
    let (mut expected, mut came_out) = (expected.lines(), came_out.lines());
    loop {
        match (expected.next(), came_out.next()) {
            (Some(one), Some(other)) if one == other => {}
            // They differ, so it is in their ends.
            (None, None) => return "an empty line more or less".to_owned(),
            (one, other) => {
                let line = |line: Option<&str>| {
                    line.map_or_else(|| "nothing more".to_owned(), |line| format!("`{}`", shortened(line)))
                };
                return format!("expected {}, came out {}", line(one), line(other));
            }
        }
    }
}

fn shortened(line: &str) -> String {
    const SHOWN_MAX: usize = 160;
    let shown: String = line.chars().take(SHOWN_MAX).collect();
    if shown.len() < line.len() { shown + "…" } else { shown }
}
