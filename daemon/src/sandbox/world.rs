//! What a live run can ask beyond its own data.

use evidenced_contract::{
    HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts,
};
use futures_util::future::BoxFuture;

/// The outside, as one control may see it: grants, credentials and earlier results are behind it.
///
/// Answers come in the order of the requests. The sandbox fills `timeout_ms` with what is left of the run, ends a
/// call that outlives the run by dropping its future, and writes every answer into the transcript.
pub trait World: Send + Sync {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Result<HttpResponse, HttpError>>>;

    /// One answer for each address of the name.
    fn handshake<'a>(
        &'a self,
        host: String,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>>;

    /// `control` is `None` for the control of the run itself.
    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>>;

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> BoxFuture<'a, Result<SlotCounts, HistoryError>>;
}

/// A world that grants nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl World for Nowhere {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Result<HttpResponse, HttpError>>> {
        let refused = |request: HttpRequest| Err(HttpError::Refused(format!("{} {}", request.method, request.url)));
        Box::pin(std::future::ready(requests.into_iter().map(refused).collect()))
    }

    fn handshake<'a>(
        &'a self,
        host: String,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        Box::pin(std::future::ready(Err(HttpError::Refused(format!("{host}:{port}")))))
    }

    fn points<'a>(
        &'a self,
        control: Option<String>,
        _: String,
        _: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        Box::pin(std::future::ready(Err(HistoryError::Refused(control.unwrap_or_default()))))
    }

    fn slots_in<'a>(&'a self, control: Option<String>, _: Interval) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        Box::pin(std::future::ready(Err(HistoryError::Refused(control.unwrap_or_default()))))
    }
}
