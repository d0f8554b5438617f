//! Tokens that are got, kept, renewed and refused: a scripted server gives them, and time is what a test says.

use std::sync::{Mutex, atomic::AtomicI64};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{any, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use evidenced_contract::HttpError;

use super::*;
use crate::{
    domain::{ClientAuth, CredentialKind, Oauth2Client, TokenPlace},
    secret::SecretSource,
};

const SECRET: &str = "s3cr+t/of:the&client";

/// What o'clock it is, and a hand to turn it.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW.parse::<Timestamp>().unwrap().as_millis())))
    }

    fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn clock(&self) -> super::super::Now {
        let millis = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millis(millis.load(Ordering::SeqCst)))
    }
}

/// Gives tokens `token-1-…`, `token-2-…` at `/token`, and elsewhere accepts those that were not called back.
struct Town {
    server: Server,
    given: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<String>>>,
    /// The number up to which tokens are refused.
    called_back: Arc<AtomicU32>,
    resource: Arc<AtomicU32>,
}

const TAIL: &str = "6b1f+9a/7c2d";

fn token(number: u32) -> String {
    format!("token-{number}-{TAIL}")
}

impl Town {
    /// `expires_in` as it stands in the answer; `pause` is how long an answer takes.
    async fn open(expires_in: &'static str, pause: Duration) -> Self {
        let (given, called_back, resource) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default(), Arc::default());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (counted, heard) = (Arc::clone(&given), Arc::clone(&asked));
        let give = move |request: Request| {
            let (counted, heard) = (Arc::clone(&counted), Arc::clone(&heard));
            async move {
                let authorization =
                    request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
                let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
                let said =
                    format!("{}|{}", authorization.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap());
                heard.lock().unwrap().push(said);
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::time::sleep(pause).await;
                format!(r#"{{"access_token":"{}","token_type":"bearer"{expires_in}}}"#, token(number))
            }
        };
        let (revoked, uses) = (Arc::clone(&called_back), Arc::<AtomicU32>::clone(&resource));
        let serve = move |request: Request| {
            let (revoked, uses) = (Arc::clone(&revoked), Arc::clone(&uses));
            async move {
                uses.fetch_add(1, Ordering::SeqCst);
                let shown = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
                let shown = shown.unwrap_or_default();
                let number =
                    shown.strip_prefix("Bearer token-").and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
                let status = match number {
                    Some(number) if number > revoked.load(Ordering::SeqCst) => StatusCode::OK,
                    _ => StatusCode::UNAUTHORIZED,
                };
                (status, format!("{shown} {}", STANDARD.encode(&shown))).into_response()
            }
        };
        let server = Server::http(Router::new().route("/token", post(give)).fallback(any(serve))).await;
        Self { server, given, asked, called_back, resource }
    }

    fn client(&self, client_auth: ClientAuth) -> Oauth2Client {
        Oauth2Client {
            place: TokenPlace { url: self.server.url("/token"), addresses: vec!["127.0.0.0/8".parse().unwrap()] },
            client_id: "evidenced app".into(),
            scopes: vec!["read:keys".into(), "read:users".into()],
            audience: Some("https://api.example.com".into()),
            client_auth,
        }
    }

    fn gate(&self, client: Oauth2Client, hand: &Hand) -> (Arc<Gate>, tempfile::TempDir) {
        gate_of(CredentialKind::Oauth2Client(client), SECRET, hand)
    }

    fn door(&self, gate: &Arc<Gate>) -> Door {
        door_of(gate, [Grant { credential: Some("idp".parse().unwrap()), ..self.server.grant() }])
    }

    fn given(&self) -> u32 {
        self.given.load(Ordering::SeqCst)
    }
}

fn gate_of(kind: CredentialKind, secret: &str, hand: &Hand) -> (Arc<Gate>, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("secret");
    std::fs::write(&file, secret).unwrap();
    let credential = CredentialSettings { id: "idp".parse().unwrap(), kind, secret: Some(SecretSource::File(file)) };
    let settings = GateSettings { credentials: vec![credential], now: hand.clock(), ..settings() };
    (Arc::new(Gate::new(settings).unwrap()), place)
}

