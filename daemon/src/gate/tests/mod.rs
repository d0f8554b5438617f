//! The gate against real servers on 127.0.0.1.

mod addresses;
mod answers;
mod certificates;
mod client_certificates;
mod grants;
mod limiter;
mod platforms;
mod proxy;
mod retries;
mod secrets;
mod sigv4;
mod tokens;

use axum::Router;
use evidenced_contract::{Auth, HttpError, HttpRequest, HttpResponse};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::{Answered, Budget, CredentialSettings, Door, Gate, GateSettings, Proxy, ProxyLogin};
use crate::domain::{ControlId, Grant, Timestamp};

/// What o'clock it is in all these tests.
const NOW: &str = "2026-03-02T06:00:00Z";

/// A server that lives as long as this value.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Speaks HTTP as `router` says.
    async fn http(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, connections: Arc::default(), _tasks: tasks }
    }

    /// Hands each connection to `talk`.
    async fn tcp<F: Future<Output = ()> + Send + 'static>(
        talk: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                talks.spawn(talk(stream));
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    /// Reads one request's head and answers with these bytes, then closes.
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::tcp(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                read_head(&mut stream).await;
                stream.write_all(&answer).await.ok();
                stream.shutdown().await.ok();
            }
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }

    /// GET and POST of this server, which lies on the loopback, as the grant says.
    fn grant(&self) -> Grant {
        Grant { addresses: vec!["127.0.0.0/8".parse().unwrap()], ..grant_of(&format!("http://{}", self.address)) }
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// GET and POST of `url`, without an address range.
fn grant_of(url: &str) -> Grant {
    let url = url::Url::parse(url).unwrap();
    Grant {
        scheme: if url.scheme() == "https" { crate::domain::Scheme::Https } else { crate::domain::Scheme::Http },
        host: url.host_str().unwrap().trim_matches(['[', ']']).to_owned(),
        port: url.port_or_known_default().unwrap(),
        methods: vec!["GET".into(), "POST".into()],
        credential: None,
        named_credentials: Vec::new(),
        client_certificate: None,
        addresses: Vec::new(),
        region: None,
        service: None,
        source: None,
    }
}

fn get(url: impl Into<String>) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        auth: Auth::Granted,
        accept: Vec::new(),
        timeout_ms: 0,
    }
}

/// A gate with nothing configured.
fn settings() -> GateSettings {
    let now: Timestamp = NOW.parse().unwrap();
    GateSettings {
        credentials: Vec::new(),
        proxy: None,
        ca: Vec::new(),
        ca_of_sources: Vec::new(),
        rates: Vec::new(),
        now: Arc::new(move || now),
    }
}

/// A proxy of this machine that lets everybody through, to everywhere.
fn proxy_at(port: u16) -> Proxy {
    Proxy { host: "127.0.0.1".into(), port, login: None, past: Vec::new() }
}

fn gate(credentials: Vec<CredentialSettings>, ca: Vec<PathBuf>, proxy: Option<Proxy>) -> Arc<Gate> {
    Arc::new(Gate::new(GateSettings { credentials, ca, proxy, ..settings() }).unwrap())
}

/// 20 requests, 64 KiB an answer, 10 s.
fn budget() -> Budget {
    Budget { requests: 20, response_bytes: 64 << 10, deadline: Instant::now() + Duration::from_secs(10) }
}

fn door_of(gate: &Arc<Gate>, grants: impl Into<Arc<[Grant]>>) -> Door {
    gate.for_run(control(), grants.into(), budget())
}

fn control() -> ControlId {
    "SEC-01".parse().unwrap()
}

/// What was answered, however long it waited.
fn answers(all: Vec<Answered>) -> Vec<Result<HttpResponse, HttpError>> {
    all.into_iter().map(|one| one.answer).collect()
}

fn door(grants: impl Into<Arc<[Grant]>>) -> Door {
    door_of(&gate(Vec::new(), Vec::new(), None), grants)
}

/// The words of a refusal.
#[track_caller]
fn refusal(answer: Result<HttpResponse, HttpError>) -> String {
    match answer {
        Err(HttpError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn text(answer: Result<HttpResponse, HttpError>) -> String {
    String::from_utf8(answer.unwrap().body).unwrap()
}
