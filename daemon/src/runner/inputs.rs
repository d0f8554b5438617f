//! Gathers the declared inputs of a check before its run: files, URLs through the gate, and what others are asked for.

use std::{io::Read as _, path::PathBuf, sync::Arc};

use evidenced_contract::{Auth, Exchange, HttpError, HttpRequest, Input};
use tokio_util::sync::CancellationToken;

use super::{
    HistoryReader, asked,
    events::{self, Asked, EventsError, Halt},
    glob::matching,
    reading::{FileError, beside, open_regular},
};
use crate::{
    clock::Stopwatch,
    domain::{Digest, EventInterval, EventsSpec, InputOrigin, InputSpec, Timestamp},
    gate::Door,
    sandbox::InputBytes,
};

/// What is the same for all inputs of a run.
pub(super) struct Gathering<'r> {
    pub(super) bytes_max: u64,
    pub(super) door: &'r Door,
    pub(super) now: Timestamp,
    pub(super) history: &'r Arc<dyn HistoryReader>,
    pub(super) interval: Option<EventInterval>,
    /// Whether `now` is of the clock that files are stamped by.
    pub(super) by_this_clock: bool,
    pub(super) since: Stopwatch,
    pub(super) wall: std::time::Duration,
}

/// Reads each input, or keeps why it could not be read: the plugin is told, and decides.
pub(super) async fn gather(specs: &[InputSpec], gathering: &Gathering<'_>) -> Vec<InputBytes> {
    let Gathering { bytes_max, door, now, .. } = *gathering;
    let mut inputs = Vec::with_capacity(specs.len());
    for spec in specs {
        inputs.push(match &spec.origin {
            InputOrigin::File(path) => from_files(spec, Files::One(path.clone()), gathering).await,
            InputOrigin::Glob(pattern) => from_files(spec, Files::Glob(pattern.clone()), gathering).await,
            InputOrigin::Events(events) => from_events(spec, events, gathering).await,
            InputOrigin::Http(url) => from_url(spec, url, bytes_max, door, now).await,
            InputOrigin::Sql(sql) => asked::from_sql(spec, sql, gathering).await,
            InputOrigin::Prometheus(query) => asked::from_prometheus(spec, query, gathering).await,
            InputOrigin::S3(object) => asked::from_s3(spec, object, gathering).await,
            InputOrigin::Ldap(search) => asked::from_ldap(spec, search, gathering).await,
            InputOrigin::Ledger(slots) => asked::from_ledger(spec, slots, gathering).await,
        });
    }
    inputs
}

/// Which files an input is made of, one after the other.
enum Files {
    One(PathBuf),
    Glob(String),
}

impl Files {
    /// As a run's evidence names it.
    fn source(&self) -> String {
        match self {
            Self::One(path) => format!("file:{}", path.display()),
            Self::Glob(pattern) => format!("glob:{pattern}"),
        }
    }

    /// All that they hold. It blocks for as long as that takes, and ends between two files when nobody waits any more.
    fn read(&self, bytes_max: u64, stop: &CancellationToken) -> Result<Vec<u8>, String> {
        let paths = match self {
            Self::One(path) => vec![path.clone()],
            Self::Glob(pattern) => matching(pattern).map_err(|error| error.to_string())?,
        };
        if let (Self::Glob(pattern), true) = (self, paths.is_empty()) {
            return Err(format!("no file matches {pattern}: put one there, or correct the input's `glob`"));
        }
        let mut content = Vec::new();
        for path in paths {
            if stop.is_cancelled() {
                return Err("stopped by the daemon".to_owned());
            }
            let left = bytes_max.saturating_sub(content.len() as u64);
            let file = open_regular(&path).map_err(|error| error.to_string())?;
            let read = file.take(left + 1).read_to_end(&mut content);
            if read.map_err(|error| FileError::of(&path, &error).to_string())? as u64 > left {
                return Err(format!("longer, with {}, than the limit of {bytes_max} bytes", path.display()));
            }
        }
        Ok(content)
    }
}

async fn from_files(spec: &InputSpec, files: Files, gathering: &Gathering<'_>) -> InputBytes {
    let Gathering { bytes_max, now, since, wall, .. } = *gathering;
    let source = files.source();
    let stop = CancellationToken::new();
    let _stopped_with_the_run = stop.clone().drop_guard();
    let read = beside(since, wall, move || files.read(bytes_max, &stop)).await;
    let bytes = read.unwrap_or_else(|| {
        Err(format!(
            "{source} was not read within {wall:?}, the time of the run: see whether its file system answers, or raise \
             `limits.wall`"
        ))
    });
    finish(spec, source, now, bytes.map(Arc::from), None)
}

