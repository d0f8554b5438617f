use std::{fs, path::Path};

use evidenced_cases::{Case, words};
use evidenced_contract::{Failure, Report, Status};
use serde_json::Value;

use super::{ScriptedHost, facts_at, run};
use crate::{Check, Facts};

/// Runs every case of a folder and compares what comes out with what it expects, word for word.
///
/// With `EVIDENCED_REWRITE=1` in the environment each file gets what came out as its expectation, to be reviewed as
/// a difference.
///
/// # Panics
/// When a case is wrong; the message has all of them.
pub fn transcripts<C: Check>(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", folder.display());

    let mut wrong = String::new();
    for file in &files {
        if let Err(why) = check_file::<C>(file) {
            wrong.push_str(&format!("\n=== {}\n{why}\n", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Both the schema of the description and the configuration's type refuse this.
///
/// # Panics
/// When one of them takes it.
pub fn refuses_config<C: Check>(config: &Value) {
    assert!(!schema_takes::<C>(config), "the schema takes {config}");
    assert!(serde_json::from_value::<C::Config>(config.clone()).is_err(), "the type takes {config}");
}

fn schema_takes<C: Check>(config: &Value) -> bool {
    let schema = C::describe().config_schema;
    if schema.is_empty() {
        return config.is_object();
    }
    let schema = serde_json::from_str(schema).expect("`config_schema` is JSON");
    jsonschema::validator_for(&schema).expect("`config_schema` is a JSON Schema").is_valid(config)
}

fn check_file<C: Check>(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let case = Case::parse(&text).map_err(|error| error.to_string())?;
    if !schema_takes::<C>(case.config()) {
        return Err(format!("the schema of the description refuses the case's configuration: {}", case.config()));
    }
    let mut host = host(&case, None);
    let result = run::<C>(case.config(), facts(&case), &mut host);
    host.assert_all_asked();
    let came_out = words(&result);
    if std::env::var_os("EVIDENCED_REWRITE").is_some_and(|value| value == "1") {
        return rewrite(file, &text, &came_out);
    }
    if came_out != case.expected() {
        return Err(format!("--- expected\n{}--- came out\n{came_out}", case.expected()));
    }
    never_passes_in_the_dark::<C>(&case)
}

/// Spoils one answer after the other, each in six ways: a run that could not look must say so.
fn never_passes_in_the_dark<C: Check>(case: &Case) -> Result<(), String> {
    for (at, call) in case.script().calls.iter().enumerate() {
        for spoiled in [Some(401), Some(403), Some(404), Some(429), Some(500), None] {
            if spoiled.is_some_and(|status| call.accepts.contains(&status)) {
                continue;
            }
            let mut host = host(case, Some((at, spoiled))).forgiving();
            let result = run::<C>(case.config(), facts(case), &mut host);
            if could_pass(&result) {
                let how = spoiled.map_or("a time-out".to_owned(), |status| format!("status {status}"));
                return Err(format!("with {how} for `{}` it passes:\n{}", call.url, words(&result)));
            }
        }
    }
    Ok(())
}

fn could_pass(result: &Result<Report, Failure>) -> bool {
    result.as_ref().is_ok_and(|report| {
        let bad = report.findings.iter().any(|finding| matches!(finding.status, Status::Error | Status::Fail));
        !bad && report.incomplete.is_none()
    })
}

fn rewrite(file: &Path, text: &str, came_out: &str) -> Result<(), String> {
    let head = text.split("[expect]").next().unwrap_or_default().trim_end();
    let text = format!("{head}\n\n[expect]\ntext = '''\n{came_out}'''\n");
    fs::write(file, text).map_err(|error| error.to_string())
}

fn facts(case: &Case) -> Facts {
    let request = case.request();
    Facts {
        control: request.control.clone(),
        definition: request.definition.clone(),
        slot: request.slot.clone(),
        interval: request.interval.clone(),
        inputs: request.inputs.clone(),
        seed: request.seed,
        extensions: request.extensions.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
        ..facts_at(case.now())
    }
}

/// The outside world of a case, with one answer spoiled: a status, or `None` for a time-out.
fn host(case: &Case, spoiled: Option<(usize, Option<u16>)>) -> ScriptedHost {
    let mut script = case.script().clone();
    if let Some((call, status)) = spoiled {
        script.spoil(call, status);
    }
    let mut host = ScriptedHost::of(script);
    for (input, bytes) in case.inputs() {
        match bytes {
            Ok(bytes) => host.input(&input.name, bytes.clone()),
            Err(why) => host.unreadable_input(&input.name, why),
        };
    }
    for (key, value) in case.state() {
        host.state(key, value);
    }
    host
}
