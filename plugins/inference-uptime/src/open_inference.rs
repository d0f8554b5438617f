//! The Open Inference Protocol, version 2: one `infer` for each golden question.

use evidenced_plugin::{Call, Failure, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Config, Golden,
    config::{Expected, GoldenTensors, Tensor},
    protocol::{Wrong, other_protocol, timeout_ms},
};

/// Sent with every question; a server that echoes another one has mixed up answers.
const ID: &str = "evidenced-probe";

#[derive(Serialize)]
struct Question<'a> {
    id: &'static str,
    inputs: &'a [Tensor],
}

#[derive(Deserialize)]
struct Answer {
    model_name: String,
    model_version: Option<String>,
    id: Option<String>,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    shape: Vec<u64>,
    data: Value,
}

pub(crate) fn question(config: &Config, endpoint: &str, golden: &Golden) -> Result<Call, Failure> {
    let Golden::Tensors(golden) = golden else {
        return Err(other_protocol("`golden` has a prompt, and the protocol open-inference needs `inputs`"));
    };
    Call::post(format!("{endpoint}/v2/models/{}/infer", config.model))
        .purpose(format!("inference of {} at {endpoint}", config.model))
        .timeout_ms(timeout_ms(config.max_latency_ms))
        .json(&Question { id: ID, inputs: &golden.inputs })
}

pub(crate) fn judge(config: &Config, golden: &GoldenTensors, answer: &Response) -> Result<(), Wrong> {
    let answer: Answer =
        serde_json::from_slice(&answer.body).map_err(|error| format!("the answer is no inference: {error}"))?;
    if answer.model_name != config.model {
        return Err(format!("the model `{}` answered", answer.model_name));
    }
    if let Some(expected) = &config.version
        && answer.model_version.as_ref() != Some(expected)
    {
        let version = answer.model_version.as_deref().unwrap_or("(none)");
        return Err(format!("version {version} answered, expected is {expected}"));
    }
    if answer.id.as_ref().is_some_and(|id| id != ID) {
        return Err("the answer is that of another question: its id is not the one that was sent".to_owned());
    }
    if answer.outputs.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    judge_completeness(golden, &answer.outputs)?;
    golden.outputs.iter().try_for_each(|expected| judge_output(expected, &answer.outputs, golden.tolerance))
}

/// As many rows come out as went in.
fn judge_completeness(golden: &GoldenTensors, outputs: &[Output]) -> Result<(), Wrong> {
    let Some(rows) = golden.inputs.first().and_then(|input| input.shape.first()) else { return Ok(()) };
    for output in outputs {
        if flat(&output.data).is_empty() {
            return Err(format!("the output `{}` is empty", output.name));
        }
        if output.shape.first().is_some_and(|out| out != rows) {
            return Err(format!("{rows} rows were asked, the output `{}` has {}", output.name, output.shape[0]));
        }
    }
    Ok(())
}

fn judge_output(expected: &Expected, outputs: &[Output], tolerance: f64) -> Result<(), Wrong> {
    let name = &expected.name;
    let output = outputs.iter().find(|output| output.name == *name);
    let values = flat(&output.ok_or_else(|| format!("the answer has no output `{name}`"))?.data);
    if values.len() != expected.data.len() {
        return Err(format!("the output `{name}` has {} values, expected are {}", values.len(), expected.data.len()));
    }
    for (at, (value, expected)) in values.iter().zip(&expected.data).enumerate() {
        let same = match (value.as_f64(), expected.as_f64()) {
            (Some(value), Some(expected)) => (value - expected).abs() <= tolerance,
            _ => *value == expected,
        };
        if !same {
            return Err(format!("value {} of the output `{name}` is {value}, expected is {expected}", at + 1));
        }
    }
    Ok(())
}

/// Data may be flat or nested by shape; both are the same values in the same order.
fn flat(data: &Value) -> Vec<&Value> {
    match data {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        value => vec![value],
    }
}
