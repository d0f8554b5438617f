//! Gathers the declared inputs of a check before its run: files, and URLs through the gate.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use evidenced_contract::{Auth, Exchange, HttpRequest, Input};
use tokio_util::sync::CancellationToken;

use super::{
    events::{self, Asked, Halt},
    glob::matching,
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
            InputOrigin::File(path) => {
                from_files(spec, "file", &path.display().to_string(), vec![path.clone()], bytes_max, now)
            }
            InputOrigin::Glob(pattern) => match matching(pattern) {
                Ok(paths) => from_files(spec, "glob", pattern, paths, bytes_max, now),
                Err(error) => finish(spec, format!("glob:{pattern}"), now, Err(error.to_string()), None),
            },
            InputOrigin::Events(events) => from_events(spec, events, gathering).await,
            InputOrigin::Http(url) => from_url(spec, url, bytes_max, door, now).await,
        });
    }
    inputs
}

fn from_files(
    spec: &InputSpec,
    kind: &str,
    named: &str,
    paths: Vec<PathBuf>,
    bytes_max: u64,
    now: Timestamp,
) -> InputBytes {
    let mut content = Vec::new();
    let mut read = || {
        if paths.is_empty() {
            return Err(format!("no file matches {named}: put one there, or correct the input's `glob`"));
        }
        for path in &paths {
            append(path, &mut content, bytes_max)?;
        }
        Ok(())
    };
    let bytes = read().map(|()| Arc::from(content));
    finish(spec, format!("{kind}:{named}"), now, bytes, None)
}

fn append(path: &Path, content: &mut Vec<u8>, bytes_max: u64) -> Result<(), String> {
    let left = bytes_max.saturating_sub(content.len() as u64);
    let read = File::open(path).and_then(|file| file.take(left + 1).read_to_end(content));
    match read {
        Ok(read) if read as u64 > left => {
            Err(format!("longer, with {}, than the limit of {bytes_max} bytes", path.display()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(unread(path, &error)),
    }
}

/// The file and what to do, without the number of the error.
fn unread(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {path}: put it there, or correct the input's `file`"),
        io::ErrorKind::PermissionDenied => {
            format!("the file {path} may not be read: let the user that evidenced runs as read it")
        }
        kind => format!("the file {path} cannot be read: {kind}"),
    }
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
    let read = tokio::task::spawn_blocking(move || {
        let halt = Halt { since, wall, stop };
        events::read(&Asked { spec: &asked, interval, bytes_max, by_this_clock, halt })
    });
    let read = match read.await {
        Ok(read) => read,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
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
        Err(error) => finish(spec, url.to_owned(), now, Err(error.to_string()), None),
    }
}

fn finish(
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
    use super::*;

    fn read(path: &Path) -> Result<(), String> {
        append(path, &mut Vec::new(), 4)
    }

    #[test]
    fn an_input_that_is_not_there_is_told_with_its_file_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert_eq!(
            read(&path).unwrap_err(),
            format!("there is no file {}: put it there, or correct the input's `file`", path.display())
        );
        assert!(
            read(folder.path()).unwrap_err().starts_with(&format!("the file {} cannot be", folder.path().display()))
        );
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path).unwrap_err(), format!("longer, with {}, than the limit of 4 bytes", path.display()));
    }
}
