//! Looks at every access key of an account: its age (SEC-01), or when it was last used (SEC-02).
//!
//! The keys come from AWS IAM, to the last page, or from a JSON inventory that the host gathered. Which promise is
//! tested follows from the threshold that the configuration names.

mod aws;
mod inventory;
mod key;
mod xml;

use evidenced_plugin::{
    Check, Description, Failure, Findings, InputNeed, Needs, Report, Run, Status, Verdict, description, unit,
};
use serde::Deserialize;

use key::{Key, LastUsed};

/// Exactly one of the two thresholds is given; the schema sees to it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "GivenConfig")]
pub struct Config {
    promise: Promise,
    endpoint: String,
    root: bool,
    pages_max: u32,
}

/// What the control promises of an active key.
#[derive(Debug, Clone, Copy)]
enum Promise {
    /// SEC-01.
    AtMostOld { days: f64 },
    /// SEC-02. Keys younger than the grace are too new to be called unused.
    UsedWithin { days: f64, grace_days: f64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenConfig {
    max_age_days: Option<f64>,
    max_unused_days: Option<f64>,
    grace_days: Option<f64>,
    endpoint: Option<String>,
    #[serde(default)]
    root: bool,
    pages_max: Option<u32>,
}

impl TryFrom<GivenConfig> for Config {
    type Error = &'static str;

    fn try_from(given: GivenConfig) -> Result<Self, Self::Error> {
        let promise = match (given.max_age_days, given.max_unused_days, given.grace_days) {
            (Some(days), None, None) => Promise::AtMostOld { days },
            (None, Some(days), grace) => Promise::UsedWithin { days, grace_days: grace.unwrap_or(GRACE_DAYS) },
            _ => return Err("name either `max_age_days`, or `max_unused_days` with or without `grace_days`"),
        };
        let in_range = |days: f64| (0.0..=36_500.0).contains(&days);
        let all_in_range = match promise {
            Promise::AtMostOld { days } => in_range(days),
            Promise::UsedWithin { days, grace_days } => in_range(days) && in_range(grace_days),
        };
        if !all_in_range || given.pages_max == Some(0) {
            return Err("days are between 0 and 36500, and `pages_max` is at least 1");
        }
        Ok(Self {
            promise,
            endpoint: given.endpoint.unwrap_or_else(|| "https://iam.amazonaws.com".to_owned()),
            root: given.root,
            pages_max: given.pages_max.unwrap_or(PAGES_MAX),
        })
    }
}

pub struct KeyRotation;

impl Check for KeyRotation {
    type Config = Config;

    fn describe() -> Description {
        Description {
            needs: Needs {
                inputs: vec![InputNeed {
                    name: inventory::INPUT.to_owned(),
                    media_type: "application/json".to_owned(),
                    optional: true,
                }],
                hosts: vec!["/endpoint".to_owned()],
                ..Needs::default()
            },
            ..description!("../config.schema.json")
        }
    }

    fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
        let (mut findings, keys) = if run.input(inventory::INPUT).is_some() {
            inventory::keys(run)?
        } else {
            (Findings::of(aws::QUERY), aws::keys(config, run)?)
        };
        let mut looked = Vec::with_capacity(keys.len());
        for key in &keys {
            looked.push(findings.subject(&key.subject, |finding| {
                finding.label(&key.label);
                finding.as_of(&key.as_of);
                judge(config.promise, key, finding, run)
            }));
        }
        let mut summary = summary(config.promise, &looked);
        if config.root {
            let status = findings.subject("root", |finding| {
                finding.label("root user");
                aws::root(config, run)
            });
            summary.push_str(match status {
                Status::Fail => "; the root user has one as well",
                Status::Error => "; the root user was not looked at",
                Status::Pass | Status::NotApplicable => "; the root user has none",
            });
        }
        Ok(findings.finish(summary))
    }
}

fn judge(
    promise: Promise,
    key: &Key,
    finding: &mut evidenced_plugin::FindingDraft,
    run: &Run<'_>,
) -> Result<Verdict, Failure> {
    let facts = key.facts.as_ref().map_err(Clone::clone)?;
    if !facts.active {
        return Ok(Verdict::not_applicable("inactive"));
    }
    let age = key::days_until(run.now(), facts.created.as_deref(), "when it was created")?;
    match promise {
        Promise::AtMostOld { days } => {
            let good = finding.at_most("age", age, unit::DAY, days);
            Ok(Verdict::pass_if(good, format!("created {} ago, allowed are {days} days", key::days(age, days))))
        }
        Promise::UsedWithin { grace_days, .. } if age <= grace_days => {
            finding.measure("age", age, unit::DAY);
            Ok(Verdict::not_applicable(format!(
                "created {} ago; keys up to {grace_days} days old are too new to be called unused",
                key::days(age, grace_days)
            )))
        }
        Promise::UsedWithin { days, .. } => {
            finding.measure("age", age, unit::DAY);
            let (unused, words) = match facts.last_used.as_ref().map_err(Clone::clone)? {
                LastUsed::At(at) => {
                    let unused = key::days_until(run.now(), Some(at), "when it was last used")?;
                    (unused, format!("last used {} ago", key::days(unused, days)))
                }
                LastUsed::Never => (age, format!("created {} ago and never used", key::days(age, days))),
                LastUsed::Untold => return Err(key::untold("when it was last used")),
            };
            let good = finding.at_most("unused", unused, unit::DAY, days);
            Ok(Verdict::pass_if(good, format!("{words}, allowed are {days} days")))
        }
    }
}

fn summary(promise: Promise, looked: &[Status]) -> String {
    let count = |status| looked.iter().filter(|other| **other == status).count();
    let (fail, assessed) = (count(Status::Fail), count(Status::Fail) + count(Status::Pass));
    let what = match promise {
        Promise::AtMostOld { days } => format!("older than {days} days"),
        Promise::UsedWithin { days, .. } => format!("not used for more than {days} days"),
    };
    let verb = if fail == 1 { "is" } else { "are" };
    let mut summary = format!("{fail} of {assessed} active access keys {verb} {what}");
    for (status, words) in [(Status::NotApplicable, "not applicable"), (Status::Error, "not looked at")] {
        if count(status) > 0 {
            summary.push_str(&format!(", {} {words}", count(status)));
        }
    }
    summary
}

/// SEC-02 speaks of keys older than this.
const GRACE_DAYS: f64 = 14.0;

/// An account may have 5,000 users, which are 50 pages; so many hold every account, and an endless list ends.
const PAGES_MAX: u32 = 1_000;

evidenced_plugin::export!(KeyRotation);
