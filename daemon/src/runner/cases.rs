//! Runs the recorded cases that lie beside each plugin in use, and tells what they came to: the input of the test of the
//! tests.
//!
//! The plugin is the one that its controls are tested by, in the same sandbox; what answers it is the case, and no network.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use evidenced_cases::{Case, GivenCall, words};
use evidenced_contract::{
    HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts, Status,
};
use futures_util::future::{BoxFuture, ready};
use tokio_util::sync::CancellationToken;

use super::{
    Shelf, Shelved,
    inputs::finish,
    reading::{FileError, beside, open_regular},
};
use crate::{
    clock::{Stopwatch, stopwatch},
    domain::{Digest, InputOrigin, InputSpec, Limits, PluginName, Timestamp, canonical_json},
    gate::Answered,
    monitoring::{Came, CasesFault, CasesTold, ToldCase, ToldPlugin},
    sandbox::{Ended, InputBytes, RunSpec, Sandbox, World},
};

/// What the input is called.
const INPUT: &str = "cases";
/// A longer file is no case, but a recording of something else.
const CASE_BYTES_MAX: u64 = 4 << 20;
/// Of one plugin; more would take the time of the tests that they are about.
const CASES_MAX: usize = 1_000;
/// A case needs nothing from outside, and waits for nobody.
const CASE_WALL: Duration = Duration::from_secs(30);

/// What gathering takes.
pub(super) struct Trial<'r> {
    pub(super) sandbox: &'r Sandbox,
    pub(super) now: Timestamp,
    pub(super) limits: Limits,
    pub(super) since: Stopwatch,
    pub(super) stop: &'r CancellationToken,
}

/// A case's file: its bytes, or why it cannot be read.
type CaseFile = (String, Result<Vec<u8>, String>);

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
        let read = beside(self.since, self.limits.wall, move || files(&folder)).await;
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
        let case = bytes.and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
            Case::parse(&text).map_err(|error| error.to_string())
        });
        let case = match case {
            Ok(case) => case,
            Err(why) => return Came::ToNothing(why),
        };
        let wall = self.since.left_of(self.limits.wall).min(CASE_WALL);
        if wall.is_zero() {
            return Came::ToNothing(format!("no time was left of {:?}, that of the run", self.limits.wall));
        }
        let given = |(input, bytes): (evidenced_contract::Input, &[u8])| InputBytes {
            input,
            bytes: Ok(bytes.into()),
            events: None,
        };
        let spec = RunSpec {
            request: case.request(),
            inputs: case.inputs().map(given).collect(),
            state: BTreeMap::new(),
            limits: Limits { wall, ..Limits::default_for(true) },
            world: Arc::new(Recorded::of(&case)),
            stop: self.stop.clone(),
        };
        match self.sandbox.run(&shelved.plugin, spec).await.ended {
            ended if !ended.is_deterministic() => Came::ToNothing(ended.to_string()),
            Ended::Report(report) => {
                let fails = report.findings.iter().any(|finding| finding.status == Status::Fail);
                Came::To { expected: case.expected().to_owned(), came_out: words(&Ok(report)), fails }
            }
            Ended::Failure(failure) => {
                let came_out = words(&Err(failure));
                Came::To { expected: case.expected().to_owned(), came_out, fails: false }
            }
            other => Came::To { expected: case.expected().to_owned(), came_out: format!("{other}\n"), fails: false },
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
    let trial = Trial { sandbox, now, limits: Limits::default_for(true), since: stopwatch(), stop };
    CasesFault::of(&trial.plugin(name, shelved).await)
}

/// The cases of a folder in order of name; none where there is no folder.
fn files(folder: &Path) -> Result<Vec<CaseFile>, String> {
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

/// The outside as a case has it: each call is answered once.
struct Recorded(Mutex<Vec<GivenCall>>);

impl Recorded {
    fn of(case: &Case) -> Self {
        Self(Mutex::new(case.calls().to_vec()))
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        // Nothing that may panic is done while it is held.
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |call: &GivenCall| {
            call.method() == request.method && call.url() == request.url && call.body() == request.body
        };
        let Some(at) = left.iter().position(is_asked) else {
            return Err(HttpError::Unreachable(format!("not recorded: {} {}", request.method, request.url)));
        };
        let answer = left.remove(at).answer().unwrap_or_else(|error| Err(HttpError::Unreachable(error.to_string())))?;
        let status = answer.exchange.status;
        let is_accepted = (200..300).contains(&status) || request.accept.contains(&status);
        if is_accepted { Ok(answer) } else { Err(HttpError::Status(Box::new(answer))) }
    }
}

impl World for Recorded {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Answered>> {
        Box::pin(ready(requests.iter().map(|request| self.answer(request).into()).collect()))
    }

    fn handshake<'a>(
        &'a self,
        host: String,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        Box::pin(ready(Err(HttpError::Unreachable(format!("not recorded: {host}:{port}")))))
    }

    fn points<'a>(
        &'a self,
        control: Option<String>,
        _: String,
        _: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        Box::pin(ready(Err(HistoryError::Refused(control.unwrap_or_default()))))
    }

    fn slots_in<'a>(&'a self, control: Option<String>, _: Interval) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        Box::pin(ready(Err(HistoryError::Refused(control.unwrap_or_default()))))
    }
}

#[cfg(test)]
mod tests {
    use evidenced_contract::Auth;

    use super::*;

    #[test]
    fn cases_are_the_toml_files_of_the_folder_in_order_of_name_and_there_may_be_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("keys.cases");
        assert_eq!(files(&folder).unwrap(), []);
        std::fs::create_dir(&folder).unwrap();
        for name in ["b.toml", "a.toml", "README.md"] {
            std::fs::write(folder.join(name), name).unwrap();
        }
        std::fs::create_dir(folder.join("c.toml")).unwrap();
        let found = files(&folder).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.toml", "b.toml", "c.toml"]);
        assert_eq!(found[0].1.as_deref(), Ok(&b"a.toml"[..]));
        assert!(found[2].1.as_ref().is_err_and(|why| why.contains("is a folder")));
        for number in 0..CASES_MAX {
            std::fs::write(folder.join(format!("{number}.toml")), "").unwrap();
        }
        assert!(files(&folder).unwrap_err().ends_with("holds more than 1000 cases: keep those in which it fails"));
    }

    #[test]
    fn a_recorded_call_is_answered_once_and_what_is_not_recorded_is_nowhere() {
        let case = "now = \"n\"\n[[call]]\nurl = \"https://a.example/1\"\nstatus = 404\nanswer = \"no\"\n\
                    [[call]]\nmethod = \"POST\"\nurl = \"https://a.example/2\"\njson = { b = 1, a = 2 }\nstatus = 200\n";
        let recorded = Recorded::of(&Case::parse(case).unwrap());
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
        let recorded = Recorded::of(&Case::parse(case).unwrap());
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
