//! Plugins for tests, from WAT text: no tool-chain is needed.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use evidenced_contract::{Extensions, Input, Request};
use tokio_util::sync::CancellationToken;

pub(super) use super::hostile_tests::folder::{component, component_on_wasi};
use super::*;
use crate::domain::{Digest, Limits};

/// One sandbox for the tests of this room; each test has its own plugins.
pub(super) static SANDBOX: LazyLock<Arc<Sandbox>> =
    LazyLock::new(|| Sandbox::new(SandboxSettings { concurrency: 8, ..SandboxSettings::default() }).unwrap());

/// A checker as core WAT: `imports` and `fields` stand in its module, `run` is the body of its `run`, which finds the
/// request at `$request` and leaves the address of a `result<report, failure>`.
///
/// Ready-made: `$report` (one passing finding `a`, measurement `m` = 1 d), `$failure` (denied: `no`), `$alloc`.
#[derive(Default)]
pub(crate) struct Checker<'a> {
    pub(crate) imports: &'a str,
    pub(crate) fields: &'a str,
    pub(crate) run: &'a str,
    /// Instead of the ready-made description.
    pub(crate) describe: Option<&'a str>,
    /// `tls`, `state`, `history` in `needs`.
    pub(crate) needs: [bool; 3],
    /// The value of the measurement in `$report`.
    pub(crate) value: Option<f64>,
}

