//! Keys and tokens of AWS, Google and GitHub: a scripted server answers in the shapes that each of them documents.

use std::sync::Mutex;

use axum::{Router, extract::Request, http::StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use evidenced_contract::HttpError;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs1KeyDer, pem::PemObject};

use super::*;
use crate::{
    domain::{AssumedRole, CredentialKind, GithubApp, InstanceRole, ServiceAccount, TokenPlace},
    secret::SecretSource,
};

/// A published key: that of RFC 7515, appendix A.2.
const KEY: &str = include_str!("../token/testdata/rfc7515-a2.pem");

/// From "AssumeRole" of the AWS Security Token Service API Reference, but for the time.
const ASSUMED: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <SourceIdentity>DevUser123</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW==</SessionToken>
      <Expiration>2026-03-02T07:00:00Z</Expiration>
    </Credentials>
    <PackedPolicySize>6</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata>
    <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>
  </ResponseMetadata>
</AssumeRoleResponse>"#;

const DENIED: &str = r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>AccessDenied</Code>
    <Message>User: arn:aws:iam::123456789012:user/evidenced is not authorized to perform: sts:AssumeRole</Message>
  </Error>
  <RequestId>ae99ef70-7a40-4d8d-b07a-c5d0d7a9d1b9</RequestId>
</ErrorResponse>"#;

/// From "Retrieve security credentials from instance metadata" of the EC2 User Guide, but for the time.
const INSTANCE: &str = r#"{
  "Code" : "Success",
  "LastUpdated" : "2012-04-26T16:39:16Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIAIOSFODNN7EXAMPLE",
  "SecretAccessKey" : "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY",
  "Token" : "IQoJb3JpZ2luX2VjEPT",
  "Expiration" : "2026-03-02T07:00:00Z"
}"#;

/// What was asked, head and body, and an answer by method and path.
struct Peer {
    server: Server,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn answering(answer: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        let server = Server::http(Router::new().fallback(move |request: Request| {
            let (heard, answer) = (Arc::clone(&heard), answer.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let mut text = line.clone();
                for (name, value) in request.headers() {
                    text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
                }
                let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
                text.push_str(&format!("\n\n{}", String::from_utf8(body.to_vec()).unwrap()));
                heard.lock().unwrap().push(text);
                let (status, body) = answer(&line);
                (StatusCode::from_u16(status).unwrap(), body)
            }
        }))
        .await;
        Self { server, asked }
    }

    fn place(&self, path: &str) -> TokenPlace {
        TokenPlace { url: self.server.url(path), addresses: vec!["127.0.0.0/8".parse().unwrap()] }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.lines().next().unwrap().to_owned()).collect()
    }

    fn grant(&self, credential: &str) -> Grant {
        let credential = Some(credential.parse().unwrap());
        Grant { credential, region: Some("eu-central-1".into()), service: Some("iam".into()), ..self.server.grant() }
    }
}

struct Held {
    gate: Arc<Gate>,
    _place: tempfile::TempDir,
}

fn held(credentials: &[(&str, CredentialKind, Option<&str>)]) -> Held {
    let place = tempfile::tempdir().unwrap();
    let settings = credentials.iter().map(|(id, kind, secret)| CredentialSettings {
        id: id.parse().unwrap(),
        kind: kind.clone(),
        secret: secret.map(|secret| {
            std::fs::write(place.path().join(id), secret).unwrap();
            SecretSource::File(place.path().join(id))
        }),
    });
    Held { gate: gate(settings.collect(), Vec::new(), None), _place: place }
}

fn role(from: &str, peer: &Peer) -> CredentialKind {
    CredentialKind::AwsAssumeRole(AssumedRole {
        from: from.parse().unwrap(),
        role_arn: "arn:aws:iam::123456789012:role/audit".into(),
        external_id: Some("ours, not theirs".into()),
        session_name: "evidenced".into(),
        region: "eu-central-1".into(),
        duration: Duration::from_secs(900),
        place: peer.place("/"),
    })
}

