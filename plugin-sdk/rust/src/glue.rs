//! Between the component's types and the SDK's: the only code of the SDK that a native test does not run.
//! Nothing here decides anything; text moves without being copied.

use evidenced_contract as contract;

use crate::{Check, Facts, Failure, Host, InputError, InputReader, Level, Run, StateError, check::run_check};

#[allow(unsafe_code, unreachable_pub, clippy::all, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "check",
        pub_export_macro: true,
        export_macro_name: "export_checker",
        default_bindings_module: "evidenced_plugin::glue::bindings",
    });
}

pub use bindings::exports::evidenced::check::checker::Guest;
pub use bindings::*;

use bindings::evidenced::check::{history, http, inputs, log, state, tls, types as wit};

/// Exports a check as the component's `checker`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_component {
    ($check:ty) => {
        #[allow(unsafe_code, reason = "the exports of a component have fixed names")]
        const _: () = {
            struct Exported;
            impl $crate::glue::Guest for Exported {
                fn describe() -> $crate::glue::Described {
                    $crate::glue::describe::<$check>()
                }
                fn run(request: $crate::glue::Asked) -> Result<$crate::glue::Reported, $crate::glue::Failed> {
                    $crate::glue::run::<$check>(request)
                }
            }
    $crate::glue::export_checker!(Exported with_types_in $crate::glue);
        };
    };
}

pub type Described = wit::Description;
pub type Asked = wit::Request;
pub type Reported = wit::Report;
pub type Failed = wit::Failure;

pub fn describe<C: Check>() -> Described {
    let description = C::describe();
    wit::Description {
        name: description.name.to_owned(),
        version: description.version.to_owned(),
        summary: description.summary.to_owned(),
        config_schema: description.config_schema.to_owned(),
        needs: wit::Needs {
            inputs: description
                .needs
                .inputs
                .into_iter()
                .map(|need| wit::InputNeed { name: need.name, media_type: need.media_type, optional: need.optional })
                .collect(),
            hosts: description.needs.hosts,
            tls: description.needs.tls,
            state: description.needs.state,
            history: description.needs.history,
            interval: description.needs.interval,
        },
        extensions: Vec::new(),
    }
}

pub fn run<C: Check>(request: Asked) -> Result<Reported, Failed> {
    std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string())));
    let config = request.config;
    let mut host = Component;
    let facts = Facts {
        control: request.control,
        definition: request.definition,
        slot: request.slot,
        now: request.now,
        interval: request.interval.map(|interval| contract::Interval { from: interval.from, until: interval.until }),
        inputs: request.inputs.into_iter().map(input_in).collect(),
        seed: <[u8; 32]>::try_from(request.seed).unwrap_or_default(),
        limits: contract::Limits {
            wall_ms: request.limits.wall_ms,
            memory_bytes: request.limits.memory_bytes,
            report_bytes: request.limits.report_bytes,
            requests: request.limits.requests,
            response_bytes: request.limits.response_bytes,
        },
        extensions: request.extensions,
    };
    let mut run = Run::new(facts, &mut host).map_err(failure_out)?;
    run_check::<C>(&config, &mut run).map(report_out).map_err(failure_out)
}

/// The host behind the component's imports.
pub struct Component;

