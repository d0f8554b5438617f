//! Recorded cases of a plugin: where they lie, and what the plugin makes of one.
//!
//! The plugin is the one that its controls are tested by, in the same sandbox; what answers it is the case, and no network.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use evidenced_cases::{Case, CaseLimits, Script, Sights, words};
use evidenced_contract::{
    HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Input, Interval, SlotCounts,
};
use futures_util::future::{BoxFuture, ready};
use tokio_util::sync::CancellationToken;

use super::reading::{FileError, open_regular};
use crate::{
    domain::Limits,
    gate::Answered,
    sandbox::{Ended, InputBytes, Plugin, RunResult, RunSpec, Sandbox, World},
};

/// A longer file is no case, but a recording of something else.
const CASE_BYTES_MAX: u64 = 4 << 20;
/// Of one plugin; more would take the time of the tests that they are about.
const CASES_MAX: usize = 1_000;
/// A case needs nothing from outside, and waits for nobody.
pub const CASE_WALL: Duration = Duration::from_secs(30);

/// A case's file: its bytes, or why it cannot be read.
pub type CaseFile = (String, Result<Vec<u8>, String>);

/// `NAME.cases` beside `NAME.wasm`.
pub fn cases_beside(plugin: &Path) -> PathBuf {
    plugin.with_extension("cases")
}

/// The cases of a folder in order of name; none where there is no folder.
pub fn case_files(folder: &Path) -> Result<Vec<CaseFile>, String> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{} cannot be listed: {error}", folder.display())),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(|error| format!("{} cannot be listed: {error}", folder.display()))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    if paths.len() > CASES_MAX {
        return Err(format!("{} holds more than {CASES_MAX} cases: keep those in which it fails", folder.display()));
    }
    paths.sort();
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, content(&path))
    };
    Ok(paths.into_iter().map(named).collect())
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let file = open_regular(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(CASE_BYTES_MAX + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| FileError::of(path, &error).to_string())?;
    if read as u64 > CASE_BYTES_MAX { Err("it is longer than 4 MiB".to_owned()) } else { Ok(bytes) }
}

/// A case's file as the case that it is, or why it is none.
pub fn read_case(file: Result<Vec<u8>, String>) -> Result<Case, String> {
    let text = String::from_utf8(file?).map_err(|_| "it is not UTF-8".to_owned())?;
    Case::parse(&text).map_err(|error| error.to_string())
}

/// What a plugin made of a case.
#[derive(Debug)]
pub struct Played {
    pub result: RunResult,
    /// Calls of the case that the plugin did not make.
    pub unasked: Vec<String>,
}

/// Runs a plugin on a case, with the limits that a control has by itself.
pub async fn play(sandbox: &Sandbox, plugin: &Plugin, case: &Case, wall: Duration, stop: CancellationToken) -> Played {
    let given = |(input, bytes): &(Input, Result<Vec<u8>, String>)| InputBytes {
        input: input.clone(),
        bytes: bytes.clone().map(Into::into),
        events: None,
    };
    let recorded = Arc::new(Recorded(Mutex::new(case.script().clone())));
    let spec = RunSpec {
        request: case.request().clone(),
        inputs: case.inputs().iter().map(given).collect(),
        state: case.state().clone(),
        limits: limits(case.limits(), wall),
        world: Arc::clone(&recorded) as Arc<dyn World>,
        stop,
    };
    let result = sandbox.run(plugin, spec).await;
    let unasked = recorded.script().unasked();
    Played { result, unasked }
}

/// Those of a control, but what the case says otherwise; no case takes longer than `wall`.
fn limits(given: CaseLimits, wall: Duration) -> Limits {
    let usual = Limits::default_for(true);
    Limits {
        wall: given.wall_ms.map_or(wall, |millis| wall.min(Duration::from_millis(millis))),
        memory_bytes: given.memory_bytes.unwrap_or(usual.memory_bytes),
        report_bytes: given.report_bytes.unwrap_or(usual.report_bytes),
        log_bytes: given.log_bytes.unwrap_or(usual.log_bytes),
        requests: given.requests.unwrap_or(usual.requests),
        response_bytes: given.response_bytes.unwrap_or(usual.response_bytes),
        state_bytes: given.state_bytes.unwrap_or(usual.state_bytes),
        rounds: given.rounds.unwrap_or(usual.rounds),
        input_bytes: usual.input_bytes,
    }
}

/// What a daemon does not give to a case, which came with its plugin: more than four times the limits of a control that says
/// nothing of them.
pub(super) fn asks_too_much(given: CaseLimits) -> Option<String> {
    const TIMES: u64 = 4;
    let usual = Limits::default_for(true);
    let asked = [
        ("memory_bytes", given.memory_bytes, usual.memory_bytes),
        ("report_bytes", given.report_bytes.map(u64::from), usual.report_bytes.into()),
        ("log_bytes", given.log_bytes.map(u64::from), usual.log_bytes.into()),
        ("requests", given.requests.map(u64::from), usual.requests.into()),
        ("response_bytes", given.response_bytes.map(u64::from), usual.response_bytes.into()),
        ("state_bytes", given.state_bytes.map(u64::from), usual.state_bytes.into()),
        ("rounds", given.rounds.map(u64::from), usual.rounds.into()),
    ];
    asked.into_iter().find_map(|(name, asked, usual)| {
        let (asked, most) = (asked?, TIMES * usual);
        (asked > most)
            .then(|| format!("it asks for `limits.{name}` = {asked}; a case beside a plugin in use has {most} at most"))
    })
}

