//! One round of a command: a fresh instance, standard input, what it printed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evidenced_contract::{Answer, CommandInput, CommandRequest, Request};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{ASK_BYTES, MEMO_BYTES, first_request, output_of};
use crate::{
    domain::{Limits, Timestamp},
    sandbox::{
        component::{block_on, describing},
        ended::Ended,
        engine::Sandbox,
        host::Host,
        plugin::CommandCode,
        run::ended_by,
        wasi::{Folder, Wasi, WasiStart},
        watch::Watch,
    },
};

/// What a program left when it ended by itself.
pub(super) struct Printed {
    pub(super) exit: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) last_words: String,
}

/// What the next round is given.
pub(super) struct Round {
    name: String,
    request: CommandRequest,
    now: Timestamp,
    seed: [u8; 32],
    inputs: Folder,
    answers: Folder,
    stdout_limit: usize,
    watch: Watch,
}

impl Round {
    pub(super) fn first(name: &str, request: &Request, limits: &Limits, host: &Host) -> Self {
        let mut command = first_request(request);
        let encode = |(key, value): (&String, &Vec<u8>)| (key.clone(), STANDARD.encode(value));
        command.state = host.state.map().iter().map(encode).collect();
        for given in host.inputs.iter() {
            let input = given.input.clone();
            command.inputs.push(CommandInput { path: format!("/inputs/{}", input.name), input });
        }
        Self {
            name: name.to_owned(),
            request: command,
            now: request.now.parse().unwrap_or(Timestamp::EPOCH),
            seed: request.seed,
            inputs: host.inputs.folder(),
            answers: Folder::default(),
            stdout_limit: (limits.report_bytes as usize).max(MEMO_BYTES + ASK_BYTES),
            watch: host.watch,
        }
    }

    /// What is left of the limits is told anew.
    pub(super) fn begin(&mut self, number: u32, host: &Host) {
        self.request.round = number;
        // What is left of the wall clock is not told to the millisecond: the run would not be a function of its
        // transcript.
        self.request.limits.requests = host.budget.left();
    }

    /// Only the newest answers are given; what a command wants to keep of older ones goes into its memo.
    pub(super) fn answered(&mut self, answers: Vec<Answer>, files: BTreeMap<String, Arc<[u8]>>, memo: Value) {
        self.request.answers = answers;
        self.request.memo = memo;
        self.answers = Folder::new(files.into_iter().map(|(id, bytes)| (id, Ok(bytes))).collect());
    }

    pub(super) fn left(&self) -> Duration {
        self.watch.left()
    }

    pub(super) async fn run(
        &self,
        sandbox: &Sandbox,
        code: &CommandCode,
        mut host: Host,
        stop: &CancellationToken,
    ) -> (Result<Vec<u8>, Ended>, Host) {
        let stdin = match serde_json::to_vec(&self.request) {
            Ok(stdin) => stdin,
            Err(fault) => return (Err(Ended::Host(format!("the request is not JSON: {fault}"))), host),
        };
        host.wasi = Some(Box::new(Wasi::new(WasiStart {
            args: vec![self.name.clone()],
            now: self.now,
            seed: self.seed,
            stdin,
            stdout_limit: Some(self.stdout_limit),
            inputs: self.inputs.clone(),
            answers: self.answers.clone(),
        })));
        let mut store = sandbox.store(host);
        let started = tokio::select! {
            biased;
            ended = start(code, &mut store) => Some(ended),
            () = stop.cancelled() => None,
            () = crate::clock::real_pause(self.left()) => None,
        };
        let mut host = store.into_data();
        host.meter.instance_gone();
        let printed = match started {
            Some(ended) => printed(&mut host, ended).and_then(output_of),
            None if stop.is_cancelled() => Err(Ended::Stopped),
            None => {
                let _halt = host.end_wall();
                Err(host.ended().unwrap_or(Ended::Stopped))
            }
        };
        (printed, host)
    }
}

async fn start(code: &CommandCode, store: &mut wasmtime::Store<Host>) -> wasmtime::Result<()> {
    match code {
        CommandCode::Module(module) => {
            let instance = module.instantiate_async(&mut *store).await?;
            instance.get_typed_func::<(), ()>(&mut *store, "_start")?.call_async(&mut *store, ()).await
        }
        CommandCode::Component { linked, run } => {
            let instance = linked.instantiate_async(&mut *store).await?;
            let run = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run)?;
            let (done,) = run.call_async(&mut *store, ()).await?;
            if let (Err(()), Some(wasi)) = (done, &mut store.data_mut().wasi) {
                wasi.exit_with(1);
            }
            Ok(())
        }
    }
}

/// What the program left, or how the host ended it.
fn printed(host: &mut Host, ended: wasmtime::Result<()>) -> Result<Printed, Ended> {
    // A full log is noted in `ended`, and looked at below.
    let _halt = host.wasi_finish_lines();
    let mut wasi = host.wasi.take().ok_or_else(|| Ended::Host("the program lost its streams".to_owned()))?;
    let exit = match (wasi.exit(), ended) {
        (Some(code), _) => code,
        (None, Ok(())) => 0,
        (None, Err(fault)) => return Err(ended_by(host, &fault)),
    };
    match host.ended() {
        Some(ended) => Err(ended),
        None => Ok(Printed { exit, stdout: wasi.take_stdout(), last_words: wasi.last_words().to_owned() }),
    }
}

/// What the program prints for `--describe`.
pub(super) fn describe(sandbox: &Sandbox, code: &CommandCode) -> Result<Vec<u8>, Ended> {
    let mut host = describing(sandbox);
    host.wasi = Some(Box::new(Wasi::new(WasiStart {
        args: vec!["check".to_owned(), "--describe".to_owned()],
        now: Timestamp::EPOCH,
        seed: [0; 32],
        stdin: Vec::new(),
        stdout_limit: Some(ASK_BYTES),
        inputs: Folder::default(),
        answers: Folder::default(),
    })));
    let mut store = sandbox.store(host);
    let _ticking = sandbox.ticker.while_running();
    let ended = block_on(start(code, &mut store)).map_err(|fault| Ended::Host(fault.to_string()))?;
    printed(&mut store.into_data(), ended).and_then(output_of)
}
