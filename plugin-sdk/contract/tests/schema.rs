//! The JSON Schemas say what the Rust types take: on one document of each kind, and on every way to spoil it.

use evidenced_contract::{CommandRequest, Description, parse_output, schema};
use jsonschema::Validator;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("documents/request.json");
const REPORT: &str = include_str!("documents/report.json");
const FAILURE: &str = include_str!("documents/failure.json");
const ASK: &str = include_str!("documents/ask.json");
const DESCRIPTION: &str = include_str!("documents/description.json");

fn validator(schema: &Value) -> Validator {
    jsonschema::validator_for(schema).expect("a generated schema is a schema")
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).expect("a document of the tests is JSON")
}

#[track_caller]
fn round_trips<T: Serialize + DeserializeOwned>(text: &str, schema: &Value) {
    let document = document(text);
    let errors: Vec<_> = validator(schema).iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let value: T = serde_json::from_value(document.clone()).expect("the type takes the document");
    assert_eq!(serde_json::to_value(value).expect("the type can be written"), document);
}

#[test]
fn a_request_validates_and_round_trips() {
    round_trips::<CommandRequest>(REQUEST, &schema::request());
}

#[test]
fn a_description_validates_and_round_trips() {
    round_trips::<Description>(DESCRIPTION, &schema::description());
}

#[test]
fn what_a_command_prints_validates_and_is_read() {
    let validator = validator(&schema::output());
    for text in [REPORT, FAILURE, ASK] {
        let errors: Vec<_> = validator.iter_errors(&document(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        parse_output(text.as_bytes()).expect("the host reads the document");
    }
}

/// Goes through every object of a document, and asks `spoil` for spoiled copies of it.
fn spoiled(document: &Value, spoil: &dyn Fn(&Value) -> Vec<Value>) -> Vec<Value> {
    let mut all = spoil(document);
    match document {
        Value::Object(members) => {
            for (name, member) in members {
                for other in spoiled(member, spoil) {
                    let mut copy = document.clone();
                    copy[name] = other;
                    all.push(copy);
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                for other in spoiled(item, spoil) {
                    let mut copy = document.clone();
                    copy[at] = other;
                    all.push(copy);
                }
            }
        }
        _ => {}
    }
    all
}

#[track_caller]
fn agree(texts: &[&str], spoil: &dyn Fn(&Value) -> Vec<Value>) -> (usize, usize) {
    let validator = validator(&schema::output());
    let (mut taken, mut refused) = (0, 0);
    for text in texts {
        for document in spoiled(&document(text), spoil) {
            let read = parse_output(document.to_string().as_bytes());
            assert_eq!(validator.is_valid(&document), read.is_ok(), "{read:?}\n{document:#}");
            *(if read.is_ok() { &mut taken } else { &mut refused }) += 1;
        }
    }
    (taken, refused)
}

#[test]
fn schema_and_types_agree_on_a_member_that_nobody_knows() {
    let (taken, refused) = agree(&[REPORT, FAILURE, ASK], &|value| match value {
        Value::Object(_) => {
            let mut copy = value.clone();
            copy["nobody knows me"] = json!(1);
            vec![copy]
        }
        _ => Vec::new(),
    });
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}

#[test]
fn schema_and_types_agree_on_a_member_that_is_missing_or_of_another_type() {
    let (taken, refused) = agree(&[REPORT, FAILURE, ASK], &|value| match value {
        Value::Object(members) => {
            let without = members.keys().map(|name| {
                let mut copy = members.clone();
                copy.remove(name);
                Value::Object(copy)
            });
            without.collect()
        }
        Value::String(_) => vec![json!(1), json!(null)],
        Value::Number(_) => vec![json!("1"), json!(-1), json!(4_294_967_296_u64), json!(1.5)],
        Value::Bool(_) => vec![json!("true")],
        _ => Vec::new(),
    });
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}

#[test]
fn a_finding_takes_no_member_that_nobody_knows_and_its_extensions_do() {
    let mut report = document(REPORT);
    report["findings"][0]["outcome"] = json!("pass");
    assert!(parse_output(report.to_string().as_bytes()).is_err());
    let mut report = document(REPORT);
    report["findings"][0]["extensions"]["example:ticket"] = json!({"id": 7});
    assert!(parse_output(report.to_string().as_bytes()).is_ok());
}
