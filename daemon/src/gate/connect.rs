//! From a target to a stream: look-up, check, connect, the proxy's tunnel, the handshake.

use evidenced_contract::{HttpError, Peer, Timings};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    address, peer,
    proxy::{Proxy, ProxyPass, tunnel},
    request::Target,
    tls,
    tls::{Identity, Trust},
};
use crate::{clock, domain::AddressRange};

/// The next address is tried when the one before has not answered for so long (RFC 8305, section 5).
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// More addresses of one name are not looked at by a request; a hostile zone may have thousands.
const ADDRESSES_MAX: usize = 16;

/// A look-up by the system blocks a thread, also after nobody waits for it any more.
const LOOKUPS_MAX: usize = 16;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that a request may be written to.
pub(super) struct Connection {
    pub stream: Box<dyn Stream>,
    pub peer: Option<Peer>,
    /// The stream leads to a proxy that reads the request.
    pub proxied: Option<Proxied>,
}

/// What a request to a proxy is like: its line has the whole URL.
pub(super) struct Proxied {
    pub pass: Option<ProxyPass>,
}

/// How a target may be reached, and what it must show.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    /// The special ranges that it may lie in.
    pub addresses: &'a [AddressRange],
    pub trust: &'a Trust,
    /// What is shown to a server that asks.
    pub identity: Option<&'a Identity>,
    /// Who would have to list an address, as the configuration calls it.
    pub whose: &'static str,
}

/// A stream to the target or, before it, to the proxy.
struct Reached<'c> {
    tcp: TcpStream,
    /// Of the target, or its name where only the proxy knows it.
    address: String,
    proxy: Option<&'c Proxy>,
}

/// Measures from the start of an attempt, as curl does: each time includes those before it.
pub(super) struct Stopwatch {
    started: clock::Stopwatch,
    pub timings: Timings,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { started: clock::stopwatch(), timings: Timings::default() }
    }

    /// Milliseconds since the start, to the microsecond.
    pub(super) fn read(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e3
    }
}

/// Knows how to get out.
pub(super) struct Connector {
    proxy: Option<Proxy>,
    lookups: Arc<Semaphore>,
}

impl Connector {
    pub(super) fn new(proxy: Option<Proxy>) -> Self {
        Self { proxy, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// A stream to `target`, over TLS if it is https.
    pub(super) async fn connect(
        &self,
        target: &Target,
        way: Way<'_>,
        watch: &mut Stopwatch,
    ) -> Result<Connection, HttpError> {
        let Reached { tcp, address, proxy } = self.reach(target, way, watch).await?;
        if !target.is_tls() {
            let proxied = match proxy {
                Some(proxy) => Some(Proxied { pass: proxy.pass().await? }),
                None => None,
            };
            return Ok(Connection { stream: Box::new(tcp), peer: None, proxied });
        }
        let tcp = through(proxy, tcp, target).await?;
        let config = way.trust.strict(way.identity).map_err(|error| HttpError::Tls(error.to_string()))?;
        let stream = handshake(&TlsConnector::from(config), tcp, target).await?;
        watch.timings.handshake = watch.read();
        let peer = peer::peer(address, stream.get_ref().1, None)
            .ok_or_else(|| HttpError::Tls(format!("{target}: a certificate of the chain cannot be read")))?;
        Ok(Connection { stream: Box::new(stream), peer: Some(peer), proxied: None })
    }

    /// Connects to the proxy or to the target.
    async fn reach(&self, target: &Target, way: Way<'_>, watch: &mut Stopwatch) -> Result<Reached<'_>, HttpError> {
        let proxy = self.proxy_for(target, way)?;
        let addresses = match proxy {
            // The proxy is the operator's word; its address is nobody else's business.
            Some(proxy) => self.look_up(&proxy.host, proxy.port).await.map_err(|()| proxy.unreachable())?,
            None => self.checked_addresses(target, way).await?,
        };
        watch.timings.resolve = watch.read();
        let connected = first_of(addresses, ATTEMPT_DELAY, TcpStream::connect).await;
        let (tcp, address) = connected.map_err(|error| match proxy {
            Some(proxy) => proxy.unreachable(),
            None => unreachable(target, connect_fault(&error)),
        })?;
        watch.timings.connect = watch.read();
        // Without it a request of two small writes waits for an acknowledgement. What cannot be set is only slower.
        tcp.set_nodelay(true).ok();
        let address = if proxy.is_some() { target.to_string() } else { address.to_string() };
        Ok(Reached { tcp, address, proxy })
    }

    /// The proxy, unless `no_proxy` has the target or the grant lists addresses: these are of a net that this host reaches
    /// itself.
    ///
    /// Behind a proxy it is the proxy that looks names up, so that only addresses in the URL itself can be checked here.
    fn proxy_for(&self, target: &Target, way: Way<'_>) -> Result<Option<&Proxy>, HttpError> {
        let is_through = |proxy: &&Proxy| way.addresses.is_empty() && !proxy.is_passed_by(target);
        let Some(proxy) = self.proxy.as_ref().filter(is_through) else { return Ok(None) };
        if let Some(address) = target.literal() {
            check(target, address, way)?;
        }
        Ok(Some(proxy))
    }

    /// Every address of the target, each of them checked.
    pub(super) async fn checked_addresses(&self, target: &Target, way: Way<'_>) -> Result<Vec<SocketAddr>, HttpError> {
        let addresses = match target.literal() {
            Some(address) => vec![SocketAddr::new(address, target.port)],
            None => {
                let unknown = |()| HttpError::Unreachable(format!("the name `{}` cannot be resolved", target.host));
                self.look_up(&target.host.to_string(), target.port).await.map_err(unknown)?
            }
        };
        // One forbidden address among good ones is an attempt to slip through, or a mistake; neither is guessed at.
        for address in &addresses {
            check(target, address.ip(), way)?;
        }
        Ok(addresses)
    }

    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ()> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(|_| ())?;
        let host = host.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
            drop(permit);
            found
        });
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found.await.map_err(|_| ())?.map_err(|_| ())? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() { Err(()) } else { Ok(addresses) }
    }

