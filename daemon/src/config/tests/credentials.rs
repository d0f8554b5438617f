//! What credentials, the proxy and roots become.

use std::time::Duration;

use super::Folder;
use crate::{
    config::{Config, Loaded},
    domain::{
        AssumedRole, ClientAuth, CredentialKind, GithubApp, InstanceRole, Oauth2Client, PastProxy, ServiceAccount,
        TokenPlace,
    },
    secret::SecretSource,
};

const WRITTEN: &str = r#"
organization = "Example AI"

[[recipient]]
id = "all"
email = ["all@example.com"]

[network]
proxy          = "http://proxy.example.com:3128"
proxy_username = "evidenced"
proxy_password = { credential = "proxy" }
no_proxy       = ["vault.internal", ".internal.example.com", "10.0.0.0/8"]
ca             = ["internal.pem"]

[[credential]]
id        = "idp"
kind      = "oauth2-client"
secret    = { credential = "idp" }
token_url = "https://login.example.com/oauth2/token"
client_id = "evidenced"
scopes    = ["read:keys", "read:users"]

[[credential]]
id          = "idp-inside"
kind        = "oauth2-client"
secret      = { file = "idp" }
token_url   = "http://127.0.0.1:8080/token"
client_id   = "evidenced"
client_auth = "post"
audience    = "https://api.example.com"
addresses   = ["127.0.0.0/8"]

[[credential]]
id          = "role"
kind        = "aws-assume-role"
from        = "machine"
role_arn    = "arn:aws:iam::123456789012:role/audit"
external_id = "ours"
region      = "eu-central-1"

[[credential]]
id       = "role-in-china"
kind     = "aws-assume-role"
from     = "role"
role_arn = "arn:aws-cn:iam::123456789012:role/audit"
region   = "cn-north-1"
duration = "15m"

[[credential]]
id   = "machine"
kind = "aws-instance"

[[credential]]
id           = "machine-6"
kind         = "aws-instance"
metadata_url = "http://[fd00:ec2::254]"

[[credential]]
id   = "task"
kind = "aws-instance"
from = "container"

[[credential]]
id     = "pod"
kind   = "aws-instance"
from   = "web-identity"
region = "eu-central-1"

[[credential]]
id      = "robot"
kind    = "google-service-account"
secret  = { credential = "robot" }
scopes  = "https://www.googleapis.com/auth/cloud-platform.read-only"
subject = "admin@example.com"

[[credential]]
id              = "app"
kind            = "github-app"
secret          = { credential = "app" }
app_id          = 12345
installation_id = 98765432

[[credential]]
id              = "app-of-ours"
kind            = "github-app"
secret          = { credential = "app" }
app_id          = "Iv23abc"
installation_id = 1
api_url         = "https://github.example.com/api/v3"

[[credential]]
id          = "mtls"
kind        = "client-certificate"
secret      = { credential = "mtls-key" }
certificate = "mtls.pem"

[[source]]
id                 = "partner"
urls               = ["https://partner.example.com"]
credential         = "idp"
client_certificate = "mtls"
ca                 = "partner.pem"

[[control]]
id      = "SEC-01"
owner   = "platform"
plugin  = "key-rotation"
every   = "1d"
sources = ["partner"]
"#;

fn loaded(folder: &Folder) -> Loaded {
    folder.load().unwrap_or_else(|refused| panic!("{refused}"))
}

fn public(url: &str) -> TokenPlace {
    TokenPlace { url: url.into(), addresses: Vec::new() }
}

