//! A mail server under a virtual time: enough of SMTP (RFC 5321) to receive, and a folder that keeps each mail as a file.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, domain::Timestamp};

/// RFC 5321, 3.8: the service is not available, and the connection closes.
const DOWN: &[u8] = b"421 4.3.2 mail.demo.example is down for maintenance\r\n";

/// A mail of the demo is far smaller.
const SESSION_BYTES_MAX: u64 = 8 << 20;

/// When it is down.
type IsDown = fn(Timestamp) -> bool;

/// A server that is bound, but does not receive yet.
#[derive(Debug)]
pub struct Mailbox {
    listener: TcpListener,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    is_down: IsDown,
}

impl Mailbox {
    /// On a free port of loopback. Mails become files of `folder`, in the order in which they came.
    pub async fn bind(folder: &Path, clock: Arc<dyn Clock>, is_down: IsDown) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { listener, folder: folder.to_owned(), clock, is_down })
    }

    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Receives until the token is cancelled.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<()> {
        let mut sessions = JoinSet::new();
        let folder: Arc<Path> = self.folder.into();
        // Sessions side by side: no two mails may get one number.
        let kept = Arc::new(AtomicUsize::new(std::fs::read_dir(&folder)?.count()));
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                accepted = self.listener.accept() => accepted?.0,
            };
            let clock = Arc::clone(&self.clock);
            let (folder, is_down, kept) = (Arc::clone(&folder), self.is_down, Arc::clone(&kept));
            sessions.spawn(async move {
                if let Err(error) = receive(stream, || is_down(clock.now()), &folder, &kept).await {
                    tracing::debug!(%error, "a session of the simulated mail server ended early");
                }
            });
            while sessions.try_join_next().is_some() {}
        }
    }
}

async fn receive(stream: TcpStream, is_down: impl Fn() -> bool, folder: &Path, kept: &AtomicUsize) -> io::Result<()> {
    let (reading, mut to) = stream.into_split();
    if is_down() {
        return to.write_all(DOWN).await;
    }
    to.write_all(b"220 mail.demo.example ESMTP\r\n").await?;
    let mut lines = BufReader::new(reading.take(SESSION_BYTES_MAX));
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        // A connection that was open before does not outlive the server.
        if is_down() {
            return to.write_all(DOWN).await;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().trim().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => b"250-mail.demo.example\r\n250-SIZE 8388608\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 2.0.0 OK\r\n",
            "DATA" => {
                to.write_all(b"354 End data with <CR><LF>.<CR><LF>\r\n").await?;
                let mail = read_mail(&mut lines).await?;
                keep(folder, kept.fetch_add(1, Ordering::Relaxed) + 1, &mail)?;
                b"250 2.0.0 Kept\r\n"
            }
            "QUIT" => return to.write_all(b"221 2.0.0 Bye\r\n").await,
            _ => b"500 5.5.2 Command unrecognized\r\n",
        };
        to.write_all(reply).await?;
    }
}

/// Up to the line that is a lone dot, with doubled dots undone (RFC 5321, 4.5.2).
async fn read_mail(lines: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// One `.eml` file a mail, named by its place in the mailbox and its subject.
fn keep(folder: &Path, number: usize, mail: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(mail);
    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or("mail");
    let words: String =
        subject.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).take(60).collect();
    std::fs::write(folder.join(format!("{number:03}-{}.eml", words.trim_matches('-'))), mail)
}
