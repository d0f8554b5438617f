//! Where tokens are got: URLs that a secret is sent to.

use std::net::IpAddr;
use url::{Host, Url};

use super::{diagnostics::Errors, endpoint::no_url, model::is_loopback, section::Section, sources::addresses};
use crate::domain::{AddressRange, TokenPlace};

/// The URL of `key` and the ranges that its host may lie in: https, or http on this machine and to the link-local address of
/// a platform.
pub(super) fn place(
    section: &Section<'_>,
    key: &'static str,
    default: Option<&str>,
    errors: &mut Errors,
) -> Option<TokenPlace> {
    let addresses = addresses(section, errors);
    let Some(written) = section.text(key, errors) else {
        // One that is written and wrong does not become the default.
        let default = default.filter(|_| section.key_at(key).is_none())?;
        return Some(TokenPlace { url: default.to_owned(), addresses });
    };
    let url = match Url::parse(written.value) {
        Ok(url) => url,
        Err(error) => {
            errors.add_bad_token_url(written.at, written.value, &no_url(error));
            return None;
        }
    };
    if url.password().is_some() || !url.username().is_empty() {
        errors.add_secret_in_text(written.at, "a URL");
        return None;
    }
    let is_here = url.host_str().is_some_and(|host| is_loopback(host.trim_matches(['[', ']'])));
    let is_platform = key == "metadata_url" && metadata_address(written.value).is_some();
    let why = match url.scheme() {
        "https" | "http" if url.fragment().is_some() => "a fragment is never sent",
        "https" => return Some(TokenPlace { url: written.value.to_owned(), addresses }),
        "http" if is_here || is_platform => return Some(TokenPlace { url: written.value.to_owned(), addresses }),
        "http" => "what proves who asks would go there without encryption",
        _ => "the scheme is not `https`",
    };
    errors.add_bad_token_url(written.at, written.value, why);
    None
}

/// The region, and STS in it.
pub(super) fn sts(section: &Section<'_>, errors: &mut Errors) -> Option<(String, TokenPlace)> {
    let region = section.text("region", errors).filter(|region| {
        let is_plain =
            region.value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_plain {
            let hint = "write one such as `eu-central-1`";
            errors.add_malformed(region.at, "bad-region", region.value, "a region of AWS", hint);
        }
        is_plain
    });
    let usual = region.map(|region| {
        let domain = if region.value.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://sts.{}.{domain}", region.value)
    });
    let place = place(section, "sts_url", usual.as_deref(), errors);
    Some((region?.value.to_owned(), place?))
}

/// The address itself, where a URL has a link-local one or the one of EC2: it is meant, and nothing else is.
pub(super) fn metadata_address(url: &str) -> Option<AddressRange> {
    let address: IpAddr = match Url::parse(url).ok()?.host()? {
        Host::Ipv4(address) if address.is_link_local() => address.into(),
        Host::Ipv6(address) if address.segments().starts_with(&[0xfd00, 0xec2]) => address.into(),
        _ => return None,
    };
    address.to_string().parse().ok()
}
