//! Takes what was sent in confidence out of an answer.

use evidenced_contract::Peer;
use http::{HeaderName, header};

use super::{credential::Sent, exchange::Raw, mask::Mask};
use crate::secret::Secret;

/// What answers of one server are cleaned of.
pub(super) struct Cleaning {
    mask: Mask,
    /// The same in small letters, as the names of headers are read.
    small: Vec<String>,
}

impl Cleaning {
    pub(super) fn of(confided: &[Secret], sent: &Sent) -> Self {
        let secrets =
            || confided.iter().chain(&sent.lasting).chain(&sent.passing).map(|secret| secret.expose().as_str());
        Self { mask: Mask::new(secrets()), small: secrets().map(str::to_ascii_lowercase).collect() }
    }

    /// Head and body, also without the values of cookies, which are secrets of the same rank.
    pub(super) fn answer(&self, raw: Raw) -> Raw {
        // Most names are too short to hold one.
        let shortest = self.small.iter().map(String::len).min().unwrap_or(usize::MAX);
        let may_hold_one = raw.headers.iter().any(|(name, _)| name.as_str().len() >= shortest);
        let names = Mask::new(self.small.iter().map(String::as_str).filter(|_| may_hold_one));
        let clean_header = |(name, value): (HeaderName, Vec<u8>)| {
            let value = if name == header::SET_COOKIE { without_cookie_value(&value) } else { value };
            let cleaned_name = names.clean_text(&self.mask.clean_text(name.as_str()));
            let name = HeaderName::from_bytes(cleaned_name.as_bytes()).unwrap_or(name);
            (name, self.mask.clean(value))
        };
        let headers = raw.headers.into_iter().map(clean_header).collect();
        Raw { status: raw.status, headers, body: self.mask.clean(raw.body) }
    }

    /// What a server says of itself in its certificates is its own, too.
    pub(super) fn certificates(&self, peer: Option<&mut Peer>) {
        for certificate in peer.into_iter().flat_map(|peer| &mut peer.chain) {
            for text in [&mut certificate.subject, &mut certificate.issuer].into_iter().chain(&mut certificate.names) {
                *text = self.mask.clean_text(text);
            }
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
