//! Contract 1.0: `plugin-sdk/wit/check.wit` as bindings, and what they mean in plain types.

#![expect(clippy::result_large_err, reason = "the sizes of the generated types are the contract's")]

use evidenced_contract as plain;
use serde_json::Value;

use super::super::{
    ended::Ended,
    host::{
        Halt, Host,
        inputs::{InputError, Reader},
        log::LogLevel,
    },
};

wasmtime::component::bindgen!({
    path: "../plugin-sdk/wit",
    world: "check",
    imports: {
        "evidenced:check/http": async | trappable,
        "evidenced:check/tls": async | trappable,
        "evidenced:check/history": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: { "evidenced:check/inputs.reader": crate::sandbox::host::inputs::Reader },
});

use evidenced::check::{history, http, inputs, log, state, tls, types};

/// The whole of `Host` is what each capability works on.
pub(in crate::sandbox) struct HasHost;

impl wasmtime::component::HasData for HasHost {
    type Data<'a> = &'a mut Host;
}

impl types::Host for Host {}

impl log::Host for Host {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.begin("log.write")?;
        Ok(self.log_write(level, &message)?)
    }
}

impl http::Host for Host {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Error>> {
        let mut answers = self.http_send_all(vec![sent(request)]).await?;
        let answer = answers.pop().ok_or(Halt)?;
        Ok(answer.map(response).map_err(http_error))
    }

    async fn send_all(
        &mut self,
        requests: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, http::Error>>> {
        let answers = self.http_send_all(requests.into_iter().map(sent).collect()).await?;
        Ok(answers.into_iter().map(|answer| answer.map(response).map_err(http_error)).collect())
    }
}

impl tls::Host for Host {
    async fn handshake(
        &mut self,
        host: String,
        port: u16,
    ) -> wasmtime::Result<Result<Vec<Result<types::Peer, http::Error>>, http::Error>> {
        let answer = self.tls_handshake(host, port).await?;
        let peers = answer.map(|peers| peers.into_iter().map(|found| found.map(peer).map_err(http_error)).collect());
        Ok(peers.map_err(http_error))
    }
}

impl inputs::Host for Host {
    fn read(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, inputs::Error>> {
        Ok(self.inputs_read(name)?.map(|bytes| bytes.to_vec()).map_err(input_error))
    }

    fn read_text(&mut self, name: String) -> wasmtime::Result<Result<String, inputs::Error>> {
        Ok(self.inputs_read_text(name)?.map_err(input_error))
    }

    fn open(&mut self, name: String) -> wasmtime::Result<Result<wasmtime::component::Resource<Reader>, inputs::Error>> {
        match self.inputs_open(name)? {
            Ok(reader) => Ok(Ok(self.table.push(reader)?)),
            Err(error) => Ok(Err(input_error(error))),
        }
    }
}

impl inputs::HostReader for Host {
    fn read(
        &mut self,
        reader: wasmtime::component::Resource<Reader>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, inputs::Error>> {
        self.begin("reader.read")?;
        Ok(Ok(self.table.get_mut(&reader)?.read(max).to_vec()))
    }

    fn drop(&mut self, reader: wasmtime::component::Resource<Reader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}

impl state::Host for Host {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.state_get(key)?)
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), state::Error>> {
        Ok(self.state_set(key, value)?.map_err(state::Error::TooLarge))
    }

    fn remove(&mut self, key: String) -> wasmtime::Result<()> {
        Ok(self.state_remove(key)?)
    }

    fn keys(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.state_keys()?)
    }
}

impl history::Host for Host {
    async fn points(
        &mut self,
        control: Option<String>,
        measurement: String,
        during: types::Interval,
    ) -> wasmtime::Result<Result<Vec<history::Point>, history::Error>> {
        let answer = self.history_points(control, measurement, plain_interval(during)).await?;
        Ok(answer.map(|points| points.into_iter().map(point).collect()).map_err(history_error))
    }

