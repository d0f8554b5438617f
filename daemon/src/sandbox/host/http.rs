//! `http`: the only way out, through the world's gate.

use evidenced_contract::{HttpError, HttpRequest, HttpResponse};

use super::{Answers, Halt, Host};
use crate::{
    domain::Digest,
    gate::Answered,
    sandbox::ended::{Ended, Limit},
};

/// What a run may still send.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Budget {
    limit: u32,
    left: u32,
    /// Requests that were answered with `limit`, since nothing was left.
    refused: u32,
    response_bytes: u32,
}

impl Budget {
    /// A plugin that goes on asking this often after it was told that nothing is left does not listen: its run ends.
    const REFUSED_MAX: u32 = 100;

    pub(in crate::sandbox) const fn new(requests: u32, response_bytes: u32) -> Self {
        Self { limit: requests, left: requests, refused: 0, response_bytes }
    }

    pub(in crate::sandbox) const fn left(&self) -> u32 {
        self.left
    }

    /// Takes one request.
    pub(super) fn take(&mut self) -> Result<bool, Limit> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Ok(true);
        }
        self.refused += 1;
        if self.refused > Self::REFUSED_MAX { Err(Limit::Requests(u64::from(self.limit))) } else { Ok(false) }
    }
}

impl Host {
    /// Answers in the order of the requests.
    pub(in crate::sandbox) async fn http_send_all(
        &mut self,
        requests: Vec<HttpRequest>,
    ) -> Result<Vec<Result<HttpResponse, HttpError>>, Halt> {
        self.begin("http.send")?;
        let mut allowed = Vec::with_capacity(requests.len());
        for _ in &requests {
            allowed.push(self.budget.take().map_err(|limit| self.end(Ended::Limit(limit)))?);
        }
        let answers = match &self.answers {
            Answers::Live(world) => {
                let world = std::sync::Arc::clone(world);
                let left_ms = u32::try_from(self.watch.left().as_millis()).unwrap_or(u32::MAX).max(1);
                let granted = requests.iter().zip(&allowed).filter(|(_, allowed)| **allowed);
                let granted = granted.map(|(request, _)| within(request, left_ms)).collect();
                let mut granted = world.send_all(granted).await.into_iter();
                let mut answers = Vec::with_capacity(requests.len());
                for allowed in allowed {
                    let over = || Answered::from(Err(HttpError::Limit("requests".into())));
                    let answered = if allowed { granted.next() } else { Some(over()) };
                    let Some(Answered { answer, waited }) = answered else {
                        return Err(self.end(Ended::Host("the gate gave fewer answers than requests".to_owned())));
                    };
                    answers.push(Answered { answer: fitting(answer, self.budget.response_bytes), waited });
                }
                answers
            }
            Answers::Recorded(_) => {
                let mut answers = Vec::with_capacity(requests.len());
                for request in &requests {
                    answers.push(self.recorded_http(request)?.into());
                }
                answers
            }
            Answers::Nobody => return Err(Halt),
        };
        for (request, answered) in requests.iter().zip(&answers) {
            self.transcript.record_http(request, answered);
        }
        Ok(answers.into_iter().map(|answered| answered.answer).collect())
    }

    fn recorded_http(&mut self, request: &HttpRequest) -> Result<Result<HttpResponse, HttpError>, Halt> {
        let Answers::Recorded(player) = &mut self.answers else { return Err(Halt) };
        let answer = player.http(request);
        answer.ok_or_else(|| {
            let body = request.body.as_deref().map_or(String::new(), |body| format!(" with body {}", Digest::of(body)));
            self.end(Ended::CannotTell(format!("{} {}{body}", request.method, request.url)))
        })
    }
}

/// The request without a time-out of its own, if that is no shorter than the time that is left: so it is the run's limit
/// that is met, and never by chance the request's.
fn within(request: &HttpRequest, left_ms: u32) -> HttpRequest {
    let timeout_ms = if request.timeout_ms < left_ms { request.timeout_ms } else { 0 };
    HttpRequest { timeout_ms, ..request.clone() }
}

/// The gate stops reading at the limit; this holds whoever answers.
fn fitting(answer: Result<HttpResponse, HttpError>, limit: u32) -> Result<HttpResponse, HttpError> {
    let body = match &answer {
        Ok(response) => &response.body,
        Err(HttpError::Status(response)) => &response.body,
        Err(_) => return answer,
    };
    if body.len() > limit as usize { Err(HttpError::Limit("response-bytes".to_owned())) } else { answer }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::Limits,
        sandbox::testing::{Town, host, host_with, http},
    };

    #[tokio::test]
    async fn what_is_granted_is_answered_in_order_and_recorded() {
        let town = Town::default().with("https://a/1", 200, b"one").with("https://a/2", 404, b"two");
        let mut host = host(town.clone());
        let answers = host.http_send_all(vec![http("https://a/2"), http("https://a/1")]).await.unwrap();
        assert!(matches!(&answers[0], Err(HttpError::Status(response)) if response.body == b"two"));
        assert_eq!(answers[1].as_ref().unwrap().body, b"one");
        assert_eq!(host.transcript.calls.len(), 2);
    }

    #[test]
    fn a_request_has_a_time_out_of_its_own_only_if_the_run_has_more() {
        let of = |timeout_ms| within(&HttpRequest { timeout_ms, ..http("https://a/") }, 500).timeout_ms;
        assert_eq!([0, 1, 499, 500, 501, u32::MAX].map(of), [0, 1, 499, 0, 0, 0]);
    }

    #[tokio::test]
    async fn what_is_not_granted_is_refused_and_recorded() {
        let mut host = host(Town::default());
        let answers = host.http_send_all(vec![http("https://elsewhere/")]).await.unwrap();
        assert_eq!(answers, [Err(HttpError::Refused("GET https://elsewhere/".into()))]);
        assert_eq!(host.transcript.calls.len(), 1);
    }

    #[tokio::test]
    async fn over_the_limits_it_is_told_and_at_last_ended() {
        let limits = Limits { requests: 1, response_bytes: 3, ..Limits::default_for(true) };
        let town = Town::default().with("https://a/", 200, b"four");
        let mut host = host_with(Arc::new(town), [true; 3], limits, Vec::new());
        let answers = host.http_send_all(vec![http("https://a/"), http("https://a/")]).await.unwrap();
        let limit = |which: &str| Err(HttpError::Limit(which.into()));
        assert_eq!(answers, [limit("response-bytes"), limit("requests")]);
        for _ in 1..Budget::REFUSED_MAX {
            host.http_send_all(vec![http("https://a/")]).await.unwrap();
        }
        assert!(host.http_send_all(vec![http("https://a/")]).await.is_err());
        assert_eq!(host.ended().unwrap().to_string(), "limit requests (1)");
    }
}
