//! Takes what was sent in confidence out of an answer.

use std::sync::OnceLock;

use evidenced_contract::Peer;
use http::{HeaderName, header};

use super::{exchange::Raw, mask::Mask};
use crate::secret::Secret;

/// What answers of one server are cleaned of.
pub(super) struct Cleaning {
    secrets: Vec<Secret>,
    mask: Mask,
    /// The same in small letters, as the names of headers are read. Seldom needed.
    names: OnceLock<Mask>,
}

impl Cleaning {
    pub(super) fn of(secrets: Vec<Secret>) -> Self {
        let mask = Mask::new(secrets.iter().map(|secret| secret.expose().as_str()));
        Self { secrets, mask, names: OnceLock::new() }
    }

    pub(super) fn knows(&self, secret: &Secret) -> bool {
        self.secrets.contains(secret)
    }

    /// Head and body, also without the values of cookies, which are secrets of the same rank.
    pub(super) fn answer(&self, raw: Raw) -> Raw {
        let clean_header = |(name, value): (HeaderName, Vec<u8>)| {
            let value = if name == header::SET_COOKIE { without_cookie_value(&value) } else { value };
            (self.header_name(name), self.mask.clean(value))
        };
        let headers = raw.headers.into_iter().map(clean_header).collect();
        Raw { status: raw.status, headers, body: self.mask.clean(raw.body) }
    }

    fn header_name(&self, name: HeaderName) -> HeaderName {
        // Most names are too short to hold one.
        let may_hold_one = self.secrets.iter().any(|secret| secret.expose().len() <= name.as_str().len());
        if !may_hold_one {
            return name;
        }
        let names = self.names.get_or_init(|| {
            let small: Vec<_> = self.secrets.iter().map(|secret| secret.expose().to_ascii_lowercase()).collect();
            Mask::new(small.iter().map(String::as_str))
        });
        let cleaned = names.clean_text(&self.mask.clean_text(name.as_str()));
        HeaderName::from_bytes(cleaned.as_bytes()).unwrap_or(name)
    }

    /// What a server says of itself in its certificates is its own, too.
    pub(super) fn certificates(&self, peer: Option<&mut Peer>) {
        let Some(peer) = peer else { return };
        let clean = |text: &mut String| *text = self.mask.clean_text(text);
        // Why it is not trusted may name what stands in it.
        peer.untrusted.iter_mut().for_each(clean);
        for certificate in &mut peer.chain {
            [&mut certificate.subject, &mut certificate.issuer, &mut certificate.serial].into_iter().for_each(clean);
            certificate.names.iter_mut().for_each(clean);
        }
    }
}

/// `session=abc; Secure` → `session=***; Secure`.
fn without_cookie_value(cookie: &[u8]) -> Vec<u8> {
    let end = cookie.iter().position(|&byte| byte == b';').unwrap_or(cookie.len());
    let (pair, attributes) = cookie.split_at(end);
    let name = pair.iter().position(|&byte| byte == b'=').map_or(&pair[..0], |equals| &pair[..=equals]);
    [name, b"***", attributes].concat()
}
