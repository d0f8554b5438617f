//! A way of our own between a driver and its server: what comes is counted and looked at before the driver has it, and when the work
//! is over nothing of the driver goes on.

use std::{future::Future, io, pin::pin};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, split},
    net::TcpListener,
};

use super::{QueryError, counted::is_over};

/// Passes on what either side says, until one of them ends.
pub(super) async fn relayed(
    server: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    driver: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let ((mut from_server, mut to_server), (mut from_driver, mut to_driver)) = (server, split(driver));
    let down = async {
        copy(&mut from_server, &mut to_driver).await?;
        to_driver.shutdown().await
    };
    let up = async {
        copy(&mut from_driver, &mut to_server).await?;
        to_server.shutdown().await
    };
    let (mut down, up) = (pin!(down), pin!(up));
    let passed_on = tokio::select! {
        ended = &mut down => return ended,
        passed_on = up => passed_on,
    };
    // The server may still have something to say, also one that listens no more: why, as a rule.
    down.await?;
    passed_on
}

/// The same for a driver that connects by itself, to the one that `listener` waits for.
pub(super) async fn relayed_once(listener: TcpListener, server: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let (driver, _) = listener.accept().await?;
    drop(listener);
    relayed(split(server), driver).await
}

/// Works while `relay` passes on. What ended that is why the work failed.
pub(super) async fn beside<T>(
    relay: impl Future<Output = io::Result<()>>,
    work: impl Future<Output = Result<T, QueryError>>,
    told: impl FnOnce(&io::Error) -> Option<QueryError>,
    bytes_max: u64,
) -> Result<T, QueryError> {
    let (mut relay, mut work) = (Box::pin(relay), pin!(work));
    let mut broken = None;
    let done = tokio::select! {
        // What came whole counts, also if the connection ended right behind it.
        biased;
        done = &mut work => Some(done),
        ended = &mut relay => {
            broken = ended.err();
            None
        }
    };
    // The driver learns from the end of its stream that there is nothing more.
    drop(relay);
    let done = match done {
        Some(done) => done,
        None => work.await,
    };
    match (done, broken) {
        (Err(_), Some(error)) if is_over(&error) => Err(QueryError::TooLong(bytes_max)),
        (Err(why), Some(error)) => Err(told(&error).unwrap_or(why)),
        (done, _) => done,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncReadExt as _, duplex, sink};

    use super::*;

    /// Nobody listens.
    struct Deaf;

    impl AsyncWrite for Deaf {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn last_words(to_server: impl AsyncWrite + Unpin, asked: &[u8]) -> (String, io::Result<()>) {
        let (ours, mut driver) = duplex(64);
        let (from_server, mut server) = duplex(64);
        let talk = async {
            driver.write_all(asked).await.unwrap();
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            server.write_all(b"too many connections").await.unwrap();
            drop(server);
            let mut heard = String::new();
            driver.read_to_string(&mut heard).await.unwrap();
            heard
        };
        tokio::join!(talk, relayed((from_server, to_server), ours))
    }

    #[tokio::test]
    async fn the_last_words_of_a_server_that_listens_no_more_arrive() {
        let (heard, ended) = last_words(Deaf, b"a question").await;
        assert_eq!(heard, "too many connections");
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let (heard, ended) = last_words(sink(), b"a question").await;
        assert_eq!((heard.as_str(), ended.is_ok()), ("too many connections", true));
    }
}
