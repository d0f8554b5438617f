//! `[[credential]]`: one secret, named once, and what it is exchanged for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use super::{
    diagnostics::{Errors, Named},
    model::CredentialSpec,
    section::{Located, Section},
    sources::{addresses, is_token},
    token_places::{metadata_address, place, sts},
    tree::Value,
};
use crate::domain::{
    AssumedRole, ClientAuth, CredentialId, CredentialKind, GithubApp, InstanceRole, Oauth2Client, ServiceAccount,
    TokenPlace,
};

/// What the calls of a role are known by, when nobody says otherwise.
const SESSION_NAME: &str = "evidenced";

/// As STS has it when nobody asks, and the most that a role may be assumed for by another role.
const ROLE_DURATION: Duration = Duration::from_secs(3_600);
const ROLE_DURATION_MIN: Duration = Duration::from_secs(900);
const ROLE_DURATION_MAX: Duration = Duration::from_secs(12 * 3_600);

const METADATA_URL: &str = "http://169.254.169.254";
const GITHUB_API: &str = "https://api.github.com";

/// All credentials, and in which order they were written.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub specs: BTreeMap<CredentialId, CredentialSpec>,
    /// Also those that are wrong in themselves: to name one of them is no further mistake.
    pub order: Vec<CredentialId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Bearer,
    Basic,
    Password,
    AwsSigv4,
    AwsAssumeRole,
    AwsInstance,
    Oauth2Client,
    GoogleServiceAccount,
    GithubApp,
    ClientCertificate,
}

pub(super) const KINDS: [(&str, Kind); 11] = [
    ("header", Kind::Header),
    ("bearer", Kind::Bearer),
    ("basic", Kind::Basic),
    ("password", Kind::Password),
    ("aws-sigv4", Kind::AwsSigv4),
    ("aws-assume-role", Kind::AwsAssumeRole),
    ("aws-instance", Kind::AwsInstance),
    ("oauth2-client", Kind::Oauth2Client),
    ("google-service-account", Kind::GoogleServiceAccount),
    ("github-app", Kind::GithubApp),
    ("client-certificate", Kind::ClientCertificate),
];

/// The keys that some kinds have and others have not.
pub(super) const KEYS: [(&str, &[Kind]); 23] = {
    use Kind::{
        AwsAssumeRole, AwsInstance, AwsSigv4, Basic, Bearer, ClientCertificate, GithubApp, GoogleServiceAccount,
        Header, Oauth2Client, Password,
    };
    [
        ("access_key_id", &[AwsSigv4]),
        ("addresses", &[AwsAssumeRole, AwsInstance, Oauth2Client, GoogleServiceAccount, GithubApp]),
        ("api_url", &[GithubApp]),
        ("app_id", &[GithubApp]),
        ("audience", &[Oauth2Client]),
        ("certificate", &[ClientCertificate]),
        ("client_auth", &[Oauth2Client]),
        ("client_id", &[Oauth2Client]),
        ("duration", &[AwsAssumeRole]),
        ("external_id", &[AwsAssumeRole]),
        ("from", &[AwsAssumeRole, AwsInstance]),
        ("header", &[Header]),
        ("installation_id", &[GithubApp]),
        ("metadata_url", &[AwsInstance]),
        ("region", &[AwsAssumeRole, AwsInstance]),
        ("role_arn", &[AwsAssumeRole]),
        ("scopes", &[Oauth2Client, GoogleServiceAccount]),
        (
            "secret",
            &[
                Header,
                Bearer,
                Basic,
                Password,
                AwsSigv4,
                Oauth2Client,
                GoogleServiceAccount,
                GithubApp,
                ClientCertificate,
            ],
        ),
        ("session_name", &[AwsAssumeRole, AwsInstance]),
        ("sts_url", &[AwsAssumeRole, AwsInstance]),
        ("subject", &[GoogleServiceAccount]),
        ("token_url", &[Oauth2Client, GoogleServiceAccount]),
        ("username", &[Basic]),
    ]
};

/// Who gives an instance its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Platform {
    Metadata,
    Container,
    WebIdentity,
}

