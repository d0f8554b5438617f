//! What one endpoint's answers come to.

use evidenced_plugin::{CallError, Exchange, Failure, FindingDraft, HttpError, Response, Timestamp, Verdict, unit};

use crate::{Config, Golden, config::Protocol, open_inference, openai, protocol::Wrong};

/// The worst of the answers decides: one that could not be judged over one that is wrong over one that is right.
pub(crate) fn judge(
    config: &Config,
    now: Timestamp,
    answers: &[Result<Response, CallError>],
    finding: &mut FindingDraft,
) -> Result<Verdict, Failure> {
    finding.as_of(now.to_instant());
    if let Some(error) = answers.iter().filter_map(|answer| answer.as_ref().err()).find(|error| !is_down(error)) {
        return Err(error.clone().into());
    }
    let mut wrong = answers.iter().zip(&config.golden).filter_map(|(answer, golden)| match answer {
        Ok(answer) => judge_answer(config, golden, answer).err(),
        Err(error) => Some(words_of(error)),
    });
    let mut wrong = wrong.next();

    let exchanges = || answers.iter().flatten().map(|answer| &answer.exchange);
    if let Some(latency) = exchanges().map(|exchange| exchange.timings.total).reduce(f64::max) {
        let good = finding.at_most("latency", latency, unit::MILLISECOND, config.max_latency_ms);
        if !good {
            wrong.get_or_insert_with(|| format!("took {latency} ms, allowed are {} ms", config.max_latency_ms));
        }
    }
    let certificate_days = certificate_days(now, exchanges())?;
    if let Some(days) = certificate_days {
        let good = finding.at_least("certificate_days", days, unit::DAY, config.min_certificate_days);
        if !good {
            wrong.get_or_insert_with(|| format!("its certificate ends in {:.1} days", (days * 10.0).floor() / 10.0));
        }
    }
    finding.measure("up", if wrong.is_none() { 1.0 } else { 0.0 }, unit::ONE);
    Ok(match wrong {
        Some(wrong) => Verdict::fail(wrong),
        None => Verdict::pass(format!("answered {} of {} questions as expected", answers.len(), answers.len()))
            .with_attention_if(certificate_days.is_some_and(|days| days < ATTENTION_DAYS)),
    })
}

fn judge_answer(config: &Config, golden: &Golden, answer: &Response) -> Result<(), Wrong> {
    match (config.protocol, golden) {
        (Protocol::OpenInference, Golden::Tensors(golden)) => open_inference::judge(config, golden, answer),
        (Protocol::Openai, Golden::Prompt(golden)) => openai::judge(config, golden, answer),
        // The question could not be written either, so no run comes here.
        (Protocol::OpenInference, Golden::Prompt(_)) | (Protocol::Openai, Golden::Tensors(_)) => {
            Err("the golden question is of another protocol".to_owned())
        }
    }
}

/// An endpoint that does not answer a question it could answer is what this control is about; one that does not let
/// us ask (no grant, no credential, too many requests, a question it cannot read) has not been tested.
fn is_down(error: &CallError) -> bool {
    match &error.error {
        HttpError::Unreachable(_) | HttpError::Timeout | HttpError::Tls(_) => true,
        HttpError::Status(response) => matches!(response.exchange.status, 404 | 408 | 410 | 500..=599),
        HttpError::Refused(_) | HttpError::Limit(_) => false,
    }
}

fn words_of(error: &CallError) -> Wrong {
    match (&error.error, error.response().map(|response| response.exchange.status)) {
        (_, Some(404)) => "status 404: the endpoint does not know the model".to_owned(),
        (other, _) => other.to_string(),
    }
}

/// Days that the certificate with the nearest end is still valid; `None` without TLS.
fn certificate_days<'a>(now: Timestamp, exchanges: impl Iterator<Item = &'a Exchange>) -> Result<Option<f64>, Failure> {
    let mut nearest: Option<f64> = None;
    for certificate in exchanges.filter_map(|exchange| exchange.peer.as_ref()?.chain.first()) {
        let days = certificate.not_after.parse::<Timestamp>()?.days_since(now);
        nearest = Some(nearest.map_or(days, |other| other.min(days)));
    }
    Ok(nearest)
}

/// A certificate that ends sooner than this passes with attention.
const ATTENTION_DAYS: f64 = 21.0;