    async fn slots_in(
        &mut self,
        control: Option<String>,
        during: types::Interval,
    ) -> wasmtime::Result<Result<history::Slots, history::Error>> {
        let answer = self.history_slots_in(control, plain_interval(during)).await?;
        let slots = |counts: plain::SlotCounts| history::Slots {
            due: counts.due,
            run: counts.run,
            late: counts.late,
            pass: counts.pass,
            fail: counts.fail,
            error: counts.error,
            not_applicable: counts.not_applicable,
            missed: counts.missed,
        };
        Ok(answer.map(slots).map_err(history_error))
    }
}

/// The request as a component sees it.
pub(in crate::sandbox) fn request(request: &plain::Request) -> types::Request {
    types::Request {
        control: request.control.clone(),
        definition: request.definition.clone(),
        slot: request.slot.clone(),
        now: request.now.clone(),
        interval: request
            .interval
            .as_ref()
            .map(|interval| types::Interval { from: interval.from.clone(), until: interval.until.clone() }),
        config: request.config.to_string(),
        inputs: request.inputs.iter().map(input).collect(),
        seed: request.seed.to_vec(),
        limits: types::Limits {
            wall_ms: request.limits.wall_ms,
            memory_bytes: request.limits.memory_bytes,
            report_bytes: request.limits.report_bytes,
            requests: request.limits.requests,
            response_bytes: request.limits.response_bytes,
        },
        extensions: request.extensions.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
    }
}

fn input(input: &plain::Input) -> types::Input {
    types::Input {
        name: input.name.clone(),
        source: input.source.clone(),
        query: input.query.clone(),
        media_type: input.media_type.clone(),
        observed: input.observed.clone(),
        // Exact up to 2^53, more than any input has.
        bytes: input.bytes as f64,
        rows: input.rows,
        source_total: input.source_total,
        digest: input.digest.clone(),
        http: input.http.clone().map(exchange),
    }
}

/// A component's answer in plain types, or why it is none.
pub(in crate::sandbox) fn answer(answer: Result<types::Report, types::Failure>) -> Ended {
    match answer {
        Ok(given) => match report(given) {
            Ok(report) => Ended::Report(report),
            Err(why) => Ended::Broken(why),
        },
        Err(failure) => Ended::Failure(plain::Failure {
            kind: match failure.kind {
                types::FailureKind::Internal => plain::FailureKind::Internal,
                types::FailureKind::Unreachable => plain::FailureKind::Unreachable,
                types::FailureKind::Denied => plain::FailureKind::Denied,
                types::FailureKind::Throttled => plain::FailureKind::Throttled,
                types::FailureKind::Timeout => plain::FailureKind::Timeout,
                types::FailureKind::BadInput => plain::FailureKind::BadInput,
                types::FailureKind::Unsupported => plain::FailureKind::Unsupported,
            },
            message: failure.message,
            source: failure.source,
        }),
    }
}

fn report(given: types::Report) -> Result<plain::Report, String> {
    Ok(plain::Report {
        summary: given.summary,
        population: given.population,
        source_total: given.source_total,
        population_query: given.population_query,
        listing: match given.listing {
            types::Listing::NotPassing => plain::Listing::NotPassing,
            types::Listing::EverySubject => plain::Listing::EverySubject,
        },
        findings: given.findings.into_iter().map(finding).collect::<Result<_, _>>()?,
        incomplete: given.incomplete,
        covered_until: given.covered_until,
        attachments: given
            .attachments
            .into_iter()
            .map(|attachment| plain::Attachment {
                name: attachment.name,
                media_type: attachment.media_type,
                body: attachment.body,
            })
            .collect(),
        extensions: extensions(given.extensions)?,
    })
}

fn finding(given: types::Finding) -> Result<plain::Finding, String> {
    Ok(plain::Finding {
        subject: given.subject,
        label: given.label,
        status: status(given.status),
        attention: given.attention,
        message: given.message,
        measurements: given
            .measurements
            .into_iter()
            .map(|measurement| plain::Measurement {
                name: measurement.name,
                value: measurement.value,
                unit: measurement.unit,
                limit: measurement.limit,
            })
            .collect(),
        as_of: given.as_of,
        event: given.event,
        extensions: extensions(given.extensions)?,
    })
}

const fn status(status: types::Status) -> plain::Status {
    match status {
        types::Status::Error => plain::Status::Error,
        types::Status::Fail => plain::Status::Fail,
        types::Status::Pass => plain::Status::Pass,
        types::Status::NotApplicable => plain::Status::NotApplicable,
    }
}

fn extensions(given: Vec<(String, String)>) -> Result<plain::Extensions, String> {
    let mut extensions = plain::Extensions::new();
    for (key, json) in given {
        let value: Value =
            serde_json::from_str(&json).map_err(|why| format!("gave an extension `{key}` that is not JSON: {why}"))?;
        if extensions.insert(key.clone(), value).is_some() {
            return Err(format!("gave the extension `{key}` twice"));
        }
    }
    Ok(extensions)
}

/// What a component says of itself, or why that is no description.
pub(in crate::sandbox) fn description(given: types::Description) -> Result<plain::Description, String> {
    let config_schema = match given.config_schema.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|why| format!("its `config-schema` is not JSON: {why}"))?,
    };
    let needs = given.needs;
    Ok(plain::Description {
        name: given.name,
        version: given.version,
        summary: given.summary,
        config_schema,
        needs: plain::Needs {
            inputs: needs
                .inputs
                .into_iter()
                .map(|need| plain::InputNeed { name: need.name, media_type: need.media_type, optional: need.optional })
                .collect(),
            hosts: needs.hosts,
            tls: needs.tls,
            state: needs.state,
            history: needs.history,
            interval: needs.interval,
        },
        contract: plain::CONTRACT_VERSION.to_owned(),
        extensions: extensions(given.extensions)?,
    })
}