const PLATFORMS: [(&str, Platform); 3] =
    [("metadata", Platform::Metadata), ("container", Platform::Container), ("web-identity", Platform::WebIdentity)];

const CLIENT_AUTHS: [(&str, ClientAuth); 2] = [("basic", ClientAuth::Basic), ("post", ClientAuth::Post)];

impl Credentials {
    pub(super) fn read(root: &Section<'_>, base: &Path, errors: &mut Errors) -> Self {
        let mut all = Self::default();
        let mut roles = Vec::new();
        for section in root.tables("credential", "[[credential]]", errors) {
            all.read_one(section, base, &mut roles, errors);
        }
        for (id, from) in roles {
            all.check_role(&id, from, errors);
        }
        all
    }

    /// Says so of a name that nobody declared.
    pub(super) fn named(&self, name: Located<&str>, errors: &mut Errors) -> Option<CredentialId> {
        let known = self.order.iter().find(|known| known.as_str() == name.value).cloned();
        if known.is_none() {
            errors.add_unknown(name.at, Named::Credential, name.value, self.order.iter().map(CredentialId::as_str));
        }
        known
    }

    fn read_one<'t>(
        &mut self,
        section: Section<'t>,
        base: &Path,
        roles: &mut Vec<(CredentialId, Located<&'t str>)>,
        errors: &mut Errors,
    ) {
        section.require("id", "id = \"aws-audit\"", errors);
        section.require("kind", "kind = \"bearer\"", errors);
        let id = section.id::<CredentialId>(Named::Credential, errors);
        let kind = section.word("kind", &KINDS, errors);
        if let Some(kind) = kind {
            check_keys(&section, kind, errors);
        }
        let wants_secret = kind.is_none_or(|kind| takes("secret", kind));
        let secret = if wants_secret {
            section.require("secret", "secret = { credential = \"NAME\" }", errors);
            section.secret("secret", base, errors)
        } else {
            None
        };
        let is_whole = secret.is_some() || !wants_secret;
        let read = kind.and_then(|kind| read_kind(&section, kind, base, errors));
        if let (Some(id), Some(CredentialKind::AwsAssumeRole(_)), Some(from)) =
            (&id, &read, section.text("from", errors))
        {
            roles.push((id.value.clone(), from));
        }
        if kind.is_some() {
            section.finish(errors);
        }
        let Some(id) = id else { return };
        if let (Some(kind), true) = (read, is_whole) {
            self.specs.insert(id.value.clone(), CredentialSpec { id: id.value.clone(), kind, secret });
        }
        if self.order.contains(&id.value) {
            errors.add_duplicate_id(id.at, Named::Credential, id.value.as_str(), false);
        } else {
            self.order.push(id.value);
        }
    }

    /// A role is assumed with a credential that signs, and in the end with one that needs no other.
    fn check_role(&self, id: &CredentialId, from: Located<&str>, errors: &mut Errors) {
        let Some(named) = self.named(from, errors) else { return };
        let mut seen = BTreeSet::from([id]);
        let mut next = self.specs.get(&named);
        while let Some(spec) = next {
            if !spec.kind.is_aws() {
                return errors.add_role_from(from.at, from.value, spec.kind.as_str());
            }
            if !seen.insert(&spec.id) {
                return errors.add_role_circle(from.at, id.as_str());
            }
            next = match &spec.kind {
                CredentialKind::AwsAssumeRole(role) => self.specs.get(&role.from),
                _ => None,
            };
        }
    }
}

fn takes(key: &str, kind: Kind) -> bool {
    KEYS.iter().any(|(known, kinds)| *known == key && kinds.contains(&kind))
}

/// Says which keys are of another kind. They are not asked for again.
fn check_keys(section: &Section<'_>, kind: Kind, errors: &mut Errors) {
    let name = |kind: &Kind| KINDS.iter().find(|(_, known)| known == kind).map_or("", |(name, _)| *name);
    for (key, kinds) in KEYS {
        if !kinds.contains(&kind)
            && let Some(at) = section.key_at(key)
        {
            // Asked for, so that it is not told of as unknown, too.
            section.node(key);
            let kinds: Vec<&str> = kinds.iter().map(name).collect();
            errors.add_key_of_other_kind(at, key, name(&kind), &kinds);
        }
    }
}

