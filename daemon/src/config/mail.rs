//! `[mail]` and `[[recipient]]`.

use std::{collections::BTreeSet, path::Path};

use jiff::tz::TimeZone;

use super::{
    alerts,
    diagnostics::{Errors, Named},
    model::{EmailAddress, Mail, MailLogin, MailTls, Recipient, Smtp, Transport, is_loopback},
    section::{Located, Section, word},
    tree::Value,
    webhooks,
    words::{DETAILS, FAMILIES, HEARS, SEVERITIES, SUMMARIES, TLS},
};
use crate::domain::{Control, Severity};

const TRANSPORTS: [(&str, Way); 2] = [("smtp", Way::Smtp), ("directory", Way::Directory)];
const ADDRESS_HINT: &str = "write local@domain, such as `compliance@example.com`";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Smtp,
    Directory,
}

/// Without `[mail]`, mails become files in the state folder: nothing is lost, and nothing is sent by accident.
pub(super) fn mail(root: &Section<'_>, base: &Path, state_dir: &Path, errors: &mut Errors) -> Option<Mail> {
    let folder = state_dir.join("mail");
    let Some(section) = root.table("mail", "[mail]", errors) else {
        let from = EmailAddress("evidenced@localhost".to_owned());
        return Some(Mail { transport: Transport::Directory(folder), from });
    };
    let named = section.word("transport", &TRANSPORTS, errors);
    let directory = section.text("directory", errors).map(|path| base.join(path.value));
    let smtp_keys = smtp(&section, base, errors);
    let way = named.or_else(|| match section.key_at("transport") {
        Some(_) => None,
        None if section.key_at("server").is_some() => Some(Way::Smtp),
        None => Some(Way::Directory),
    });
    let from = section.text("from", errors).map(|from| address(from, errors));
    let transport = match way {
        Some(Way::Smtp) => {
            section.require("server", "server = \"mail.example.com:587\"", errors);
            section.require("from", "from = \"evidenced@example.com\"", errors);
            smtp_keys.map(Transport::Smtp)
        }
        Some(Way::Directory) => Some(Transport::Directory(directory.unwrap_or(folder))),
        None => None,
    };
    section.finish(errors);
    let from = from.unwrap_or_else(|| Some(EmailAddress("evidenced@localhost".to_owned())));
    Some(Mail { transport: transport?, from: from? })
}

