//! Directories, by LDAP.
//!
//! All pages of a search are asked for, and entries come in order of their names, so that a directory that has not changed
//! gives the same bytes. Where it refers to another directory, or says less than all, the search is an error.

use std::{collections::BTreeMap, io, pin::pin};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, StdStream,
    adapters::{Adapter, EntriesOnly, PagedResults},
};
use serde_json::json;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{
    Answer, Bounds, Greeting, QueryError,
    counted::{Counted, wire_max},
    frames::Frames,
    relay::{beside, relayed},
};
use crate::{
    domain::{CredentialId, LdapScope, LdapSpec, Server},
    gate::{Gate, Login, Mask, certified_name, tls_fault},
};

/// Entries of one page: servers give 1,000 at most, if nobody has changed it.
const PAGE_ENTRIES: i32 = 500;

/// Results of operations (RFC 4511, appendix A).
const SUCCESS: u32 = 0;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;
const SIZE_LIMIT_EXCEEDED: u32 = 4;

/// Attributes whose values are bytes, also where these happen to be text.
const BINARY: [&str; 9] = [
    "cacertificate",
    "jpegphoto",
    "ms-ds-consistencyguid",
    "objectguid",
    "objectsid",
    "photo",
    "sidhistory",
    "thumbnailphoto",
    "usercertificate",
];

pub(super) async fn ask(gate: &Gate, spec: &LdapSpec, server: &Server, bounds: Bounds) -> Result<Answer, QueryError> {
    let login = gate.login(spec.database.credential.as_ref(), server).await?;
    let search = async |ldap: Ldap| search(ldap, spec, &login, bounds).await;
    let entries = logged_in(gate, server, &login, bounds.bytes_max, search).await?;
    let mut json = b"[".to_vec();
    let rows = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    for (number, entry) in entries.into_values().enumerate() {
        json.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        json.extend(entry.into_bytes());
    }
    json.extend_from_slice(if rows == 0 { b"]\n" } else { b"\n]\n" });
    if json.len() as u64 > bounds.bytes_max {
        return Err(QueryError::TooLong(bounds.bytes_max));
    }
    Ok(Answer { bytes: json, rows, who: who(&login, server) })
}

pub(super) async fn greet(
    gate: &Gate,
    credential: Option<&CredentialId>,
    server: &Server,
) -> Result<Greeting, QueryError> {
    let login = gate.login(credential, server).await?;
    logged_in(gate, server, &login, 0, async |_| Ok(())).await?;
    Ok(Greeting { who: who(&login, server), is_superuser: false })
}

fn who(login: &Login, server: &Server) -> String {
    format!("{} at {}:{}", login.user, server.host, server.port)
}

/// Connects, logs in and does the work, while the connection is driven. The library has a stream of ours, on which nothing comes
/// that is too much for it.
async fn logged_in<T>(
    gate: &Gate,
    server: &Server,
    login: &Login,
    bytes_max: u64,
    work: impl AsyncFnOnce(Ldap) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    let stream = Counted::new(gate.dial(server).await?, wire_max(bytes_max));
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|_| QueryError::Lost)?;
    ours.set_nonblocking(true).map_err(|_| QueryError::Lost)?;
    let driver = UnixStream::from_std(ours).map_err(|_| QueryError::Lost)?;
    let work = driven(theirs, login, work);
    let told = |error: &io::Error| match error.get_ref() {
        Some(inner) if inner.is::<rustls::Error>() => Some(QueryError::Way(tls_fault(server, error))),
        _ => (error.kind() == io::ErrorKind::InvalidData).then_some(QueryError::Unexpected("LDAP")),
    };
    if server.tls {
        let shake = TlsConnector::from(gate.tls()?).connect(certified_name(server)?, stream);
        let stream = shake.await.map_err(|error| QueryError::Way(tls_fault(server, &error)))?;
        let (from, to) = tokio::io::split(stream);
        beside(relayed((Frames::new(from), to), driver), work, told, bytes_max).await
    } else {
        let (from, to) = tokio::io::split(stream);
        beside(relayed((Frames::new(from), to), driver), work, told, bytes_max).await
    }
}