#[tokio::test]
async fn who_has_given_a_token_cannot_tell_it_again() {
    let (town, hand) = (Town::open(",\"expires_in\":3600", Duration::ZERO).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let other = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let grant = Grant { credential: Some("idp".parse().unwrap()), ..other.grant() };
    door_of(&gate, [grant]).send(get(other.url("/"))).await.unwrap();
    let giver = crate::gate::request::Target::of(&town.server.url("/token").parse().unwrap()).unwrap();
    assert!(gate.confided.cleaning(&giver).unwrap().knows(&crate::secret::Secret::new(token(1))));
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let (town, hand) = (Town::open(",\"expires_in\":3600", Duration::ZERO).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let door = town.door(&gate);
    for (turned, tokens) in [(0, 1), (3_500, 1), (39, 1), (1, 2), (3_539, 2), (1, 3)] {
        hand.turn(turned);
        assert!(door.send(get(town.server.url("/"))).await.is_ok());
        assert_eq!(town.given(), tokens, "after {turned} s more");
    }
    // A clock that is set back does not make a token younger.
    hand.turn(-7_200);
    assert!(door.send(get(town.server.url("/"))).await.is_ok());
    assert_eq!(town.given(), 4);
}

#[tokio::test]
async fn a_short_life_an_untold_one_and_one_in_text_are_understood() {
    // Seconds after which the token is still used, and those after which it is not.
    for (expires_in, used, not_used) in [
        (",\"expires_in\":40", 29, 31),
        (",\"expires_in\":\"3600\"", 3_539, 3_541),
        ("", 239, 241),
        (",\"expires_in\":null", 239, 241),
        (",\"expires_in\":1e300", 86_339, 86_341),
    ] {
        let (town, hand) = (Town::open(expires_in, Duration::ZERO).await, Hand::new());
        let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
        let door = town.door(&gate);
        let mut tokens = Vec::new();
        for turned in [0, used, not_used - used] {
            hand.turn(turned);
            assert!(door.send(get(town.server.url("/"))).await.is_ok(), "{expires_in}");
            tokens.push(town.given());
        }
        assert_eq!(tokens, [1, 1, 2], "{expires_in}");
    }
}

#[tokio::test]
async fn the_client_shows_its_secret_as_it_is_told_to() {
    for (auth, expected) in [
        (
            ClientAuth::Basic,
            format!(
                "Basic {}|grant_type=client_credentials&scope=read%3Akeys+read%3Ausers&audience=https%3A%2F%2Fapi.example.com",
                // Form encoding comes before base64 (RFC 6749, section 2.3.1).
                STANDARD.encode("evidenced+app:s3cr%2Bt%2Fof%3Athe%26client")
            ),
        ),
        (
            ClientAuth::Post,
            "|grant_type=client_credentials&scope=read%3Akeys+read%3Ausers&audience=https%3A%2F%2Fapi.example.com\
             &client_id=evidenced+app&client_secret=s3cr%2Bt%2Fof%3Athe%26client"
                .to_owned(),
        ),
    ] {
        let (town, hand) = (Town::open("", Duration::ZERO).await, Hand::new());
        let (gate, _place) = town.gate(town.client(auth), &hand);
        assert!(town.door(&gate).send(get(town.server.url("/"))).await.is_ok());
        assert_eq!(*town.asked.lock().unwrap(), [expected]);
    }
}

#[tokio::test]
async fn many_that_need_a_token_at_once_ask_once() {
    let (town, hand) = (Town::open(",\"expires_in\":3600", Duration::from_millis(200)).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let doors: Vec<Door> = (0..4).map(|_| town.door(&gate)).collect();
    let all = doors.iter().map(|door| door.send_all((0..8).map(|_| get(town.server.url("/"))).collect()));
    for answer in futures_util::future::join_all(all).await.into_iter().flat_map(answers) {
        assert_eq!(answer.unwrap().exchange.attempts, 1);
    }
    assert_eq!((town.given(), town.resource.load(Ordering::SeqCst)), (1, 32));
}

#[tokio::test]
async fn one_that_stops_waiting_leaves_the_question_to_the_next() {
    let (town, hand) = (Town::open(",\"expires_in\":3600", Duration::from_millis(300)).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let grant = Grant { credential: Some("idp".parse().unwrap()), ..town.server.grant() };
    let short = Budget { deadline: Instant::now() + Duration::from_millis(100), ..budget() };
    let hasty = gate.for_run(control(), [grant].into(), short);
    let patient = town.door(&gate);
    let (first, second) = tokio::join!(hasty.send(get(town.server.url("/"))), patient.send(get(town.server.url("/"))));
    assert_eq!(first, Err(HttpError::Limit("wall".into())));
    assert!(second.is_ok(), "{second:?}");
}

#[tokio::test]
async fn a_token_that_is_called_back_is_replaced_once_for_all() {
    let (town, hand) = (Town::open(",\"expires_in\":3600", Duration::ZERO).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let door = town.door(&gate);
    assert!(door.send(get(town.server.url("/"))).await.is_ok());
    town.called_back.store(1, Ordering::SeqCst);
    let all = door.send_all((0..8).map(|_| get(town.server.url("/"))).collect()).await;
    for answer in answers(all) {
        assert!(answer.unwrap().exchange.attempts <= 2);
    }
    assert_eq!(town.given(), 2);
}

/// POST, too: who answers 401 has done nothing.
#[tokio::test]
async fn a_request_is_repeated_once_at_401_and_not_again() {
    for method in ["GET", "POST"] {
        let (town, hand) = (Town::open(",\"expires_in\":3600", Duration::ZERO).await, Hand::new());
        town.called_back.store(u32::MAX, Ordering::SeqCst);
        let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
        let door = town.door(&gate);
        let ask = || HttpRequest { method: method.into(), ..get(town.server.url("/")) };
        let Err(HttpError::Status(response)) = door.send(ask()).await else { panic!() };
        assert_eq!((response.exchange.status, response.exchange.attempts), (401, 2));
        assert_eq!((town.given(), town.resource.load(Ordering::SeqCst)), (2, 2));
        // It is not the token that is wrong: the next requests ask nobody for another one, until a minute has passed.
        for (turned, given, used) in [(0, 2, 3), (59, 2, 4), (1, 3, 6)] {
            hand.turn(turned);
            assert!(matches!(door.send(ask()).await, Err(HttpError::Status(_))));
            assert_eq!((town.given(), town.resource.load(Ordering::SeqCst)), (given, used), "after {turned} s");
        }
    }
}

#[tokio::test]
async fn a_token_is_masked_as_a_secret_is() {
    let (town, hand) = (Town::open("", Duration::ZERO).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let door = town.door(&gate);
    let masked = |body: &str| {
        assert!(body.starts_with("Bearer *** "), "{body}");
        for number in [1, 2] {
            let within = STANDARD.encode(format!("Bearer {}", token(number)));
            assert!(!body.contains(TAIL) && !body.contains(&within[12..32]), "{body}");
        }
    };
    masked(&text(door.send(get(town.server.url("/"))).await));
    town.called_back.store(9, Ordering::SeqCst);
    let Err(HttpError::Status(response)) = door.send(get(town.server.url("/"))).await else { panic!() };
    masked(&String::from_utf8(response.body).unwrap());
    assert!(!format!("{:?}", response.exchange).contains(TAIL));
}

#[tokio::test]
async fn a_plugin_may_not_set_the_header_of_the_token() {
    let (town, hand) = (Town::open("", Duration::ZERO).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let own = vec![("authorization".to_owned(), "Bearer mine".to_owned())];
    let answer = town.door(&gate).send(HttpRequest { headers: own, ..get(town.server.url("/")) }).await;
    assert_eq!(refusal(answer), "the header `authorization` is set by the host; leave it out");
}

/// What is said when `answer` comes from where a token should.
async fn failure_at(answer: Response<String>) -> HttpError {
    let answer = Arc::new(answer);
    let server = Server::http(Router::new().fallback(move || {
        let mut copy = Response::new(answer.body().clone());
        *copy.status_mut() = answer.status();
        *copy.headers_mut() = answer.headers().clone();
        async move { copy }
    }))
    .await;
    let client = Oauth2Client {
        place: TokenPlace { url: server.url("/token"), addresses: vec!["127.0.0.0/8".parse().unwrap()] },
        client_id: "c".into(),
        scopes: Vec::new(),
        audience: None,
        client_auth: ClientAuth::Post,
    };
    let (gate, _place) = gate_of(CredentialKind::Oauth2Client(client), SECRET, &Hand::new());
    let grant = Grant { credential: Some("idp".parse().unwrap()), ..server.grant() };
    let error = door_of(&gate, [grant]).send(get(server.url("/"))).await.unwrap_err();
    let place = server.address.to_string();
    match error {
        HttpError::Refused(why) => HttpError::Refused(why.replace(&place, "HOST")),
        other => other,
    }
}

fn answering(status: u16, body: &str) -> Response<String> {
    Response::builder().status(status).body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn why_there_is_no_token_is_told_and_what_to_do() {
    let refused = |why: &str| HttpError::Refused(format!("the credential `idp` has no token: {why}"));
    let no_token = "what HOST answers is no token: see that the URL is that of its tokens";
    let not_accepted = "the secret or who it is for is not accepted: compare both, and have the secret renewed";
    for (status, body, expected) in [
        (
            401,
            r#"{"error":"invalid_client"}"#,
            refused(&format!("HOST answers with status 401 and `invalid_client`: {not_accepted}")),
        ),
        (401, "<html>", refused(&format!("HOST answers with status 401: {not_accepted}"))),
        (
            400,
            r#"{"error":"invalid_scope","error_description":"nothing of this is told"}"#,
            refused(
                "HOST answers with status 400 and `invalid_scope`: a scope is unknown or not allowed: compare `scopes` with \
                 what the client may ask for",
            ),
        ),
        (
            400,
            r#"{"error":"made_up"}"#,
            refused(
                "HOST answers with status 400: see that the URL is that of its tokens, and what the client is allowed",
            ),
        ),
        (
            302,
            "",
            refused(
                "HOST answers with status 302: see that the URL is that of its tokens, and what the client is allowed",
            ),
        ),
        (503, "", refused("HOST answers with status 503; the next run asks again")),
        (500, r#"{"error":"invalid_client"}"#, refused("HOST answers with status 500; the next run asks again")),
        (200, "<html>", refused(no_token)),
        (200, "{}", refused(no_token)),
        (200, r#"{"access_token":""}"#, refused(no_token)),
        (200, r#"{"access_token":"two words"}"#, refused(no_token)),
        (
            200,
            r#"{"access_token":"t","token_type":"mac"}"#,
            refused("what is given is no bearer token, and no other kind can be sent"),
        ),
    ] {
        let told = failure_at(answering(status, body)).await;
        assert_eq!(told, expected, "{status} {body}");
    }
    let long = answering(200, &"x".repeat(70_000));
    assert_eq!(failure_at(long).await, refused("the answer is too long for one"));
}

#[tokio::test]
async fn many_that_wait_for_a_token_in_vain_are_told_the_same_of_one_question() {
    let asked = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&asked);
    let server = Server::http(Router::new().fallback(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            StatusCode::BAD_REQUEST
        }
    }))
    .await;
    let place = TokenPlace { url: server.url("/token"), addresses: vec!["127.0.0.0/8".parse().unwrap()] };
    let client = Oauth2Client {
        place,
        client_id: "c".into(),
        scopes: Vec::new(),
        audience: None,
        client_auth: ClientAuth::Basic,
    };
    let (gate, _place) = gate_of(CredentialKind::Oauth2Client(client), SECRET, &Hand::new());
    let grant = Grant { credential: Some("idp".parse().unwrap()), ..server.grant() };
    let door = door_of(&gate, [grant]);
    let all = answers(door.send_all((0..16).map(|_| get(server.url("/"))).collect()).await);
    assert!(all.windows(2).all(|pair| pair[0] == pair[1] && pair[0].is_err()), "{all:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// The rules of addresses, encryption and time are those of every request.
#[tokio::test]
async fn who_gives_tokens_is_reached_by_the_rules_of_every_request() {
    let town = Town::open("", Duration::ZERO).await;
    let mut client = town.client(ClientAuth::Basic);
    client.place.addresses.clear();
    let (gate, _place) = town.gate(client, &Hand::new());
    let why = refusal(town.door(&gate).send(get(town.server.url("/"))).await);
    let expected = format!(
        "the credential `idp` has no token: {} leads to 127.0.0.1, which is loopback: the credential needs \
         `addresses = [\"127.0.0.1/32\"]`",
        town.server.address
    );
    assert_eq!((why, town.given()), (expected, 0));

    let busy = Server::answering("HTTP/1.1 429 Too Many\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n").await;
    let mut client = town.client(ClientAuth::Basic);
    client.place.url = busy.url("/token");
    let (gate, _place) = town.gate(client, &Hand::new());
    for told in ["answers with status 429; the next run asks again", "asks to come back later; the next run asks again"]
    {
        let why = refusal(town.door(&gate).send(get(town.server.url("/"))).await);
        assert!(why.starts_with("the credential `idp` has no token: ") && why.ends_with(told), "{why}");
    }
    assert_eq!(busy.connections(), 1);
    let traffic = gate.traffic().into_iter().find(|one| one.source == busy.address.to_string()).unwrap();
    assert_eq!((traffic.requests, traffic.throttled, traffic.credential.unwrap().as_str()), (1, 1, "idp"));
}

mod no_byte_of_a_secret {
    use super::*;
    use proptest::prelude::*;

    /// The secret in every dress that an answer may give it, and a token that is never accepted.
    fn body() -> impl Strategy<Value = String> {
        let dress = prop::sample::select(vec![
            SECRET.to_owned(),
            STANDARD.encode(SECRET),
            hex::encode(SECRET),
            token(7),
            format!("{} {}", token(7), SECRET),
        ]);
        let shape = prop::sample::select(vec![
            "{}",
            r#"{"error":"@"}"#,
            r#"{"error":"invalid_client","error_description":"@"}"#,
            r#"{"access_token":"@ "}"#,
            r#"{"access_token":"x","token_type":"@"}"#,
            r#"{"access_token":["@"]}"#,
            r#"{"access_token":"x","expires_in":"@"}"#,
            "@",
        ]);
        (shape, dress).prop_map(|(shape, dress)| shape.replace('@', &dress))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn is_in_what_is_told(status in prop::sample::select(vec![200_u16, 302, 400, 401, 403, 429, 500, 503]), body in body()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let told = runtime.block_on(failure_at_or_answer(answering(status, &body)));
            for secret in [SECRET, &STANDARD.encode(SECRET), &hex::encode(SECRET), TAIL] {
                prop_assert!(!told.contains(secret), "{}", told);
            }
        }
    }

    /// As shown to people and as kept: `Display`, `Debug` and JSON.
    async fn failure_at_or_answer(answer: Response<String>) -> String {
        if answer.status() == 200 && answer.body().contains("\"x\"") && !answer.body().contains("token_type") {
            return String::new(); // A good token, which the same server then gets to see: not a failure.
        }
        let error = failure_at(answer).await;
        format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap())
    }
}

#[tokio::test]
async fn nothing_that_holds_a_token_shows_it() {
    let (town, hand) = (Town::open("", Duration::ZERO).await, Hand::new());
    let (gate, _place) = town.gate(town.client(ClientAuth::Basic), &hand);
    let asking = super::super::token::Asking { gate: &gate, control: &control(), end: budget().deadline };
    let settings = gate.credentials.values().next().unwrap();
    let held = gate.tokens.current(settings, &asking).await.unwrap();
    let shown = format!("{held:?} {settings:?}");
    assert!(shown.contains("***") && !shown.contains(TAIL) && !shown.contains(SECRET), "{shown}");
}