fn read_kind(section: &Section<'_>, kind: Kind, base: &Path, errors: &mut Errors) -> Option<CredentialKind> {
    let text = |key, errors: &mut Errors| section.text(key, errors).map(|text| text.value.to_owned());
    match kind {
        Kind::Header => {
            section.require("header", "header = \"X-Api-Key\"", errors);
            let name = section.text("header", errors)?;
            if !is_token(name.value) {
                let hint = "write one such as `X-Api-Key`";
                errors.add_malformed(name.at, "bad-header", name.value, "the name of a header", hint);
                return None;
            }
            Some(CredentialKind::Header { name: name.value.to_owned() })
        }
        Kind::Bearer => Some(CredentialKind::Bearer),
        Kind::Basic => Some(CredentialKind::Basic { username: text("username", errors) }),
        Kind::Password => Some(CredentialKind::Password),
        Kind::AwsSigv4 => Some(CredentialKind::AwsSigv4 { access_key_id: text("access_key_id", errors) }),
        Kind::AwsAssumeRole => assumed_role(section, errors).map(CredentialKind::AwsAssumeRole),
        Kind::AwsInstance => instance_role(section, errors).map(CredentialKind::AwsInstance),
        Kind::Oauth2Client => oauth2_client(section, errors).map(CredentialKind::Oauth2Client),
        Kind::GoogleServiceAccount => service_account(section, errors).map(CredentialKind::GoogleServiceAccount),
        Kind::GithubApp => github_app(section, errors).map(CredentialKind::GithubApp),
        Kind::ClientCertificate => {
            let certificate = text("certificate", errors).map(|path| base.join(path));
            Some(CredentialKind::ClientCertificate { certificate })
        }
    }
}

fn oauth2_client(section: &Section<'_>, errors: &mut Errors) -> Option<Oauth2Client> {
    section.require("token_url", "token_url = \"https://login.example.com/oauth2/token\"", errors);
    section.require("client_id", "client_id = \"evidenced\"", errors);
    let place = place(section, "token_url", None, errors);
    let client_id = section.text("client_id", errors).map(|id| id.value.to_owned());
    let scopes = scopes(section, errors);
    let audience = section.text("audience", errors).map(|audience| audience.value.to_owned());
    let client_auth = section.word("client_auth", &CLIENT_AUTHS, errors).unwrap_or_default();
    Some(Oauth2Client { place: place?, client_id: client_id?, scopes, audience, client_auth })
}

/// One word each: they travel with spaces between them.
fn scopes(section: &Section<'_>, errors: &mut Errors) -> Vec<String> {
    let written = section.texts("scopes", errors).unwrap_or_default();
    let mut scopes = Vec::with_capacity(written.len());
    for scope in written {
        if scope.value.is_empty() || !scope.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            errors.add_malformed(scope.at, "bad-scope", scope.value, "a scope", "write each as a text of its own");
        }
        scopes.push(scope.value.to_owned());
    }
    scopes
}

fn assumed_role(section: &Section<'_>, errors: &mut Errors) -> Option<AssumedRole> {
    section.require("from", "from = \"ID\", another [[credential]] that signs for AWS", errors);
    section.require("role_arn", "role_arn = \"arn:aws:iam::123456789012:role/evidenced-audit\"", errors);
    section.require("region", "region = \"eu-central-1\"", errors);
    let from = section.text("from", errors).and_then(|from| from.value.parse::<CredentialId>().ok());
    let role_arn = section.text("role_arn", errors).filter(|arn| {
        let is_role = arn.value.starts_with("arn:") && arn.value.contains(":role/");
        if !is_role {
            let hint = "write one such as `arn:aws:iam::123456789012:role/evidenced-audit`";
            errors.add_malformed(arn.at, "bad-role", arn.value, "the ARN of a role", hint);
        }
        is_role
    });
    let external_id = section.text("external_id", errors).map(|id| id.value.to_owned());
    let session_name = session_name(section, errors);
    let (region, place) = sts(section, errors).unzip();
    let duration = section.duration("duration", errors);
    if let Some(duration) = &duration
        && !(ROLE_DURATION_MIN..=ROLE_DURATION_MAX).contains(&duration.value)
    {
        errors.add_out_of_range(duration.at, "duration", "15 minutes to 12 hours, such as \"1h\"");
    }
    Some(AssumedRole {
        from: from?,
        role_arn: role_arn?.value.to_owned(),
        external_id,
        session_name,
        region: region?,
        duration: duration.map_or(ROLE_DURATION, |duration| duration.value),
        place: place?,
    })
}