#[test]
fn every_kind_of_credential_is_read_as_it_is_meant() {
    let folder = Folder::with(&[("evidenced.toml", WRITTEN)]);
    let config = loaded(&folder).config;
    let kind = |id: &str| config.credential(&id.parse().unwrap()).unwrap().kind.clone();
    let scopes = vec!["read:keys".to_owned(), "read:users".to_owned()];
    let idp = Oauth2Client {
        place: public("https://login.example.com/oauth2/token"),
        client_id: "evidenced".into(),
        scopes,
        audience: None,
        client_auth: ClientAuth::Basic,
    };
    assert_eq!(kind("idp"), CredentialKind::Oauth2Client(idp.clone()));
    let place =
        TokenPlace { url: "http://127.0.0.1:8080/token".into(), addresses: vec!["127.0.0.0/8".parse().unwrap()] };
    let audience = Some("https://api.example.com".into());
    let inside = Oauth2Client { place, scopes: Vec::new(), audience, client_auth: ClientAuth::Post, ..idp };
    assert_eq!(kind("idp-inside"), CredentialKind::Oauth2Client(inside));
    let role = AssumedRole {
        from: "machine".parse().unwrap(),
        role_arn: "arn:aws:iam::123456789012:role/audit".into(),
        external_id: Some("ours".into()),
        session_name: "evidenced".into(),
        region: "eu-central-1".into(),
        duration: Duration::from_secs(3_600),
        place: public("https://sts.eu-central-1.amazonaws.com"),
    };
    assert_eq!(kind("role"), CredentialKind::AwsAssumeRole(role));
    let CredentialKind::AwsAssumeRole(china) = kind("role-in-china") else { panic!() };
    assert_eq!((china.place.url.as_str(), china.duration.as_secs()), ("https://sts.cn-north-1.amazonaws.com.cn", 900));
    for (id, url, range) in [
        ("machine", "http://169.254.169.254", "169.254.169.254"),
        ("machine-6", "http://[fd00:ec2::254]", "fd00:ec2::254"),
    ] {
        let place = TokenPlace { url: url.into(), addresses: vec![range.parse().unwrap()] };
        assert_eq!(kind(id), CredentialKind::AwsInstance(InstanceRole::Metadata(place)));
    }
    assert_eq!(kind("task"), CredentialKind::AwsInstance(InstanceRole::Container));
    let place = public("https://sts.eu-central-1.amazonaws.com");
    let pod = InstanceRole::WebIdentity { session_name: "evidenced".into(), place };
    assert_eq!(kind("pod"), CredentialKind::AwsInstance(pod));
    let robot = ServiceAccount {
        scopes: vec!["https://www.googleapis.com/auth/cloud-platform.read-only".into()],
        subject: Some("admin@example.com".into()),
        token_url: None,
        addresses: Vec::new(),
    };
    assert_eq!(kind("robot"), CredentialKind::GoogleServiceAccount(robot));
    let app =
        GithubApp { app_id: "12345".into(), installation_id: 98_765_432, place: public("https://api.github.com") };
    assert_eq!(kind("app"), CredentialKind::GithubApp(app));
    let place = public("https://github.example.com/api/v3");
    let ours = GithubApp { app_id: "Iv23abc".into(), installation_id: 1, place };
    assert_eq!(kind("app-of-ours"), CredentialKind::GithubApp(ours));
    let certificate = Some(folder.path().join("mtls.pem"));
    assert_eq!(kind("mtls"), CredentialKind::ClientCertificate { certificate });
    let secret = |id: &str| config.credential(&id.parse().unwrap()).unwrap().secret.clone();
    assert_eq!(secret("machine"), None);
    assert_eq!(secret("mtls"), Some(SecretSource::Credential("mtls-key".into())));
}

#[test]
fn the_proxy_its_login_and_roots_are_read_as_they_are_meant() {
    let folder = Folder::with(&[("evidenced.toml", WRITTEN)]);
    let Loaded { config, warnings, .. } = loaded(&folder);
    let login = config.network.proxy_login.as_ref().unwrap();
    assert_eq!(login.username, "evidenced");
    assert_eq!(login.password, SecretSource::Credential("proxy".into()));
    let past = |host: &str| config.network.no_proxy.iter().any(|entry: &PastProxy| entry.covers(host));
    assert!(past("vault.internal") && past("a.internal.example.com") && past("10.1.2.3"));
    assert!(!past("internal.example.com") && !past("partner.example.com"));
    let partner = config.source(&"partner".parse().unwrap()).unwrap();
    assert_eq!(
        (config.network.ca.as_slice(), partner.ca.as_slice()),
        ([folder.path().join("internal.pem")].as_slice(), [folder.path().join("partner.pem")].as_slice())
    );
    let codes: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["credential-in-clear"], "the proxy is not on this machine");
}

#[test]
fn a_client_certificate_is_part_of_what_a_control_is_granted() {
    let folder = Folder::with(&[("evidenced.toml", WRITTEN)]);
    let loaded = loaded(&folder);
    let grant = &loaded.config.controls[0].check.grants[0];
    assert_eq!(grant.credential.as_ref().unwrap().as_str(), "idp");
    assert_eq!(grant.client_certificate.as_ref().unwrap().as_str(), "mtls");
    let again = Config::from_expanded_json(&loaded.config.expanded_json()).unwrap();
    assert_eq!(again, loaded.config);
}

/// What older versions have written into ledgers is read as ever.
#[test]
fn a_configuration_without_the_newer_keys_is_written_as_it_was() {
    let folder = Folder::with(&[("evidenced.toml", super::accepted::EXAMPLE)]);
    let shown = loaded(&folder).config.expanded_json().to_string();
    for newer in ["client_certificate", "no_proxy", "proxy_login", "\"ca\":[]"] {
        assert!(!shown.contains(newer), "{newer}");
    }
}
