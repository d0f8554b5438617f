//! Secrets go out and do not come back.

use axum::{Router, extract::Request, http::HeaderMap as AxumHeaders, response::IntoResponse};
use base64::{Engine, engine::general_purpose::STANDARD};
use evidenced_contract::{Auth, HttpError};

use super::*;
use crate::{domain::CredentialKind, secret::SecretSource};

const TOKEN: &str = "tok/en+7f3a9c&e1";

struct Secrets(tempfile::TempDir);

impl Secrets {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, id: &str, secret: &str) {
        std::fs::write(self.0.path().join(id), secret).unwrap();
    }

    fn credential(&self, id: &str, kind: CredentialKind, secret: &str) -> CredentialSettings {
        self.write(id, secret);
        CredentialSettings { id: id.parse().unwrap(), kind, secret: Some(SecretSource::File(self.0.path().join(id))) }
    }
}

/// Tells in header and body what it was sent, in several spellings, with the path as its status.
async fn echo() -> Server {
    let echo = |request: Request| async move {
        let status: u16 = request.uri().path()[1..].parse().unwrap_or(200);
        let mut lines = Vec::new();
        let mut headers = AxumHeaders::new();
        for (name, value) in request.headers() {
            let text = value.to_str().unwrap();
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            lines.push(format!("{name}: {text} {} {escaped}", STANDARD.encode(format!("{name}={text}"))));
            if name == "authorization" || name == "x-api-key" {
                headers.append("x-echo", value.clone());
            }
        }
        headers.append("set-cookie", "session=from-your-login; Secure".parse().unwrap());
        (axum::http::StatusCode::from_u16(status).unwrap(), headers, lines.join("\n")).into_response()
    };
    Server::http(Router::new().fallback(echo)).await
}

fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    response.exchange.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn a_secret_is_sent_and_masked_wherever_it_is_repeated() {
    let secrets = Secrets::new();
    let pair = STANDARD.encode(format!("auditor:{TOKEN}"));
    let cases = [
        (CredentialKind::Header { name: "X-Api-Key".into() }, TOKEN.to_owned(), "***", "x-api-key: ***"),
        (CredentialKind::Bearer, TOKEN.to_owned(), "Bearer ***", "authorization: Bearer ***"),
        (CredentialKind::Basic { username: None }, format!("auditor:{TOKEN}"), "Basic ***", "authorization: Basic ***"),
        (
            CredentialKind::Basic { username: Some("auditor".into()) },
            TOKEN.to_owned(),
            "Basic ***",
            "authorization: Basic ***",
        ),
    ];
    let server = echo().await;
    for (kind, secret, in_header, in_body) in cases {
        let gate = gate(vec![secrets.credential("key", kind.clone(), &secret)], Vec::new(), None);
        let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
        let response = door_of(&gate, [grant]).send(get(server.url("/200"))).await.unwrap();
        assert_eq!(header(&response, "x-echo"), Some(in_header), "{kind:?}");
        let body = String::from_utf8(response.body).unwrap();
        assert!(body.contains(in_body), "{kind:?}: {body}");
        for trace in ["7f3a9c", &pair[10..20], &STANDARD.encode(TOKEN)[..12], "%37%66%33%61"] {
            assert!(!body.contains(trace), "{kind:?}: {trace} in {body}");
        }
    }
}

#[tokio::test]
async fn an_error_is_masked_as_an_answer_is() {
    let secrets = Secrets::new();
    let server = echo().await;
    let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, TOKEN)], Vec::new(), None);
    let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
    let Err(HttpError::Status(response)) = door_of(&gate, [grant]).send(get(server.url("/403"))).await else {
        panic!()
    };
    assert!(String::from_utf8(response.body).unwrap().contains("authorization: Bearer ***"));
}

#[tokio::test]
async fn a_secret_in_the_name_of_a_header_is_masked_although_names_lose_their_capitals() {
    let secrets = Secrets::new();
    let token = "Tok-EN.7F3a9c";
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\n{token}: x\r\ncontent-length: 0\r\n\r\n")).await;
    let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, token)], Vec::new(), None);
    let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
    let response = door_of(&gate, [grant]).send(get(server.url("/"))).await.unwrap();
    assert_eq!(response.exchange.headers[0], ("***".to_owned(), "x".to_owned()), "{response:?}");
}

/// A list of the latest requests, or an explanation of what was wrong with the token before.
#[tokio::test]
async fn what_a_server_was_told_before_is_masked_in_its_later_answers() {
    let secrets = Secrets::new();
    let latest = Arc::new(std::sync::Mutex::new(String::new()));
    let repeat = move |request: Request| {
        let latest = Arc::clone(&latest);
        async move {
            let mut latest = latest.lock().unwrap();
            for (name, value) in request.headers() {
                *latest += &format!("{name}: {};", value.to_str().unwrap());
            }
            latest.clone()
        }
    };
    let server = Server::http(Router::new().fallback(repeat)).await;
    let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, TOKEN)], Vec::new(), None);
    let door = door_of(&gate, [Grant { credential: Some("key".parse().unwrap()), ..server.grant() }]);
    assert!(text(door.send(get(server.url("/"))).await).contains("authorization: Bearer ***;"));
    secrets.write("key", "another-one");
    let later = text(door.send(get(server.url("/"))).await);
    assert_eq!(later.matches("authorization: Bearer ***;").count(), 2, "{later}");
    let anonymous = text(door.send(HttpRequest { auth: Auth::Anonymous, ..get(server.url("/")) }).await);
    assert_eq!(anonymous.matches("authorization: Bearer ***;").count(), 2, "{anonymous}");
    assert!(!anonymous.contains("7f3a9c") && !anonymous.contains("another-one"), "{anonymous}");
}