impl Host for Component {
    fn log(&mut self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message);
    }

    fn send(&mut self, request: contract::HttpRequest) -> Result<contract::HttpResponse, contract::HttpError> {
        http::send(&request_out(request)).map(response_in).map_err(http_error_in)
    }

    fn send_all(
        &mut self,
        requests: Vec<contract::HttpRequest>,
    ) -> Vec<Result<contract::HttpResponse, contract::HttpError>> {
        let requests: Vec<_> = requests.into_iter().map(request_out).collect();
        http::send_all(&requests).into_iter().map(|answer| answer.map(response_in).map_err(http_error_in)).collect()
    }

    fn handshake(
        &mut self,
        host: &str,
        port: u16,
    ) -> Result<Vec<Result<contract::Peer, contract::HttpError>>, contract::HttpError> {
        let peers = tls::handshake(host, port).map_err(http_error_in)?;
        Ok(peers.into_iter().map(|peer| peer.map(peer_in).map_err(http_error_in)).collect())
    }

    fn read_input(&mut self, name: &str) -> Result<Vec<u8>, InputError> {
        inputs::read(name).map_err(input_error_in)
    }

    fn read_input_text(&mut self, name: &str) -> Result<String, InputError> {
        inputs::read_text(name).map_err(input_error_in)
    }

    fn open_input(&mut self, name: &str) -> Result<Box<dyn InputReader>, InputError> {
        Ok(Box::new(Pieces(inputs::open(name).map_err(input_error_in)?)))
    }

    fn state_value(&mut self, key: &str) -> Option<Vec<u8>> {
        state::get(key)
    }

    fn set_state(&mut self, key: &str, value: &[u8]) -> Result<(), StateError> {
        state::set(key, value).map_err(|state::Error::TooLarge(bytes)| StateError::TooLarge(bytes))
    }

    fn remove_state(&mut self, key: &str) {
        state::remove(key);
    }

    fn state_keys(&mut self) -> Vec<String> {
        state::keys()
    }

    fn points(
        &mut self,
        control: Option<&str>,
        measurement: &str,
        during: &contract::Interval,
    ) -> Result<Vec<contract::HistoryPoint>, contract::HistoryError> {
        let points = history::points(control, measurement, &interval_out(during)).map_err(history_error_in)?;
        Ok(points
            .into_iter()
            .map(|point| contract::HistoryPoint {
                slot: point.slot,
                subject: point.subject,
                status: status_in(point.status),
                value: point.value,
            })
            .collect())
    }

    fn slots_in(
        &mut self,
        control: Option<&str>,
        during: &contract::Interval,
    ) -> Result<contract::SlotCounts, contract::HistoryError> {
        let slots = history::slots_in(control, &interval_out(during)).map_err(history_error_in)?;
        Ok(contract::SlotCounts {
            due: slots.due,
            run: slots.run,
            late: slots.late,
            pass: slots.pass,
            fail: slots.fail,
            error: slots.error,
            not_applicable: slots.not_applicable,
            missed: slots.missed,
        })
    }
}

struct Pieces(inputs::Reader);

impl InputReader for Pieces {
    fn read(&mut self, bytes_max: u32) -> Result<Vec<u8>, InputError> {
        self.0.read(bytes_max).map_err(input_error_in)
    }
}

fn request_out(request: contract::HttpRequest) -> http::Request {
    http::Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        auth: match request.auth {
            contract::Auth::Granted => http::Auth::Granted,
            contract::Auth::Anonymous => http::Auth::Anonymous,
            contract::Auth::Named(name) => http::Auth::Named(name),
        },
        accept: request.accept,
        timeout_ms: request.timeout_ms,
    }
}

fn response_in(response: http::Response) -> contract::HttpResponse {
    contract::HttpResponse { exchange: exchange_in(response.exchange), body: response.body }
}

fn http_error_in(error: http::Error) -> contract::HttpError {
    match error {
        http::Error::Refused(why) => contract::HttpError::Refused(why),
        http::Error::Unreachable(why) => contract::HttpError::Unreachable(why),
        http::Error::Timeout => contract::HttpError::Timeout,
        http::Error::Tls(why) => contract::HttpError::Tls(why),
        http::Error::Status(response) => contract::HttpError::Status(Box::new(response_in(response))),
        http::Error::Limit(which) => contract::HttpError::Limit(which),
    }
}

fn exchange_in(exchange: wit::Exchange) -> contract::Exchange {
    contract::Exchange {
        status: exchange.status,
        headers: exchange.headers,
        timings: contract::Timings {
            resolve: exchange.timings.resolve,
            connect: exchange.timings.connect,
            handshake: exchange.timings.handshake,
            first_byte: exchange.timings.first_byte,
            total: exchange.timings.total,
        },
        peer: exchange.peer.map(peer_in),
        attempts: exchange.attempts,
    }
}

