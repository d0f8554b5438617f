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
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{address, peer, request::Target, tls, tls::Trust};
use crate::{clock, domain::AddressRange};

/// The next address is tried when the one before has not answered for so long (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// More addresses of one name are not looked at by a request; a hostile zone may have thousands.
const ADDRESSES_MAX: usize = 16;

/// A look-up by the system blocks a thread, also after nobody waits for it any more.
const LOOKUPS_MAX: usize = 16;

/// The answer of a proxy to CONNECT; of no interest but its status.
const TUNNEL_HEAD_MAX: usize = 8 << 10;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Host and port of the proxy that requests go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

/// A connection that a request may be written to.
pub(super) struct Connection {
    pub stream: Box<dyn Stream>,
    pub peer: Option<Peer>,
    /// The request line has the whole URL: the stream leads to a proxy.
    pub absolute: bool,
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
    pub trust: Trust,
    pub proxy: Option<Proxy>,
    lookups: Arc<Semaphore>,
}

impl Connector {
    pub(super) fn new(trust: Trust, proxy: Option<Proxy>) -> Self {
        Self { trust, proxy, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// A stream to `target`, over TLS if it is https. `granted` are the special ranges that it may lie in.
    pub(super) async fn connect(
        &self,
        target: &Target,
        granted: &[AddressRange],
        watch: &mut Stopwatch,
    ) -> Result<Connection, HttpError> {
        let (tcp, address, proxied) = self.reach(target, granted, watch).await?;
        if !target.is_tls() {
            return Ok(Connection { stream: Box::new(tcp), peer: None, absolute: proxied });
        }
        let tcp = if proxied { tunnel(tcp, target).await? } else { tcp };
        let stream = handshake(&TlsConnector::from(self.trust.strict()), tcp, target).await?;
        watch.timings.handshake = watch.read();
        let peer = peer::peer(address, stream.get_ref().1, None)
            .ok_or_else(|| HttpError::Tls(format!("{target}: a certificate of the chain cannot be read")))?;
        Ok(Connection { stream: Box::new(stream), peer: Some(peer), absolute: false })
    }

    /// Connects to the proxy or to the target; says which address it was, and whether it is the proxy.
    async fn reach(
        &self,
        target: &Target,
        granted: &[AddressRange],
        watch: &mut Stopwatch,
    ) -> Result<(TcpStream, String, bool), HttpError> {
        let proxy = self.proxy_for(target, granted)?;
        let addresses = match proxy {
            // The proxy is the operator's word; its address is nobody else's business.
            Some(proxy) => self.look_up(&proxy.host, proxy.port).await.map_err(|_| proxy_unreachable(proxy))?,
            None => self.checked_addresses(target, granted).await?,
        };
        watch.timings.resolve = watch.read();
        let connected = first_of(addresses, ATTEMPT_DELAY, TcpStream::connect).await;
        let (tcp, address) = connected.map_err(|error| match proxy {
            Some(proxy) => proxy_unreachable(proxy),
            None => unreachable(target, connect_fault(&error)),
        })?;
        watch.timings.connect = watch.read();
        // Without it a request of two small writes waits for an acknowledgement. What cannot be set is only slower.
        tcp.set_nodelay(true).ok();
        let address = if proxy.is_some() { target.to_string() } else { address.to_string() };
        Ok((tcp, address, proxy.is_some()))
    }

    /// The proxy, unless the grant lists addresses: these are of a net that this host reaches itself.
    ///
    /// Behind a proxy it is the proxy that looks names up, so that only addresses in the URL itself can be checked here.
    fn proxy_for(&self, target: &Target, granted: &[AddressRange]) -> Result<Option<&Proxy>, HttpError> {
        let Some(proxy) = self.proxy.as_ref().filter(|_| granted.is_empty()) else { return Ok(None) };
        if let Some(address) = target.literal() {
            check(target, address, granted)?;
        }
        Ok(Some(proxy))
    }

    /// Every address of the target, each of them checked.
    pub(super) async fn checked_addresses(
        &self,
        target: &Target,
        granted: &[AddressRange],
    ) -> Result<Vec<SocketAddr>, HttpError> {
        let addresses = match target.literal() {
            Some(address) => vec![SocketAddr::new(address, target.port)],
            None => {
                let unknown = |()| HttpError::Unreachable(format!("the name `{}` cannot be resolved", target.host));
                self.look_up(&target.host.to_string(), target.port).await.map_err(unknown)?
            }
        };
        // One forbidden address among good ones is an attempt to slip through, or a mistake; neither is guessed at.
        for address in &addresses {
            check(target, address.ip(), granted)?;
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

    /// A handshake and no more, with every address; behind a proxy there is only the name.
    pub(super) async fn look_at(
        &self,
        target: &Target,
        granted: &[AddressRange],
    ) -> Result<Vec<Result<Peer, HttpError>>, HttpError> {
        if self.proxy_for(target, granted)?.is_some() {
            let (tcp, address, _) = self.reach(target, granted, &mut Stopwatch::start()).await?;
            return Ok(vec![self.look_at_one(tunnel(tcp, target).await?, address, target).await]);
        }
        let addresses = self.checked_addresses(target, granted).await?;
        let looks = addresses.into_iter().map(|address| async move {
            let tcp = TcpStream::connect(address).await;
            let tcp = tcp.map_err(|error| HttpError::Unreachable(format!("{address}: {}", connect_fault(&error))))?;
            self.look_at_one(tcp, address.to_string(), target).await
        });
        Ok(futures_util::future::join_all(looks).await)
    }

    async fn look_at_one(&self, tcp: TcpStream, address: String, target: &Target) -> Result<Peer, HttpError> {
        let (config, untrusted) = self.trust.recording().map_err(|error| HttpError::Tls(error.to_string()))?;
        let mut stream = handshake(&TlsConnector::from(config), tcp, target).await?;
        let peer = peer::peer(address, stream.get_ref().1, untrusted.get().cloned());
        // A goodbye that does not arrive changes nothing that was seen.
        stream.shutdown().await.ok();
        peer.ok_or_else(|| HttpError::Tls(format!("{target}: a certificate of the chain cannot be read")))
    }
}

fn check(target: &Target, address: IpAddr, granted: &[AddressRange]) -> Result<(), HttpError> {
    address::check(address, granted).map_err(|kind| {
        let address = address::canonical(address);
        let width = if address.is_ipv4() { 32 } else { 128 };
        HttpError::Refused(format!(
            "{target} leads to {address}, which is {kind}: the source needs `addresses = [\"{address}/{width}\"]`"
        ))
    })
}

/// Connects to the first address that answers: one after the other, the next after `delay` or a failure.
/// The error is that of the first address.
async fn first_of<T, F: Future<Output = io::Result<T>>>(
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

/// Asks the proxy to pass everything on to `target` (RFC 9110, section 9.3.6).
async fn tunnel(mut tcp: TcpStream, target: &Target) -> Result<TcpStream, HttpError> {
    let broken =
        || HttpError::Unreachable(format!("the proxy makes no tunnel to {target}: it does not answer in HTTP"));
    let ask = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    tcp.write_all(ask.as_bytes()).await.map_err(|_| broken())?;
    let mut head = Vec::new();
    // Byte by byte: what comes after the head is the other side's.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == TUNNEL_HEAD_MAX {
            return Err(broken());
        }
        head.push(tcp.read_u8().await.map_err(|_| broken())?);
    }
    let mut words = head.split(|byte| byte.is_ascii_whitespace());
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok());
    match status {
        Some(200..=299) if version.starts_with(b"HTTP/1.") => Ok(tcp),
        Some(status) if version.starts_with(b"HTTP/1.") => {
            Err(HttpError::Unreachable(format!("the proxy makes no tunnel to {target}: status {status}")))
        }
        _ => Err(broken()),
    }
}

fn proxy_unreachable(proxy: &Proxy) -> HttpError {
    HttpError::Unreachable(format!("the proxy {}:{} cannot be reached", proxy.host, proxy.port))
}

fn unreachable(target: &Target, why: &str) -> HttpError {
    HttpError::Unreachable(format!("{target}: {why}"))
}

/// In our own words: those of systems differ.
fn connect_fault(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => "connection reset",
        io::ErrorKind::TimedOut => "no answer",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => "no route",
        _ => "no connection",
    }
}