#[tokio::test]
async fn a_long_answer_and_a_short_secret_are_masked_too() {
    let secrets = Secrets::new();
    let server = Server::http(Router::new().fallback(|headers: AxumHeaders| async move {
        ".".repeat(2 << 20) + headers["authorization"].to_str().unwrap()
    }))
    .await;
    for token in [TOKEN, "short"] {
        let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, token)], Vec::new(), None);
        let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
        let budget = Budget { response_bytes: 4 << 20, ..budget() };
        let answer = text(gate.for_run(control(), [grant].into(), budget).send(get(server.url("/"))).await);
        assert!(answer.ends_with("..Bearer ***"), "{}", &answer[2 << 20..]);
    }
}

#[tokio::test]
async fn the_value_of_a_cookie_is_a_secret_too() {
    let server = echo().await;
    let response = door([server.grant()]).send(get(server.url("/"))).await.unwrap();
    assert_eq!(header(&response, "set-cookie"), Some("session=***; Secure"));
}

#[tokio::test]
async fn a_plugin_chooses_among_the_granted_credentials_only() {
    let secrets = Secrets::new();
    let server = echo().await;
    let key =
        |id: &str| secrets.credential(id, CredentialKind::Header { name: format!("x-{id}") }, "secret-of-the-test");
    let gate = gate(vec![key("good"), key("revoked"), key("other")], Vec::new(), None);
    let grant = Grant {
        credential: Some("good".parse().unwrap()),
        named_credentials: vec!["revoked".parse().unwrap()],
        ..server.grant()
    };
    let door = door_of(&gate, [grant]);
    for (auth, sent) in [
        (Auth::Granted, Some("x-good: ***")),
        (Auth::Named("revoked".into()), Some("x-revoked: ***")),
        (Auth::Named("good".into()), Some("x-good: ***")),
        (Auth::Anonymous, None),
    ] {
        let body = text(door.send(HttpRequest { auth: auth.clone(), ..get(server.url("/")) }).await);
        let seen: Vec<&str> =
            ["x-good: ***", "x-revoked: ***"].into_iter().filter(|line| body.contains(line)).collect();
        assert_eq!(seen, sent.into_iter().collect::<Vec<_>>(), "{auth:?}");
    }
    for name in ["other", "nonsense"] {
        let why = refusal(door.send(HttpRequest { auth: Auth::Named(name.into()), ..get(server.url("/")) }).await);
        assert!(why.starts_with(&format!("the credential `{name}` is not granted for GET http://127")), "{why}");
    }
}

#[tokio::test]
async fn a_plugin_may_not_set_the_header_that_the_credential_sets() {
    let secrets = Secrets::new();
    let server = echo().await;
    let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, TOKEN)], Vec::new(), None);
    let own = vec![("Authorization".to_owned(), "Bearer mine".to_owned())];
    let request = HttpRequest { headers: own, ..get(server.url("/")) };
    let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
    let door = door_of(&gate, [grant]);
    let why = refusal(door.send(request.clone()).await);
    assert_eq!(why, "the header `authorization` is set by the host; leave it out");
    // Without a credential it may: "refuses a made-up token".
    assert!(text(door.send(HttpRequest { auth: Auth::Anonymous, ..request }).await).contains("Bearer mine"));
}

#[tokio::test]
async fn a_replaced_secret_counts_from_the_next_request_on() {
    let secrets = Secrets::new();
    let server = Server::http(Router::new().fallback(|headers: AxumHeaders| async move {
        u8::from(headers["authorization"] == "Bearer the-second-one").to_string()
    }))
    .await;
    let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, "the-first-one")], Vec::new(), None);
    let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
    let door = door_of(&gate, [grant]);
    assert_eq!(text(door.send(get(server.url("/"))).await), "0");
    secrets.write("key", "the-second-one\n");
    assert_eq!(text(door.send(get(server.url("/"))).await), "1");
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_refuses_without_telling_where_it_lies() {
    let secrets = Secrets::new();
    let server = echo().await;
    let unusable = [
        (CredentialKind::Bearer, "", "its secret cannot be read; the log of the daemon says why"),
        (CredentialKind::Basic { username: None }, "nocolon", "its secret is not `user:password`"),
        (
            CredentialKind::AwsSigv4 { access_key_id: None },
            "onlyone",
            "its secret is not `ACCESS_KEY_ID:SECRET_ACCESS_KEY`",
        ),
    ];
    for (kind, secret, why) in unusable {
        let gate = gate(vec![secrets.credential("key", kind, secret)], Vec::new(), None);
        let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
        let refused = refusal(door_of(&gate, [grant]).send(get(server.url("/"))).await);
        assert_eq!(refused, format!("the credential `key` cannot be used: {why}"));
    }
    let gate = gate(vec![secrets.credential("key", CredentialKind::Bearer, "two\nlines")], Vec::new(), None);
    let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
    assert!(refusal(door_of(&gate, [grant]).send(get(server.url("/"))).await).contains("a line end"));
}

#[test]
fn nothing_of_a_credential_shows_its_secret() {
    let secrets = Secrets::new();
    let shown = format!("{:?}", secrets.credential("key", CredentialKind::Bearer, TOKEN));
    assert!(!shown.contains(TOKEN), "{shown}");
}
