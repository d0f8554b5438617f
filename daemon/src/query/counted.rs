//! A stream that ends once more has come than an answer may have: a driver holds a whole row in memory, however long.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A row comes with a few bytes for each value that JSON has too, and binary data at most twice as long: an answer within its
/// limit is never over this.
const WIRE_FACTOR: u64 = 2;

/// What comes before the rows, and around them.
pub(super) const WIRE_BYTES_MORE: u64 = 1 << 20;

/// How many bytes may come for an answer of so many.
pub(super) const fn wire_max(bytes_max: u64) -> u64 {
    bytes_max.saturating_mul(WIRE_FACTOR).saturating_add(WIRE_BYTES_MORE)
}

/// A stream with an end.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    left: u64,
}

impl<S> Counted<S> {
    pub(super) const fn new(stream: S, bytes: u64) -> Self {
        Self { stream, left: bytes }
    }
}

/// Whether it was this that ended a stream.
pub(super) fn is_over(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::FileTooLarge) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = (buffer.filled().len() - before) as u64;
        match self.left.checked_sub(came) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into())),
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