/// Logs in and does the work by way of `stream`.
async fn driven<T>(
    stream: std::os::unix::net::UnixStream,
    login: &Login,
    work: impl AsyncFnOnce(Ldap) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    let fault = |error| fault(&error);
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(stream));
    // Where that leads is decided already.
    let url = Url::parse("ldapi://relay").map_err(|_| QueryError::Lost)?;
    let (connection, mut ldap) = LdapConnAsync::from_url_with_settings(settings, &url).await.map_err(fault)?;
    let work = async {
        let password = login.password.as_ref().map_or("", |secret| secret.expose().as_str());
        // A name without a password logs nobody in, and is no error of the server (RFC 4513, 5.1.2).
        if password.is_empty() || login.user.is_empty() {
            return Err(QueryError::NoPassword);
        }
        let bound = ldap.simple_bind(&login.user, password).await.map_err(fault)?;
        match bound.rc {
            SUCCESS => {}
            INVALID_CREDENTIALS => return Err(QueryError::Login(words(&bound, login))),
            _ => return Err(QueryError::Refused(words(&bound, login))),
        }
        let done = work(ldap.clone()).await;
        // Whether the goodbye arrives changes nothing.
        ldap.unbind().await.ok();
        done
    };
    let (mut work, mut connection, mut driving) = (pin!(work), pin!(connection.drive()), true);
    loop {
        tokio::select! {
            done = &mut work => return done,
            // What ended it reaches the work as its error.
            _ = &mut connection, if driving => driving = false,
        }
    }
}

/// The entries as JSON, by their names.
async fn search(
    mut ldap: Ldap,
    spec: &LdapSpec,
    login: &Login,
    bounds: Bounds,
) -> Result<BTreeMap<String, String>, QueryError> {
    let fault = |error| fault(&error);
    let scope = match spec.scope {
        LdapScope::Base => Scope::Base,
        LdapScope::One => Scope::OneLevel,
        LdapScope::Sub => Scope::Subtree,
    };
    let adapters: Vec<Box<dyn Adapter<'_, String, &Vec<String>>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE_ENTRIES))];
    let found = ldap.streaming_search_with(adapters, &spec.base, scope, &spec.filter, &spec.attributes).await;
    let mut found = found.map_err(fault)?;
    let (mut entries, mut bytes, mask) = (BTreeMap::new(), 0, login.mask());
    while let Some(entry) = found.next().await.map_err(fault)? {
        if entries.len() as u64 == u64::from(spec.max_entries) {
            return Err(QueryError::TooManyEntries(spec.max_entries));
        }
        let entry = SearchEntry::construct(entry);
        // Two names may look the same once they are cleaned.
        let name = entry.dn.clone();
        let json = entry_json(&cleaned(entry, &mask), &spec.attributes);
        bytes += json.len() as u64 + 2;
        if bytes > bounds.bytes_max {
            return Err(QueryError::TooLong(bounds.bytes_max));
        }
        entries.insert(name, json);
    }
    let result = found.finish().await;
    match result.rc {
        SUCCESS if result.refs.is_empty() => Ok(entries),
        SUCCESS => Err(QueryError::Refused(format!(
            "a part of `{}` lies in another directory, and is not searched: narrow `base`",
            spec.base
        ))),
        // A directory hides what may not be seen as if it were not there.
        NO_SUCH_OBJECT => Err(QueryError::Refused(format!(
            "there is no `{}`, or {} may not see it: {}",
            spec.base,
            login.user,
            words(&result, login)
        ))),
        SIZE_LIMIT_EXCEEDED => Err(QueryError::Refused(format!(
            "the server gives no more entries than those it has given: raise its limit for {}, or narrow the filter",
            login.user
        ))),
        _ => Err(QueryError::Refused(words(&result, login))),
    }
}

