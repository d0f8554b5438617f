//! No way to an inner address, whatever it is called.

use evidenced_contract::HttpError;

use super::*;

#[tokio::test]
async fn an_inner_address_is_refused_in_every_spelling_without_its_range() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let port = server.address.port();
    let hosts = [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.000.000.001",
        "%31%32%37.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[::1]",
        "0",
        "0.0.0.0",
        "[::]",
        "localhost",
        "LOCALHOST",
    ];
    for host in hosts {
        let url = format!("http://{host}:{port}/");
        let door = door([grant_of(&url)]);
        let why = refusal(door.send(get(&url)).await);
        assert!(why.contains("needs `addresses = [\""), "{host}: {why}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_listed_range_opens_the_address_in_every_spelling() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let port = server.address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{port}/");
        let door = door([Grant { addresses: vec!["127.0.0.0/8".parse().unwrap()], ..grant_of(&url) }]);
        assert_eq!(text(door.send(get(&url)).await), "ok", "{host}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_needs_a_range_for_each_of_its_addresses() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let url = format!("http://localhost:{}/", server.address.port());
    let granted = |ranges: &[&str]| Grant {
        addresses: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        ..grant_of(&url)
    };
    let why = refusal(door([granted(&["10.0.0.0/8"])]).send(get(&url)).await);
    assert!(why.starts_with("localhost:") && why.contains("loopback"), "{why}");
    assert_eq!(server.connections(), 0);
    assert_eq!(text(door([granted(&["127.0.0.0/8", "::1/128"])]).send(get(&url)).await), "ok");
}

#[tokio::test]
async fn a_redirect_is_an_answer_that_leads_nowhere_by_itself() {
    let metadata = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    let server =
        Server::answering(format!("HTTP/1.1 302 Found\r\nlocation: {metadata}\r\ncontent-length: 0\r\n\r\n")).await;
    // Neither a grant of the address nor one with another range opens the way.
    let to_metadata = Grant { addresses: vec!["10.0.0.0/8".parse().unwrap()], ..grant_of(metadata) };
    let door = door([server.grant(), grant_of(metadata), to_metadata]);
    let Err(HttpError::Status(response)) = door.send(get(server.url("/"))).await else { panic!("followed") };
    assert_eq!((response.exchange.status, server.connections()), (302, 1));
    let mut headers = response.exchange.headers.iter();
    let (_, location) = headers.find(|(name, _)| name == "location").unwrap();
    let why = refusal(door.send(get(location)).await);
    assert!(why.contains("169.254.169.254, which is cloud metadata"), "{why}");

    let accepting = HttpRequest { accept: vec![302], ..get(server.url("/")) };
    assert_eq!(door.send(accepting).await.unwrap().exchange.status, 302);
}

#[tokio::test]
async fn no_answer_at_the_address_is_said_in_the_same_words_each_time() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let door = door([Grant { addresses: vec!["127.0.0.0/8".parse().unwrap()], ..grant_of(&url) }]);
    let refused = Err(HttpError::Unreachable(format!("127.0.0.1:{port}: connection refused")));
    assert_eq!(door.send(get(&url)).await, refused);
}