#[tokio::test]
async fn a_role_is_assumed_and_signs_with_the_key_of_its_session() {
    let peer = Peer::answering(|line| match line {
        "POST /" => (200, ASSUMED.to_owned()),
        _ => (200, "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW== told".to_owned()),
    })
    .await;
    let kind = CredentialKind::AwsSigv4 { access_key_id: None };
    let held = held(&[("user", kind, Some("AKIDEXAMPLE:secret")), ("role", role("user", &peer), None)]);
    let door = door_of(&held.gate, [peer.grant("role")]);
    assert_eq!(text(door.send(get(peer.server.url("/keys"))).await), "*** told");
    assert!(door.send(get(peer.server.url("/keys"))).await.is_ok());
    assert_eq!(peer.lines(), ["POST /", "GET /keys", "GET /keys"]);
    let [assume, keys, _] = peer.asked().try_into().unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260302/eu-central-1/sts/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature=";
    assert!(assume.contains(scope), "{assume}");
    let form = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Faudit\
                &RoleSessionName=evidenced&DurationSeconds=900&ExternalId=ours%2C+not+theirs";
    assert!(assume.ends_with(form), "{assume}");
    assert!(keys.contains("Credential=ASIAIOSFODNN7EXAMPLE/20260302/eu-central-1/iam/aws4_request"), "{keys}");
    assert!(
        keys.contains("\nx-amz-security-token: AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW==")
    );
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_says_what_is_missing() {
    let peer = Peer::answering(|_| (403, DENIED.to_owned())).await;
    let kind = CredentialKind::AwsSigv4 { access_key_id: None };
    let held = held(&[("user", kind, Some("AKIDEXAMPLE:secret")), ("role", role("user", &peer), None)]);
    let why = refusal(door_of(&held.gate, [peer.grant("role")]).send(get(peer.server.url("/keys"))).await);
    let expected = format!(
        "the credential `role` has no token: {} answers with status 403 and `AccessDenied`: the role's trust policy must name \
         who asks (and its `external_id`), whose own policy must allow sts:AssumeRole",
        peer.server.address
    );
    assert_eq!(why, expected);
}

#[tokio::test]
async fn what_aws_calls_expired_is_got_anew_once() {
    let peer = Peer::answering(|line| match line {
        "POST /" => (200, ASSUMED.to_owned()),
        _ => (403, "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>".to_owned()),
    })
    .await;
    let kind = CredentialKind::AwsSigv4 { access_key_id: None };
    let held = held(&[("user", kind, Some("AKIDEXAMPLE:secret")), ("role", role("user", &peer), None)]);
    let answer = door_of(&held.gate, [peer.grant("role")]).send(get(peer.server.url("/keys"))).await;
    assert!(matches!(answer, Err(HttpError::Status(_))), "{answer:?}");
    assert_eq!(peer.lines(), ["POST /", "GET /keys", "POST /", "GET /keys"]);
}

fn metadata(line: &str) -> (u16, String) {
    match line {
        "PUT /latest/api/token" => (200, "AQAEAIIEsession==".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/" => (200, "audit-role\n".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/audit-role" => (200, INSTANCE.to_owned()),
        "GET /keys" => (200, "keys".to_owned()),
        other => (404, other.to_owned()),
    }
}

#[tokio::test]
async fn the_role_of_a_machine_is_got_by_version_2_of_its_metadata() {
    let peer = Peer::answering(metadata).await;
    let instance = CredentialKind::AwsInstance(InstanceRole::Metadata(peer.place("")));
    let held = held(&[("machine", instance, None)]);
    assert_eq!(text(door_of(&held.gate, [peer.grant("machine")]).send(get(peer.server.url("/keys"))).await), "keys");
    let [session, names, role, keys] = peer.asked().try_into().unwrap();
    assert!(session.contains("\nx-aws-ec2-metadata-token-ttl-seconds: 60"), "{session}");
    for asked in [names, role] {
        assert!(asked.contains("\nx-aws-ec2-metadata-token: AQAEAIIEsession=="), "{asked}");
    }
    assert!(keys.contains("\nx-amz-security-token: IQoJb3JpZ2luX2VjEPT"), "{keys}");
    assert!(!keys.contains("AQAEAIIEsession"));
}

#[tokio::test]
async fn a_role_is_assumed_from_that_of_the_machine() {
    let peer = Peer::answering(|line| if line == "POST /" { (200, ASSUMED.to_owned()) } else { metadata(line) }).await;
    let instance = CredentialKind::AwsInstance(InstanceRole::Metadata(peer.place("/")));
    let held = held(&[("machine", instance, None), ("role", role("machine", &peer), None)]);
    assert_eq!(text(door_of(&held.gate, [peer.grant("role")]).send(get(peer.server.url("/keys"))).await), "keys");
    assert!(peer.asked()[3].contains("\nx-amz-security-token: IQoJb3JpZ2luX2VjEPT"));
    assert_eq!(peer.lines().len(), 5);
}

#[tokio::test]
async fn a_machine_without_a_role_says_so() {
    for (path, status, body, why) in [
        ("PUT /latest/api/token", 403, "", "turn the instance's metadata service on, version 2"),
        ("GET /latest/meta-data/iam/security-credentials/", 404, "", "the instance has no role"),
        ("GET /latest/meta-data/iam/security-credentials/", 200, "\n", "the instance has no role"),
        (
            "GET /latest/meta-data/iam/security-credentials/audit-role",
            200,
            r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"m"}"#,
            "the platform has no key for the role: see the role's trust policy",
        ),
    ] {
        let peer =
            Peer::answering(move |line| if line == path { (status, body.to_owned()) } else { metadata(line) }).await;
        let instance = CredentialKind::AwsInstance(InstanceRole::Metadata(peer.place("")));
        let held = held(&[("machine", instance, None)]);
        let told = refusal(door_of(&held.gate, [peer.grant("machine")]).send(get(peer.server.url("/keys"))).await);
        assert!(told.contains(why), "{told}");
    }
}

/// The claims of an assertion whose signature a verifier of its own accepts.
#[track_caller]
fn verified(assertion: &str) -> (serde_json::Value, serde_json::Value) {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let der = PrivatePkcs1KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(header), json(claims))
}

