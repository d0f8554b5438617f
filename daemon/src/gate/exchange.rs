//! One request on one connection, and its answer within limits.

use bytes::Bytes;
use evidenced_contract::HttpError;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{
    error::Error,
    io,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    connect::{Connection, Stopwatch},
    proxy::not_passed_on,
    request::Target,
    tls,
};

/// Status line and headers together; a longer head ends the exchange.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEAD_LINES_MAX: usize = 128;

/// The bytes of all answers that one call of a plugin has in memory: more than it could take anyway.
pub(super) struct Room(AtomicU64);

impl Room {
    pub(super) fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    fn take(&self, bytes: usize) -> Result<(), HttpError> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes as u64));
        taken.map(drop).map_err(|_| too_long())
    }
}

/// An answer as it came.
pub(super) struct Raw {
    pub status: u16,
    pub headers: Vec<(HeaderName, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Sends `request` and reads the whole answer.
///
/// A body over `body_bytes_max` is an error and never cut. Nothing is decompressed.
pub(super) async fn exchange(
    connection: Connection,
    request: Request<Full<Bytes>>,
    target: &Target,
    body_bytes_max: u64,
    room: &Room,
    watch: &mut Stopwatch,
) -> Result<Raw, HttpError> {
    let fault = |error: hyper::Error| fault(&error, target);
    let (mut sender, driver) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_LINES_MAX)
        .handshake(TokioIo::new(connection.stream))
        .await
        .map_err(fault)?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(fault)?;
        watch.timings.first_byte = watch.read();
        let (head, mut incoming) = response.into_parts();
        if let (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(proxied)) = (head.status, &connection.proxied) {
            return Err(not_passed_on(target, proxied.pass.as_ref()));
        }
        let headers = read_head(&head.headers, room)?;
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame.map_err(fault)?.into_data() else { continue };
            if body.len() as u64 + data.len() as u64 > body_bytes_max {
                return Err(too_long());
            }
            room.take(data.len())?;
            body.extend_from_slice(&data);
        }
        watch.timings.total = watch.read();
        Ok(Raw { status: head.status.as_u16(), headers, body })
    };
    // The driver moves the bytes, as long as the talk goes on; then both are dropped, and the connection with them.
    let (mut talk, mut driver, mut driving) = (pin!(talk), pin!(driver), true);
    loop {
        tokio::select! {
            answer = &mut talk => return answer,
            // What ended it reaches the talk as its error.
            _ = &mut driver, if driving => driving = false,
        }
    }
}

fn read_head(headers: &HeaderMap, room: &Room) -> Result<Vec<(HeaderName, Vec<u8>)>, HttpError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect();
    room.take(headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum())?;
    Ok(headers)
}

fn too_long() -> HttpError {
    HttpError::Limit("response-bytes".to_owned())
}

/// In our own words: those of the library may change.
fn fault(error: &hyper::Error, target: &Target) -> HttpError {
    if error.is_parse_too_large() {
        return HttpError::Limit("response-head".to_owned());
    }
    if let Some(why) = cause(error).and_then(tls::refusal_of_stream) {
        return HttpError::Tls(format!("{target}: {why}"));
    }
    let misspelt = error.is_parse()
        || cause(error)
            .is_some_and(|cause| matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    // Whether the end came with a goodbye or a reset is a matter of chance.
    let why =
        if misspelt { "the answer is not HTTP" } else { "the connection was closed before the answer was complete" };
    HttpError::Unreachable(format!("{target}: {why}"))
}

fn cause(error: &hyper::Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}
