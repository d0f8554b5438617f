//! Through the host's proxy, and only where it belongs.

use evidenced_contract::HttpError;

use super::*;

fn through(proxy: &Server, credentials: Vec<CredentialSettings>) -> Arc<Gate> {
    let proxy = Proxy { host: "127.0.0.1".into(), port: proxy.address.port() };
    gate(credentials, Vec::new(), Some(proxy))
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
    let gate = gate(Vec::new(), Vec::new(), Some(Proxy { host: "127.0.0.1".into(), port }));
    let answer = door_of(&gate, [grant_of("http://example.invalid")]).send(get("http://example.invalid/")).await;
    assert_eq!(answer, Err(HttpError::Unreachable(format!("the proxy 127.0.0.1:{port} cannot be reached"))));
}
