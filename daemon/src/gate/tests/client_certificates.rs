//! Mutual TLS: what this side shows, and roots of a source of its own.

use evidenced_contract::HttpError;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use super::{
    certificates::{Authority, BOTH},
    *,
};
use crate::{domain::CredentialKind, secret::SecretSource};

/// A certificate of `authority` for a client, and its key, both in PEM.
fn client(authority: &Authority) -> (String, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "evidenced");
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A server that asks for a certificate of `authority`, and answers with the header `authorization` that it was sent.
async fn asking(authority: &Authority, versions: &[&'static rustls::SupportedProtocolVersion]) -> Server {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::tcp(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let accepted = acceptor.accept(tcp).into_fallible().await;
            let mut stream = match accepted {
                Ok(stream) => stream,
                Err((_, mut tcp)) => {
                    // What was sent on is read, or the alert would be lost with the connection.
                    tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await.ok();
                    return;
                }
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let head = String::from_utf8(head).unwrap();
            let shown = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("nothing");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{shown}", shown.len());
            stream.write_all(answer.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    })
    .await
}

struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn credential(&self, id: &str, secret: &str, certificate: Option<&str>) -> CredentialSettings {
        let certificate = certificate.map(|pem| self.write("certificate.pem", pem));
        let secret = Some(SecretSource::File(self.write(id, secret)));
        CredentialSettings { id: id.parse().unwrap(), kind: CredentialKind::ClientCertificate { certificate }, secret }
    }
}

fn url(server: &Server) -> String {
    format!("https://{}/", server.address)
}

fn grant(server: &Server) -> Grant {
    Grant { addresses: vec!["127.0.0.0/8".parse().unwrap()], ..grant_of(&url(server)) }
}

#[tokio::test]
async fn a_certificate_is_shown_from_one_file_or_from_two() {
    let (authority, keys) = (Authority::new(), Keys::new());
    let (certificate, key) = client(&authority);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = asking(&authority, &[version]).await;
        for credential in [
            keys.credential("chain-first", &format!("{certificate}{key}"), None),
            keys.credential("key-first", &format!("{key}{certificate}"), None),
            keys.credential("two-files", &key, Some(&certificate)),
        ] {
            let id = credential.id.clone();
            let gate = gate(vec![credential], vec![authority.file()], None);
            let door = door_of(&gate, [Grant { credential: Some(id), ..grant(&server) }]);
            assert_eq!(text(door.send(get(url(&server))).await), "nothing");
        }
    }
}

#[tokio::test]
async fn a_certificate_is_shown_beside_a_token_and_in_the_doctors_handshake() {
    let (authority, keys) = (Authority::new(), Keys::new());
    let (certificate, key) = client(&authority);
    let server = asking(&authority, &[&rustls::version::TLS12]).await;
    let token = CredentialSettings {
        id: "token".parse().unwrap(),
        kind: CredentialKind::Bearer,
        secret: Some(SecretSource::File(keys.write("token", "hunter2"))),
    };
    let mtls = keys.credential("mtls", &key, Some(&certificate));
    let gate = gate(vec![token, mtls], vec![authority.file()], None);
    let both = Grant {
        credential: Some("token".parse().unwrap()),
        client_certificate: Some("mtls".parse().unwrap()),
        ..grant(&server)
    };
    assert_eq!(text(door_of(&gate, [both.clone()]).send(get(url(&server))).await), "Bearer ***");
    assert!(gate.knock(&both, Duration::from_secs(5)).await.unwrap().is_some());
    let alone = Grant { credential: Some("mtls".parse().unwrap()), ..grant(&server) };
    assert!(gate.knock(&alone, Duration::from_secs(5)).await.unwrap().is_some());
    assert!(gate.knock(&grant(&server), Duration::from_secs(5)).await.is_err());
}

#[tokio::test]
async fn a_server_that_misses_or_mistrusts_a_certificate_is_told_of() {
    let (authority, keys) = (Authority::new(), Keys::new());
    let key = KeyPair::generate().unwrap();
    let of_nobody = CertificateParams::default().self_signed(&key).unwrap().pem();
    let credential = keys.credential("mtls", &key.serialize_pem(), Some(&of_nobody));
    let gate = gate(vec![credential], vec![authority.file()], None);
    let server = asking(&authority, &[&rustls::version::TLS13]).await;
    let told = |why: &str| Err(HttpError::Tls(format!("{}: {why}", server.address)));
    let answer = door_of(&gate, [grant(&server)]).send(get(url(&server))).await;
    assert_eq!(answer, told("the other side asks for a certificate, and the source names no `client_certificate`"));
    let wrong = Grant { credential: Some("mtls".parse().unwrap()), ..grant(&server) };
    assert_eq!(
        door_of(&gate, [wrong]).send(get(url(&server))).await,
        told("the other side does not accept the client certificate")
    );
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_without_a_byte_of_it() {
    let (authority, keys) = (Authority::new(), Keys::new());
    let (certificate, key) = client(&authority);
    let (_, other) = client(&authority);
    let server = asking(&authority, BOTH).await;
    for (secret, certificate, why) in [
        (key.as_str(), None, "there is no `-----BEGIN CERTIFICATE-----`: put it before the key, or name `certificate`"),
        (certificate.as_str(), None, "its secret is not a private key in PEM"),
        ("hunter2", Some(certificate.as_str()), "its secret is not a private key in PEM"),
        (other.as_str(), Some(certificate.as_str()), "its certificate is for another key"),
    ] {
        let gate = gate(vec![keys.credential("mtls", secret, certificate)], vec![authority.file()], None);
        let door = door_of(&gate, [Grant { credential: Some("mtls".parse().unwrap()), ..grant(&server) }]);
        let told = refusal(door.send(get(url(&server))).await);
        assert_eq!(told, format!("the credential `mtls` cannot be used: {why}"));
    }
    let mut missing = keys.credential("mtls", &key, None);
    missing.kind = CredentialKind::ClientCertificate { certificate: Some("/nowhere/certificate.pem".into()) };
    let gate = gate(vec![missing], vec![authority.file()], None);
    let door = door_of(&gate, [Grant { credential: Some("mtls".parse().unwrap()), ..grant(&server) }]);
    let told = refusal(door.send(get(url(&server))).await);
    assert!(told.ends_with("its certificate cannot be read; the log of the daemon says why"), "{told}");
}

#[tokio::test]
async fn the_roots_of_a_source_are_the_only_ones_for_it() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (of_ours, of_theirs) =
        (ours.server(&["127.0.0.1"], 2030, BOTH).await, theirs.server(&["127.0.0.1"], 2030, BOTH).await);
    let settings = GateSettings {
        ca: vec![ours.file()],
        ca_of_sources: vec![("partner".parse().unwrap(), vec![theirs.file()])],
        ..settings()
    };
    let gate = Arc::new(Gate::new(settings).unwrap());
    let source = Some("partner".parse().unwrap());
    let cases =
        [(&of_ours, &None, true), (&of_theirs, &None, false), (&of_ours, &source, false), (&of_theirs, &source, true)];
    for (tls, source, is_trusted) in cases {
        let grant = Grant { source: source.clone(), ..tls.grant("127.0.0.1") };
        let answer = door_of(&gate, [grant.clone()]).send(get(tls.url("127.0.0.1"))).await;
        assert_eq!(answer.is_ok(), is_trusted, "{source:?}: {answer:?}");
        let peers = door_of(&gate, [grant]).handshake("127.0.0.1", tls.server.address.port()).await.unwrap();
        assert_eq!(peers[0].as_ref().unwrap().untrusted.is_none(), is_trusted);
    }
}
