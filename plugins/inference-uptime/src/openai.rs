//! OpenAI-style chat completions. What a model said is not kept in words: only whether it is what was expected.

use evidenced_plugin::{Call, Failure, Response};
use serde::{Deserialize, Serialize};

use crate::{
    Config, Golden,
    config::GoldenPrompt,
    protocol::{Wrong, other_protocol, timeout_ms},
};

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    messages: [Message<'a>; 1],
    max_tokens: u32,
    temperature: u32,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    model: String,
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
}

pub(crate) fn question(config: &Config, endpoint: &str, golden: &Golden) -> Result<Call, Failure> {
    let Golden::Prompt(golden) = golden else {
        return Err(other_protocol("`golden` has inputs, and the protocol openai needs a `prompt`"));
    };
    Call::post(format!("{endpoint}/v1/chat/completions"))
        .purpose(format!("completion of {} at {endpoint}", config.model))
        .timeout_ms(timeout_ms(config.max_latency_ms))
        .json(&Question {
            model: &config.model,
            messages: [Message { role: "user", content: &golden.prompt }],
            max_tokens: golden.max_tokens,
            temperature: 0,
        })
}

pub(crate) fn judge(config: &Config, golden: &GoldenPrompt, answer: &Response) -> Result<(), Wrong> {
    let answer: Answer =
        serde_json::from_slice(&answer.body).map_err(|error| format!("the answer is no completion: {error}"))?;
    // Services answer with the dated name of an alias: `m-2026-01-01` for `m`.
    let is_expected = match &config.version {
        Some(version) => answer.model == *version,
        None => answer.model.starts_with(&config.model),
    };
    if !is_expected {
        return Err(format!("the model `{}` answered", answer.model));
    }
    let said = answer.choices.first().and_then(|choice| choice.message.content.as_deref()).unwrap_or_default();
    if said.trim().is_empty() {
        return Err("the answer is empty".to_owned());
    }
    match &golden.contains {
        Some(expected) if !said.to_lowercase().contains(&expected.to_lowercase()) => {
            Err(format!("the answer does not contain `{expected}`"))
        }
        _ => Ok(()),
    }
}
