//! Exactly what is granted, and no more often than granted.

use axum::{Router, extract::Request, routing::get as on_get};
use evidenced_contract::{HttpError, HttpRequest};
use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_granted_request_is_answered_with_its_facts() {
    let router = Router::new().route("/v2/health", on_get(|| async { ([("x-model", "iris@3")], "alive") }));
    let server = Server::http(router).await;
    let door = door([server.grant()]);
    let response = door.send(get(server.url("/v2/health#part"))).await.unwrap();
    assert_eq!((response.exchange.status, response.exchange.attempts), (200, 1));
    assert_eq!(response.body, b"alive");
    assert!(response.exchange.headers.contains(&("x-model".into(), "iris@3".into())));
    assert_eq!(response.exchange.peer, None);
    let timings = response.exchange.timings;
    let order = [0.0, timings.resolve, timings.connect, timings.first_byte, timings.total];
    assert!(order.is_sorted() && timings.total < 10_000.0 && timings.handshake == 0.0, "{timings:?}");
    assert_eq!(door.requests_left(), 19);
}

#[tokio::test]
async fn what_is_not_granted_exactly_is_refused_before_a_connection_is_made() {
    let server = Server::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = server.address.port();
    let door = door([server.grant()]);
    let cases = [
        ("PUT", server.url("/")),
        ("get", server.url("/")),
        ("GET", format!("https://127.0.0.1:{port}/")),
        ("GET", format!("http://127.0.0.2:{port}/")),
        ("GET", format!("http://localhost:{port}/")),
        ("GET", "http://127.0.0.1/".to_owned()),
        ("GET", "http://example.com/".to_owned()),
    ];
    for (method, url) in cases {
        let request = HttpRequest { method: method.into(), ..get(url.clone()) };
        let why = refusal(door.send(request).await);
        assert!(why.starts_with(&format!("{method} http")) && why.ends_with("is not granted to this control"), "{why}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_is_granted_and_not_declared_is_refused_with_its_own_words() {
    let (declared, other) = (Server::answering("HTTP/1.1 200 OK\r\n\r\n").await, Server::answering("").await);
    let door = door([declared.grant(), other.grant()]).declaring(|grant| grant.port == declared.address.port());
    assert!(door.send(get(declared.url("/"))).await.is_ok());
    let why = refusal(door.send(get(other.url("/"))).await);
    assert!(why.ends_with("is granted to this control, but the plugin does not say in `needs.hosts` that it calls it"));
    let why = refusal(door.send(get("http://example.com/")).await);
    assert!(why.ends_with("is not granted to this control"), "{why}");
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_host_is_compared_as_a_name_and_not_as_text() {
    let grants: Arc<[Grant]> = [grant_of("http://xn--bcher-kva.invalid")].into();
    let door = door(grants);
    for same in ["http://BÜCHER.invalid/", "http://bücher.INVALID:80/", "\thttp:\\\\bücher.invalid"] {
        let answer = door.send(get(same)).await;
        assert_eq!(answer, Err(HttpError::Unreachable("the name `xn--bcher-kva.invalid` cannot be resolved".into())));
    }
    for other in ["http://bücher.invalid./", "http://a.bücher.invalid/", "http://bücher.invalid.example/"] {
        refusal(door.send(get(other)).await);
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_words() {
    let server = Server::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let door = door([server.grant()]);
    for (url, words) in [
        ("/relative", "is not a URL"),
        ("ftp://example.com/", "`http://` or `https://`"),
        ("file:///etc/shadow", "`http://` or `https://`"),
        ("http://", "is not a URL"),
        ("http://user@127.0.0.1/", "a user or a password"),
        ("http://:pass@127.0.0.1/", "a user or a password"),
        (&format!("http://127.0.0.1/{}", "a".repeat(20_000)), "at most 16384"),
    ] {
        let why = refusal(door.send(get(url)).await);
        assert!(why.contains(words), "{why}");
    }
    for (method, words) in
        [("", "is not a method"), ("GET /", "is not a method"), ("TRACE", "never sent"), ("CONNECT", "never sent")]
    {
        let why = refusal(door.send(HttpRequest { method: method.into(), ..get(server.url("/")) }).await);
        assert!(why.contains(words), "{why}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_header_of_the_host_or_one_that_smuggles_is_refused() {
    let server = Server::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    for (name, value) in [
        ("Host", "example.com"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic x"),
        ("proxy-connection", "close"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("expect", "100-continue"),
        ("Cookie", "session=1"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("x-a\r\nx-b", "1"),
        ("x-a", "1\r\nx-b: 2"),
        ("x-a", "1\nx-b: 2"),
        ("x-a", "1\0"),
        ("x a", "1"),
        ("", "1"),
    ] {
        let door = door([server.grant()]);
        let headers = vec![(name.to_owned(), value.to_owned())];
        refusal(door.send(HttpRequest { headers, ..get(server.url("/")) }).await);
    }
    let many = vec![("x-a".to_owned(), "1".to_owned()); 65];
    let door = door([server.grant()]);
    refusal(door.send(HttpRequest { headers: many, ..get(server.url("/")) }).await);
    let long = vec![("x-a".to_owned(), "1".repeat(40_000))];
    refusal(door.send(HttpRequest { headers: long, ..get(server.url("/")) }).await);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_server_sees_what_was_asked_and_what_the_host_adds() {
    let echo = |request: Request| async move {
        let line = format!("{} {}", request.method(), request.uri());
        let headers: Vec<String> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        let body = axum::body::to_bytes(request.into_body(), 1_000).await.unwrap();
        format!("{line}\n{}\n\n{}", headers.join("\n"), String::from_utf8(body.to_vec()).unwrap())
    };
    let server = Server::http(Router::new().fallback(echo)).await;
    let door = door([server.grant()]);
    let request = HttpRequest {
        method: "POST".into(),
        headers: vec![
            ("X-One".into(), "1".into()),
            ("x-one".into(), "2".into()),
            ("accept-encoding".into(), "gzip".into()),
        ],
        body: Some(b"Action=ListUsers".to_vec()),
        ..get(server.url("/a b/../c?q=ä&r=%2F"))
    };
    let address = server.address;
    let expected = format!(
        "POST /c?q=%C3%A4&r=%2F\nx-one: 1\nx-one: 2\naccept-encoding: identity\nhost: {address}\n\
         user-agent: evidenced/{}\ncontent-length: 16\n\nAction=ListUsers",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(text(door.send(request).await), expected);
}

#[tokio::test]
async fn the_call_after_the_last_one_meets_the_limit() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let gate = gate(Vec::new(), Vec::new(), None);
    let door = gate.for_run(control(), [server.grant()].into(), Budget { requests: 3, ..budget() });
    refusal(door.send(get("http://example.com")).await);
    let answers = answers(door.send_all(vec![get(server.url("/")); 4]).await);
    let over = Err(HttpError::Limit("requests".into()));
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(answers[2], over);
    assert_eq!(door.send(get(server.url("/"))).await, over);
    assert_eq!(door.handshake("127.0.0.1", 443).await, Err(HttpError::Limit("requests".into())));
    assert_eq!((door.requests_left(), server.connections()), (0, 2));
}

#[tokio::test]
async fn requests_side_by_side_are_answered_in_their_order() {
    let router = Router::new().fallback(|request: Request| async move {
        let number: u64 = request.uri().path()[1..].parse().unwrap();
        tokio::time::sleep(Duration::from_millis(100 - number * 10)).await;
        number.to_string()
    });
    let server = Server::http(router).await;
    let door = door([server.grant()]);
    let started = Instant::now();
    let requests = (0..10).map(|number| get(server.url(&format!("/{number}")))).collect();
    let answers = answers(door.send_all(requests).await);
    let bodies: Vec<String> = answers.into_iter().map(text).collect();
    assert_eq!(bodies, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    // One after the other they take 550 ms.
    assert!(started.elapsed() < Duration::from_millis(500));
}