fn session_name(section: &Section<'_>, errors: &mut Errors) -> String {
    let Some(name) = section.text("session_name", errors) else { return SESSION_NAME.to_owned() };
    let is_plain = name.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte));
    if !is_plain || !(2..=64).contains(&name.value.len()) {
        let hint = "use 2 to 64 of A-Z a-z 0-9 and _ = , . @ -";
        errors.add_malformed(name.at, "bad-session-name", name.value, "the name of a session", hint);
    }
    name.value.to_owned()
}

fn instance_role(section: &Section<'_>, errors: &mut Errors) -> Option<InstanceRole> {
    let platform = match section.node("from") {
        Some(_) => section.word("from", &PLATFORMS, errors)?,
        None => Platform::Metadata,
    };
    let of = |platform: Platform| match platform {
        Platform::Metadata => ["metadata_url", "addresses"].as_slice(),
        Platform::Container => &[],
        Platform::WebIdentity => &["region", "session_name", "sts_url", "addresses"],
    };
    for (word, other) in PLATFORMS {
        for key in of(other).iter().filter(|key| !of(platform).contains(key)) {
            if let Some(at) = section.key_at(key) {
                section.node(key);
                errors.add_key_of_other_kind(at, key, "aws-instance", &[&format!("from = \"{word}\"")]);
            }
        }
    }
    match platform {
        Platform::Metadata => {
            let mut place = place(section, "metadata_url", Some(METADATA_URL), errors)?;
            if place.addresses.is_empty()
                && let Some(address) = metadata_address(&place.url)
            {
                place.addresses = vec![address];
            }
            Some(InstanceRole::Metadata(place))
        }
        Platform::Container => Some(InstanceRole::Container),
        Platform::WebIdentity => {
            section.require("region", "region = \"eu-central-1\"", errors);
            let session_name = session_name(section, errors);
            let (_, place) = sts(section, errors)?;
            Some(InstanceRole::WebIdentity { session_name, place })
        }
    }
}

fn service_account(section: &Section<'_>, errors: &mut Errors) -> Option<ServiceAccount> {
    section.require("scopes", "scopes = [\"https://www.googleapis.com/auth/cloud-platform.read-only\"]", errors);
    let scopes = scopes(section, errors);
    let subject = section.text("subject", errors).map(|subject| subject.value.to_owned());
    let is_elsewhere = section.node("token_url").is_some();
    let token_url = if is_elsewhere { Some(place(section, "token_url", None, errors)?.url) } else { None };
    Some(ServiceAccount { scopes, subject, token_url, addresses: addresses(section, errors) })
}

fn github_app(section: &Section<'_>, errors: &mut Errors) -> Option<GithubApp> {
    section.require("app_id", "app_id = 123456", errors);
    section.require("installation_id", "installation_id = 12345678", errors);
    let app_id = match section.node("app_id").map(|node| &node.value) {
        Some(Value::Integer(number)) if *number > 0 => Some(number.to_string()),
        // The id of its client is text.
        _ => section.text("app_id", errors).map(|id| id.value.to_owned()),
    };
    let installation_id = section.node("installation_id").and_then(|node| match &node.value {
        Value::Integer(number) if *number > 0 => u64::try_from(*number).ok(),
        _ => {
            let hint = "the page of the installation has it at the end of its URL";
            errors.add_out_of_range(node.at, "installation_id", &format!("the number of an installation: {hint}"));
            None
        }
    });
    let place: Option<TokenPlace> = place(section, "api_url", Some(GITHUB_API), errors);
    Some(GithubApp { app_id: app_id?, installation_id: installation_id?, place: place? })
}
