//! Takes sent secrets out of answers, before anybody sees them.
//!
//! A server may repeat what it was sent: an echo for debugging, an error that quotes the request. Found are the secret
//! itself, its base64 (standard and URL-safe, whole or as part of something longer), its hexadecimal digits, and any
//! spelling of it with the escapes of URLs, JSON and XML. A server that transforms it otherwise is beyond what can be promised.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{Engine, engine::general_purpose};

const MASK: &[u8] = b"***";

/// Shorter pieces of base64 occur by chance.
const PIECE_MIN: usize = 6;

/// Knows texts in every spelling: the secrets of one request, or what is looked for.
pub struct Mask {
    exact: Option<AhoCorasick>,
    spelled: Vec<Vec<u8>>,
}

impl Mask {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut exact: Vec<Vec<u8>> = Vec::new();
        let mut spelled: Vec<Vec<u8>> = Vec::new();
        for secret in secrets.into_iter().map(str::as_bytes).filter(|secret| !secret.is_empty()) {
            let whole = general_purpose::STANDARD_NO_PAD.encode(secret).into_bytes();
            exact.push(secret.to_owned());
            exact.push(general_purpose::STANDARD.encode(secret).into_bytes());
            exact.push(general_purpose::URL_SAFE.encode(secret).into_bytes());
            exact.push(general_purpose::URL_SAFE_NO_PAD.encode(secret).into_bytes());
            exact.push(whole.clone());
            exact.push(hex::encode(secret).into_bytes());
            exact.push(hex::encode_upper(secret).into_bytes());
            exact.extend(pieces(secret));
            spelled.push(secret.to_owned());
            spelled.push(whole);
        }
        exact.sort();
        exact.dedup();
        let exact = (!exact.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&exact)
                .expect("a few patterns of at most 128 KiB fit an automaton")
        });
        Self { exact, spelled }
    }

    /// `bytes` with `***` in every place where a secret was.
    pub(crate) fn clean(&self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(exact) = &self.exact else { return bytes };
        let mut cleaned = bytes;
        if exact.is_match(&cleaned) {
            let mut to = Vec::with_capacity(cleaned.len());
            exact.replace_all_with_bytes(&cleaned, &mut to, |_, _, to| {
                to.extend_from_slice(MASK);
                true
            });
            cleaned = to;
        }
        for secret in &self.spelled {
            cleaned = clean_spelled(cleaned, secret);
        }
        cleaned
    }

    /// Whether one of them is in `bytes`, however it is spelled.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.exact.as_ref().is_some_and(|exact| exact.is_match(bytes))
            || self.spelled.iter().any(|text| clean_spelled(bytes.to_vec(), text).len() != bytes.len())
    }

    pub(crate) fn clean_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.clean(text.as_bytes().to_vec())).into_owned()
    }
}

/// What the base64 of anything that contains `secret` contains: for each of the three positions of its first byte in a
/// group of three, the characters that depend on the secret alone. In both alphabets.
fn pieces(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(secret);
        // The first characters hold bits of what stands before, the last one may hold bits of what comes after.
        let (skip, bits) = ([0, 2, 3][before], padded.len() * 8);
        for encoded in
            [general_purpose::STANDARD_NO_PAD.encode(&padded), general_purpose::URL_SAFE_NO_PAD.encode(&padded)]
        {
            let piece = encoded.as_bytes().get(skip..bits / 6).unwrap_or_default();
            if piece.len() >= PIECE_MIN {
                found.push(piece.to_vec());
            }
        }
    }
    found
}

fn clean_spelled(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let escaped = bytes.iter().any(|byte| b"%\\&+".contains(byte));
    if !escaped {
        return bytes;
    }
    let mut cleaned = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match spelling_of(secret, &bytes[at..]) {
            Some(length) => {
                cleaned.extend_from_slice(MASK);
                at += length;
            }
            None => {
                cleaned.push(byte);
                at += 1;
            }
        }
    }
    cleaned
}

/// The length of the spelling of `secret` that `text` begins with.
fn spelling_of(secret: &[u8], text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for &wanted in secret {
        let rest = &text[at..];
        at += match unescape(rest) {
            Some((byte, length)) if byte == wanted => length,
            _ if rest.first() == Some(&wanted) => 1,
            _ => return None,
        };
    }
    Some(at)
}

