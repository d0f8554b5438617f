//! Runs the command kind: a program that reads one JSON object and prints one, in as many rounds as it has questions.

#![expect(
    clippy::result_large_err,
    reason = "how a run ended is made once a run; boxing it would cost more than moving it"
)]

mod asks;
mod round;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use evidenced_contract::{Ask, CommandOutput, CommandReport, CommandRequest, Description, Request, parse_output};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::round::{Printed, Round};
use super::{
    component,
    ended::{Ended, Limit},
    engine::Sandbox,
    error::LoadError,
    host::Host,
    plugin::{About, CommandCode},
};
use crate::domain::Limits;

/// Bytes of the memo that a command may leave for its next round.
const MEMO_BYTES: usize = 1 << 20;
/// Bytes of the questions of one round, beside the memo.
const ASK_BYTES: usize = 1 << 20;

/// Runs the check, round after round, each in an instance of its own.
pub(super) async fn run(
    sandbox: &Sandbox,
    code: &CommandCode,
    name: &str,
    request: &Request,
    mut host: Host,
    limits: &Limits,
    stop: &CancellationToken,
) -> (Ended, Host) {
    let mut asked = HashSet::new();
    let mut round = Round::first(name, request, limits, &host);
    for number in 1..=limits.rounds {
        round.begin(number, &host);
        let printed;
        (printed, host) = round.run(sandbox, code, host, stop).await;
        let (asks, memo) = match printed.map(|output| read(&output, limits)) {
            Ok(Ok(CommandOutput::Ask(asks, memo))) => (asks, memo),
            Ok(Ok(CommandOutput::Report(report))) => return (report_of(report, &mut host), host),
            Ok(Ok(CommandOutput::Failure(failure))) => return (Ended::Failure(failure), host),
            Ok(Err(ended)) | Err(ended) => return (ended, host),
        };
        if let Err(why) = check_asks(&asks, &mut asked) {
            return (Ended::Broken(why), host);
        }
        if number == limits.rounds {
            break;
        }
        let answers = tokio::select! {
            biased;
            answers = asks::answer(&mut host, asks) => answers,
            () = stop.cancelled() => return (Ended::Stopped, host),
            () = crate::clock::real_pause(round.left()) => {
                let _halt = host.end_wall();
                return (host.ended().unwrap_or(Ended::Stopped), host);
            }
        };
        match answers {
            Ok((answers, files)) => round.answered(answers, files, memo),
            Err(_halt) => return (host.ended().unwrap_or(Ended::Stopped), host),
        }
    }
    (Ended::Limit(Limit::Rounds(limits.rounds.into())), host)
}

/// One of the three shapes, within its size.
fn read(output: &[u8], limits: &Limits) -> Result<CommandOutput, Ended> {
    let parsed = parse_output(output).map_err(|fault| Ended::Broken(fault.to_string()))?;
    match &parsed {
        CommandOutput::Ask(_, memo) => {
            let memo = serde_json::to_vec(memo).map_or(usize::MAX, |json| json.len());
            if memo > MEMO_BYTES {
                return Err(Ended::Limit(Limit::Memo(MEMO_BYTES as u64)));
            }
        }
        CommandOutput::Report(_) | CommandOutput::Failure(_) => {
            if output.len() > limits.report_bytes as usize {
                return Err(Ended::Limit(Limit::Report(limits.report_bytes.into())));
            }
        }
    }
    Ok(parsed)
}

/// The rules of questions, each with its own words.
fn check_asks(asks: &[Ask], asked: &mut HashSet<String>) -> Result<(), String> {
    if asks.is_empty() {
        return Err("asked nothing: an `ask` holds at least one question".to_owned());
    }
    for ask in asks {
        let id = &ask.id;
        let is_id = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_id {
            return Err(format!("asked with the id {id:?}: an id is 1 to 64 characters of a-z, 0-9 and -"));
        }
        if !asked.insert(id.clone()) {
            return Err(format!("asked `{id}` again: ids are unique over all rounds"));
        }
        let questions = [ask.http.is_some(), ask.tls.is_some(), ask.history.is_some(), ask.slots.is_some()];
        match questions.iter().filter(|asked| **asked).count() {
            1 => {}
            0 => return Err(format!("asked nothing under `{id}`: one of http, tls, history, slots is needed")),
            _ => return Err(format!("asked several things under `{id}`: each question has its own id")),
        }
        if ask.http.as_ref().is_some_and(|http| http.body.is_some() && http.body_base64.is_some()) {
            return Err(format!("asked `{id}` with both `body` and `body_base64`"));
        }
    }
    Ok(())
}

/// The report, once what it wants to keep is kept.
fn report_of(report: CommandReport, host: &mut Host) -> Ended {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let (report, writes) = report.split();
    for (key, value) in writes.set {
        let Ok(value) = STANDARD.decode(&value) else {
            return Ended::Broken(format!("wrote state `{key}` that is not base64"));
        };
        match host.state_set(key, value) {
            Ok(Ok(())) => {}
            Ok(Err(limit)) => return Ended::Limit(Limit::State(limit.into())),
            Err(_halt) => return host.ended().unwrap_or(Ended::Stopped),
        }
    }
    for key in writes.remove {
        if let Err(_halt) = host.state_remove(key) {
            return host.ended().unwrap_or(Ended::Stopped);
        }
    }
    Ended::Report(report)
}

/// Exit code and output of a program that ended by itself.
fn output_of(printed: Printed) -> Result<Vec<u8>, Ended> {
    if printed.exit == 0 {
        return Ok(printed.stdout);
    }
    Err(component::exited(printed.exit, &printed.last_words))
}

/// Asks a command what it is: `--describe`, no input, clock and seed zero.
pub(super) fn describe(sandbox: &Sandbox, code: &CommandCode) -> Result<About, LoadError> {
    let printed = round::describe(sandbox, code).map_err(|ended| ended.to_string());
    let described = printed.and_then(|printed| description(&printed)).and_then(component::within_bounds);
    match described {
        Ok(description) if description.contract == "1.0" => Ok(About { description, warning: None }),
        Ok(description) => Err(LoadError::UnknownContract {
            found: format!("contract {}", description.contract),
            known: evidenced_contract::CONTRACT_VERSION,
        }),
        Err(why) => Ok(component::undescribed(&why)),
    }
}

/// What is left out is empty or false; unknown members are ignored.
fn description(printed: &[u8]) -> Result<Description, String> {
    let mut value: Value =
        serde_json::from_slice(printed).map_err(|fault| format!("`--describe` printed no JSON object: {fault}"))?;
    let members = value.as_object_mut().ok_or("`--describe` printed no JSON object")?;
    for (name, default) in [("name", ""), ("version", "0")] {
        members.entry(name).or_insert_with(|| default.into());
    }
    serde_json::from_value(value).map_err(|fault| format!("`--describe` printed a broken description: {fault}"))
}

/// The request as a command reads it, before its first round.
fn first_request(request: &Request) -> CommandRequest {
    CommandRequest {
        contract: evidenced_contract::CONTRACT_VERSION.to_owned(),
        round: 0,
        control: request.control.clone(),
        definition: request.definition.clone(),
        slot: request.slot.clone(),
        now: request.now.clone(),
        interval: request.interval.clone(),
        config: request.config.clone(),
        seed: hex::encode(request.seed),
        limits: request.limits,
        inputs: Vec::new(),
        state: std::collections::BTreeMap::new(),
        memo: Value::Null,
        answers: Vec::new(),
        extensions: request.extensions.clone(),
    }
}
