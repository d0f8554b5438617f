//! `[[credential]]` and `[[source]]`, and what a control is granted by naming them.

use std::{collections::BTreeMap, path::Path};

use super::{
    diagnostics::{Errors, Named},
    endpoint::endpoint,
    model::{CredentialSpec, Endpoint, Source, is_loopback},
    section::{Located, Section},
    tree::Place,
};
use crate::domain::{AddressRange, CredentialId, CredentialKind, Grant, Scheme, SourceId};

/// What controls may refer to.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub credentials: BTreeMap<CredentialId, CredentialSpec>,
    pub sources: BTreeMap<SourceId, Source>,
    /// In the order of the files.
    pub credential_order: Vec<CredentialId>,
    pub source_order: Vec<SourceId>,
    /// Sources that are no URLs; inputs that would use them are refused.
    databases: Vec<SourceId>,
}

impl Known {
    pub(super) fn read(root: &Section<'_>, base: &Path, errors: &mut Errors) -> Self {
        let mut known = Self::default();
        for section in root.tables("credential", "[[credential]]", errors) {
            known.read_credential(section, base, errors);
        }
        for section in root.tables("source", "[[source]]", errors) {
            known.read_source(section, errors);
        }
        known
    }

    fn read_credential(&mut self, section: Section<'_>, base: &Path, errors: &mut Errors) {
        section.require("id", "id = \"aws-audit\"", errors);
        section.require("kind", "kind = \"bearer\"", errors);
        section.require("secret", "secret = { credential = \"NAME\" }", errors);
        let id = section.id::<CredentialId>(Named::Credential, errors);
        let secret = section.secret("secret", base, errors);
        let header = section.text("header", errors);
        let username = section.text("username", errors);
        let access_key_id = section.text("access_key_id", errors);
        let kind = section.word("kind", &KINDS, errors);
        let kind = kind.and_then(|kind| match kind {
            Kind::Header => {
                section.require("header", "header = \"X-Api-Key\"", errors);
                let name = header?;
                if !is_token(name.value) {
                    errors.add_malformed(
                        name.at,
                        "bad-header",
                        name.value,
                        "the name of a header",
                        "write one such as `X-Api-Key`",
                    );
                    return None;
                }
                Some(CredentialKind::Header { name: name.value.to_owned() })
            }
            Kind::Bearer => Some(CredentialKind::Bearer),
            Kind::Basic => Some(CredentialKind::Basic { username: username.map(|name| name.value.to_owned()) }),
            Kind::AwsSigv4 => {
                Some(CredentialKind::AwsSigv4 { access_key_id: access_key_id.map(|id| id.value.to_owned()) })
            }
            Kind::Later(name) => {
                let at = section.node("kind").map_or(section.at, |node| node.at);
                let what = format!("a credential of the kind `{name}`");
                errors.add_not_supported(at, &what, "use header, bearer, basic or aws-sigv4");
                None
            }
        });
        section.finish(errors);
        let Some(id) = id else { return };
        if let (Some(kind), Some(secret)) = (kind, secret) {
            self.credentials.insert(id.value.clone(), CredentialSpec { id: id.value.clone(), kind, secret });
        }
        if self.credential_order.contains(&id.value) {
            errors.add_duplicate_id(id.at, Named::Credential, id.value.as_str(), false);
        } else {
            self.credential_order.push(id.value);
        }
    }

    fn read_source(&mut self, section: Section<'_>, errors: &mut Errors) {
        section.require("id", "id = \"iam\"", errors);
        let id = section.id::<SourceId>(Named::Source, errors);
        let postgres = section.text("postgres", errors);
        if postgres.is_none() {
            section.require("urls", "urls = [\"https://api.example.com\"]", errors);
        }
        let urls = section.texts("urls", errors).unwrap_or_default();
        let endpoints: Vec<_> = urls.iter().filter_map(|&url| Some((endpoint(url, errors)?, url.at))).collect();
        let access = self.access(&section, errors);
        let rate = section.rate("rate", errors);
        access.check_encryption(&endpoints, errors);
        if let Some(dsn) = postgres {
            if dsn.value.to_ascii_lowercase().contains("password") || dsn.value.contains('@') {
                errors.add_secret_in_text(dsn.at, "`postgres`");
            }
            errors.add_unused_yet(dsn.at, "a source of the kind `postgres`");
        }
        section.finish(errors);
        let Some(id) = id else { return };
        if self.source_order.contains(&id.value) || self.databases.contains(&id.value) {
            return errors.add_duplicate_id(id.at, Named::Source, id.value.as_str(), false);
        }
        if postgres.is_some() {
            return self.databases.push(id.value);
        }
        let Access { methods, credential, named_credentials, addresses, region, service } = access;
        let urls = endpoints.into_iter().map(|(endpoint, _)| endpoint).collect();
        let source = Source {
            id: id.value.clone(),
            urls,
            methods,
            credential,
            named_credentials,
            region,
            service,
            addresses,
            rate,
        };
        self.source_order.push(id.value.clone());
        self.sources.insert(id.value, source);
    }

