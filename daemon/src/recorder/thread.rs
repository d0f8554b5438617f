//! The recorder's thread, and how others reach it.

use std::{sync::Arc, thread::JoinHandle};

use tokio::sync::{mpsc, oneshot, watch};

use super::{Fact, Recorded, Recorder, RecorderError};
use crate::clock::Clock;

/// Facts that may wait; then whoever brings one waits. Four batches, so that the next is full when one is durable.
const WAITING_MAX: usize = 1024;

/// Facts decided together: one fdatasync for all of them.
const BATCH_MAX: usize = 256;

type Waiting = (Fact, oneshot::Sender<Result<Recorded, RecorderError>>);

/// Brings facts to the recorder. When the last handle is dropped, the recorder ends.
#[derive(Debug, Clone)]
pub struct Handle {
    facts: mpsc::Sender<Waiting>,
    committed: watch::Receiver<u64>,
}

impl Handle {
    /// How many entries are durable; changes with every commit.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// Returns once the fact is durable, or says why it is not.
    pub async fn record(&self, fact: Fact) -> Result<Recorded, RecorderError> {
        let (answer, answered) = oneshot::channel();
        self.facts.send((fact, answer)).await.map_err(|_| RecorderError::Stopped)?;
        answered.await.map_err(|_| RecorderError::Stopped)?
    }
}

/// Starts the thread. It ends when every handle is gone and what they brought is recorded.
pub fn start(mut recorder: Recorder, clock: Arc<dyn Clock>) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (facts, mut waiting) = mpsc::channel::<Waiting>(WAITING_MAX);
    let (size, committed) = watch::channel(recorder.size());
    let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
        let mut taken = Vec::with_capacity(BATCH_MAX);
        while waiting.blocking_recv_many(&mut taken, BATCH_MAX) > 0 {
            let (facts, answers): (Vec<_>, Vec<_>) = taken.drain(..).unzip();
            for (result, answer) in recorder.record(clock.now(), facts).into_iter().zip(answers) {
                // Whoever asked may have gone; the fact is recorded all the same.
                let _ = answer.send(result);
            }
            size.send_replace(recorder.size());
        }
    })?;
    Ok((Handle { facts, committed }, thread))
}