impl Checker<'_> {
    pub(super) fn component(&self) -> Vec<u8> {
        component(&self.module(), include_str!("../../../plugin-sdk/wit/check.wit"))
    }

    pub(crate) fn module(&self) -> String {
        let mut image = Image::default();
        let description = image.description(self.needs);
        let report = image.report(self.value.unwrap_or(1.0));
        let failure = image.failure();
        format!(
            r#"(module
                {imports}
                (memory (export "memory") 2)
                (data (i32.const {base}) "{data}")
                (global $description i32 (i32.const {description}))
                (global $report i32 (i32.const {report}))
                (global $failure i32 (i32.const {failure}))
                (global $heap (mut i32) (i32.const 65536))
                (func $alloc (export "cabi_realloc") (param i32 i32 $align i32 $size i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.set $heap (i32.add (local.get $at) (local.get $size)))
                    (block $fits
                        (br_if $fits (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
                        (br_if $fits (i32.ne (i32.const -1)
                            (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
                        unreachable)
                    (local.get $at))
                {fields}
                (func (export "evidenced:check/checker@1.0.0#describe") (result i32) {describe})
                (func (export "evidenced:check/checker@1.0.0#run") (param $request i32) (result i32) {run}))"#,
            imports = self.imports,
            base = Image::BASE,
            data = image.escaped(),
            fields = self.fields,
            describe = self.describe.unwrap_or("(global.get $description)"),
            run = self.run,
        )
        .replace("(param i32 i32 $align i32 $size i32)", "(param i32) (param i32) (param $align i32) (param $size i32)")
    }
}

/// Values of the contract as they lie in a component's memory (component model, `CanonicalABI.md`).
#[derive(Default)]
struct Image(Vec<u8>);

impl Image {
    const BASE: u32 = 1024;

    fn escaped(&self) -> String {
        self.0.iter().map(|byte| format!("\\{byte:02x}")).collect()
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        let at = Self::BASE + self.0.len() as u32;
        self.0.extend_from_slice(bytes);
        at
    }

    fn text(&mut self, text: &str) -> [u32; 2] {
        [self.put(text.as_bytes()), text.len() as u32]
    }

    fn record(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }

    fn description(&mut self, [tls, state, history]: [bool; 3]) -> u32 {
        let [name, version, summary] = ["test", "1.0.0", "A plugin of a test."].map(|text| self.text(text));
        let flags = u32::from(tls) | u32::from(state) << 8 | u32::from(history) << 16;
        let words = [
            name[0], name[1], version[0], version[1], summary[0], summary[1], 0, 0, // config-schema
            0, 0, 0, 0, flags, // needs
            0, 0, // extensions
        ];
        self.record(&words)
    }

    fn report(&mut self, value: f64) -> u32 {
        let [subject, message, name, unit] = ["a", "as promised", "m", "d"].map(|text| self.text(text));
        let bits = value.to_bits();
        let measurement =
            self.record(&[name[0], name[1], bits as u32, (bits >> 32) as u32, unit[0], unit[1], 0, 0, 0, 0]);
        let finding = self.record(&[
            subject[0],
            subject[1],
            0,
            0,
            0, // label
            2, // pass, no attention
            message[0],
            message[1],
            measurement,
            1,
            0,
            0,
            0, // as-of
            0,
            0,
            0, // event
            0,
            0, // extensions
        ]);
        let summary = self.text("1 of 1 passes");
        self.record(&[
            0, // ok
            summary[0], summary[1], 1, // population
            0, 0, // source-total
            0, 0, // population-query
            1, // every-subject
            finding, 1, 0, 0, 0, // incomplete
            0, 0, 0, // covered-until
            0, 0, // attachments
            0, 0, // extensions
        ])
    }

    fn failure(&mut self) -> u32 {
        let message = self.text("no");
        self.record(&[1, 2, message[0], message[1], 0, 0, 0])
    }
}

pub(super) fn load(checker: &Checker<'_>) -> Plugin {
    SANDBOX.load(&checker.component()).unwrap_or_else(|fault| panic!("{fault}"))
}

pub(super) fn spec(world: impl World + 'static) -> RunSpec {
    RunSpec {
        request: request(),
        inputs: Vec::new(),
        state: BTreeMap::new(),
        limits: Limits { wall: Duration::from_secs(20), ..Limits::default_for(false) },
        world: Arc::new(world),
        stop: CancellationToken::new(),
    }
}

/// The same data for a replay.
pub(super) fn seen(spec: &RunSpec) -> ReplaySpec {
    ReplaySpec {
        request: spec.request.clone(),
        inputs: spec.inputs.clone(),
        state: spec.state.clone(),
        limits: spec.limits,
    }
}

pub(super) fn request() -> Request {
    Request {
        control: "SEC-01".into(),
        definition: Digest::of(b"definition").to_string(),
        slot: "2026-03-02T06:00:00.000Z".into(),
        now: "2026-03-02T06:00:03.120Z".into(),
        interval: None,
        config: serde_json::json!({ "max_age_days": 90 }),
        inputs: Vec::new(),
        seed: [7; 32],
        limits: evidenced_contract::Limits {
            wall_ms: 0,
            memory_bytes: 0,
            report_bytes: 0,
            requests: 0,
            response_bytes: 0,
        },
        extensions: Extensions::new(),
    }
}

pub(super) fn input(name: &str, bytes: &[u8]) -> InputBytes {
    let input = Input {
        name: name.into(),
        source: format!("file:/srv/{name}"),
        query: String::new(),
        media_type: "application/octet-stream".into(),
        observed: "2026-03-02T06:00:03.000Z".into(),
        bytes: bytes.len() as u64,
        rows: None,
        source_total: None,
        digest: Digest::of(bytes).to_string(),
        http: None,
    };
    InputBytes { input, bytes: Ok(bytes.into()), events: None }
}

/// A run of a checker whose `run` has this body, in no world.
pub(super) async fn run_body(body: &str) -> RunResult {
    let plugin = load(&Checker { run: body, ..Checker::default() });
    SANDBOX.run(&plugin, spec(Nowhere)).await
}

/// A command as WAT. Standard input is read to `$in`, `$in_len` bytes; then `start` runs. Ready-made: `$write` (fd,
/// address, length), `$exit`.
pub(super) fn command(imports: &str, fields: &str, start: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            {imports}
            (memory (export "memory") 4)
            (global $in i32 (i32.const 65536))
            (global $in_len (mut i32) (i32.const 0))
            {fields}
            (func $write (param $fd i32) (param $at i32) (param $len i32)
                (i32.store (i32.const 0) (local.get $at))
                (i32.store (i32.const 4) (local.get $len))
                (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable)))
            (func (export "_start")
                (block $end (loop $more
                    (i32.store (i32.const 0) (i32.add (global.get $in) (global.get $in_len)))
                    (i32.store (i32.const 4) (i32.const 4096))
                    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                    (br_if $end (i32.eqz (i32.load (i32.const 8))))
                    (global.set $in_len (i32.add (global.get $in_len) (i32.load (i32.const 8))))
                    (br $more)))
                {start}))"#
    );
    wat::parse_str(text).unwrap_or_else(|fault| panic!("{fault}"))
}

/// A command that describes itself so, and reports the same whatever it is asked.
pub(crate) fn says(description: &str, report: &str) -> Vec<u8> {
    let data = |text: &str| text.bytes().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let behind = 1024 + description.len();
    let fields =
        format!(r#"(data (i32.const 1024) "{}") (data (i32.const {behind}) "{}")"#, data(description), data(report));
    let start = format!(
        "(if (i32.eqz (global.get $in_len))
            (then (call $write (i32.const 1) (i32.const 1024) (i32.const {})))
            (else (call $write (i32.const 1) (i32.const {behind}) (i32.const {}))))",
        description.len(),
        report.len()
    );
    command("", &fields, &start)
}

