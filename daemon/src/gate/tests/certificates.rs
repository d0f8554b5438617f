//! TLS: what is trusted, what is not and why, and the facts of the peer.

use evidenced_contract::{HttpError, Peer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SerialNumber, date_time_ymd};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use sha2::Digest as _;
use tokio_rustls::TlsAcceptor;

use super::*;

pub(super) struct Authority {
    pub(super) issuer: CertifiedIssuer<'static, KeyPair>,
    pub(super) directory: tempfile::TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn file(&self) -> PathBuf {
        let path = self.directory.path().join("ca.pem");
        std::fs::write(&path, self.issuer.pem()).unwrap();
        path
    }

    /// A server with a certificate for `names` until the end of `last` year, that answers `ok`.
    pub(super) async fn server(
        &self,
        names: &[&str],
        last_year: i32,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Tls {
        let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the server");
        params.serial_number = Some(SerialNumber::from(vec![0x01, 0xab]));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let der = certificate.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = Server::tcp(move |tcp| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(tcp).await else { return };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok();
                stream.shutdown().await.ok();
            }
        })
        .await;
        Tls { server, digest: format!("sha256:{}", hex::encode(sha2::Sha256::digest(&der))) }
    }
}

pub(super) struct Tls {
    pub(super) server: Server,
    digest: String,
}

impl Tls {
    pub(super) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.server.address.port())
    }

    pub(super) fn grant(&self, host: &str) -> Grant {
        let addresses = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        Grant { addresses, ..grant_of(&self.url(host)) }
    }

    /// What a handshake with 127.0.0.1 shows.
    async fn look(&self, ca: Vec<PathBuf>) -> Result<Peer, HttpError> {
        let door = door_of(&gate(Vec::new(), ca, None), [self.grant("127.0.0.1")]);
        let mut peers = door.handshake("127.0.0.1", self.server.address.port()).await?;
        assert_eq!(peers.len(), 1);
        peers.remove(0)
    }

    async fn send(&self, ca: Vec<PathBuf>) -> Result<HttpResponse, HttpError> {
        door_of(&gate(Vec::new(), ca, None), [self.grant("127.0.0.1")]).send(get(self.url("127.0.0.1"))).await
    }
}

pub(super) const BOTH: &[&rustls::SupportedProtocolVersion] = rustls::ALL_VERSIONS;

#[tokio::test]
async fn a_trusted_server_is_asked_and_its_facts_are_told() {
    let authority = Authority::new();
    let tls = authority.server(&["127.0.0.1", "api.example.com"], 2030, BOTH).await;
    let response = tls.send(vec![authority.file()]).await.unwrap();
    assert_eq!(response.body, b"ok");
    let timings = response.exchange.timings;
    assert!([0.0, timings.connect, timings.handshake, timings.first_byte, timings.total].is_sorted(), "{timings:?}");
    let peer = response.exchange.peer.unwrap();
    assert_eq!((peer.address, peer.untrusted), (tls.server.address.to_string(), None));
    assert_eq!((peer.protocol.as_str(), peer.cipher.as_str()), ("TLSv1.3", "TLS13_AES_256_GCM_SHA384"));
    let [certificate] = peer.chain.as_slice() else { panic!("{:?}", peer.chain) };
    assert_eq!(certificate.subject, "CN=the server");
    assert_eq!(certificate.issuer, "CN=Test Authority");
    assert_eq!(certificate.serial, "01ab");
    let mut names = certificate.names.clone();
    names.sort();
    assert_eq!(names, ["127.0.0.1", "api.example.com"]);
    assert_eq!(certificate.not_before, "2020-01-01T00:00:00.000Z");
    assert_eq!(certificate.not_after, "2030-12-31T00:00:00.000Z");
    assert_eq!(certificate.key, "EC P-256");
    assert_eq!(certificate.digest, tls.digest);
}

/// A server may write what it was told into the certificate that it shows next.
#[tokio::test]
async fn what_a_server_was_told_is_masked_in_what_a_handshake_shows() {
    let tls = Authority::new().server(&["127.0.0.1", "the-token.example.com"], 2030, BOTH).await;
    let gate = gate(Vec::new(), Vec::new(), None);
    let target = crate::gate::request::Target::of(&tls.url("127.0.0.1").parse().unwrap()).unwrap();
    let told = ["the server", "the-token"].map(|text| crate::secret::Secret::new(text.to_owned()));
    gate.confided.note(&target, &told);
    let door = door_of(&gate, [tls.grant("127.0.0.1")]);
    let peers = door.handshake("127.0.0.1", tls.server.address.port()).await.unwrap();
    let certificate = &peers[0].as_ref().unwrap().chain[0];
    assert_eq!(certificate.subject, "CN=***");
    assert!(certificate.names.contains(&"***.example.com".to_owned()), "{certificate:?}");
}

#[tokio::test]
async fn an_older_version_of_tls_is_spoken_and_told() {
    let authority = Authority::new();
    let tls = authority.server(&["127.0.0.1"], 2030, &[&rustls::version::TLS12]).await;
    let peer = tls.send(vec![authority.file()]).await.unwrap().exchange.peer.unwrap();
    assert_eq!(peer.protocol, "TLSv1.2");
}

