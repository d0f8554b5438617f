use std::{fs, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{domain::Timestamp, secret::SecretSource};

fn caller() -> Caller {
    let now: Timestamp = "2026-03-02T06:00:00Z".parse().unwrap();
    Caller::new(CallerSettings { proxy: None, ca: Vec::new(), now: Arc::new(move || now) }).unwrap()
}

/// Gives this answer to one request, whatever it is, and then the request.
async fn server(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut bytes = [0; 4096];
        while !request.ends_with(b"{\"a\":1}") && !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut bytes).await.unwrap();
            request.extend_from_slice(&bytes[..read]);
            // Nobody here speaks TLS.
            if read == 0 || request[0] == 0x16 {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request).into_owned()
    });
    (port, task)
}

#[tokio::test]
async fn an_answer_is_its_status_when_to_come_back_and_a_word() {
    let (port, task) = server(
        "HTTP/1.1 503 Busy\r\nretry-after: Mon, 02 Mar 2026 06:00:30 GMT\r\ncontent-length: 13\r\n\r\nrate_limited\n",
    )
    .await;
    let url = CallUrl::Plain(format!("http://127.0.0.1:{port}/hook?x=1"));
    let answer = caller().post(&url, &[("evidenced-id", "a".into())], b"{\"a\":1}".to_vec()).await.unwrap();
    let expected =
        Answer { status: 503, retry_after: Some(Duration::from_secs(30)), word: Some("rate_limited".into()) };
    assert_eq!(answer, expected);
    let request = task.await.unwrap();
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    for line in ["content-type: application/json", "evidenced-id: a", "user-agent: evidenced/"] {
        assert!(request.lines().any(|found| found.starts_with(line)), "{request}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (port, _task) =
        server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    let answer = caller().get(&CallUrl::Plain(format!("http://localhost:{port}/"))).await;
    assert_eq!(answer.unwrap().status, 302);
}

/// Every way to fail, with a URL that is a secret.
#[tokio::test]
async fn no_failure_tells_the_url_or_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    let secret = CallUrl::Secret(SecretSource::File(path.clone()));
    let (silent, _task) = server("").await;
    let (plain, _other) = server("HTTP/1.1 200 OK\r\n\r\n").await;
    for (url, says) in [
        ("http://127.0.0.1:1/T00/B00/hunter2".to_owned(), "no connection"),
        (format!("http://127.0.0.1:{silent}/T00/B00/hunter2"), "the connection broke"),
        (format!("https://127.0.0.1:{plain}/T00/B00/hunter2"), "no trusted TLS"),
        ("https://hunter2.invalid/T00/B00/hunter2".to_owned(), "no connection"),
        ("http://hooks.example.com/hunter2".to_owned(), "cannot be called"),
        ("hunter2".to_owned(), "cannot be called"),
        ("https://user:hunter2@example.com/".to_owned(), "cannot be called"),
    ] {
        fs::write(&path, &url).unwrap();
        let error = caller().get(&secret).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(error.to_string().contains(says), "{url}: {told}");
        assert!(!told.contains("hunter2") && !told.contains("127.0.0.1"), "{told}");
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(caller().get(&secret).await, Err(CallError::Secret(_))));
}

#[tokio::test]
async fn a_word_that_repeats_the_url_is_not_told() {
    let (port, _task) = server("HTTP/1.1 404 Gone\r\ncontent-length: 7\r\n\r\nhunter\n").await;
    let url = CallUrl::Plain(format!("http://127.0.0.1:{port}/hunter"));
    assert_eq!(caller().get(&url).await.unwrap().word, None);
}
