//! `[[source]]`, and what a control is granted by naming them.

use std::{collections::BTreeMap, path::Path};

use super::{
    credentials::Credentials,
    databases,
    diagnostics::{Errors, Named},
    endpoint::endpoint,
    model::{DatabaseSource, Endpoint, Source, is_loopback},
    section::{Located, Section},
    tree::Place,
};
use crate::domain::{AddressRange, CredentialId, CredentialKind, Database, DatabasePlace, Grant, Scheme, SourceId};

/// What controls may refer to.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub credentials: Credentials,
    pub sources: BTreeMap<SourceId, Source>,
    /// In the order of the files.
    pub source_order: Vec<SourceId>,
    /// Sources that are no web servers.
    pub databases: BTreeMap<SourceId, DatabaseSource>,
    /// Also of those that are not whole.
    pub database_order: Vec<SourceId>,
}

impl Known {
    pub(super) fn read(root: &Section<'_>, base: &Path, errors: &mut Errors) -> Self {
        let mut known = Self { credentials: Credentials::read(root, base, errors), ..Self::default() };
        for section in root.tables("source", "[[source]]", errors) {
            known.read_source(section, base, errors);
        }
        known
    }

    fn read_source(&mut self, section: Section<'_>, base: &Path, errors: &mut Errors) {
        section.require("id", "id = \"iam\"", errors);
        let id = section.id::<SourceId>(Named::Source, errors);
        if let Some(kind) = databases::KINDS.into_iter().find(|kind| section.key_at(kind).is_some()) {
            return self.read_database(section, id, kind, base, errors);
        }
        section.require("urls", "urls = [\"https://api.example.com\"]", errors);
        let urls = section.texts("urls", errors).unwrap_or_default();
        let endpoints: Vec<_> = urls.iter().filter_map(|&url| Some((endpoint(url, errors)?, url.at))).collect();
        let access = self.access(&section, errors);
        let rate = section.rate("rate", errors);
        let ca = section.texts("ca", errors).unwrap_or_default();
        let ca = ca.into_iter().map(|path| base.join(path.value)).collect();
        access.check_encryption(&endpoints, &self.credentials, errors);
        section.finish(errors);
        let Some(id) = id else { return };
        if self.is_declared(&id.value) {
            return errors.add_duplicate_id(id.at, Named::Source, id.value.as_str(), false);
        }
        let Access { methods, credential, named_credentials, client_certificate, addresses, region, service } = access;
        let urls = endpoints.into_iter().map(|(endpoint, _)| endpoint).collect();
        let source = Source {
            id: id.value.clone(),
            urls,
            methods,
            credential,
            named_credentials,
            client_certificate,
            region,
            service,
            addresses,
            ca,
            rate,
        };
        self.source_order.push(id.value.clone());
        self.sources.insert(id.value, source);
    }

    /// The keys that a source and a grant share.
    fn access(&self, section: &Section<'_>, errors: &mut Errors) -> Access {
        let methods = section.texts("methods", errors).map(|methods| methods_of(&methods, errors));
        let credential = section.text("credential", errors).and_then(|name| self.credential_of_requests(name, errors));
        let others = section.texts("named_credentials", errors).unwrap_or_default();
        let named_credentials =
            others.into_iter().filter_map(|name| self.credential_of_requests(name, errors)).collect();
        let client_certificate = section.text("client_certificate", errors).and_then(|name| {
            let id = self.credentials.named(name, errors)?;
            if let Some(spec) = self.credentials.specs.get(&id).filter(|spec| !is_certificate(&spec.kind)) {
                errors.add_not_a_certificate(name.at, name.value, spec.kind.as_str());
                return None;
            }
            Some(id)
        });
        let addresses = addresses(section, errors);
        let region = section.text("region", errors).map(|region| region.value.to_owned());
        let service = section.text("service", errors).map(|service| service.value.to_owned());
        // Reading is what a check does; whatever else it needs is written out.
        let methods = methods.unwrap_or_else(|| vec!["GET".to_owned()]);
        Access { methods, credential, named_credentials, client_certificate, addresses, region, service }
    }

    pub(super) fn is_declared(&self, source: &SourceId) -> bool {
        self.source_order.contains(source) || self.database_order.contains(source)
    }

