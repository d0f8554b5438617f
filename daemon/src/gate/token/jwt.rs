//! Assertions: a JSON Web Token, signed by RS256 (RFC 7515, RFC 7518 section 3.3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};

use crate::secret::Secret;

/// A private key that signs.
pub(super) struct SigningKey(RsaKeyPair);

impl SigningKey {
    /// PKCS #8 or PKCS #1, in PEM. The error says nothing of the key.
    pub(super) fn of_pem(pem: &str) -> Result<Self, &'static str> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "its private key is not PEM")?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err("its private key is not of RSA"),
        };
        key.map(Self).map_err(|_| "its private key is not of RSA, or is broken or shorter than 2048 bits")
    }

    /// The token of `claims`, which are JSON.
    pub(super) fn sign(&self, header: &str, claims: &str) -> Result<Secret, &'static str> {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        // The random numbers blind the computation; the signature has none in it.
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| "its private key does not sign")?;
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7515, appendix A.2.1, which is public.
    const KEY: &str = include_str!("testdata/rfc7515-a2.pem");

    /// RFC 7515, appendix A.2: a signature by RS256 has no random part, so the published one is ours to the bit.
    #[test]
    fn the_example_of_rfc_7515_is_signed_to_the_bit() {
        let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        let token = SigningKey::of_pem(KEY).unwrap().sign("{\"alg\":\"RS256\"}", claims).unwrap();
        let published = "eyJhbGciOiJSUzI1NiJ9\
            .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
            .cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7\
            AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4\
            BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K\
            0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv\
            hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB\
            p0igcN_IoypGlUPQGe77Rw";
        assert_eq!(token.expose(), published);
    }

    #[test]
    fn what_is_no_key_of_rsa_is_told_without_a_byte_of_it() {
        let curve = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let body = KEY.lines().nth(3).unwrap();
        let broken = KEY.replace(body, &body.chars().rev().collect::<String>());
        for (pem, why) in [("", "is not PEM"), (curve.as_str(), "is not of RSA"), (broken.as_str(), "is broken")] {
            let told = SigningKey::of_pem(pem).err().unwrap();
            assert!(told.contains(why), "{told}");
        }
    }
}
