//! `[network]`: the proxy, and what is trusted besides the system's roots.

use std::path::Path;

use super::{
    diagnostics::Errors,
    endpoint::endpoint,
    model::{Network, ProxyLogin, is_loopback},
    section::{Located, Section},
};
use crate::domain::{PastProxy, Scheme};

pub(super) fn network(root: &Section<'_>, base: &Path, errors: &mut Errors) -> Network {
    let Some(section) = root.table("network", "[network]", errors) else { return Network::default() };
    let written = section.text("proxy", errors);
    let proxy = written.and_then(|url| {
        let proxy = endpoint(url, errors)?;
        if proxy.scheme == Scheme::Https {
            let hint = "write `http://…`: what goes through it to an https server is encrypted all the way";
            errors.add_malformed(url.at, "bad-proxy", url.value, "a proxy that is spoken to in HTTP", hint);
            return None;
        }
        Some(proxy)
    });
    let username = section.text("proxy_username", errors);
    let password = section.secret("proxy_password", base, errors);
    let proxy_login = match (username, password) {
        (Some(username), Some(password)) => {
            if username.value.contains(':') {
                let hint = "the first colon ends the user (RFC 7617): take it out";
                errors.add_malformed(username.at, "bad-user", username.value, "a user of a proxy", hint);
            }
            Some(ProxyLogin { username: username.value.to_owned(), password })
        }
        // A password that is wrong in itself was told of.
        (Some(username), None) if section.key_at("proxy_password").is_none() => {
            errors.add_half_login(username.at, "proxy_username", "proxy_password");
            None
        }
        (None, Some(_)) => {
            let at = section.key_at("proxy_password").unwrap_or(section.at);
            errors.add_half_login(at, "proxy_password", "proxy_username");
            None
        }
        _ => None,
    };
    let entries = section.texts("no_proxy", errors).unwrap_or_default();
    let no_proxy = entries.into_iter().filter_map(|entry| past_proxy(entry, errors)).collect();
    if written.is_none() {
        for key in ["proxy_username", "proxy_password", "no_proxy"] {
            if let Some(at) = section.key_at(key) {
                errors.add_without_proxy(at, key);
            }
        }
    } else if let (Some(_), Some(proxy)) = (&proxy_login, &proxy)
        && !is_loopback(&proxy.host)
        && let Some(at) = section.key_at("proxy_password")
    {
        errors.add_proxy_login_in_clear(at, &proxy.to_string());
    }
    let ca = section.texts("ca", errors).unwrap_or_default().into_iter().map(|path| base.join(path.value)).collect();
    section.finish(errors);
    Network { proxy, proxy_login, no_proxy, ca }
}

fn past_proxy(entry: Located<&str>, errors: &mut Errors) -> Option<PastProxy> {
    let read = entry.value.parse().ok();
    if read.is_none() {
        let hint = "write a name, `.example.com` for all names under it, or a range such as `10.0.0.0/8`";
        errors.add_malformed(entry.at, "bad-no-proxy", entry.value, "a host or a range of addresses", hint);
    }
    read
}