fn sent(request: http::Request) -> plain::HttpRequest {
    plain::HttpRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        auth: match request.auth {
            http::Auth::Granted => plain::Auth::Granted,
            http::Auth::Anonymous => plain::Auth::Anonymous,
            http::Auth::Named(name) => plain::Auth::Named(name),
        },
        accept: request.accept,
        timeout_ms: request.timeout_ms,
    }
}

fn response(response: plain::HttpResponse) -> http::Response {
    http::Response { exchange: exchange(response.exchange), body: response.body }
}

fn exchange(exchange: plain::Exchange) -> types::Exchange {
    let plain::Timings { resolve, connect, handshake, first_byte, total } = exchange.timings;
    types::Exchange {
        status: exchange.status,
        headers: exchange.headers,
        timings: types::Timings { resolve, connect, handshake, first_byte, total },
        peer: exchange.peer.map(peer),
        attempts: exchange.attempts,
    }
}

fn peer(peer: plain::Peer) -> types::Peer {
    types::Peer {
        address: peer.address,
        protocol: peer.protocol,
        cipher: peer.cipher,
        untrusted: peer.untrusted,
        chain: peer
            .chain
            .into_iter()
            .map(|certificate| types::Certificate {
                subject: certificate.subject,
                issuer: certificate.issuer,
                serial: certificate.serial,
                names: certificate.names,
                not_before: certificate.not_before,
                not_after: certificate.not_after,
                key: certificate.key,
                digest: certificate.digest,
            })
            .collect(),
    }
}

fn http_error(error: plain::HttpError) -> http::Error {
    match error {
        plain::HttpError::Refused(why) => http::Error::Refused(why),
        plain::HttpError::Unreachable(why) => http::Error::Unreachable(why),
        plain::HttpError::Timeout => http::Error::Timeout,
        plain::HttpError::Tls(why) => http::Error::Tls(why),
        plain::HttpError::Status(given) => http::Error::Status(response(*given)),
        plain::HttpError::Limit(which) => http::Error::Limit(which),
    }
}

fn input_error(error: InputError) -> inputs::Error {
    match error {
        InputError::Unknown(name) => inputs::Error::Unknown(name),
        InputError::Unreadable(why) => inputs::Error::Unreadable(why),
    }
}

fn plain_interval(interval: types::Interval) -> plain::Interval {
    plain::Interval { from: interval.from, until: interval.until }
}

fn point(point: plain::HistoryPoint) -> history::Point {
    history::Point {
        slot: point.slot,
        subject: point.subject,
        status: match point.status {
            plain::Status::Error => types::Status::Error,
            plain::Status::Fail => types::Status::Fail,
            plain::Status::Pass => types::Status::Pass,
            plain::Status::NotApplicable => types::Status::NotApplicable,
        },
        value: point.value,
    }
}

fn history_error(error: plain::HistoryError) -> history::Error {
    match error {
        plain::HistoryError::Refused(control) => history::Error::Refused(control),
        plain::HistoryError::TooMany(count) => history::Error::TooMany(count),
    }
}
