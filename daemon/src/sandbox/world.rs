//! What a live run can ask beyond its own data.

use std::sync::Arc;

use evidenced_contract::{HistoryError, HistoryPoint, HttpError, HttpRequest, Interval, Peer, SlotCounts};
use futures_util::future::BoxFuture;

use crate::gate::{Answered, Door};

/// The outside, as one control may see it: grants, credentials and earlier results are behind it.
///
/// Answers come in the order of the requests. A `timeout_ms` of zero is what is left of the run; the sandbox ends a
/// call that outlives the run by dropping its future, and writes every answer into the transcript.
pub trait World: Send + Sync {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Answered>>;

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

/// Earlier results, as one control may see them.
pub trait History: Send + Sync {
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

/// The world of a live run: the network through its door, earlier results from the ledger.
pub struct Live {
    door: Door,
    history: Arc<dyn History>,
}

impl Live {
    pub const fn new(door: Door, history: Arc<dyn History>) -> Self {
        Self { door, history }
    }
}

impl World for Live {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Answered>> {
        Box::pin(self.door.send_all(requests))
    }

    fn handshake<'a>(
        &'a self,
        host: String,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        Box::pin(async move { self.door.handshake(&host, port).await })
    }

    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        self.history.points(control, measurement, during)
    }

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        self.history.slots_in(control, during)
    }
}

/// A world that grants nothing, and has no history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl History for Nowhere {
    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        World::points(self, control, measurement, during)
    }

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        World::slots_in(self, control, during)
    }
}

impl World for Nowhere {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Answered>> {
        let refused = |request: HttpRequest| {
            Answered::from(Err(HttpError::Refused(format!("{} {}", request.method, request.url))))
        };
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