/// Without what the mask knows, in names and values.
fn cleaned(entry: SearchEntry, mask: &Mask) -> SearchEntry {
    let texts = |values: Vec<String>| values.iter().map(|value| mask.clean_text(value)).collect();
    let bytes = |values: Vec<Vec<u8>>| values.into_iter().map(|value| mask.clean(value)).collect();
    SearchEntry {
        dn: mask.clean_text(&entry.dn),
        attrs: entry.attrs.into_iter().map(|(name, values)| (name, texts(values))).collect(),
        bin_attrs: entry.bin_attrs.into_iter().map(|(name, values)| (name, bytes(values))).collect(),
    }
}

/// Each attribute that was asked for is there, with no values if the entry has none.
fn entry_json(entry: &SearchEntry, attributes: &[String]) -> String {
    let (mut text, mut binary) = (BTreeMap::new(), BTreeMap::new());
    for name in attributes {
        let is_it = |known: &&String| known.eq_ignore_ascii_case(name);
        let texts = entry.attrs.iter().find(|(known, _)| is_it(known)).map(|(_, values)| values.as_slice());
        let bytes = entry.bin_attrs.iter().find(|(known, _)| is_it(known)).map(|(_, values)| values.as_slice());
        let (texts, bytes) = (texts.unwrap_or_default(), bytes.unwrap_or_default());
        // The values of an attribute have no order.
        if bytes.is_empty() && !is_binary(name) {
            let mut values = texts.to_vec();
            values.sort_unstable();
            text.insert(name, values);
        } else {
            let all = texts.iter().map(String::as_bytes).chain(bytes.iter().map(Vec::as_slice));
            let mut values: Vec<String> = all.map(|value| STANDARD.encode(value)).collect();
            values.sort_unstable();
            binary.insert(name, values);
        }
    }
    let mut members = serde_json::Map::new();
    members.insert("attributes".to_owned(), json!(text));
    if !binary.is_empty() {
        members.insert("binary".to_owned(), json!(binary));
    }
    members.insert("dn".to_owned(), json!(entry.dn));
    serde_json::Value::Object(members).to_string()
}

fn is_binary(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let (plain, options) = name.split_once(';').unwrap_or((&name, ""));
    BINARY.contains(&plain) || options.split(';').any(|option| option == "binary")
}

/// What the server says of a result, without the password.
fn words(result: &LdapResult, login: &Login) -> String {
    let text = if result.text.is_empty() { String::new() } else { format!(": {}", result.text) };
    login.clean(&format!("result {}{text}", result.rc))
}

fn fault(error: &LdapError) -> QueryError {
    match error {
        LdapError::FilterParsing => QueryError::Refused("`filter` is no filter of LDAP (RFC 4515)".to_owned()),
        LdapError::Io { .. }
        | LdapError::OpSend { .. }
        | LdapError::ResultRecv { .. }
        | LdapError::IdScrubSend { .. }
        | LdapError::MiscSend { .. }
        | LdapError::EndOfStream => QueryError::Lost,
        _ => QueryError::Unexpected("LDAP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_what_was_asked_for_in_an_order_that_does_not_change() {
        let entry = SearchEntry {
            dn: "uid=bob,ou=people".to_owned(),
            attrs: [
                ("memberof".to_owned(), vec!["cn=b".to_owned(), "cn=a".to_owned()]),
                ("objectGUID".to_owned(), vec!["abc".to_owned()]),
                ("photo2".to_owned(), vec!["text".to_owned()]),
            ]
            .into(),
            bin_attrs: [("photo2".to_owned(), vec![vec![255]])].into(),
        };
        let asked = ["memberOf", "objectguid", "photo2", "mail"].map(str::to_owned);
        assert_eq!(
            entry_json(&entry, &asked),
            r#"{"attributes":{"mail":[],"memberOf":["cn=a","cn=b"]},"binary":{"objectguid":["YWJj"],"photo2":["/w==","dGV4dA=="]},"dn":"uid=bob,ou=people"}"#
        );
        assert!(is_binary("userCertificate;binary") && is_binary("cn;binary") && !is_binary("cn;lang-en"));
    }
}