/// The limits of a run as its case has them: what differs from [`Limits::default_for`] a check that reaches hosts. The wall
/// is not told: a case waits for nobody.
pub fn case_limits(limits: &Limits) -> CaseLimits {
    fn unless<T: PartialEq>(limit: T, usual: T) -> Option<T> {
        (limit != usual).then_some(limit)
    }
    let usual = Limits::default_for(true);
    CaseLimits {
        wall_ms: None,
        memory_bytes: unless(limits.memory_bytes, usual.memory_bytes),
        report_bytes: unless(limits.report_bytes, usual.report_bytes),
        log_bytes: unless(limits.log_bytes, usual.log_bytes),
        requests: unless(limits.requests, usual.requests),
        response_bytes: unless(limits.response_bytes, usual.response_bytes),
        state_bytes: unless(limits.state_bytes, usual.state_bytes),
        rounds: unless(limits.rounds, usual.rounds),
    }
}

/// How a run ended, in the words that a case expects.
pub fn came_out(ended: Ended) -> String {
    match ended {
        Ended::Report(report) => words(&Ok(report)),
        Ended::Failure(failure) => words(&Err(failure)),
        other => format!("{other}\n"),
    }
}

/// The outside as a case has it: each question is answered once.
struct Recorded(Mutex<Script>);

impl Recorded {
    /// Nothing that may panic is done while it is held.
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let nowhere = || Err(HttpError::Unreachable(format!("not recorded: {} {}", request.method, request.url)));
        self.script().call(request).unwrap_or_else(nowhere)
    }
}

impl World for Recorded {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Answered>> {
        Box::pin(ready(requests.iter().map(|request| self.answer(request).into()).collect()))
    }

    fn handshake<'a>(&'a self, host: String, port: u16) -> BoxFuture<'a, Sights> {
        let answer = self.script().handshake(&host, port);
        Box::pin(ready(answer.unwrap_or_else(|| Err(HttpError::Unreachable(format!("not recorded: {host}:{port}"))))))
    }

    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        let answer = self.script().points(control.as_deref(), &measurement, &during);
        Box::pin(ready(answer.unwrap_or_else(|| Err(HistoryError::Refused(control.unwrap_or_default())))))
    }

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        let answer = self.script().slots(control.as_deref(), &during);
        Box::pin(ready(answer.unwrap_or_else(|| Err(HistoryError::Refused(control.unwrap_or_default())))))
    }
}

#[cfg(test)]
mod tests {
    use evidenced_contract::Auth;

    use super::*;

    #[test]
    fn cases_are_the_toml_files_of_the_folder_in_order_of_name_and_there_may_be_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = cases_beside(&place.path().join("keys.wasm"));
        assert_eq!(folder, place.path().join("keys.cases"));
        assert_eq!(case_files(&folder).unwrap(), []);
        std::fs::create_dir(&folder).unwrap();
        for name in ["b.toml", "a.toml", "README.md"] {
            std::fs::write(folder.join(name), name).unwrap();
        }
        std::fs::create_dir(folder.join("c.toml")).unwrap();
        let found = case_files(&folder).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.toml", "b.toml", "c.toml"]);
        assert_eq!(found[0].1.as_deref(), Ok(&b"a.toml"[..]));
        assert!(found[2].1.as_ref().is_err_and(|why| why.contains("is a folder")));
        for number in 0..CASES_MAX {
            std::fs::write(folder.join(format!("{number}.toml")), "").unwrap();
        }
        assert!(case_files(&folder).unwrap_err().ends_with("holds more than 1000 cases: keep those in which it fails"));
    }

    #[test]
    fn a_recorded_call_is_answered_once_and_what_is_not_recorded_is_nowhere() {
        let case = "now = \"n\"\n[[call]]\nurl = \"https://a.example/1\"\nstatus = 404\nanswer = \"no\"\n\
                    [[call]]\nmethod = \"POST\"\nurl = \"https://a.example/2\"\njson = { b = 1, a = 2 }\nstatus = 200\n";
        let recorded = Recorded(Mutex::new(Case::parse(case).unwrap().script().clone()));
        let ask = |method: &str, path: &str, body: Option<&str>, accept: &[u16]| {
            let answer = recorded.answer(&HttpRequest {
                method: method.to_owned(),
                url: format!("https://a.example/{path}"),
                headers: Vec::new(),
                body: body.map(|body| body.as_bytes().to_vec()),
                auth: Auth::Granted,
                accept: accept.to_vec(),
                timeout_ms: 0,
            });
            match answer {
                Ok(response) => format!("{}", response.exchange.status),
                Err(HttpError::Status(response)) => format!("not {}", response.exchange.status),
                Err(other) => other.to_string(),
            }
        };
        assert!(ask("GET", "2", None, &[]).contains("not recorded: GET https://a.example/2"));
        assert_eq!(ask("GET", "1", None, &[404]), "404");
        assert!(ask("GET", "1", None, &[404]).contains("not recorded"));
        assert_eq!(ask("POST", "2", Some("{\"a\":2,\"b\":1}"), &[]), "200");
        let recorded = Recorded(Mutex::new(Case::parse(case).unwrap().script().clone()));
        let refused = recorded.answer(&HttpRequest {
            method: "GET".to_owned(),
            url: "https://a.example/1".to_owned(),
            headers: Vec::new(),
            body: None,
            auth: Auth::Anonymous,
            accept: Vec::new(),
            timeout_ms: 0,
        });
        assert!(matches!(refused, Err(HttpError::Status(_))));
    }
}
