//! Credentials that are exchanged for tokens, client certificates and a proxy, by the real command against real servers: an
//! AWS-compatible STS that checks signatures, an authorization server, a server behind mutual TLS, a forward proxy.

use std::{fs, path::Path, process::Command};

use evidenced_tests::{
    daemon::{Answer, Daemon},
    plugin,
    targets::{ForwardProxy, Target, node_modules, python, script, succeed},
};
use serde_json::Value;

/// What `check` finds, and its exit status.
#[track_caller]
fn check(daemon: &Daemon, control: &str) -> (i32, Value) {
    let mut answer = daemon.ask(&["check", control]);
    assert_eq!(answer.lines.len(), 1, "{answer:?}");
    (answer.code(), answer.lines.remove(0))
}

/// All that the doctor says of credentials, by level.
fn credentials(answer: &Answer) -> Vec<(String, String)> {
    let of = answer.lines.iter().filter(|line| line["aspect"] == "credential");
    of.map(|line| (line["level"].as_str().unwrap().to_owned(), line["found"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_role_is_assumed_at_a_real_sts_by_a_user_who_may_do_nothing_else() {
    let python = python("moto", &["moto[server]==5.2.5", "boto3"]);
    let place = tempfile::tempdir().unwrap();
    let target = Target::start(Command::new(python).arg(script("moto_target.py")).arg(place.path()));
    let keys: Value = serde_json::from_str(&fs::read_to_string(place.path().join("keys.json")).unwrap()).unwrap();
    let text = |name: &str| keys["guest"][name].as_str().unwrap();
    plugin("key-rotation");
    let url = format!("http://127.0.0.1:{}", target.port);
    let daemon = Daemon::new();
    daemon.write("guest", &format!("{}:{}", text("id"), text("secret")));
    daemon.configure(&format!(
        r#"
[[credential]]
id     = "guest"
kind   = "aws-sigv4"
secret = {{ file = "guest" }}

[[credential]]
id        = "role"
kind      = "aws-assume-role"
from      = "guest"
role_arn  = "arn:aws:iam::123456789012:role/audit"
region    = "us-east-1"
sts_url   = "{url}"
addresses = ["127.0.0.0/8"]

[[credential]]
id           = "machine"
kind         = "aws-instance"
metadata_url = "{url}"
addresses    = ["127.0.0.0/8"]

[[source]]
id         = "iam"
urls       = ["{url}"]
methods    = ["POST"]
credential = "role"
region     = "us-east-1"
service    = "iam"
addresses  = ["127.0.0.0/8"]

[[control]]
id       = "SEC-01"
title    = "Access keys are rotated at least every 90 days"
family   = "security"
owner    = "platform"
plugin   = "key-rotation"
every    = "1d"
config   = {{ endpoint = "{url}", max_age_days = 90 }}
sources  = ["iam"]
"#
    ));
    let (code, found) = check(&daemon, "SEC-01");
    assert_eq!((code, &found["outcome"], &found["population"]), (1, &"fail".into(), &5.into()), "{found}");
    assert!(!found.to_string().contains("x-amz-security-token: "), "{found}");
    let doctor = daemon.ask(&["doctor"]);
    let given =
        credentials(&doctor).into_iter().filter(|(level, found)| level == "ok" && found.starts_with("gives a token"));
    assert_eq!(given.count(), 2, "{doctor:?}");

    // The secret of another user.
    daemon.write("guest", &format!("{}:{}", text("id"), keys["bob"]["secret"].as_str().unwrap()));
    let (code, found) = check(&daemon, "SEC-01");
    assert_eq!((code, &found["outcome"]), (3, &"error".into()), "{found}");
    let told = found.to_string();
    assert!(told.contains("the credential `role` has no token") && told.contains("answers with status 403"), "{told}");
    assert!(!told.contains(keys["bob"]["secret"].as_str().unwrap()), "{told}");
    let doctor = daemon.ask(&["doctor"]);
    assert!(credentials(&doctor).iter().any(|(level, found)| level == "bad" && found.contains("`role`")), "{doctor:?}");
}

/// An authority, and certificates of it for a server on this machine and for a client.
pub(crate) fn make_certificates(folder: &Path) {
    let openssl = |words: &[&str]| {
        succeed(Command::new("openssl").args(words).current_dir(folder), "install openssl");
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(
        &[
            &["req", "-x509", "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "90", "-subj", "/CN=Authority"],
            &key[..],
        ]
        .concat(),
    );
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    for name in ["server", "client"] {
        let (secret, request, certificate) = (format!("{name}-key.pem"), format!("{name}.csr"), format!("{name}.pem"));
        openssl(
            &[&["req", "-keyout", &secret, "-out", &request, "-subj", &format!("/CN=the {name}")], &key[..]].concat(),
        );
        let signing = ["x509", "-req", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "90"];
        openssl(&[&signing[..], &["-extfile", "names", "-in", &request, "-out", &certificate]].concat());
    }
}

#[test]
fn a_token_and_a_certificate_reach_a_server_through_a_proxy_that_asks_for_a_login() {
    let place = tempfile::tempdir().unwrap();
    make_certificates(place.path());
    let modules = node_modules("oauth2-mock-server", "9.3.0");
    let target = Target::start(Command::new("node").arg(script("oauth2_target.mjs")).arg(modules).arg(place.path()));
    let port = fs::read_to_string(place.path().join("resource-port")).unwrap();
    let proxy = ForwardProxy::start("evidenced", "hunter2");
    plugin("inference-uptime");
    let daemon = Daemon::new();
    for name in ["ca.pem", "client.pem", "client-key.pem"] {
        fs::copy(place.path().join(name), daemon.path(name)).unwrap();
    }
    daemon.write("idp", "s3cr:t/of+the&client");
    daemon.write("proxy", "hunter2");
    daemon.configure(&format!(
        r#"
[network]
proxy          = "http://127.0.0.1:{}"
proxy_username = "evidenced"
proxy_password = {{ file = "proxy" }}

[[credential]]
id        = "idp"
kind      = "oauth2-client"
secret    = {{ file = "idp" }}
token_url = "http://127.0.0.1:{}/token"
client_id = "evidenced"
scopes    = ["models:ask"]
addresses = ["127.0.0.0/8"]

[[credential]]
id          = "mtls"
kind        = "client-certificate"
secret      = {{ file = "client-key.pem" }}
certificate = "client.pem"

[[source]]
id                 = "inference"
urls               = ["https://localhost:{port}"]
methods            = ["POST"]
credential         = "idp"
client_certificate = "mtls"
ca                 = "ca.pem"

[[control]]
id       = "AVL-01"
title    = "Inference answers a real request"
family   = "availability"
owner    = "serving"
plugin   = "inference-uptime"
every    = "1d"
sources  = ["inference"]

[control.config]
endpoint = "https://localhost:{port}"
protocol = "openai"
model    = "assistant"
golden   = [{{ prompt = "How much is 2 + 2?", contains = "4, says the client with Bearer ***" }}]
"#,
        proxy.port, target.port
    ));
    let (code, found) = check(&daemon, "AVL-01");
    assert_eq!((code, &found["outcome"]), (0, &"pass".into()), "{found}");
    assert!(proxy.log().contains(&format!("CONNECT localhost:{port}")), "{}", proxy.log());
    let token = fs::read_to_string(place.path().join("newest-token")).unwrap();
    assert!(!found.to_string().contains(&token), "{found}");
    let asked = || fs::read_to_string(place.path().join("tokens")).unwrap();
    assert_eq!(asked(), "given\n", "one token for all requests of the run");

    daemon.write("idp", "not the secret");
    let (code, found) = check(&daemon, "AVL-01");
    assert_eq!((code, &found["outcome"]), (3, &"error".into()), "{found}");
    let told = found.to_string();
    assert!(told.contains("the credential `idp` has no token") && told.contains("`invalid_client`"), "{told}");
    assert!(!told.contains("not the secret"), "{told}");

    daemon.write("idp", "s3cr:t/of+the&client");
    daemon.write("proxy", "not the password");
    let (_, found) = check(&daemon, "AVL-01");
    assert!(found.to_string().contains("it does not accept `proxy_username` and `proxy_password`"), "{found}");
    assert!(!found.to_string().contains("not the password"), "{found}");
}
