//! Runs the component kind.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidenced_contract::{Description, Failure, FailureKind, Report, Request};
use tokio_util::sync::CancellationToken;

use super::{
    contract::{self, v1},
    ended::{Ended, Limit},
    engine::Sandbox,
    error::LoadError,
    host::{Answers, Declared, Halt, Host, Start, http::Budget, inputs::Inputs, state::StateBook},
    memory::Meter,
    plugin::About,
    run::ended_by,
    wasi::{Folder, Wasi, WasiStart},
    watch::Watch,
};
use crate::domain::Timestamp;

/// A plugin has this long to describe itself.
const DESCRIBE_WALL: Duration = Duration::from_secs(1);
/// And this much memory.
const DESCRIBE_MEMORY: u64 = 256 << 20;

/// Runs the check once, in an instance of its own.
pub(super) async fn run(
    sandbox: &Sandbox,
    checker: &v1::CheckPre<Host>,
    uses_wasi: bool,
    request: &Request,
    mut host: Host,
    stop: &CancellationToken,
) -> (Ended, Host) {
    if uses_wasi {
        let now = request.now.parse().unwrap_or(Timestamp::EPOCH);
        host.wasi = Some(wasi(now, request.seed, host.inputs.folder()));
    }
    let request = v1::request(request);
    let left = host.watch.left();
    let mut store = sandbox.store(host);
    let call = async {
        let check = match instantiate(checker, &mut store).await? {
            Ok(check) => check,
            Err(other_types) => return Ok(Err(other_types)),
        };
        check.evidenced_check_checker().call_run(&mut store, &request).await.map(Ok)
    };
    // Biased, so that a run that ends at once never touches the timer.
    let answered = tokio::select! {
        biased;
        answered = call => Some(answered),
        () = stop.cancelled() => None,
        () = crate::clock::real_pause(left) => None,
    };
    let mut host = store.into_data();
    let ended = match answered {
        Some(answered) => judged(
            &mut host,
            answered.map(|answered| match answered {
                Ok(answered) => v1::answer(answered),
                Err(other_types) => Ended::Trap(other_types.to_string()),
            }),
        ),
        None if stop.is_cancelled() => Ended::Stopped,
        None => {
            let Halt = host.end_wall();
            host.ended().unwrap_or(Ended::Stopped)
        }
    };
    (ended, host)
}

/// What a checker gets of WASI: no arguments, no input, and all that it writes is its log.
pub(super) fn wasi(now: Timestamp, seed: [u8; 32], inputs: Folder) -> Box<Wasi> {
    Box::new(Wasi::new(WasiStart {
        args: Vec::new(),
        now,
        seed,
        stdin: Vec::new(),
        stdout_limit: None,
        inputs,
        answers: Folder::default(),
    }))
}

/// What the checker answered, or how it ended otherwise. What it wrote to its streams is in the log by then.
fn judged(host: &mut Host, answered: wasmtime::Result<Ended>) -> Ended {
    // A full log is noted as the end of the run.
    let _halt = host.wasi_finish_lines();
    let exit = host.wasi.as_ref().and_then(|wasi| Some((wasi.exit()?, wasi.last_words().to_owned())));
    match (host.ended(), exit, answered) {
        (Some(ended), _, _) | (None, None, Ok(ended)) => ended,
        (None, Some((code, last_words)), _) => exited(code, &last_words),
        (None, None, Err(fault)) => ended_by(host, &fault),
    }
}

/// A program that ended itself instead of answering.
pub(super) fn exited(code: i32, last_words: &str) -> Ended {
    let message = match last_words {
        "" => format!("exited with {code}"),
        words => format!("exited with {code}: {words}"),
    };
    Ended::Failure(Failure { kind: FailureKind::Internal, message, source: None })
}

/// Bytes that a plugin may hand over in one call: wasmtime counts them while it lifts, so that a list whose items share
/// one buffer cannot make the host allocate without end.
pub(super) fn call_bytes(report_bytes: u32) -> usize {
    const CALL_BYTES: usize = 16 << 20;
    CALL_BYTES.max((report_bytes as usize).saturating_mul(4))
}

/// An instance, or what its exports are instead of the contract's. The linker looks at imports only.
async fn instantiate(
    checker: &v1::CheckPre<Host>,
    store: &mut wasmtime::Store<Host>,
) -> wasmtime::Result<Result<v1::Check, LoadError>> {
    let instance = checker.instance_pre().instantiate_async(&mut *store).await?;
    Ok(v1::Check::new(store, &instance).map_err(|fault| LoadError::OtherTypes {
        export: contract::CHECKERS[0],
        known: contract::KNOWN,
        why: fault.root_cause().to_string(),
    }))
}

