//! What a probe over HTTP leaves on disk: real runs of `inference-uptime`, through the gate, against a server on the
//! loopback that answers as inference servers do. The server is simulated; its clock is that of the runs, so that
//! what differs from answer to answer differs here, too.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use evidenced::{
    clock::{Clock, VirtualClock},
    evidence::EndedRecord,
    ledger::{Background, Options, Store as _},
    recorder::Fact,
};
use tokio::task::JoinSet;

use crate::{
    Bench,
    figure::Figures,
    rig::{self, ORIGIN, Rig},
    steady::size_of,
};

/// Each asks once a minute.
const CONTROLS: usize = 32;
/// A smaller pack than the real one, so that a quick measurement fills one; it compresses a little worse.
const PACK: u32 = 8192;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let clock = VirtualClock::new("2026-03-02T00:00:00Z".parse()?);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    for _ in 0..2 {
        let (listener, clock) = (listener.try_clone()?, clock.clone());
        // It serves until the process ends.
        std::thread::spawn(move || serve(&listener, &clock));
    }

    let options = Options { pack_entries: PACK, background: Background::OnDemand, ..Options::new(ORIGIN) };
    let plugin = evidenced_tests::plugin("inference-uptime");
    let plugins = plugin.parent().context("a plugin has a folder")?;
    let controls = controls(&format!("http://{address}"));
    let rig = Rig::open(&bench.folder("probe")?, plugins, &controls, Arc::new(clock.clone()), options)?;
    let mut recorder = rig.recorder()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    while rig.ledger.head().size < u64::from(PACK) {
        let slot = clock.now();
        clock.advance(Duration::from_millis(137));
        let mut runs = JoinSet::new();
        for control in &rig.controls {
            let (executor, shelf) = (Arc::clone(&rig.executor), Arc::clone(&rig.shelf));
            let order = rig::order(&rig.catalogue, control, slot);
            runs.spawn_on(async move { executor.run(&shelf, order).await }, runtime.handle());
        }
        while let Some(finished) = runtime.block_on(runs.join_next()) {
            let finished = finished?;
            ensure!(matches!(finished.ended, EndedRecord::Report(_)), "the probe ended as {:?}", finished.ended);
            // One commit a run: each is decided at a time of its own.
            clock.advance(Duration::from_millis(1_113));
            for answer in recorder.record(clock.now(), vec![Fact::Ran(Box::new(finished))]) {
                let run = answer?.run.context("a run has an answer")?;
                ensure!(run.findings.is_empty(), "the probe does not pass: {:?}", run.findings);
            }
        }
        clock.advance_to(slot.plus(Duration::from_secs(60)));
    }
    rig.ledger.settle()?;
    let state = rig.catalogue.config().state_dir.clone();
    let per_run = |bytes: u64| bytes as f64 / f64::from(PACK);
    figures.low("bytes.probe.entry", per_run(size_of(&state.join("packs"), "pack")?), "B", Some(75.0));
    figures.low("bytes.probe.evidence", per_run(size_of(&state.join("evidence"), "")?), "B", None);
    Ok(())
}

fn controls(endpoint: &str) -> String {
    let mut text = format!(
        "[[source]]\nid = \"inference\"\nurls = [\"{endpoint}\"]\nmethods = [\"POST\"]\naddresses = [\"127.0.0.0/8\"]\n\n"
    );
    for number in 0..CONTROLS {
        text.push_str(&format!(
            "[[control]]\nid = \"AVL-{number:02}\"\ntitle = \"Inference answers a real request\"\n\
             family = \"availability\"\ncriteria = [\"CC7.2\", \"A1.1\"]\nowner = \"serving\"\nseverity = \"critical\"\n\
             plugin = \"inference-uptime\"\nevery = \"1m\"\nsources = [\"inference\"]\n\n[control.config]\n\
             endpoint = \"{endpoint}\"\nmodel = \"iris-{number:02}\"\nversion = \"v1.2.0\"\n\n[[control.config.golden]]\n\
             inputs = [{{ name = \"predict\", shape = [1, 4], datatype = \"FP64\", data = [5.1, 3.5, 1.4, 0.2] }}]\n\
             outputs = [{{ name = \"predict\", data = [0] }}]\n\n"
        ));
    }
    text
}

fn serve(listener: &TcpListener, clock: &VirtualClock) {
    static ANSWERS: AtomicU64 = AtomicU64::new(0);
    for stream in listener.incoming().flatten() {
        let number = ANSWERS.fetch_add(1, Ordering::Relaxed);
        // Who hangs up is told by the run that it cost.
        let _ = answer(stream, number, clock);
    }
}

/// The headers that change from answer to answer are those of a usual server: a date, and the number of the request.
fn answer(stream: TcpStream, number: u64, clock: &VirtualClock) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if path.is_empty() {
            line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let model = path.split('/').nth(3).unwrap_or_default();
    let body = format!(
        r#"{{"model_name":"{model}","model_version":"v1.2.0","id":"evidenced-probe","outputs":[{{"name":"predict","shape":[1,1],"datatype":"INT64","data":[0]}}]}}"#
    );
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&clock.now().to_jiff())?;
    let request_id = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\ndate: {date}\r\nserver: uvicorn\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nx-request-id: {request_id:016x}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}
