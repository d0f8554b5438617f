//! Compares what a model gets and predicts now with a reference, feature by feature (PIN-07).
//!
//! Both samples are inputs that the host gathered. Distances decide, and only beyond what chance makes of samples of this
//! size; p-values are shown beside them.

mod compare;
mod config;
mod table;

use evidenced_plugin::{
    Check, Description, Failure, Findings, Input, InputNeed, Needs, Report, Run, Status, Verdict, description,
};
use evidenced_statistics::holm;

use compare::{Compared, NotCompared};
pub use config::Config;
use config::REFERENCE;
use table::Table;

pub struct ModelDrift;

impl Check for ModelDrift {
    type Config = Config;

    fn describe() -> Description {
        let need = |name: &str| InputNeed { name: name.to_owned(), media_type: "text/csv".to_owned(), optional: false };
        Description {
            needs: Needs { inputs: vec![need(REFERENCE), need(CURRENT)], ..Needs::default() },
            ..description!("../config.schema.json")
        }
    }

    fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
        let reference = table::read(config, run, REFERENCE)?;
        let current = table::read(config, run, CURRENT)?;
        note_unread(run, REFERENCE, &reference);
        note_unread(run, CURRENT, &current);

        let source = |name: &str| run.input(name).map(words_of).unwrap_or_default();
        let mut findings = Findings::of(format!(
            "the features of the configuration, in every row of `{REFERENCE}` ({}) and of `{CURRENT}` ({})",
            source(REFERENCE),
            source(CURRENT)
        ));
        let digest = run.input(REFERENCE).map(|input| input.digest.clone()).unwrap_or_default();
        let as_of = run.input(CURRENT).map(|input| input.observed.clone()).unwrap_or_default();
        findings.extension(
            "evidenced:reference",
            serde_json::json!({ "digest": digest, "rows": reference.rows, "current_rows": current.rows }),
        );
        let mut is_approved = true;
        if let Some(approved) = &config.reference_digest {
            is_approved = *approved == digest;
            findings.subject(&format!("{}/{REFERENCE}", config.model), |finding| {
                finding.label(format!("reference of {}", config.model));
                Ok(Verdict::pass_if(is_approved, format!("the reference is {digest}, approved is {approved}")))
            });
        }

        let columns = reference.columns.into_iter().zip(current.columns);
        let compared: Vec<_> = columns.map(|(before, now)| compare::compare(config, before, now)).collect();
        let adjusted = adjusted(&compared);
        let mut looked = Vec::with_capacity(config.features.len());
        for ((feature, compared), p) in config.features.iter().zip(compared).zip(adjusted) {
            looked.push(findings.subject(&format!("{}/{}", config.model, feature.name), |finding| {
                finding.label(format!("{} of {}", feature.name, config.model));
                finding.as_of(as_of.clone());
                match compared {
                    Ok(compared) => Ok(compared.judge(config, p, finding)),
                    Err(not_compared) => not_compared.judge(config, finding),
                }
            }));
        }
        let mut summary = summary(config, &looked);
        if !is_approved {
            summary.push_str("; the reference is not the approved one");
        }
        Ok(findings.finish(summary))
    }
}

/// The p-values after correction for all features that have one, in the order of the features.
fn adjusted(compared: &[Result<Compared, NotCompared>]) -> Vec<Option<f64>> {
    let p = |compared: &Result<Compared, NotCompared>| compared.as_ref().ok().and_then(|compared| compared.p);
    let mut adjusted = holm(&compared.iter().filter_map(p).collect::<Vec<_>>()).into_iter();
    compared.iter().map(|compared| p(compared).and_then(|_| adjusted.next())).collect()
}

/// Rows that could not be read, or that the source counts and did not hand over, are rows that nobody looked at.
fn note_unread(run: &mut Run<'_>, name: &str, table: &Table) {
    if let Some((count, first)) = &table.broken {
        let rows = if *count == 1 { "row" } else { "rows" };
        run.note_incomplete(format!("{count} {rows} of `{name}` could not be read: {first}"));
    }
    let total = run.input(name).and_then(|input| input.source_total).map(u64::from);
    if let Some(total) = total.filter(|total| *total != table.rows) {
        run.note_incomplete(format!("`{name}` has {} rows, and its source says that there are {total}", table.rows));
    }
}

fn words_of(input: &Input) -> String {
    let query = if input.query.is_empty() { String::new() } else { format!(", {}", input.query) };
    format!("{}{query}, {}", input.source, input.digest)
}

fn summary(config: &Config, looked: &[Status]) -> String {
    let count = |status| looked.iter().filter(|other| **other == status).count();
    let mut summary = format!("{} of {} features of {} drifted", count(Status::Fail), looked.len(), config.model);
    for (status, words) in [(Status::NotApplicable, "with too few rows"), (Status::Error, "not compared")] {
        if count(status) > 0 {
            summary.push_str(&format!(", {} {words}", count(status)));
        }
    }
    summary
}

const CURRENT: &str = "current";

evidenced_plugin::export!(ModelDrift);
