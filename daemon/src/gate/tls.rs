//! Which chains are trusted, and what is wrong with the others.

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    time_provider::TimeProvider,
};
use std::{fmt, path::PathBuf, sync::Arc, sync::OnceLock};

use super::{GateError, Now};

/// Roots, algorithms and the clock that certificates are held against.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    clock: Arc<Clock>,
    strict: Arc<ClientConfig>,
}

impl Trust {
    /// The system's roots, and those in the PEM files `ca`.
    pub(super) fn new(ca: &[PathBuf], now: Now) -> Result<Self, GateError> {
        let mut roots = RootCertStore::empty();
        // A system without roots is fine as long as `ca` has what is needed: each handshake says what it lacks.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for path in ca {
            let wrong = |why: String| GateError::Roots { path: path.clone(), why };
            let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let mut found = false;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                found = true;
            }
            if !found {
                return Err(wrong("it has no `-----BEGIN CERTIFICATE-----`".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (roots, clock) = (Arc::new(roots), Arc::new(Clock(now)));
        let strict = Arc::new(client_config(&provider, &roots, &clock, None)?);
        Ok(Self { provider, roots, clock, strict })
    }

    /// An untrusted chain ends the handshake.
    pub(super) fn strict(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.strict)
    }

    /// An untrusted chain is told in the returned cell; the handshake goes on. For looking, never for sending.
    pub(super) fn recording(&self) -> Result<(Arc<ClientConfig>, Arc<OnceLock<String>>), GateError> {
        let record = Arc::new(OnceLock::new());
        let config = client_config(&self.provider, &self.roots, &self.clock, Some(Arc::clone(&record)))?;
        Ok((Arc::new(config), record))
    }
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    clock: &Arc<Clock>,
    record: Option<Arc<OnceLock<String>>>,
) -> Result<ClientConfig, GateError> {
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Verifier { roots: Arc::clone(roots), algorithms, record };
    let clock: Arc<dyn TimeProvider> = Arc::<Clock>::clone(clock);
    let mut config = ClientConfig::builder_with_details(Arc::clone(provider), clock)
        .with_safe_default_protocol_versions()
        .map_err(GateError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Each probe looks at the certificate anew, as it is now.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

struct Clock(Now);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from((self.0)().as_millis()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(millis)))
    }
}

/// Holds a chain against the roots, the clock and the name, and either refuses it or writes down why it would.
/// That the peer has the key of its certificate is demanded always.
#[derive(Debug)]
struct Verifier {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    record: Option<Arc<OnceLock<String>>>,
}

impl Verifier {
    fn verify(
        &self,
        end_entity: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Vec<rustls::Error> {
        let algorithms = self.algorithms.all;
        let chain =
            verify_server_cert_signed_by_trust_anchor(end_entity, &self.roots, intermediates, now, algorithms).err();
        chain.into_iter().chain(verify_server_name(end_entity, name).err()).collect()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let end_entity = ParsedCertificate::try_from(end_entity)?;
        let mut faults = self.verify(&end_entity, intermediates, name, now);
        if let Some(record) = &self.record {
            if !faults.is_empty() {
                let words: Vec<&str> = faults.iter().map(fault).collect();
                record.get_or_init(|| words.join("; "));
            }
            return Ok(ServerCertVerified::assertion());
        }
        if faults.is_empty() { Ok(ServerCertVerified::assertion()) } else { Err(faults.swap_remove(0)) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}

/// What is wrong, in our own words, which stay the same from release to release.
pub(super) fn fault(error: &rustls::Error) -> &'static str {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            C::Expired | C::ExpiredContext { .. } => "the certificate has expired",
            C::NotValidYet | C::NotValidYetContext { .. } => "the certificate is not valid yet",
            C::NotValidForName | C::NotValidForNameContext { .. } => "the certificate is not for this name",
            C::UnknownIssuer => "the certificate's issuer is not trusted",
            C::Revoked => "the certificate is revoked",
            C::BadSignature => "a signature in the chain is wrong",
            C::BadEncoding => "the certificate cannot be read",
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => "the certificate is not for a server",
            _ => "the certificate is not acceptable",
        },
        rustls::Error::NoCertificatesPresented => "no certificate was shown",
        rustls::Error::AlertReceived(_) => "the other side refused the handshake",
        rustls::Error::PeerIncompatible(_) => "the other side speaks no version or cipher of TLS that is accepted",
        rustls::Error::InvalidMessage(_) => "the other side does not speak TLS",
        _ => "the handshake went wrong",
    }
}

/// The fault in an error of a stream under TLS.
pub(super) fn fault_of_stream(error: &std::io::Error) -> &'static str {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => fault(error),
        None => "the connection was closed during the handshake",
    }
}