/// Reading may take long: it is done beside the runtime, and ends when the run does.
async fn from_events(spec: &InputSpec, events: &EventsSpec, gathering: &Gathering<'_>) -> InputBytes {
    let Gathering { bytes_max, now, interval, by_this_clock, since, wall, .. } = *gathering;
    let source = format!("events:{}", events.globs.join(","));
    let Some(interval) = interval else {
        let why = "the run has no interval: its plugin must say `interval` in the needs of its description";
        return finish(spec, source, now, Err(why.to_owned()), None);
    };
    let stop = CancellationToken::new();
    let _stopped_with_the_run = stop.clone().drop_guard();
    let asked = events.clone();
    let read = beside(since, wall, move || {
        let halt = Halt { since, wall, stop };
        events::read(&Asked { spec: &asked, interval, bytes_max, by_this_clock, halt })
    });
    let read = read.await.unwrap_or(Err(EventsError::Wall(wall)));
    let (bytes, counts) = match read {
        Ok(read) => (Ok(Arc::from(read.bytes)), Some(read.counts)),
        Err(error) => (Err(error.to_string()), None),
    };
    let InputBytes { mut input, bytes, .. } = finish(spec, source, now, bytes, None);
    input.query = events::query(events, interval);
    input.rows = counts.as_ref().map(|counts| u32::try_from(counts.lines_kept).unwrap_or(u32::MAX));
    if spec.media_type.is_none() {
        events::media_type(events.format).clone_into(&mut input.media_type);
    }
    InputBytes { input, bytes, events: counts }
}

async fn from_url(spec: &InputSpec, url: &str, bytes_max: u64, door: &Door, now: Timestamp) -> InputBytes {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: None,
        auth: Auth::Granted,
        accept: Vec::new(),
        timeout_ms: 0,
    };
    match door.send(request).await {
        Ok(response) if response.body.len() as u64 > bytes_max => {
            let why = format!("longer than the limit of {bytes_max} bytes");
            finish(spec, url.to_owned(), now, Err(why), Some(response.exchange))
        }
        Ok(response) => finish(spec, url.to_owned(), now, Ok(response.body.into()), Some(response.exchange)),
        // There is no content that counts, and how the server answered is known all the same.
        Err(HttpError::Status(response)) => {
            let why = format!("status {}", response.exchange.status);
            finish(spec, url.to_owned(), now, Err(why), Some(response.exchange))
        }
        Err(error) => finish(spec, url.to_owned(), now, Err(error.to_string()), None),
    }
}

pub(super) fn finish(
    spec: &InputSpec,
    source: String,
    now: Timestamp,
    bytes: Result<Arc<[u8]>, String>,
    http: Option<Exchange>,
) -> InputBytes {
    let content = bytes.as_deref().unwrap_or_default();
    let input = Input {
        name: spec.name.clone(),
        source,
        query: String::new(),
        media_type: spec.media_type.clone().unwrap_or_default(),
        observed: now.to_string(),
        bytes: content.len() as u64,
        rows: None,
        source_total: None,
        digest: Digest::of(content).to_string(),
        http,
    };
    InputBytes { input, bytes, events: None }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(files: &Files) -> Result<Vec<u8>, String> {
        files.read(4, &CancellationToken::new())
    }

    fn one(path: &Path) -> Files {
        Files::One(path.to_owned())
    }

    #[test]
    fn an_input_that_cannot_be_read_is_told_with_its_file_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert_eq!(
            read(&one(&path)).unwrap_err(),
            format!("there is no file {}: put it there, or correct the input's `file`", path.display())
        );
        assert!(read(&one(folder.path())).unwrap_err().contains("is a folder: name a file in it"));
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read(&one(&path)).unwrap(), b"1234");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(
            read(&one(&path)).unwrap_err(),
            format!("longer, with {}, than the limit of 4 bytes", path.display())
        );
    }

    #[test]
    fn what_never_ends_and_a_pipe_that_nobody_writes_to_are_no_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let all = Files::Glob(folder.path().join("*").display().to_string());
        for files in [one(&pipe), all] {
            assert!(read(&files).unwrap_err().contains("is a named pipe and no regular file"));
        }
        assert!(read(&one(Path::new("/dev/zero"))).unwrap_err().contains("is a device and no regular file"));
    }

    #[test]
    fn a_pattern_without_files_is_told_and_several_are_read_in_order_of_name() {
        let folder = tempfile::tempdir().unwrap();
        let all = Files::Glob(folder.path().join("*.csv").display().to_string());
        assert!(read(&all).unwrap_err().starts_with("no file matches"));
        std::fs::write(folder.path().join("b.csv"), "34").unwrap();
        std::fs::write(folder.path().join("a.csv"), "12").unwrap();
        assert_eq!(read(&all).unwrap(), b"1234");
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(all.read(4, &stop).unwrap_err(), "stopped by the daemon");
    }
}