fn key_file(token_uri: &str) -> String {
    serde_json::json!({
        "type": "service_account",
        "project_id": "example",
        "private_key_id": "a1b2",
        "private_key": KEY,
        "client_email": "evidenced@example.iam.gserviceaccount.com",
        "token_uri": token_uri,
    })
    .to_string()
}

fn account(subject: Option<&str>) -> CredentialKind {
    CredentialKind::GoogleServiceAccount(ServiceAccount {
        scopes: vec!["https://www.googleapis.com/auth/a".into(), "https://www.googleapis.com/auth/b".into()],
        subject: subject.map(str::to_owned),
        token_url: None,
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
    })
}

#[tokio::test]
async fn a_service_account_shows_an_assertion_and_gets_a_token() {
    let peer = Peer::answering(|line| match line {
        "POST /token" => (200, r#"{"access_token":"ya29.c.given","expires_in":3599,"token_type":"Bearer"}"#.to_owned()),
        _ => (200, "ya29.c.given told".to_owned()),
    })
    .await;
    let held = held(&[("robot", account(Some("admin@example.com")), Some(&key_file(&peer.server.url("/token"))))]);
    let door = door_of(&held.gate, [peer.grant("robot")]);
    assert_eq!(text(door.send(get(peer.server.url("/users"))).await), "*** told");
    let [asked, used] = peer.asked().try_into().unwrap();
    let form: std::collections::HashMap<_, _> =
        url::form_urlencoded::parse(asked.rsplit('\n').next().unwrap().as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (header, claims) = verified(&form["assertion"]);
    assert_eq!(header, serde_json::json!({ "alg": "RS256", "kid": "a1b2", "typ": "JWT" }));
    let now = NOW.parse::<Timestamp>().unwrap().as_millis() / 1_000;
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "evidenced@example.iam.gserviceaccount.com",
            "sub": "admin@example.com",
            "scope": "https://www.googleapis.com/auth/a https://www.googleapis.com/auth/b",
            "aud": peer.server.url("/token"),
            "iat": now,
            "exp": now + 3_600,
        })
    );
    assert!(used.contains("\nauthorization: Bearer ya29.c.given"));
}