/// Asks a checker what it is: clock and seed zero, no world.
pub(super) fn describe(sandbox: &Sandbox, checker: &v1::CheckPre<Host>, uses_wasi: bool) -> Result<About, LoadError> {
    let mut host = describing(sandbox);
    if uses_wasi {
        host.wasi = Some(wasi(Timestamp::EPOCH, [0; 32], Folder::default()));
    }
    let mut store = sandbox.store(host);
    let _ticking = sandbox.ticker.while_running();
    let described = block_on(async {
        let check = match instantiate(checker, &mut store).await? {
            Ok(check) => check,
            Err(other_types) => return Ok(Err(other_types)),
        };
        check.evidenced_check_checker().call_describe(&mut store).await.map(Ok)
    });
    let described = match described {
        Ok(Ok(Ok(description))) => v1::description(description).and_then(within_bounds),
        Ok(Ok(Err(other_types))) => return Err(other_types),
        Ok(Err(fault)) => Err(judged(&mut store.into_data(), Err(fault)).to_string()),
        Err(fault) => Err(fault.to_string()),
    };
    Ok(match described {
        Ok(description) => About { description, warning: None },
        Err(why) => undescribed(&why),
    })
}

/// The data of an instance that is only asked what it is.
pub(super) fn describing(sandbox: &Sandbox) -> Host {
    Host::new(Start {
        needs: Declared::default(),
        answers: Answers::Nobody,
        log_bytes: 64 << 10,
        budget: Budget::new(0, 0),
        inputs: Inputs::default(),
        state: StateBook::new(BTreeMap::new(), 0),
        meter: Meter::new(Arc::clone(&sandbox.memory), DESCRIBE_MEMORY),
        watch: Watch::start(DESCRIBE_WALL),
        report_bytes: 1 << 20,
    })
}

/// Loading is a blocking call that may stand inside a task; the few steps of `describe` get a thread and a small
/// executor of their own. They wait for nothing but their slices of time.
pub(super) fn block_on<T: Send>(steps: impl Future<Output = T> + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let run = || {
            let executor = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            Ok(executor.block_on(steps))
        };
        let thread = std::thread::Builder::new().name("plugin-describe".to_owned()).spawn_scoped(scope, run)?;
        thread.join().map_err(|_| std::io::Error::other("the thread that asked it ended early"))?
    })
}

/// What a plugin says of itself stands in mails, on pages and in reports, and its needs are looked at in each run: it is
/// short, or no description.
pub(super) fn within_bounds(description: Description) -> Result<Description, String> {
    const NAME_CHARS_MAX: usize = 100;
    const NEEDS_MAX: usize = 100;
    const TEXT_CHARS_MAX: usize = 1_000;
    let Description { name, version, summary, needs, .. } = &description;
    for (what, text, max) in
        [("name", name, NAME_CHARS_MAX), ("version", version, NAME_CHARS_MAX), ("summary", summary, TEXT_CHARS_MAX)]
    {
        if text.len() > max {
            return Err(format!("its `{what}` has {} bytes; at most {max} are taken", text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(format!("its `{what}` has a line end or another control in it"));
        }
    }
    let needed = needs.inputs.iter().flat_map(|need| [&need.name, &need.media_type]).chain(&needs.hosts);
    if needs.inputs.len().max(needs.hosts.len()) > NEEDS_MAX {
        return Err(format!("it needs more than {NEEDS_MAX} inputs, or keys of hosts"));
    }
    match needed.map(String::len).max() {
        Some(bytes) if bytes > TEXT_CHARS_MAX => {
            Err(format!("a name in its `needs` has {bytes} bytes; at most {TEXT_CHARS_MAX} are taken"))
        }
        _ => Ok(description),
    }
}

/// Nameless, any configuration, no needs.
pub(super) fn undescribed(why: &str) -> About {
    let description = Description {
        name: String::new(),
        version: "0".to_owned(),
        summary: String::new(),
        config_schema: serde_json::Value::Null,
        needs: evidenced_contract::Needs::default(),
        contract: evidenced_contract::CONTRACT_VERSION.to_owned(),
        extensions: evidenced_contract::Extensions::new(),
    };
    About { description, warning: Some(format!("the plugin cannot describe itself: {why}")) }
}

/// A report that is too large, or whose numbers are not finite, is none. Nor is a failure that is too large.
pub(super) fn checked(ended: Ended, report_bytes: u32) -> Ended {
    let report = match &ended {
        Ended::Report(report) => report,
        Ended::Failure(failure) => {
            let bytes = failure.message.len() + failure.source.as_ref().map_or(0, String::len);
            let fits = bytes <= report_bytes as usize;
            return if fits { ended } else { Ended::Limit(Limit::Report(u64::from(report_bytes))) };
        }
        _ => return ended,
    };
    for finding in &report.findings {
        for measurement in &finding.measurements {
            if !measurement.value.is_finite() || measurement.limit.is_some_and(|limit| !limit.is_finite()) {
                return Ended::Broken(format!(
                    "reported a number that is not finite: measurement `{}` of `{}`",
                    measurement.name, finding.subject
                ));
            }
        }
    }
    // The exact size is that of the canonical form, which is written slowly. In it a number can take 21 bytes where the
    // plain form takes 4, and nothing else takes more: far below the limit need not be measured exactly.
    if plain_bytes(report).is_some_and(|bytes| bytes.saturating_mul(8) <= report_bytes as usize) {
        return ended;
    }
    match super::replay::report_bytes(report) {
        Some(bytes) if bytes.len() <= report_bytes as usize => ended,
        Some(_) => Ended::Limit(Limit::Report(u64::from(report_bytes))),
        None => Ended::Broken("reported a number that is not finite".to_owned()),
    }
}

fn plain_bytes(report: &Report) -> Option<usize> {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, report).ok().map(|()| counter.0)
}
