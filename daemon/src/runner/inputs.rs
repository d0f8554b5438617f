//! Gathers the declared inputs of a check before its run: files, and URLs through the gate.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use evidenced_contract::{Auth, Exchange, HttpRequest, Input};

use crate::{
    domain::{Digest, InputOrigin, InputSpec, Timestamp},
    gate::Door,
    sandbox::InputBytes,
};

/// Reads each input, or keeps why it could not be read: the plugin is told, and decides.
pub(super) async fn gather(specs: &[InputSpec], bytes_max: u64, door: &Door, now: Timestamp) -> Vec<InputBytes> {
    let mut inputs = Vec::with_capacity(specs.len());
    for spec in specs {
        inputs.push(match &spec.origin {
            InputOrigin::File(path) => {
                from_files(spec, "file", &path.display().to_string(), vec![path.clone()], bytes_max, now)
            }
            InputOrigin::Glob(pattern) => from_files(spec, "glob", pattern, matching(pattern), bytes_max, now),
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

/// Files that a pattern with `*` in its last part names, in order of name.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|text| crate::domain::wildcard(name, text)))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
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
    InputBytes { input, bytes }
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