#[tokio::test]
async fn a_key_of_google_that_is_none_is_refused_without_a_byte_of_it() {
    let peer = Peer::answering(|_| (400, r#"{"error":"invalid_grant","error_description":"@"}"#.to_owned())).await;
    let ask = async |secret: &str| {
        let held = held(&[("robot", account(None), Some(secret))]);
        let told = refusal(door_of(&held.gate, [peer.grant("robot")]).send(get(peer.server.url("/users"))).await);
        assert!(!told.contains("MIIE") && !told.contains("hunter2"), "{told}");
        told
    };
    assert!(ask("hunter2").await.contains("its secret is not the JSON of a key"));
    assert!(
        ask(r#"{"client_email":"hunter2","private_key":"hunter2","token_uri":"https://a/"}"#).await.contains("not PEM")
    );
    assert!(ask(&key_file("http://login.example.com/token")).await.contains("the `token_uri` of its key is not https"));
    assert!(ask(&key_file(&peer.server.url("/token"))).await.contains("`invalid_grant`: the key or its account"));
}

#[tokio::test]
async fn an_app_of_github_gets_the_token_of_an_installation() {
    let peer = Peer::answering(|line| match line {
        "POST /app/installations/98765432/access_tokens" => (
            201,
            // From "Create an installation access token for an app" of GitHub's REST API, but for the time.
            r#"{"token":"ghs_16C7e42F292c6912E7710c838347Ae178B4a","expires_at":"2026-03-02T07:00:00Z",
                "permissions":{"issues":"write","contents":"read"},"repository_selection":"selected"}"#
                .to_owned(),
        ),
        "GET /orgs/example/members" => (200, "[]".to_owned()),
        _ => (404, "{}".to_owned()),
    })
    .await;
    let app = |installation_id| {
        CredentialKind::GithubApp(GithubApp { app_id: "12345".into(), installation_id, place: peer.place("/") })
    };
    let held = held(&[("app", app(98_765_432), Some(KEY)), ("other", app(1), Some(KEY))]);
    let door = door_of(&held.gate, [Grant { named_credentials: vec!["other".parse().unwrap()], ..peer.grant("app") }]);
    assert_eq!(text(door.send(get(peer.server.url("/orgs/example/members"))).await), "[]");
    let [asked, used] = peer.asked().try_into().unwrap();
    assert!(
        asked.contains("\naccept: application/vnd.github+json") && asked.contains("\nx-github-api-version: 2022-11-28")
    );
    let assertion = asked.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let (_, claims) = verified(assertion);
    let now = NOW.parse::<Timestamp>().unwrap().as_millis() / 1_000;
    assert_eq!(claims, serde_json::json!({ "iss": "12345", "iat": now - 60, "exp": now + 480 }));
    assert!(used.contains("\nauthorization: Bearer ghs_16C7e42F292c6912E7710c838347Ae178B4a"));

    let named = HttpRequest { auth: evidenced_contract::Auth::Named("other".into()), ..get(peer.server.url("/")) };
    let why = refusal(door.send(named).await);
    assert!(
        why.ends_with(
            "answers with status 404: there is no such `installation_id` of this app: see the app's page `Install App`"
        ),
        "{why}"
    );
}
