//! Which chains are trusted, and what is wrong with the others.

use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore,
    SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
};
use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::{GateError, Now};
use crate::domain::SourceId;

/// What is trusted, by the source that is asked.
pub(super) struct Trusts {
    default: Trust,
    of_sources: HashMap<SourceId, Trust>,
}

/// Roots, algorithms and the clock that certificates are held against.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    /// The same as they came.
    certificates: Vec<CertificateDer<'static>>,
    clock: Arc<Clock>,
    strict: Arc<ClientConfig>,
}

/// A certificate that this side shows, and its key.
#[derive(Clone)]
pub(super) struct Identity(Arc<SingleCertAndKey>);

impl Trusts {
    /// The system's roots and those in the files `ca`; for a source with files of its own, these alone.
    pub(super) fn new(ca: &[PathBuf], of_sources: &[(SourceId, Vec<PathBuf>)], now: &Now) -> Result<Self, GateError> {
        // A system without roots is fine as long as `ca` has what is needed: each handshake says what it lacks.
        let default = Trust::new(rustls_native_certs::load_native_certs().certs, ca, Arc::clone(now))?;
        let own = |(source, ca): &(SourceId, Vec<PathBuf>)| {
            let trust = Trust::new(Vec::new(), ca, Arc::clone(now))?;
            Ok((source.clone(), trust))
        };
        Ok(Self { default, of_sources: of_sources.iter().map(own).collect::<Result<_, _>>()? })
    }

    /// `None`: no source's.
    pub(super) fn of(&self, source: Option<&SourceId>) -> &Trust {
        source.and_then(|source| self.of_sources.get(source)).unwrap_or(&self.default)
    }
}

impl Trust {
    fn new(mut certificates: Vec<CertificateDer<'static>>, ca: &[PathBuf], now: Now) -> Result<Self, GateError> {
        let mut roots = RootCertStore::empty();
        // Systems have some that nobody can use.
        certificates.retain(|certificate| roots.add(certificate.clone()).is_ok());
        for path in ca {
            let wrong = |why: String| GateError::Roots { path: path.clone(), why };
            let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let mut found = false;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                certificates.push(certificate.clone());
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                found = true;
            }
            if !found {
                return Err(wrong("it has no `-----BEGIN CERTIFICATE-----`".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (roots, clock) = (Arc::new(roots), Arc::new(Clock(now)));
        let strict = Arc::new(client_config(&provider, &roots, &clock, None, None)?);
        Ok(Self { provider, roots, certificates, clock, strict })
    }

    /// All roots.
    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// An untrusted chain ends the handshake.
    pub(super) fn strict(&self, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, GateError> {
        match identity {
            None => Ok(Arc::clone(&self.strict)),
            Some(_) => client_config(&self.provider, &self.roots, &self.clock, None, identity).map(Arc::new),
        }
    }

    /// An untrusted chain is told in the returned cell; the handshake goes on. For looking, never for sending.
    pub(super) fn recording(&self) -> Result<(Arc<ClientConfig>, Arc<OnceLock<String>>), GateError> {
        let record = Arc::new(OnceLock::new());
        let config = client_config(&self.provider, &self.roots, &self.clock, Some(Arc::clone(&record)), None)?;
        Ok((Arc::new(config), record))
    }
}

impl Identity {
    /// Reads a chain and a private key, both in PEM. The error says what is wrong, and nothing of the key.
    pub(super) fn read(certificates: &[u8], key: &[u8]) -> Result<Self, &'static str> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| "its certificate is not PEM")?;
        if chain.is_empty() {
            return Err("there is no `-----BEGIN CERTIFICATE-----`: put it before the key, or name `certificate`");
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "its secret is not a private key in PEM")?;
        let provider = rustls::crypto::ring::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => "its certificate is for another key",
            _ => "its certificate or key is of a kind that is not known",
        })?;
        Ok(Self(Arc::new(SingleCertAndKey::from(pair))))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    clock: &Arc<Clock>,
    record: Option<Arc<OnceLock<String>>>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, GateError> {
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Verifier { roots: Arc::clone(roots), algorithms, record };
    let clock: Arc<dyn TimeProvider> = Arc::<Clock>::clone(clock);
    let builder = ClientConfig::builder_with_details(Arc::clone(provider), clock)
        .with_safe_default_protocol_versions()
        .map_err(GateError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        Some(Identity(pair)) => builder.with_client_cert_resolver(Arc::<SingleCertAndKey>::clone(pair)),
        None => builder.with_no_client_auth(),
    };
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
        rustls::Error::AlertReceived(alert) => refusal(*alert),
        rustls::Error::PeerIncompatible(_) => "the other side speaks no version or cipher of TLS that is accepted",
        rustls::Error::InvalidMessage(_) => "the other side does not speak TLS",
        _ => "the handshake went wrong",
    }
}

/// Why the other side ended the handshake. In TLS 1.3 what it thinks of a client's certificate comes after its end.
fn refusal(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => "the other side asks for a certificate, and the source names no `client_certificate`",
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied => "the other side does not accept the client certificate",
        _ => "the other side refused the handshake",
    }
}

/// Why the other side ended what had begun, if it said so.
pub(super) fn refusal_of_stream(error: &std::io::Error) -> Option<&'static str> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(refusal(*alert)),
        _ => None,
    }
}

/// The fault in an error of a stream under TLS.
pub(super) fn fault_of_stream(error: &std::io::Error) -> &'static str {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => fault(error),
        None => "the connection was closed during the handshake",
    }
}
