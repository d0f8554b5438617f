//! Takes sent secrets out of answers, before anybody sees them.
//!
//! A server may repeat what it was sent: an echo for debugging, an error that quotes the request. Found are the secret
//! itself, its base64 (standard and URL-safe, whole or as part of something longer), its hexadecimal digits, and any
//! spelling of it with the escapes of URLs, JSON and XML. A server that transforms it otherwise is beyond what can be promised.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::{Engine, engine::general_purpose};

const MASK: &[u8] = b"***";

/// Shorter pieces of base64 occur by chance.
const PIECE_MIN: usize = 6;

/// Knows texts in every spelling: the secrets of one server, or what is looked for.
pub struct Mask {
    exact: Option<AhoCorasick>,
    /// The longest first: one that was rotated may begin with the one before it, and nothing of it must be left.
    spelled: Vec<Vec<u8>>,
}

impl Mask {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut exact: Vec<Vec<u8>> = Vec::new();
        let mut spelled: Vec<Vec<u8>> = Vec::new();
        for secret in secrets.into_iter().map(str::as_bytes).filter(|secret| !secret.is_empty()) {
            let whole = general_purpose::STANDARD_NO_PAD.encode(secret).into_bytes();
            let padded = general_purpose::STANDARD.encode(secret).into_bytes();
            exact.push(general_purpose::URL_SAFE.encode(secret).into_bytes());
            exact.push(general_purpose::URL_SAFE_NO_PAD.encode(secret).into_bytes());
            exact.push(hex::encode(secret).into_bytes());
            exact.push(hex::encode_upper(secret).into_bytes());
            exact.extend(pieces(secret));
            spelled.extend([secret.to_owned(), whole, padded]);
        }
        spelled.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        spelled.dedup();
        exact.extend(spelled.iter().cloned());
        exact.sort();
        exact.dedup();
        let exact = (!exact.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                // Quickly built and small, for what is looked through once or twice.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&exact)
                .expect("a few patterns of at most 128 KiB fit an automaton")
        });
        Self { exact, spelled }
    }

    /// `bytes` with `***` in every place where a secret was.
    pub(crate) fn clean(&self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(exact) = &self.exact else { return bytes };
        // What has escapes first: of a longer secret they may hide what a shorter one does not know.
        let spelled = self.spelled.iter().fold(bytes, |bytes, secret| clean_spelled(bytes, secret));
        if !exact.is_match(&spelled) {
            return spelled;
        }
        let mut cleaned = Vec::with_capacity(spelled.len());
        exact.replace_all_with_bytes(&spelled, &mut cleaned, |_, _, to| {
            to.extend_from_slice(MASK);
            true
        });
        cleaned
    }

    /// Whether one of them is in `bytes`, however it is spelled.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.exact.as_ref().is_some_and(|exact| exact.is_match(bytes))
            || has_escapes(bytes) && self.spelled.iter().any(|text| next_spelled(bytes, text, 0).is_some())
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

fn has_escapes(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| b"%\\&+".contains(byte))
}

fn clean_spelled(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    if !has_escapes(&bytes) {
        return bytes;
    }
    let Some(first) = next_spelled(&bytes, secret, 0) else { return bytes };
    let mut cleaned = Vec::with_capacity(bytes.len());
    let (mut at, mut next) = (0, Some(first));
    while let Some((begin, end)) = next {
        cleaned.extend_from_slice(&bytes[at..begin]);
        cleaned.extend_from_slice(MASK);
        at = end;
        next = next_spelled(&bytes, secret, at);
    }
    cleaned.extend_from_slice(&bytes[at..]);
    cleaned
}

/// Where the next spelling of `secret` begins and ends.
fn next_spelled(bytes: &[u8], secret: &[u8], from: usize) -> Option<(usize, usize)> {
    (from..bytes.len()).find_map(|begin| Some((begin, begin + spelling_of(secret, &bytes[begin..])?)))
}

