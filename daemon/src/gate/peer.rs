//! The facts of the other side of a TLS connection, read from what it showed.

use evidenced_contract::{Certificate, Peer};
use rustls::{ClientConnection, pki_types::CertificateDer};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED448, OID_SIG_ED25519, Oid},
    prelude::FromDer,
    public_key::PublicKey,
    time::ASN1Time,
    x509::SubjectPublicKeyInfo,
};

use crate::domain::{Digest, Timestamp};

/// What is known after the handshake. `None`: a certificate of the chain cannot be read.
pub(super) fn peer(address: String, connection: &ClientConnection, untrusted: Option<String>) -> Option<Peer> {
    let chain = connection.peer_certificates().unwrap_or_default();
    let protocol = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    let cipher = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    Some(Peer {
        address,
        protocol: protocol.to_owned(),
        cipher: cipher.and_then(|suite| suite.as_str().map(str::to_owned)).unwrap_or_default(),
        untrusted,
        chain: chain.iter().map(certificate).collect::<Option<_>>()?,
    })
}

fn certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let serial = certificate.raw_serial();
    let significant = serial.iter().position(|&byte| byte != 0).unwrap_or(serial.len().saturating_sub(1));
    Some(Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        serial: hex::encode(serial.get(significant..).unwrap_or_default()),
        names: names(&certificate),
        not_before: instant(certificate.validity().not_before),
        not_after: instant(certificate.validity().not_after),
        key: key(certificate.public_key()),
        digest: Digest::of(der).to_string(),
    })
}

fn instant(time: ASN1Time) -> String {
    Timestamp::from_millis(time.timestamp().saturating_mul(1_000)).to_string()
}

/// DNS names, addresses and URIs; not the mail addresses, which are a person's.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> String {
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|parameters| parameters.as_oid().ok());
            match curve.as_ref().and_then(curve_name) {
                Some(name) => format!("EC {name}"),
                None => format!("EC {}", point.key_size()),
            }
        }
        Ok(PublicKey::DSA(_)) => "DSA".to_owned(),
        _ if info.algorithm.algorithm == OID_SIG_ED25519 => "Ed25519".to_owned(),
        _ if info.algorithm.algorithm == OID_SIG_ED448 => "Ed448".to_owned(),
        _ => info.algorithm.algorithm.to_id_string(),
    }
}

fn curve_name(curve: &Oid<'_>) -> Option<&'static str> {
    [(OID_NIST_EC_P521, "P-521"), (OID_NIST_EC_P384, "P-384"), (OID_EC_P256, "P-256")]
        .into_iter()
        .find_map(|(oid, name)| (oid == *curve).then_some(name))
}