    /// The keys that a source and a grant share.
    fn access(&self, section: &Section<'_>, errors: &mut Errors) -> Access {
        let methods = section.texts("methods", errors).map(|methods| methods_of(&methods, errors));
        let credential = section.text("credential", errors).and_then(|name| self.credential(name, errors));
        let named = section.texts("named_credentials", errors).unwrap_or_default();
        let named_credentials = named.into_iter().filter_map(|name| self.credential(name, errors)).collect();
        let mut addresses = Vec::new();
        for range in section.texts("addresses", errors).unwrap_or_default() {
            match range.value.parse::<AddressRange>() {
                Ok(range) => addresses.push(range),
                Err(_) => {
                    let hint = "write an address and the bits that must agree, such as `10.0.0.0/8`";
                    errors.add_malformed(range.at, "bad-address-range", range.value, "a range of addresses", hint);
                }
            }
        }
        let region = section.text("region", errors).map(|region| region.value.to_owned());
        let service = section.text("service", errors).map(|service| service.value.to_owned());
        // Reading is what a check does; whatever else it needs is written out.
        let methods = methods.unwrap_or_else(|| vec!["GET".to_owned()]);
        Access { methods, credential, named_credentials, addresses, region, service }
    }

    fn credential(&self, name: Located<&str>, errors: &mut Errors) -> Option<CredentialId> {
        let known = self.credential_order.iter().find(|known| known.as_str() == name.value).cloned();
        if known.is_none() {
            let names = self.credential_order.iter().map(CredentialId::as_str);
            errors.add_unknown(name.at, Named::Credential, name.value, names);
        }
        known
    }

    /// `sources = […]`: a grant for each URL of each source.
    pub(super) fn grants_by_source(
        &self,
        names: &[Located<&str>],
        errors: &mut Errors,
    ) -> (Vec<SourceId>, Vec<PlacedGrant>) {
        let (mut ids, mut grants) = (Vec::new(), Vec::new());
        for name in names {
            let Ok(id) = name.value.parse::<SourceId>() else {
                self.add_unknown_source(*name, errors);
                continue;
            };
            let Some(source) = self.sources.get(&id) else {
                if !self.databases.contains(&id) {
                    self.add_unknown_source(*name, errors);
                }
                continue;
            };
            if ids.contains(&id) {
                continue;
            }
            for endpoint in &source.urls {
                let access = Access {
                    methods: source.methods.clone(),
                    credential: source.credential.clone(),
                    named_credentials: source.named_credentials.clone(),
                    addresses: source.addresses.clone(),
                    region: source.region.clone(),
                    service: source.service.clone(),
                };
                grants.push((access.grant(endpoint.clone(), Some(id.clone())), name.at));
            }
            ids.push(id);
        }
        (ids, grants)
    }

    fn add_unknown_source(&self, name: Located<&str>, errors: &mut Errors) {
        errors.add_unknown(name.at, Named::Source, name.value, self.source_order.iter().map(SourceId::as_str));
    }

    /// `[[control.grant]]`.
    pub(super) fn grant(&self, section: Section<'_>, errors: &mut Errors) -> Option<PlacedGrant> {
        section.require("url", "url = \"https://api.example.com\"", errors);
        let url = section.text("url", errors);
        let endpoint = url.and_then(|url| endpoint(url, errors));
        let access = self.access(&section, errors);
        section.finish(errors);
        let placed = (endpoint?, url?.at);
        access.check_encryption(std::slice::from_ref(&placed), errors);
        Some((access.grant(placed.0, None), placed.1))
    }
}

/// A grant, and what to point at when it does not fit.
pub(super) type PlacedGrant = (Grant, Place);

/// How an endpoint may be used.
#[derive(Debug)]
struct Access {
    methods: Vec<String>,
    credential: Option<CredentialId>,
    named_credentials: Vec<CredentialId>,
    addresses: Vec<AddressRange>,
    region: Option<String>,
    service: Option<String>,
}

impl Access {
    fn grant(self, endpoint: Endpoint, source: Option<SourceId>) -> Grant {
        Grant {
            scheme: endpoint.scheme,
            host: endpoint.host,
            port: endpoint.port,
            methods: self.methods,
            credential: self.credential,
            named_credentials: self.named_credentials,
            addresses: self.addresses,
            region: self.region,
            service: self.service,
            source,
        }
    }

    /// A secret must not travel in the clear, but on this machine; inside a private network it is a warning, because
    /// there people often have no other choice.
    fn check_encryption(&self, endpoints: &[(Endpoint, Place)], errors: &mut Errors) {
        if self.credential.is_none() && self.named_credentials.is_empty() {
            return;
        }
        for (endpoint, at) in endpoints {
            if endpoint.scheme == Scheme::Http && !is_loopback(&endpoint.host) {
                errors.add_credential_in_clear(*at, &endpoint.to_string(), !self.addresses.is_empty());
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Header,
    Bearer,
    Basic,
    AwsSigv4,
    Later(&'static str),
}

const KINDS: [(&str, Kind); 10] = [
    ("header", Kind::Header),
    ("bearer", Kind::Bearer),
    ("basic", Kind::Basic),
    ("aws-sigv4", Kind::AwsSigv4),
    ("aws-assume-role", Kind::Later("aws-assume-role")),
    ("aws-instance", Kind::Later("aws-instance")),
    ("oauth2-client", Kind::Later("oauth2-client")),
    ("google-service-account", Kind::Later("google-service-account")),
    ("github-app", Kind::Later("github-app")),
    ("client-certificate", Kind::Later("client-certificate")),
];

fn methods_of(written: &[Located<&str>], errors: &mut Errors) -> Vec<String> {
    let mut methods = Vec::new();
    for method in written {
        let name = method.value.to_ascii_uppercase();
        if !is_token(&name) || name == "CONNECT" {
            errors.add_malformed(method.at, "bad-method", method.value, "an HTTP method", "write one such as `GET`");
        } else if !methods.contains(&name) {
            methods.push(name);
        }
    }
    methods.sort();
    methods
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}