/// A command that prints one text for each round, and a description. What it reads it writes to its log.
pub(super) fn script(rounds: &[&str]) -> Vec<u8> {
    let describe = r#"{"name":"script","version":"1.2.3","needs":{"state":true,"tls":true,"history":true}}"#;
    let mut fields = String::new();
    let mut start = String::from("(call $write (i32.const 2) (global.get $in) (global.get $in_len))");
    let mut at = 1024;
    for (round, text) in std::iter::once(&describe).chain(rounds).enumerate() {
        let data: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        fields += &format!(r#"(data (i32.const {at}) "{data}")"#);
        // `{"contract":"1.0","round":1` has the round at place 26; without input there is a zero.
        let digit = if round == 0 { 0 } else { b'0' as usize + round };
        start += &format!(
            "(if (i32.eq (i32.load8_u offset=26 (global.get $in)) (i32.const {digit}))
                (then (call $write (i32.const 1) (i32.const {at}) (i32.const {len}))))",
            len = text.len()
        );
        at += text.len();
    }
    command("", &fields, &start)
}

/// The same program as a `wasi:cli` component: preview 1 is put on preview 2 by the adapter of WASI's own makers.
pub(super) fn adapted(module: &[u8]) -> Vec<u8> {
    use wasi_preview1_component_adapter_provider::{
        WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    };
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.validate(true).module(module).unwrap();
    encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER).unwrap();
    encoder.encode().unwrap()
}

/// In `wasi:cli` a program exits well or not; what number it exited with is lost.
fn of_component(ended: &str) -> String {
    let mut words: Vec<&str> = ended.split(' ').collect();
    if let ["internal:", "exited", "with", code, ..] = &mut words[..] {
        *code = if code.ends_with(':') { "1:" } else { "1" };
    }
    words.join(" ")
}

/// Runs a program as a module and as a component, which end the same, write the same and ask the same.
pub(super) async fn run_both(module: &[u8], spec: RunSpec) -> RunResult {
    let as_module = SANDBOX.run(&load_bytes(module), spec.clone()).await;
    let as_component = SANDBOX.run(&load_bytes(&adapted(module)), spec).await;
    assert_eq!(as_component.ended.to_string(), of_component(&as_module.ended.to_string()));
    assert_eq!(as_component.log, as_module.log);
    assert_eq!(as_component.transcript, as_module.transcript);
    assert_eq!(as_component.state_after, as_module.state_after);
    as_module
}

pub(super) fn load_bytes(bytes: &[u8]) -> Plugin {
    SANDBOX.load(bytes).unwrap_or_else(|fault| panic!("{fault}"))
}

/// A small world: answers by URL, everything else is refused.
#[derive(Clone, Default)]
pub(super) struct Town {
    pub(super) pages: BTreeMap<&'static str, (u16, Vec<u8>)>,
    /// Requests as they came, with the time-out that they were given.
    pub(super) seen: Arc<std::sync::Mutex<Vec<evidenced_contract::HttpRequest>>>,
}

impl Town {
    pub(super) fn with(mut self, url: &'static str, status: u16, body: &[u8]) -> Self {
        self.pages.insert(url, (status, body.to_vec()));
        self
    }
}

mod town;

/// The data of a run in `world`, with everything declared.
pub(super) fn host(world: impl World + 'static) -> host::Host {
    host_with(Arc::new(world), [true; 3], Limits::default_for(true), Vec::new())
}

pub(super) fn host_with(
    world: Arc<dyn World>,
    [tls, state, history]: [bool; 3],
    limits: Limits,
    inputs: Vec<InputBytes>,
) -> host::Host {
    host::Host::new(host::Start {
        needs: host::Declared { tls, state, history },
        answers: host::Answers::Live(world),
        log_bytes: limits.log_bytes,
        budget: host::http::Budget::new(limits.requests, limits.response_bytes),
        inputs: host::inputs::Inputs::new(inputs),
        state: host::state::StateBook::new(BTreeMap::new(), limits.state_bytes),
        meter: memory::Meter::new(Arc::new(memory::MemoryTotal::new(limits.memory_bytes)), limits.memory_bytes),
        watch: watch::Watch::start(limits.wall),
        report_bytes: limits.report_bytes,
    })
}

pub(super) fn http(url: &str) -> evidenced_contract::HttpRequest {
    evidenced_contract::HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        auth: evidenced_contract::Auth::Granted,
        accept: Vec::new(),
        timeout_ms: 0,
    }
}
