//! 429 and 503 are asked again, as the server says and while there is time.

use axum::{Router, extract::Request};
use evidenced_contract::HttpError;
use std::time::Duration;

use super::*;

/// Answers with these statuses one after the other, the last one for ever, with this Retry-After.
async fn server(statuses: &'static [u16], retry_after: &'static str) -> (Server, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let answer = move |_: Request| {
        let at = count.fetch_add(1, Ordering::SeqCst) as usize;
        let status = statuses[at.min(statuses.len() - 1)];
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), [("retry-after", retry_after)], "") }
    };
    (Server::http(Router::new().fallback(answer)).await, asked)
}

#[track_caller]
fn status_and_attempts(answer: Result<HttpResponse, HttpError>) -> (u16, u32, bool) {
    match answer {
        Ok(response) => (response.exchange.status, response.exchange.attempts, true),
        Err(HttpError::Status(response)) => (response.exchange.status, response.exchange.attempts, false),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_until_it_answers() {
    let (server, asked) = server(&[429, 503, 200], "0").await;
    let door = door([server.grant()]);
    assert_eq!(status_and_attempts(door.send(get(server.url("/"))).await), (200, 3, true));
    assert_eq!((asked.load(Ordering::SeqCst), door.requests_left()), (3, 19));
}

#[tokio::test]
async fn the_fourth_refusal_is_final() {
    let (server, asked) = server(&[503], "Mon, 02 Mar 2026 05:00:00 GMT").await;
    assert_eq!(status_and_attempts(door([server.grant()]).send(get(server.url("/"))).await), (503, 4, false));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_may_not_be_repeated_or_is_an_answer_is_asked_once() {
    let (server, _) = server(&[429], "0").await;
    let door = door([server.grant()]);
    let post = HttpRequest { method: "POST".into(), ..get(server.url("/")) };
    assert_eq!(status_and_attempts(door.send(post).await), (429, 1, false));
    let accepting = HttpRequest { accept: vec![429], ..get(server.url("/")) };
    assert_eq!(status_and_attempts(door.send(accepting).await), (429, 1, true));
}

#[tokio::test]
async fn a_pause_longer_than_the_time_left_ends_at_once_with_the_refusal() {
    let (server, _) = server(&[429], "3600").await;
    let started = Instant::now();
    assert_eq!(status_and_attempts(door([server.grant()]).send(get(server.url("/"))).await), (429, 1, false));
    assert!(started.elapsed() < Duration::from_secs(5));
}
