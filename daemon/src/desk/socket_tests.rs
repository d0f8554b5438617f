//! Conversations over a real socket.

use std::{io::Write as _, os::unix::net::UnixStream, path::PathBuf, sync::Arc};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    Client, Folder, Line, Question, bind, serve,
    tests::{Bench, CONFIG},
};
use crate::recorder::Fact;

/// A desk that serves, of a control with thousands of slots.
struct Served {
    path: PathBuf,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    bench: Bench,
}

impl Served {
    fn start() -> Self {
        let mut bench = Bench::with(&CONFIG.replace("schedule = \"0 6 * * *\"", "every = \"1m\""));
        let stretch = bench.missed(2, 5);
        bench.record(6, vec![Fact::Missed(stretch)]);
        let path = bench.config.socket.clone();
        let (listener, stop) = (bind(&path).unwrap(), CancellationToken::new());
        let (desk, at, stopped) = (Arc::new(bench.desk()), path.clone(), stop.clone());
        let serving = tokio::spawn(async move { serve(desk, listener, &at, stopped).await });
        Self { path, stop, serving, bench }
    }

    /// What a client is told, and whether it is of this ledger.
    async fn ask(&self, question: Question, folder: Option<Folder>) -> (Vec<Line>, bool) {
        let client = Client::connect(&self.path).unwrap().unwrap();
        let asking = move || {
            let mut lines = Vec::new();
            let is_ours = client.ask(&question, folder, |line| {
                lines.push(line);
                Ok(())
            });
            (lines, is_ours.unwrap())
        };
        tokio::task::spawn_blocking(asking).await.unwrap()
    }

    /// Asks for more than anybody keeps for a reader, and reads none of it.
    fn ask_for_too_much(&self) -> UnixStream {
        let mut stream = UnixStream::connect(&self.path).unwrap();
        stream.write_all(b"{\"ask\":\"results\",\"control\":\"SEC-01\"}\n").unwrap();
        stream
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_takes_nobodys_place() {
    let served = Served::start();
    // More than are served at once.
    for _ in 0..64 {
        drop(served.ask_for_too_much());
    }
    let (lines, _) = served.ask(Question::Status, None).await;
    assert!(matches!(lines[..], [Line::Status(_)]), "{lines:?}");
    let (lines, _) =
        served.ask(Question::Results { control: "SEC-01".parse().unwrap(), from: None, to: None }, None).await;
    assert!(lines.len() > 4000, "{}", lines.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_and_does_not_go_on_holds_up_no_stop() {
    let served = Served::start();
    let asleep = served.ask_for_too_much();
    served.ask(Question::Status, None).await;
    served.stop.cancel();
    served.serving.await.unwrap().unwrap();
    drop(asleep);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_answers_of_its_own_ledger_only() {
    let served = Served::start();
    let own = Folder::with_ledger(&served.bench.config.state_dir);
    assert!(own.is_some());
    let (lines, is_ours) = served.ask(Question::Status, own).await;
    assert!(is_ours && lines.len() == 1, "{lines:?}");

    let copy = tempfile::tempdir().unwrap();
    assert_eq!(Folder::with_ledger(copy.path()), None, "there is no ledger in it");
    std::fs::create_dir(copy.path().join("journal")).unwrap();
    let (lines, is_ours) = served.ask(Question::Status, Folder::with_ledger(copy.path())).await;
    assert!(!is_ours && lines.is_empty(), "{lines:?}");
}
