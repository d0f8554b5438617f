use evidenced_contract::{
    Exchange, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts, Status,
    Timings,
};
use futures_util::future::{BoxFuture, ready};

use super::{Town, World};
use crate::gate::Answered;

impl World for Town {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> BoxFuture<'a, Vec<Answered>> {
        let answer = |request: HttpRequest| {
            let page = self.pages.get(request.url.as_str());
            let answer = page.ok_or_else(|| HttpError::Refused(format!("{} {}", request.method, request.url)));
            let (status, body) = answer?;
            let response = HttpResponse {
                exchange: Exchange {
                    status: *status,
                    headers: vec![("date".into(), "today".into()), ("server".into(), "town".into())],
                    timings: Timings { total: 1.5, ..Timings::default() },
                    peer: None,
                    attempts: 1,
                },
                body: body.clone(),
            };
            let is_accepted = (200..300).contains(status) || request.accept.contains(status);
            if is_accepted { Ok(response) } else { Err(HttpError::Status(Box::new(response))) }
        };
        self.seen.lock().unwrap().extend(requests.iter().cloned());
        Box::pin(ready(requests.into_iter().map(answer).map(Answered::from).collect()))
    }

    fn handshake<'a>(
        &'a self,
        host: String,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        let peer = Peer {
            address: format!("192.0.2.1:{port}"),
            protocol: "TLSv1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            untrusted: None,
            chain: Vec::new(),
        };
        let answer = match host.as_str() {
            "town.example" => Ok(vec![Ok(peer), Err(HttpError::Timeout)]),
            _ => Err(HttpError::Refused(format!("{host}:{port}"))),
        };
        Box::pin(ready(answer))
    }

    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        let point = HistoryPoint { slot: during.from, subject: measurement, status: Status::Pass, value: 0.5 };
        let count = if during.until.starts_with("9999") { 100_001 } else { 1 };
        Box::pin(ready(match control {
            None => Ok(vec![point; count]),
            Some(control) => Err(HistoryError::Refused(control)),
        }))
    }

    fn slots_in<'a>(&'a self, control: Option<String>, _: Interval) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        let counts = SlotCounts { due: 3, run: 3, pass: 3, ..SlotCounts::default() };
        Box::pin(ready(control.map_or(Ok(counts), |control| Err(HistoryError::Refused(control)))))
    }
}
