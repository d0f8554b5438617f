//! Questions over the daemon's unix socket: one line of JSON in, lines of JSON out, the last one `end`.

use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::{fs::MetadataExt as _, net::UnixStream as Blocking},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader as AsyncBufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{Desk, Line, Problem, Question};
use crate::recorder::Author;

/// A longer question is refused. Only a file that is handed in makes one long.
const QUESTION_BYTES_MAX: u64 = 6 << 20;

/// Clients at once; one more waits to be accepted.
const CLIENTS_MAX: usize = 32;

/// Lines that may wait for a slow reader; then the answer waits.
const LINES_WAITING_MAX: usize = 256;

/// What goes over the socket: a question, and whose ledger it is about.
#[derive(Debug, Serialize, Deserialize)]
struct Asking<Q> {
    #[serde(flatten)]
    question: Q,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    folder: Option<Folder>,
}

/// A folder that holds a ledger, under whatever name.
///
/// Who asks about a copy, by a configuration that still names the daemon's socket, must not be told of the daemon's own
/// ledger instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    device: u64,
    inode: u64,
}

impl Folder {
    /// `None`: there is no ledger that this user may look at.
    pub fn with_ledger(dir: &Path) -> Option<Self> {
        std::fs::metadata(dir.join("journal")).ok()?;
        let found = std::fs::metadata(dir).ok()?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }
}

/// Serves until the token is cancelled. Conversations in which something is written are then finished; those that only
/// read are left.
pub async fn serve(desk: Arc<Desk>, listener: UnixListener, path: &Path, stop: CancellationToken) -> io::Result<()> {
    let permits = Arc::new(Semaphore::new(CLIENTS_MAX));
    let mut conversations = JoinSet::new();
    loop {
        // The permit comes first, so that nobody is accepted who cannot be served.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted?.0,
        };
        let (desk, stop) = (Arc::clone(&desk), stop.clone());
        conversations.spawn(async move {
            if let Err(error) = converse(&desk, stream, &stop).await {
                tracing::debug!(%error, "a client of the socket went away");
            }
            drop(permit);
        });
        while conversations.try_join_next().is_some() {}
    }
    while conversations.join_next().await.is_some() {}
    std::fs::remove_file(path)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Binds the socket. The caller holds the lock of the ledger.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    // A socket that a killed daemon left behind: the lock of the ledger has already told that nobody serves it.
    match std::fs::symlink_metadata(path) {
        Ok(file) if std::os::unix::fs::FileTypeExt::is_socket(&file.file_type()) => std::fs::remove_file(path)?,
        Ok(_) => {
            let why = "there is a file that is no socket: name another place with `socket`, or move it away";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o660))?;
    Ok(listener)
}

async fn converse(desk: &Arc<Desk>, stream: UnixStream, stop: &CancellationToken) -> io::Result<()> {
    let author = author(&stream)?;
    let (reading, mut writing) = stream.into_split();
    let mut text = String::new();
    AsyncBufReader::new(reading.take(QUESTION_BYTES_MAX)).read_line(&mut text).await?;
    let Asking { question, folder } = match serde_json::from_str::<Asking<Question>>(&text) {
        Ok(asking) => asking,
        Err(error) => {
            let message = format!("not a question that this daemon knows: {error}");
            return last_words(&mut writing, Line::Refused { problem: Problem::Question, message }).await;
        }
    };
    let only_reads = question.only_reads();
    if only_reads && folder.is_some_and(|folder| desk.folder() != Some(folder)) {
        return last_words(&mut writing, Line::OtherLedger).await;
    }
    let (lines, mut answer) = mpsc::channel(LINES_WAITING_MAX);
    let asking = desk.answer(&author, question, lines);
    // It owns the receiver: when the client has gone away, or is not waited for any more, who answers must learn of it.
    let write = async move {
        let to_the_end = async {
            while let Some(line) = answer.recv().await {
                write_line(&mut writing, &line).await?;
            }
            write_line(&mut writing, &Line::End).await
        };
        tokio::select! {
            biased;
            written = to_the_end => written,
            () = stop.cancelled(), if only_reads => Ok(()),
        }
    };
    tokio::join!(asking, write).1
}

async fn last_words(to: &mut (impl tokio::io::AsyncWrite + Unpin), line: Line) -> io::Result<()> {
    write_line(to, &line).await?;
    write_line(to, &Line::End).await
}

async fn write_line(to: &mut (impl tokio::io::AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    to.write_all(&text).await
}

fn author(stream: &UnixStream) -> io::Result<Author> {
    let peer = stream.peer_cred()?;
    let login_uid = peer.pid().and_then(|pid| login_uid(&format!("/proc/{pid}/loginuid")));
    Ok(Author { uid: peer.uid(), login_uid, name: None })
}

/// The uid that logged in; `None` where the kernel keeps none.
pub fn login_uid(path: &str) -> Option<u32> {
    let text = std::fs::read_to_string(path).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

/// A conversation with a daemon that runs.
#[derive(Debug)]
pub struct Client {
    stream: Blocking,
    path: PathBuf,
}

impl Client {
    /// `None`: no daemon listens there.
    pub fn connect(path: &Path) -> io::Result<Option<Self>> {
        match Blocking::connect(path) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(900)))?;
                Ok(Some(Self { stream, path: path.to_owned() }))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks, and gives each line of the answer to `take` as it comes. Only a ledger that lies in `folder`, if that is
    /// known, is asked about: returns whether the daemon's does.
    pub fn ask(
        mut self,
        question: &Question,
        folder: Option<Folder>,
        mut take: impl FnMut(Line) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let mut text = serde_json::to_vec(&Asking { question, folder })?;
        text.push(b'\n');
        self.stream.write_all(&text)?;
        let mut is_ours = true;
        for line in BufReader::new(&self.stream).lines() {
            match serde_json::from_str(&line?)? {
                Line::End => return Ok(is_ours),
                Line::OtherLedger => is_ours = false,
                line => take(line)?,
            }
        }
        anyhow::bail!("the daemon at {} closed the connection before its answer was complete", self.path.display())
    }
}