#[tokio::test]
async fn an_untrusted_chain_is_an_error_for_a_request_and_an_answer_for_a_handshake() {
    let authority = Authority::new();
    let ca = || vec![authority.file()];
    let cases = [
        (authority.server(&["127.0.0.1"], 2030, BOTH).await, Vec::new(), "the certificate's issuer is not trusted"),
        (authority.server(&["127.0.0.1"], 2025, BOTH).await, ca(), "the certificate has expired"),
        (authority.server(&["example.com"], 2030, BOTH).await, ca(), "the certificate is not for this name"),
        (
            authority.server(&["example.com"], 2025, BOTH).await,
            ca(),
            "the certificate has expired; the certificate is not for this name",
        ),
    ];
    for (tls, ca, why) in cases {
        let peer = tls.look(ca.clone()).await.unwrap();
        assert_eq!(peer.untrusted.as_deref(), Some(why));
        assert_eq!(peer.chain[0].digest, tls.digest);
        let first = why.split("; ").next().unwrap();
        assert_eq!(tls.send(ca).await, Err(HttpError::Tls(format!("{}: {first}", tls.server.address))));
    }
}

#[tokio::test]
async fn a_trusted_chain_is_trusted_in_a_handshake_too() {
    let authority = Authority::new();
    let tls = authority.server(&["127.0.0.1"], 2030, BOTH).await;
    assert_eq!(tls.look(vec![authority.file()]).await.unwrap().untrusted, None);
}

#[tokio::test]
async fn a_handshake_looks_at_every_address_of_a_name() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], 2030, BOTH).await;
    let port = tls.server.address.port();
    let door = door_of(&gate(Vec::new(), vec![authority.file()], None), [tls.grant("localhost")]);
    let peers = door.handshake("LOCALHOST", port).await.unwrap();
    let own = format!("127.0.0.1:{port}");
    let good = peers.iter().flatten().filter(|peer| peer.address == own && peer.untrusted.is_none()).count();
    assert_eq!(good, 1);
    // Where ::1 is an address of the name as well, nobody listens there.
    let other = Err(HttpError::Unreachable(format!("[::1]:{port}: connection refused")));
    assert!(peers.iter().filter(|peer| peer.is_err()).all(|peer| *peer == other), "{peers:?}");
}

#[tokio::test]
async fn a_handshake_needs_a_grant_and_the_range() {
    let authority = Authority::new();
    let tls = authority.server(&["127.0.0.1"], 2030, BOTH).await;
    let port = tls.server.address.port();
    let refused = |why: String| Err(HttpError::Refused(why));
    let needs = |place: &str| format!("a TLS handshake with {place} needs a grant of https://{place}");
    let door_with = |grant: Grant| door([grant]);
    let granted = door_with(tls.grant("127.0.0.1"));
    assert_eq!(granted.handshake("example.com", port).await, refused(needs(&format!("example.com:{port}"))));
    assert_eq!(granted.handshake("127.0.0.1", 1).await, refused(needs("127.0.0.1:1")));
    assert_eq!(granted.handshake("a b", 1).await, refused("`a b` is not the name of a host".into()));
    let plain = door_with(tls.server.grant());
    assert_eq!(plain.handshake("127.0.0.1", port).await, refused(needs(&format!("127.0.0.1:{port}"))));
    let no_range = door_with(grant_of(&tls.url("127.0.0.1")));
    let Err(HttpError::Refused(why)) = no_range.handshake("127.0.0.1", port).await else { panic!() };
    assert!(why.contains("loopback"), "{why}");
    assert_eq!(tls.server.connections(), 0);
}

#[tokio::test]
async fn what_does_not_speak_tls_is_a_tls_error() {
    for garbage in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let server = Server::tcp(move |mut stream| async move {
            stream.write_all(garbage.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        })
        .await;
        let tls = Tls { server, digest: String::new() };
        for answer in [tls.send(Vec::new()).await.map(drop), tls.look(Vec::new()).await.map(drop)] {
            assert!(matches!(answer, Err(HttpError::Tls(_))), "{garbage:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn tls_through_a_tunnel_is_verified_as_without() {
    let authority = Authority::new();
    let tls = authority.server(&["api.example.invalid"], 2030, BOTH).await;
    let to = tls.server.address;
    let proxy = Server::tcp(move |mut stream| async move {
        let head = read_head(&mut stream).await;
        assert!(
            head.starts_with("CONNECT api.example.invalid:443 HTTP/1.1\r\nhost: api.example.invalid:443\r\n"),
            "{head}"
        );
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let mut other = TcpStream::connect(to).await.unwrap();
        tokio::io::copy_bidirectional(&mut stream, &mut other).await.ok();
    })
    .await;
    let through = Some(proxy_at(proxy.address.port()));
    let gate = gate(Vec::new(), vec![authority.file()], through);
    let door = door_of(&gate, [grant_of("https://api.example.invalid")]);
    let response = door.send(get("https://api.example.invalid/")).await.unwrap();
    assert_eq!(response.exchange.peer.unwrap().address, "api.example.invalid:443");
    let peers = door.handshake("api.example.invalid", 443).await.unwrap();
    assert_eq!(peers[0].as_ref().unwrap().untrusted, None);
}

#[test]
fn a_file_of_roots_that_holds_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let wrong = || Gate::new(GateSettings { ca: vec![path.clone()], ..settings() }).err().unwrap().to_string();
    assert!(wrong().contains("ca.pem"));
    std::fs::write(&path, "not a certificate").unwrap();
    assert!(wrong().contains("BEGIN CERTIFICATE"));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(wrong().contains("ca.pem"));
}
