//! Runs the recorded cases that lie beside each plugin in use, and tells what they came to: the input of the test of the
//! tests.

use std::time::Duration;

use evidenced_contract::Status;
use tokio_util::sync::CancellationToken;

use super::{
    Shelf, Shelved,
    cases::{CASE_WALL, asks_too_much, came_out, case_files, play, read_case},
    inputs::finish,
    reading::beside,
};
use crate::{
    clock::{Stopwatch, stopwatch},
    domain::{Digest, InputOrigin, InputSpec, Limits, PluginName, Timestamp, canonical_json},
    monitoring::{Came, CasesFault, CasesTold, ToldCase, ToldPlugin},
    sandbox::{Ended, InputBytes, Sandbox},
};

/// What the input is called.
const INPUT: &str = "cases";

/// All cases of a plugin that is not in use yet. A start waits for it, and who starts the daemon for that.
const REHEARSAL: Duration = Duration::from_secs(60);

/// What gathering takes.
pub(super) struct Trial<'r> {
    pub(super) sandbox: &'r Sandbox,
    pub(super) now: Timestamp,
    pub(super) limits: Limits,
    pub(super) since: Stopwatch,
    pub(super) stop: &'r CancellationToken,
}

impl Trial<'_> {
    /// The cases of all plugins that enabled controls name.
    pub(super) async fn gather(&self, shelf: &Shelf) -> InputBytes {
        let mut told = CasesTold::default();
        for (name, shelved) in shelf.in_use() {
            told.plugins.push(match shelved {
                Ok(shelved) => self.plugin(name, shelved).await,
                Err(fault) => ToldPlugin {
                    plugin: name.clone(),
                    digest: None,
                    version: String::new(),
                    fault: Some(fault.message.clone()),
                    folder: String::new(),
                    cases: Vec::new(),
                },
            });
        }
        let bytes = canonical_json(&told).map_err(|error| error.to_string()).and_then(|bytes| {
            let most = self.limits.input_bytes;
            let too_long = || format!("longer than the limit of {most} bytes: keep fewer cases beside the plugins, or raise `limits.input`");
            if bytes.len() as u64 > most { Err(too_long()) } else { Ok(bytes.into()) }
        });
        // Of the daemon's own making; where each case lies is in it.
        let origin = InputOrigin::Glob(String::new());
        let spec = InputSpec { name: INPUT.to_owned(), origin, media_type: Some("application/json".to_owned()) };
        let mut input = finish(&spec, "recorded cases".to_owned(), self.now, bytes, None);
        input.input.query = "what the recorded cases beside the plugins in use come to".to_owned();
        input.input.rows = u32::try_from(told.plugins.iter().map(|plugin| plugin.cases.len()).sum::<usize>()).ok();
        input
    }

    async fn plugin(&self, name: &PluginName, shelved: &Shelved) -> ToldPlugin {
        let folder = shelved.belongings.cases.clone();
        let mut told = ToldPlugin {
            plugin: name.clone(),
            digest: Some(shelved.digest),
            version: shelved.plugin.description().version.clone(),
            fault: None,
            folder: folder.display().to_string(),
            cases: Vec::new(),
        };
        let read = beside(self.since, self.limits.wall, move || case_files(&folder)).await;
        let late = || Err(format!("they were not read within {:?}, the time of the run", self.limits.wall));
        match read.unwrap_or_else(late) {
            Ok(files) => {
                for (case, bytes) in files {
                    let digest = bytes.as_ref().ok().map(|bytes| Digest::of(bytes));
                    told.cases.push(ToldCase { case, digest, came: self.case(shelved, bytes).await });
                }
            }
            Err(why) => {
                let case = told.folder.clone();
                told.cases.push(ToldCase { case, digest: None, came: Came::ToNothing(why) });
            }
        }
        told
    }

    async fn case(&self, shelved: &Shelved, bytes: Result<Vec<u8>, String>) -> Came {
        let case = match read_case(bytes) {
            Ok(case) => case,
            Err(why) => return Came::ToNothing(why),
        };
        if let Some(why) = asks_too_much(case.limits()) {
            return Came::ToNothing(why);
        }
        let wall = self.since.left_of(self.limits.wall).min(CASE_WALL);
        if wall.is_zero() {
            return Came::ToNothing(format!("no time was left of {:?}, that of the run", self.limits.wall));
        }
        match play(self.sandbox, &shelved.plugin, &case, wall, self.stop.clone()).await.result.ended {
            ended if !ended.is_deterministic() => Came::ToNothing(ended.to_string()),
            ended => {
                let fails = matches!(&ended, Ended::Report(report)
                    if report.findings.iter().any(|finding| finding.status == Status::Fail));
                Came::To { expected: case.expected().to_owned(), came_out: came_out(ended), fails }
            }
        }
    }
}

/// Runs the recorded cases of a plugin that is not in use yet.
///
/// # Errors
/// Not all come out as recorded.
pub async fn rehearse(
    sandbox: &Sandbox,
    name: &PluginName,
    shelved: &Shelved,
    now: Timestamp,
    stop: &CancellationToken,
) -> Result<u32, CasesFault> {
    let limits = Limits { wall: REHEARSAL, ..Limits::default_for(true) };
    let trial = Trial { sandbox, now, limits, since: stopwatch(), stop };
    CasesFault::of(&trial.plugin(name, shelved).await)
}
