//! The signature of Standard Webhooks 1.0.0: HMAC-SHA256 over id, time of the try and body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

const PREFIX: &str = "whsec_";

/// A key, as `whsec_` and base64. `None`: it is none; shorter ones than 24 bytes are not safe.
pub(super) fn key(secret: &Secret) -> Option<Secret<Vec<u8>>> {
    let text = secret.expose().trim();
    let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok()?;
    (24..=64).contains(&key.len()).then(|| Secret::new(key))
}

/// Whether bodies can be signed with it.
pub fn is_signing_key(secret: &Secret) -> bool {
    key(secret).is_some()
}

/// As the header `webhook-signature` has it. `timestamp` is in seconds since 1970.
pub(super) fn signature(key: &Secret<Vec<u8>>, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The id that is signed: a full stop in it would let one id be taken for another.
pub(super) fn signed_id(id: &str) -> String {
    id.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(text: &str) -> Option<Secret<Vec<u8>>> {
        key(&Secret::new(text.to_owned()))
    }

    /// standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts, "sign function works".
    #[test]
    fn the_published_vector_comes_out() {
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_has_its_prefix_or_none_and_a_safe_length() {
        assert_eq!(
            key_of("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().expose(),
            key_of(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap().expose()
        );
        for wrong in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_not base64 at all, whatever",
            "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert!(key_of(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_full_stop_is_in_what_is_signed_but_those_that_part_it() {
        assert_eq!(signed_id("alert-42.9f@example.com#1"), "alert-42_9f@example_com#1");
    }
}
