//! Through the host's proxy, and only where it belongs.

use evidenced_contract::HttpError;

use super::*;

fn through(proxy: &Server, credentials: Vec<CredentialSettings>) -> Arc<Gate> {
    gate(credentials, Vec::new(), Some(proxy_at(proxy.address.port())))
}

/// Answers with the head that it was sent.
async fn telling() -> Server {
    Server::tcp(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn the_proxy_is_told_the_whole_url_and_looks_the_name_up() {
    let proxy = telling().await;
    let door = door_of(&through(&proxy, Vec::new()), [grant_of("http://api.example.invalid")]);
    let head = text(door.send(get("http://api.example.invalid/v1?q=1")).await);
    assert!(head.starts_with("GET http://api.example.invalid/v1?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: api.example.invalid\r\n"), "{head}");
}

#[tokio::test]
async fn an_inner_address_is_not_passed_to_the_proxy() {
    let proxy = telling().await;
    let door = door_of(&through(&proxy, Vec::new()), [grant_of("http://169.254.169.254")]);
    assert!(refusal(door.send(get("http://169.254.169.254/")).await).contains("cloud metadata"));
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_grant_with_addresses_goes_past_the_proxy() {
    let (proxy, server) = (telling().await, telling().await);
    let door = door_of(&through(&proxy, Vec::new()), [server.grant()]);
    assert!(text(door.send(get(server.url("/direct"))).await).starts_with("GET /direct HTTP/1.1"));
    assert_eq!((proxy.connections(), server.connections()), (0, 1));
}

#[tokio::test]
async fn a_proxy_that_makes_no_tunnel_is_told_of() {
    for (answer, why) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "status 403"),
        ("SSH-2.0\r\n\r\n", "it does not answer in HTTP"),
        ("", "it does not answer in HTTP"),
    ] {
        let proxy = Server::answering(answer).await;
        let door = door_of(&through(&proxy, Vec::new()), [grant_of("https://api.example.invalid")]);
        let expected = format!("the proxy makes no tunnel to api.example.invalid:443: {why}");
        assert_eq!(door.send(get("https://api.example.invalid/")).await, Err(HttpError::Unreachable(expected)));
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_of() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gate = gate(Vec::new(), Vec::new(), Some(proxy_at(port)));
    let answer = door_of(&gate, [grant_of("http://example.invalid")]).send(get("http://example.invalid/")).await;
    assert_eq!(answer, Err(HttpError::Unreachable(format!("the proxy 127.0.0.1:{port} cannot be reached"))));
}

/// A proxy that asks for a login, and tells what it was shown.
fn asking(port: u16) -> (Proxy, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("password");
    std::fs::write(&file, "hun/ter+2\n").unwrap();
    let login = ProxyLogin { username: "evidenced".into(), password: crate::secret::SecretSource::File(file) };
    (Proxy { login: Some(login), ..proxy_at(port) }, place)
}

/// Of `evidenced:hun/ter+2`.
const PAIR: &str = "ZXZpZGVuY2VkOmh1bi90ZXIrMg==";

#[tokio::test]
async fn the_proxys_login_is_shown_to_the_proxy_and_seen_by_nobody() {
    let server = telling().await;
    let (proxy, _place) = asking(server.address.port());
    let gate = gate(Vec::new(), Vec::new(), Some(proxy));
    let door = door_of(&gate, [grant_of("http://api.example.invalid")]);
    let head = text(door.send(get("http://api.example.invalid/")).await);
    assert!(head.contains("\r\nproxy-authorization: Basic ***\r\n"), "{head}");
}

#[tokio::test]
async fn the_proxys_login_makes_a_tunnel_and_goes_no_further() {
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&heads);
    let server = Server::tcp(move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            let head = read_head(&mut stream).await;
            heard.lock().unwrap().push(head);
            stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let (proxy, _place) = asking(server.address.port());
    let without = Proxy { login: None, ..proxy.clone() };
    for (proxy, why) in [(proxy, "does not accept"), (without, "asks for")] {
        let gate = gate(Vec::new(), Vec::new(), Some(proxy));
        let door = door_of(&gate, [grant_of("https://api.example.invalid"), grant_of("http://api.example.invalid")]);
        for (url, what) in [
            ("https://api.example.invalid/", "the proxy makes no tunnel to api.example.invalid:443"),
            ("http://api.example.invalid/", "the proxy passes nothing on to api.example.invalid:80"),
        ] {
            let expected = format!("{what}: status 407, it {why} `proxy_username` and `proxy_password`");
            assert_eq!(door.send(get(url)).await, Err(HttpError::Unreachable(expected)));
        }
    }
    let shown: Vec<bool> = heads.lock().unwrap().iter().map(|head: &String| head.contains(PAIR)).collect();
    assert_eq!(shown, [true, true, false, false]);
}

#[tokio::test]
async fn a_password_of_the_proxy_that_cannot_be_read_refuses_without_telling_where_it_lies() {
    let server = telling().await;
    let (proxy, place) = asking(server.address.port());
    drop(place);
    let gate = gate(Vec::new(), Vec::new(), Some(proxy));
    let answer =
        door_of(&gate, [grant_of("http://api.example.invalid")]).send(get("http://api.example.invalid/")).await;
    assert_eq!(refusal(answer), "the proxy's `proxy_password` cannot be read; the log of the daemon says why");
}

#[tokio::test]
async fn what_no_proxy_names_is_reached_past_it_by_the_rules_of_addresses() {
    let (proxy, server) = (telling().await, telling().await);
    let past = vec!["localhost".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
    let gate = gate(Vec::new(), Vec::new(), Some(Proxy { past, ..proxy_at(proxy.address.port()) }));
    let port = server.address.port();
    let urls =
        [format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}"), "http://other.invalid".to_owned()];
    let door = door_of(&gate, urls.clone().map(|url| grant_of(&url)));
    // Past the proxy it is this host that looks names up: private addresses need a range.
    for url in &urls[..2] {
        assert!(refusal(door.send(get(format!("{url}/"))).await).contains("loopback"));
    }
    assert!(text(door.send(get("http://other.invalid/")).await).starts_with("GET http://other.invalid/"));
    assert_eq!((proxy.connections(), server.connections()), (1, 0));
    let granted = urls.clone().map(|url| Grant {
        addresses: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..grant_of(&url)
    });
    assert!(text(door_of(&gate, granted).send(get(format!("{}/", urls[1]))).await).starts_with("GET / HTTP/1.1"));
}