fn smtp(section: &Section<'_>, base: &Path, errors: &mut Errors) -> Option<Smtp> {
    let tls = section.word("tls", &TLS, errors);
    let username = section.text("username", errors).map(|username| username.value.to_owned());
    let password = section.secret("password", base, errors);
    match (section.key_at("username"), section.key_at("password")) {
        (Some(at), None) => errors.add_half_login(at, "username", "password"),
        (None, Some(at)) => errors.add_half_login(at, "password", "username"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let server = section.text("server", errors)?;
    let tls = match section.key_at("tls") {
        Some(_) => tls?,
        None => MailTls::Starttls,
    };
    let port = match tls {
        MailTls::Starttls => 587,
        MailTls::Implicit => 465,
        MailTls::None => 25,
    };
    let Some((host, port)) = host_and_port(server.value, port) else {
        let hint = "write host and port, such as `mail.example.com:587` or `[2001:db8::25]:587`";
        errors.add_malformed(server.at, "bad-server", server.value, "a mail server", hint);
        return None;
    };
    if tls == MailTls::None && !is_loopback(&host) {
        errors.add_tls_off(section.node("tls").map_or(server.at, |node| node.at), &host);
    }
    let login = match (username, password) {
        (Some(username), Some(password)) => Some(MailLogin { username, password }),
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    };
    Some(Smtp { host, port, tls, login })
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (url::Host::Ipv6(host.parse().ok()?), if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            (url::Host::parse(host).ok()?, port)
        }
    };
    let host = match host {
        url::Host::Domain(name) => name,
        url::Host::Ipv4(address) => address.to_string(),
        url::Host::Ipv6(address) => address.to_string(),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok().filter(|&port| port > 0))?;
    Some((host, port))
}

fn address(text: Located<&str>, errors: &mut Errors) -> Option<EmailAddress> {
    // What the mailer cannot send to is refused here, and not in the night when a control fails.
    if text.value.parse::<lettre::Address>().is_ok() && text.value.is_ascii() {
        return Some(EmailAddress(text.value.to_owned()));
    }
    errors.add_malformed(text.at, "bad-address", text.value, "a mail address", ADDRESS_HINT);
    None
}

/// All recipients that are whole.
pub(super) fn recipients(root: &Section<'_>, base: &Path, zone: &str, errors: &mut Errors) -> Vec<Recipient> {
    let mut recipients: Vec<Recipient> = Vec::new();
    for section in root.tables("recipient", "[[recipient]]", errors) {
        section.require("id", "id = \"compliance\"", errors);
        let id = section.id::<crate::domain::RecipientId>(Named::Recipient, errors);
        let written = section.texts("email", errors);
        if written.as_ref().is_some_and(Vec::is_empty) {
            let at = section.node("email").map_or(section.at, |node| node.at);
            errors.add_empty(at, "email", "[\"compliance@example.com\"]");
        }
        let webhooks = webhooks::webhooks(&section, base, errors);
        let has_no_webhook =
            section.node("webhook").is_none_or(|node| matches!(&node.value, Value::Array(all) if all.is_empty()));
        if section.key_at("email").is_none() && has_no_webhook {
            errors.add_no_way(section.at);
        }
        let email: Vec<_> =
            written.unwrap_or_default().into_iter().filter_map(|email| address(email, errors)).collect();
        let families = families(&section, errors);
        let severity = section.word("severity", &SEVERITIES, errors).unwrap_or(Severity::Low);
        let owners = section.texts("owners", errors);
        let owners = owners.map(|owners| owners.into_iter().map(|owner| owner.value.to_owned()).collect());
        let summaries = section.texts("summaries", errors).unwrap_or_default();
        let summaries = summaries.into_iter().filter_map(|kind| word(kind, "summaries", &SUMMARIES, errors)).collect();
        let timezone: Option<(String, TimeZone)> = section.zone("timezone", errors);
        let timezone = timezone.map_or_else(|| zone.to_owned(), |(name, _)| name);
        let detail = section.word("detail", &DETAILS, errors).unwrap_or_default();
        let hears = section.word("alerts", &HEARS, errors).unwrap_or_default();
        let per_hour = alerts::per_hour(&section, errors).unwrap_or_else(Recipient::default_per_hour);
        let quiet = alerts::quiet(&section, errors);
        webhooks::check_summaries(&section, !email.is_empty(), &webhooks, errors);
        section.finish(errors);
        let Some(id) = id else { continue };
        if recipients.iter().any(|known| known.id == id.value) {
            errors.add_duplicate_id(id.at, Named::Recipient, id.value.as_str(), false);
        } else {
            recipients.push(Recipient {
                id: id.value,
                email,
                webhooks,
                families,
                severity,
                owners,
                summaries,
                timezone,
                detail,
                hears,
                per_hour,
                quiet,
            });
        }
    }
    recipients
}

/// `["*"]`, or no such key, is all of them.
fn families(section: &Section<'_>, errors: &mut Errors) -> Option<BTreeSet<crate::domain::Family>> {
    let written = section.texts("families", errors)?;
    if written.iter().any(|family| family.value == "*") {
        return None;
    }
    Some(written.into_iter().filter_map(|family| word(family, "families", &FAMILIES, errors)).collect())
}

/// Says who is told nothing, and about which owner nothing can be told.
pub(super) fn check_owners(root: &Section<'_>, controls: &[Control], errors: &mut Errors) {
    // Shapes were checked when the recipients were read: what is told here a second time is told once.
    for section in root.tables("recipient", "[[recipient]]", errors) {
        for owner in section.texts("owners", errors).unwrap_or_default() {
            if !controls.iter().any(|control| control.owner == owner.value) {
                let known: BTreeSet<_> = controls.iter().map(|control| control.owner.as_str()).collect();
                errors.add_unknown_owner(owner.at, owner.value, known);
            }
        }
    }
}
