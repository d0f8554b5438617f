//! Answers that are slow, endless, broken or strange.

use evidenced_contract::HttpError;
use std::time::Duration;

use super::*;

async fn ask(server: &Server) -> Result<HttpResponse, HttpError> {
    door([server.grant()]).send(get(server.url("/"))).await
}

fn unreachable(server: &Server, why: &str) -> Result<HttpResponse, HttpError> {
    Err(HttpError::Unreachable(format!("{}: {why}", server.address)))
}

#[tokio::test]
async fn a_status_that_is_not_asked_for_is_an_error_with_its_body() {
    let server = Server::answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\ndenied").await;
    let Err(HttpError::Status(response)) = ask(&server).await else { panic!("403 is no answer") };
    assert_eq!((response.exchange.status, response.body.as_slice()), (403, b"denied".as_slice()));
    let accepting = HttpRequest { accept: vec![404, 403], ..get(server.url("/")) };
    assert_eq!(door([server.grant()]).send(accepting).await.unwrap().exchange.status, 403);
}

#[tokio::test]
async fn a_silent_server_is_a_time_out_of_the_request_or_the_end_of_the_run() {
    let server = Server::tcp(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let hurried = HttpRequest { timeout_ms: 100, ..get(server.url("/")) };
    assert_eq!(door([server.grant()]).send(hurried.clone()).await, Err(HttpError::Timeout));
    let deadline = Instant::now() + Duration::from_millis(50);
    let gate = gate(Vec::new(), Vec::new(), None);
    let short = gate.for_run(control(), [server.grant()].into(), Budget { deadline, ..budget() });
    assert_eq!(short.send(hurried).await, Err(HttpError::Limit("wall".into())));
}

#[tokio::test]
async fn a_body_that_drips_for_ever_is_a_time_out() {
    let server = Server::tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let hurried = HttpRequest { timeout_ms: 150, ..get(server.url("/")) };
    assert_eq!(door([server.grant()]).send(hurried).await, Err(HttpError::Timeout));
}

#[tokio::test]
async fn a_body_over_the_limit_is_an_error_and_never_cut() {
    let body = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "a".repeat(length));
    let fits = Server::answering(body(64 << 10)).await;
    assert_eq!(ask(&fits).await.unwrap().body.len(), 64 << 10);
    let over = Err(HttpError::Limit("response-bytes".into()));
    let one_more = Server::answering(body((64 << 10) + 1)).await;
    assert_eq!(ask(&one_more).await, over);
    let endless = Server::tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        while stream.write_all(b"4\r\naaaa\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(ask(&endless).await, over);
}

#[tokio::test]
async fn the_answers_of_one_call_together_are_bounded() {
    let body = format!("HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n{}", "a".repeat(60_000));
    let server = Server::answering(body).await;
    let answers = answers(door([server.grant()]).send_all(vec![get(server.url("/")); 20]).await);
    let over = answers.iter().filter(|answer| **answer == Err(HttpError::Limit("response-bytes".into()))).count();
    let whole = answers.iter().flatten().filter(|answer| answer.body.len() == 60_000).count();
    assert!(over >= 3 && over + whole == 20, "{over} over, {whole} whole");
}

#[tokio::test]
async fn a_head_over_the_limit_is_an_error() {
    let lines = |count: usize| (0..count).map(|at| format!("x-{at}: a\r\n")).collect::<String>();
    let fits = Server::answering(format!("HTTP/1.1 200 OK\r\n{}\r\n", lines(100))).await;
    assert_eq!(ask(&fits).await.unwrap().exchange.headers.len(), 100);
    for head in [lines(1_000), format!("x: {}\r\n", "a".repeat(1 << 20))] {
        let bomb = Server::answering(format!("HTTP/1.1 200 OK\r\n{head}\r\n")).await;
        assert_eq!(ask(&bomb).await, Err(HttpError::Limit("response-head".into())));
    }
    let endless = Server::tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(b"x-endless: a\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(ask(&endless).await, Err(HttpError::Limit("response-head".into())));
}

#[tokio::test]
async fn what_is_not_http_is_said_to_be_so() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\0\u{1}\u{2}",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let server = Server::answering(garbage).await;
        assert_eq!(ask(&server).await, unreachable(&server, "the answer is not HTTP"), "{garbage:?}");
    }
}

#[tokio::test]
async fn an_answer_that_ends_early_is_no_answer() {
    for early in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let server = Server::answering(early).await;
        let closed = unreachable(&server, "the connection was closed before the answer was complete");
        assert_eq!(ask(&server).await, closed, "{early:?}");
    }
}

#[tokio::test]
async fn chunks_are_joined_and_an_unbounded_body_ends_with_the_connection() {
    for (answer, body) in [
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-late: 1\r\n\r\n",
            "abcde",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nall of it", "all of it"),
        ("HTTP/1.0 200 OK\r\n\r\nold", "old"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
    ] {
        let server = Server::answering(answer).await;
        assert_eq!(text(ask(&server).await), body, "{answer:?}");
    }
}

#[tokio::test]
async fn the_answer_to_head_has_a_length_and_no_body() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n").await;
    let grant = Grant { methods: vec!["HEAD".into()], ..server.grant() };
    let response = door([grant]).send(HttpRequest { method: "HEAD".into(), ..get(server.url("/")) }).await.unwrap();
    assert_eq!(response.body, b"");
    assert!(response.exchange.headers.contains(&("content-length".into(), "9999999".into())));
}

#[tokio::test]
async fn a_compressed_body_stays_as_it_came() {
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n".to_vec();
    answer.extend(packed);
    let server = Server::answering(answer).await;
    assert_eq!(ask(&server).await.unwrap().body, packed);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept_in_the_body_and_replaced_in_headers() {
    let server =
        Server::answering(b"HTTP/1.1 200 OK\r\nx-name: M\xfcller\r\ncontent-length: 2\r\n\r\n\xff\x00".to_vec()).await;
    let response = ask(&server).await.unwrap();
    assert_eq!(response.body, [0xff, 0]);
    assert!(response.exchange.headers.contains(&("x-name".into(), "M\u{fffd}ller".into())));
}