fn peer_in(peer: wit::Peer) -> contract::Peer {
    contract::Peer {
        address: peer.address,
        protocol: peer.protocol,
        cipher: peer.cipher,
        untrusted: peer.untrusted,
        chain: peer
            .chain
            .into_iter()
            .map(|certificate| contract::Certificate {
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

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes, sent as a float")]
fn input_in(input: wit::Input) -> contract::Input {
    contract::Input {
        name: input.name,
        source: input.source,
        query: input.query,
        media_type: input.media_type,
        observed: input.observed,
        bytes: input.bytes as u64,
        rows: input.rows,
        source_total: input.source_total,
        digest: input.digest,
        http: input.http.map(exchange_in),
    }
}

fn input_error_in(error: inputs::Error) -> InputError {
    match error {
        inputs::Error::Unknown(name) => InputError::Unknown(name),
        inputs::Error::Unreadable(why) => InputError::Unreadable(why),
    }
}

fn history_error_in(error: history::Error) -> contract::HistoryError {
    match error {
        history::Error::Refused(control) => contract::HistoryError::Refused(control),
        history::Error::TooMany(count) => contract::HistoryError::TooMany(count),
    }
}

fn interval_out(interval: &contract::Interval) -> wit::Interval {
    wit::Interval { from: interval.from.clone(), until: interval.until.clone() }
}

fn status_in(status: wit::Status) -> contract::Status {
    match status {
        wit::Status::Error => contract::Status::Error,
        wit::Status::Fail => contract::Status::Fail,
        wit::Status::Pass => contract::Status::Pass,
        wit::Status::NotApplicable => contract::Status::NotApplicable,
    }
}

fn report_out(report: contract::Report) -> Reported {
    wit::Report {
        summary: report.summary,
        population: report.population,
        source_total: report.source_total,
        population_query: report.population_query,
        listing: match report.listing {
            contract::Listing::NotPassing => wit::Listing::NotPassing,
            contract::Listing::EverySubject => wit::Listing::EverySubject,
        },
        findings: report.findings.into_iter().map(finding_out).collect(),
        incomplete: report.incomplete,
        covered_until: report.covered_until,
        attachments: report
            .attachments
            .into_iter()
            .map(|part| wit::Attachment { name: part.name, media_type: part.media_type, body: part.body })
            .collect(),
        extensions: extensions_out(report.extensions),
    }
}

fn finding_out(finding: contract::Finding) -> wit::Finding {
    wit::Finding {
        subject: finding.subject,
        label: finding.label,
        status: match finding.status {
            contract::Status::Error => wit::Status::Error,
            contract::Status::Fail => wit::Status::Fail,
            contract::Status::Pass => wit::Status::Pass,
            contract::Status::NotApplicable => wit::Status::NotApplicable,
        },
        attention: finding.attention,
        message: finding.message,
        measurements: finding
            .measurements
            .into_iter()
            .map(|measured| wit::Measurement {
                name: measured.name,
                value: measured.value,
                unit: measured.unit,
                limit: measured.limit,
            })
            .collect(),
        as_of: finding.as_of,
        event: finding.event,
        extensions: extensions_out(finding.extensions),
    }
}

fn extensions_out(extensions: contract::Extensions) -> Vec<(String, String)> {
    extensions.into_iter().map(|(key, value)| (key, value.to_string())).collect()
}

fn failure_out(failure: Failure) -> Failed {
    wit::Failure {
        kind: match failure.kind {
            contract::FailureKind::Internal => wit::FailureKind::Internal,
            contract::FailureKind::Unreachable => wit::FailureKind::Unreachable,
            contract::FailureKind::Denied => wit::FailureKind::Denied,
            contract::FailureKind::Throttled => wit::FailureKind::Throttled,
            contract::FailureKind::Timeout => wit::FailureKind::Timeout,
            contract::FailureKind::BadInput => wit::FailureKind::BadInput,
            contract::FailureKind::Unsupported => wit::FailureKind::Unsupported,
        },
        message: failure.message,
        source: failure.source,
    }
}