    /// One that can be put on requests.
    fn credential_of_requests(&self, name: Located<&str>, errors: &mut Errors) -> Option<CredentialId> {
        let id = self.credentials.named(name, errors)?;
        if self.credentials.specs.get(&id).is_some_and(|spec| spec.kind == CredentialKind::Password) {
            errors.add_password_on_requests(name.at, name.value);
            return None;
        }
        Some(id)
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
                if self.database_order.contains(&id) {
                    errors.add_database_as_grant(name.at, name.value);
                } else {
                    self.add_unknown_source(*name, errors);
                }
                continue;
            };
            if ids.contains(&id) {
                continue;
            }
            let of_source = source
                .urls
                .iter()
                .map(|endpoint| (Access::of(source).grant(endpoint.clone(), Some(id.clone())), name.at));
            grants.extend(of_source);
            ids.push(id);
        }
        (ids, grants)
    }

    fn add_unknown_source(&self, name: Located<&str>, errors: &mut Errors) {
        let known = self.source_order.iter().chain(&self.database_order).map(SourceId::as_str);
        errors.add_unknown(name.at, Named::Source, name.value, known);
    }

    /// The grant of GET to the one server of a source, for an input that asks it.
    pub(super) fn grant_to_ask(&self, name: Located<&str>, errors: &mut Errors) -> Option<Grant> {
        let id = name.value.parse::<SourceId>().ok().filter(|id| self.is_declared(id));
        let Some(id) = id else {
            self.add_unknown_source(name, errors);
            return None;
        };
        let Some(source) = self.sources.get(&id) else {
            errors.add_wrong_source(name.at, name.value, "`urls`");
            return None;
        };
        match source.urls.as_slice() {
            [endpoint] => {
                Some(Grant { methods: vec!["GET".to_owned()], ..Access::of(source).grant(endpoint.clone(), Some(id)) })
            }
            // What is wrong with them was told.
            [] => None,
            _ => {
                errors.add_several_servers(name.at, name.value, source.urls.len());
                None
            }
        }
    }

    /// The database or directory of that name, if it is of a kind that can be asked so.
    pub(super) fn database(
        &self,
        name: Located<&str>,
        wanted: &str,
        is_wanted: impl Fn(&DatabasePlace) -> bool,
        errors: &mut Errors,
    ) -> Option<Database> {
        let id = name.value.parse::<SourceId>().ok().filter(|id| self.is_declared(id));
        let Some(id) = id else {
            self.add_unknown_source(name, errors);
            return None;
        };
        // What is wrong with one that is not whole was told.
        let database = self.databases.get(&id).map(|source| &source.database);
        let is_right = database.map_or(!self.sources.contains_key(&id), |database| is_wanted(&database.place));
        if !is_right {
            errors.add_wrong_source(name.at, name.value, wanted);
            return None;
        }
        database.cloned()
    }

    /// `[[control.grant]]`.
    pub(super) fn grant(&self, section: Section<'_>, errors: &mut Errors) -> Option<PlacedGrant> {
        section.require("url", "url = \"https://api.example.com\"", errors);
        let url = section.text("url", errors);
        let endpoint = url.and_then(|url| endpoint(url, errors));
        let access = self.access(&section, errors);
        section.finish(errors);
        let placed = (endpoint?, url?.at);
        access.check_encryption(std::slice::from_ref(&placed), &self.credentials, errors);
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
    client_certificate: Option<CredentialId>,
    addresses: Vec<AddressRange>,
    region: Option<String>,
    service: Option<String>,
}

impl Access {
    fn of(source: &Source) -> Self {
        Self {
            methods: source.methods.clone(),
            credential: source.credential.clone(),
            named_credentials: source.named_credentials.clone(),
            client_certificate: source.client_certificate.clone(),
            addresses: source.addresses.clone(),
            region: source.region.clone(),
            service: source.service.clone(),
        }
    }

    fn grant(self, endpoint: Endpoint, source: Option<SourceId>) -> Grant {
        Grant {
            scheme: endpoint.scheme,
            host: endpoint.host,
            port: endpoint.port,
            methods: self.methods,
            credential: self.credential,
            named_credentials: self.named_credentials,
            client_certificate: self.client_certificate,
            addresses: self.addresses,
            region: self.region,
            service: self.service,
            source,
        }
    }

    /// A secret must not travel in the clear, but on this machine; inside a private network it is a warning, because
    /// there people often have no other choice. A certificate cannot be shown without TLS at all.
    fn check_encryption(&self, endpoints: &[(Endpoint, Place)], known: &Credentials, errors: &mut Errors) {
        let is_certificate = |id: &&CredentialId| known.specs.get(*id).is_some_and(|spec| is_certificate(&spec.kind));
        let named = || self.credential.iter().chain(&self.named_credentials);
        let shows_certificate = self.client_certificate.is_some() || named().any(|id| is_certificate(&id));
        let sends_secret = named().any(|id| !is_certificate(&id));
        for (endpoint, at) in endpoints.iter().filter(|(endpoint, _)| endpoint.scheme == Scheme::Http) {
            if shows_certificate {
                errors.add_certificate_without_tls(*at, &endpoint.to_string());
            }
            if sends_secret && !is_loopback(&endpoint.host) {
                errors.add_credential_in_clear(*at, &endpoint.to_string(), !self.addresses.is_empty());
            }
        }
    }
}

fn is_certificate(kind: &CredentialKind) -> bool {
    matches!(kind, CredentialKind::ClientCertificate { .. })
}

/// `addresses`: the special ranges that names may resolve to.
pub(super) fn addresses(section: &Section<'_>, errors: &mut Errors) -> Vec<AddressRange> {
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
    addresses
}

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
pub(super) fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}