    /// A handshake and no more, with every address; behind a proxy there is only the name. Nothing is shown of this side.
    pub(super) async fn look_at(
        &self,
        target: &Target,
        way: Way<'_>,
    ) -> Result<Vec<Result<Peer, HttpError>>, HttpError> {
        if self.proxy_for(target, way)?.is_some() {
            let Reached { tcp, address, proxy } = self.reach(target, way, &mut Stopwatch::start()).await?;
            return Ok(vec![look_at_one(way.trust, through(proxy, tcp, target).await?, address, target).await]);
        }
        let addresses = self.checked_addresses(target, way).await?;
        let looks = addresses.into_iter().map(|address| async move {
            let tcp = TcpStream::connect(address).await;
            let tcp = tcp.map_err(|error| HttpError::Unreachable(format!("{address}: {}", connect_fault(&error))))?;
            look_at_one(way.trust, tcp, address.to_string(), target).await
        });
        Ok(futures_util::future::join_all(looks).await)
    }
}

/// What leads to the target itself: the stream, or a tunnel made in it.
async fn through(proxy: Option<&Proxy>, tcp: TcpStream, target: &Target) -> Result<TcpStream, HttpError> {
    match proxy {
        Some(proxy) => tunnel(tcp, target, proxy.pass().await?.as_ref()).await,
        None => Ok(tcp),
    }
}

async fn look_at_one(trust: &Trust, tcp: TcpStream, address: String, target: &Target) -> Result<Peer, HttpError> {
    let (config, untrusted) = trust.recording().map_err(|error| HttpError::Tls(error.to_string()))?;
    let mut stream = handshake(&TlsConnector::from(config), tcp, target).await?;
    let peer = peer::peer(address, stream.get_ref().1, untrusted.get().cloned());
    // A goodbye that does not arrive changes nothing that was seen.
    stream.shutdown().await.ok();
    peer.ok_or_else(|| HttpError::Tls(format!("{target}: a certificate of the chain cannot be read")))
}

fn check(target: &Target, address: IpAddr, way: Way<'_>) -> Result<(), HttpError> {
    address::check(address, way.addresses).map_err(|kind| {
        let address = address::canonical(address);
        let whose = way.whose;
        let width = if address.is_ipv4() { 32 } else { 128 };
        HttpError::Refused(format!(
            "{target} leads to {address}, which is {kind}: the {whose} needs `addresses = [\"{address}/{width}\"]`"
        ))
    })
}

/// Connects to the first address that answers: one after the other, the next after `delay` or a failure.
/// The error is that of the first address.
pub(super) async fn first_of<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    delay: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<(T, SocketAddr)> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failed: Option<io::Error> = None;
    loop {
        match waiting.next() {
            Some(address) => {
                let attempt = connect(address);
                trying.push(async move { (attempt.await, address) });
            }
            None if trying.is_empty() => return Err(failed.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
            None => {}
        }
        let more = waiting.len() > 0;
        tokio::select! {
            Some((outcome, address)) = trying.next() => match outcome {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => { failed.get_or_insert(error); }
            },
            () = clock::real_pause(delay), if more => {}
        }
    }
}

async fn handshake(
    connector: &TlsConnector,
    tcp: TcpStream,
    target: &Target,
) -> Result<TlsStream<TcpStream>, HttpError> {
    let wrong = |why: &str| HttpError::Tls(format!("{target}: {why}"));
    let name = target.server_name().ok_or_else(|| wrong("this is no name that a certificate can have"))?;
    connector.connect(name, tcp).await.map_err(|error| wrong(tls::fault_of_stream(&error)))
}

pub(super) fn unreachable(target: &Target, why: &str) -> HttpError {
    HttpError::Unreachable(format!("{target}: {why}"))
}

/// In our own words: those of systems differ.
pub(super) fn connect_fault(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => "connection reset",
        io::ErrorKind::TimedOut => "no answer",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => "no route",
        _ => "no connection",
    }
}