/// The byte that an escape at the beginning of `text` stands for, and the length of the escape.
fn unescape(text: &[u8]) -> Option<(u8, usize)> {
    let hexadecimal = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        u8::from_str_radix(digits, 16).ok()
    };
    match text {
        [b'%', one, other, ..] => Some((hexadecimal(&[*one, *other])?, 3)),
        [b'+', ..] => Some((b' ', 1)),
        [b'\\', b'u', b'0', b'0', one, other, ..] => Some((hexadecimal(&[*one, *other])?, 6)),
        [b'\\', byte @ (b'"' | b'\\' | b'/'), ..] => Some((*byte, 2)),
        [b'&', ..] => {
            let end = text.iter().take(8).position(|&byte| byte == b';')?;
            let byte = match &text[1..end] {
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"quot" => b'"',
                b"apos" => b'\'',
                [b'#', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
                [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
                _ => return None,
            };
            Some((byte, end + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "wJalr/K7M+DENG \"bPx=\\&";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Mask::new([SECRET]).clean_text(text), expected);
    }

    #[test]
    fn every_usual_spelling_of_a_secret_is_masked() {
        check(&format!("a {SECRET} b {SECRET}{SECRET}"), "a *** b ******");
        check(&format!("<{}>", general_purpose::STANDARD.encode(SECRET)), "<***>");
        check(&format!("<{}>", general_purpose::URL_SAFE_NO_PAD.encode(SECRET)), "<***>");
        check(&format!("<{}>", hex::encode(SECRET)), "<***>");
        check("?q=wJalr%2FK7M%2BDENG%20%22bPx%3D%5C%26&x", "?q=***&x");
        check("?q=wJalr%2fK7M%2bDENG+%22bPx=%5c%26&x", "?q=***&x");
        check("?q=wJalr/K7M%2BDENG%20%22bPx=%5C&x", "?q=***x");
        check(r#"{"k":"wJalr\/K7M+DENG \"bPx=\\&"}"#, r#"{"k":"***"}"#);
        check(r#"{"k":"wJalr\u002fK7M\u002BDENG \u0022bPx=\\\u0026"}"#, r#"{"k":"***"}"#);
        check("<k>wJalr&#x2F;K7M&#43;DENG &quot;bPx=\\&amp;</k>", "<k>***</k>");
    }

    #[test]
    fn what_is_not_the_secret_stays() {
        check("wJalr/K7M and 100% of a+b \\ & &amp; %zz %2", "wJalr/K7M and 100% of a+b \\ & &amp; %zz %2");
        let untouched = Mask::new([]).clean(b"\xff%41".to_vec());
        assert_eq!(untouched, b"\xff%41");
    }

    #[test]
    fn a_secret_inside_longer_base64_is_masked_in_each_alignment() {
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "z", "yz"] {
                let encoded = general_purpose::STANDARD.encode(format!("{before}{SECRET}{after}"));
                let cleaned = Mask::new([SECRET]).clean_text(&encoded);
                assert!(cleaned.contains("***") && cleaned.len() < 20, "{before}|{after}: {cleaned}");
            }
        }
    }

    #[test]
    fn a_percent_sign_in_a_secret_is_itself_or_its_escape() {
        let mask = Mask::new(["%41%25x"]);
        assert_eq!(mask.clean_text("<%41%25x> <%2541%2525x>"), "<***> <***>");
    }

    proptest! {
        #[test]
        fn no_spelling_survives(
            secret in "[ -~]{8,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}", escape in proptest::collection::vec(0u8..4, 40),
        ) {
            let spelled: String = secret.bytes().zip(escape).map(|(byte, escape)| match escape {
                0 => format!("%{byte:02X}"),
                1 => format!("%{byte:02x}"),
                2 => format!("\\u{byte:04x}"),
                _ => format!("&#{byte};"),
            }).collect();
            let cleaned = Mask::new([secret.as_str()]).clean_text(&format!("{before}{spelled}{after}"));
            prop_assert!(cleaned.contains("***"));
            prop_assert!(!cleaned.contains(&spelled));
        }
    }
}