/// The length of the spelling of `secret` that `text` begins with.
fn spelling_of(secret: &[u8], text: &[u8]) -> Option<usize> {
    let (mut at, mut left) = (0, secret);
    while let [wanted, after @ ..] = left {
        let rest = &text[at..];
        let escape = unescape(rest).and_then(|(meant, length)| Some((meant.taken_from(left)?, length)));
        (left, at) = match escape {
            Some((left, length)) => (left, at + length),
            None if rest.first() == Some(wanted) => (after, at + 1),
            None => return None,
        };
    }
    Some(at)
}

/// What an escape stands for.
enum Meant {
    Byte(u8),
    /// Its bytes of UTF-8.
    Character(char),
}

impl Meant {
    /// What of `secret` follows, if it begins so.
    fn taken_from<'s>(&self, secret: &'s [u8]) -> Option<&'s [u8]> {
        match self {
            Self::Byte(byte) => secret.strip_prefix(&[*byte]),
            Self::Character(character) => secret.strip_prefix(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// What an escape at the beginning of `text` stands for, and the length of the escape.
fn unescape(text: &[u8]) -> Option<(Meant, usize)> {
    let byte = |byte: u8, length: usize| Some((Meant::Byte(byte), length));
    match text {
        [b'%', one, other, ..] => byte(u8::try_from(number(&[*one, *other], 16)?).ok()?, 3),
        [b'+', ..] => byte(b' ', 1),
        [b'\\', b'u', ..] => unescape_json(text),
        [b'\\', escaped @ (b'"' | b'\\' | b'/'), ..] => byte(*escaped, 2),
        [b'\\', b'n', ..] => byte(b'\n', 2),
        [b'\\', b'r', ..] => byte(b'\r', 2),
        [b'\\', b't', ..] => byte(b'\t', 2),
        [b'&', ..] => {
            let end = text.iter().take(12).position(|&byte| byte == b';')?;
            let meant = match &text[1..end] {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                b"quot" => '"',
                b"apos" => '\'',
                [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
                [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
                _ => return None,
            };
            Some((Meant::Character(meant), end + 1))
        }
        _ => None,
    }
}

/// `\u00fc`, or the two halves of what lies beyond such numbers (RFC 8259, section 7).
fn unescape_json(text: &[u8]) -> Option<(Meant, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::try_from(number(digits, 16)?).ok()
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((Meant::Character(character), 6));
    }
    let character = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((Meant::Character(character), 12))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
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
    fn characters_beyond_ascii_are_found_in_every_spelling() {
        let mask = Mask::new(["pä€🔑ss\nword"]);
        for spelled in [
            "pä€🔑ss\nword",
            r"p\u00e4\u20AC\ud83d\udd11ss\nword",
            "p&#228;&#x20ac;&#x1F511;ss&#10;word",
            "p%C3%A4%e2%82%ac%F0%9F%94%91ss%0Aword",
        ] {
            assert_eq!(mask.clean_text(&format!("<{spelled}>")), "<***>", "{spelled}");
        }
        let stays = r"p\ud83d and \ud83dx \u12";
        assert_eq!(mask.clean_text(stays), stays);
    }

    #[test]
    fn a_secret_that_begins_with_an_older_one_is_masked_whole() {
        for (old, new) in [("token-1", "token-1/and more"), ("a/b", "a/b+c/d")] {
            for mask in [Mask::new([old, new]), Mask::new([new, old])] {
                let base64 = general_purpose::STANDARD.encode(new);
                let percent = new.replace('/', "%2F");
                let json = new.replace('/', r"\/");
                for spelled in [new, &hex::encode(new), &base64, &base64.replace('=', "%3D"), &percent, &json] {
                    let text = format!("{{\"a\":\"{spelled}\",\"b\":\"{old}\",\"c\":\"\\n\"}}");
                    let cleaned = mask.clean_text(&text);
                    assert_eq!(cleaned, "{\"a\":\"***\",\"b\":\"***\",\"c\":\"\\n\"}", "{spelled}");
                }
            }
        }
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
