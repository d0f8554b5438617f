//! A connection that gives at most one line a read.
//!
//! Before STARTTLS everybody on the way can write into the answers of the server. A client that has read more than
//! the one line that it asked for would take the rest, sent in clear, for answers that came encrypted; with a whole
//! conversation injected, a mail that was thrown away would count as delivered. So nothing is read ahead: what
//! follows the answer to STARTTLS reaches the TLS handshake, which fails over it (RFC 3207, section 6).

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

#[derive(Debug)]
pub(super) struct OneLine {
    stream: TcpStream,
    /// Read from the network and not yet given out.
    held: Vec<u8>,
    given: usize,
}

impl OneLine {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, held: Vec::new(), given: 0 }
    }
}

impl AsyncRead for OneLine {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given == this.held.len() {
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))?;
            this.held.clear();
            this.held.extend_from_slice(read.filled());
            this.given = 0;
        }
        let rest = &this.held[this.given..];
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let length = line.min(out.remaining());
        out.put_slice(&rest[..length]);
        this.given += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for OneLine {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for OneLine {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
