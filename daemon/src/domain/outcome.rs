//! The outcome of a run: derived from its report, never claimed.

use std::collections::HashSet;

use evidenced_contract::{Report, Status};
use serde::{Deserialize, Serialize};

use super::{EventInterval, OnEmpty, Timestamp};

/// How a run ended for its control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    NotApplicable,
    /// The control could not be tested: never a pass and never a fail.
    Error,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "not-applicable",
            Self::Error => "error",
        }
    }
}

/// Findings by status, after the host's exclusions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub pass: u32,
    pub fail: u32,
    pub error: u32,
    pub not_applicable: u32,
    pub excluded: u32,
    pub attention: u32,
}

/// What a report comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The report, or one of its findings, says that not everything was looked at.
    pub incomplete: bool,
    pub counts: Counts,
}

/// Why a report is no answer; its run is an `error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportFault {
    #[error("two findings have the subject `{0}`")]
    DuplicateSubject(String),
    #[error("{findings} findings, but a population of {population}")]
    MoreThanPopulation { findings: usize, population: u32 },
    #[error("measurement `{measurement}` of `{subject}` is not finite")]
    NotFinite { subject: String, measurement: String },
    #[error("the subject of a finding is empty, or longer than 512 bytes")]
    SubjectLength,
    #[error("it does not say up to where events are covered (`covered-until`), and was asked about {from} to {until}")]
    NotCovered { from: Timestamp, until: Timestamp },
    #[error("it covers events until {covered}, which is not within what it was asked about, {from} to {until}")]
    CoveredOutside { covered: Timestamp, from: Timestamp, until: Timestamp },
    #[error("it covers events until `{0}`, which is no time")]
    CoveredNoTime(String),
    #[error("it covers events until {0}, and was asked about none: its description must say `interval`")]
    CoveredUnasked(String),
}

/// Derives the outcome. `is_excluded` answers for a subject whether an exclusion covers it.
///
/// *assessed* = population − excluded − not-applicable − error. The first that holds: a failing finding → `fail`;
/// an error finding, or `incomplete` → `error`; assessed > 0 → `pass`; else what `on_empty` says.
pub fn verdict(report: &Report, on_empty: OnEmpty, is_excluded: impl Fn(&str) -> bool) -> Result<Verdict, ReportFault> {
    check_shape(report)?;
    let mut counts = Counts::default();
    for finding in &report.findings {
        if is_excluded(&finding.subject) {
            counts.excluded += 1;
            continue;
        }
        match finding.status {
            Status::Pass => counts.pass += 1,
            Status::Fail => counts.fail += 1,
            Status::Error => counts.error += 1,
            Status::NotApplicable => counts.not_applicable += 1,
        }
        counts.attention += u32::from(finding.attention);
    }
    let incomplete = report.incomplete.is_some() || counts.error > 0;
    let assessed = report.population - counts.excluded - counts.not_applicable - counts.error;
    let outcome = if counts.fail > 0 {
        Outcome::Fail
    } else if incomplete {
        Outcome::Error
    } else if assessed > 0 {
        Outcome::Pass
    } else {
        match on_empty {
            OnEmpty::Error => Outcome::Error,
            OnEmpty::Pass => Outcome::Pass,
            OnEmpty::NotApplicable => Outcome::NotApplicable,
        }
    };
    Ok(Verdict { outcome, incomplete, counts })
}

/// Up to where a report covers the events that it was asked about; `None`: it was asked about none.
pub fn covered_until(report: &Report, asked: Option<EventInterval>) -> Result<Option<Timestamp>, ReportFault> {
    let (EventInterval { from, until }, text) = match (asked, &report.covered_until) {
        (None, None) => return Ok(None),
        (None, Some(text)) => return Err(ReportFault::CoveredUnasked(text.clone())),
        (Some(EventInterval { from, until }), None) => return Err(ReportFault::NotCovered { from, until }),
        (Some(asked), Some(text)) => (asked, text),
    };
    let covered: Timestamp = text.parse().map_err(|_| ReportFault::CoveredNoTime(text.clone()))?;
    if covered < from || covered > until {
        return Err(ReportFault::CoveredOutside { covered, from, until });
    }
    Ok(Some(covered))
}

fn check_shape(report: &Report) -> Result<(), ReportFault> {
    if report.findings.len() > report.population as usize {
        return Err(ReportFault::MoreThanPopulation { findings: report.findings.len(), population: report.population });
    }
    let mut seen = HashSet::with_capacity(report.findings.len());
    for finding in &report.findings {
        if finding.subject.is_empty() || finding.subject.len() > 512 {
            return Err(ReportFault::SubjectLength);
        }
        if !seen.insert(finding.subject.as_str()) {
            return Err(ReportFault::DuplicateSubject(finding.subject.clone()));
        }
        for measurement in &finding.measurements {
            if !measurement.value.is_finite() || measurement.limit.is_some_and(|limit| !limit.is_finite()) {
                return Err(ReportFault::NotFinite {
                    subject: finding.subject.clone(),
                    measurement: measurement.name.clone(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidenced_contract::{Finding, Listing, Measurement};

    fn report(statuses: &str, population: u32) -> Report {
        let status = |letter| match letter {
            'P' => Status::Pass,
            'F' => Status::Fail,
            'E' => Status::Error,
            'N' => Status::NotApplicable,
            other => panic!("no status `{other}`"),
        };
        let findings = statuses.chars().enumerate().map(|(at, letter)| Finding {
            subject: format!("s{at}"),
            label: None,
            status: status(letter),
            attention: false,
            message: String::new(),
            measurements: Vec::new(),
            as_of: None,
            event: None,
            extensions: Default::default(),
        });
        Report {
            summary: String::new(),
            population,
            source_total: None,
            population_query: String::new(),
            listing: Listing::EverySubject,
            findings: findings.collect(),
            incomplete: None,
            covered_until: None,
            attachments: Vec::new(),
            extensions: Default::default(),
        }
    }

    #[track_caller]
    fn check(statuses: &str, population: u32, excluded: &[&str], expected: (Outcome, bool)) {
        let verdict = verdict(&report(statuses, population), OnEmpty::Error, |subject| excluded.contains(&subject));
        let verdict = verdict.unwrap();
        assert_eq!((verdict.outcome, verdict.incomplete), expected, "{statuses} of {population}");
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        check("PPP", 3, &[], (Outcome::Pass, false));
        check("PFP", 3, &[], (Outcome::Fail, false));
        check("PFE", 3, &[], (Outcome::Fail, true));
        check("PPE", 3, &[], (Outcome::Error, true));
        check("NN", 2, &[], (Outcome::Error, false));
        check("N", 2, &[], (Outcome::Pass, false));
        check("F", 1, &["s0"], (Outcome::Error, false));
        check("FP", 2, &["s0"], (Outcome::Pass, false));
        check("EP", 2, &["s0"], (Outcome::Pass, false));
        check("", 0, &[], (Outcome::Error, false));
        check("", 5, &[], (Outcome::Pass, false));
    }

    #[test]
    fn an_empty_run_is_what_on_empty_says() {
        let empty = report("", 0);
        assert_eq!(verdict(&empty, OnEmpty::Pass, |_| false).unwrap().outcome, Outcome::Pass);
        assert_eq!(verdict(&empty, OnEmpty::NotApplicable, |_| false).unwrap().outcome, Outcome::NotApplicable);
    }

    #[test]
    fn an_incomplete_report_without_a_failure_is_an_error() {
        let mut incomplete = report("PP", 3);
        incomplete.incomplete = Some("page limit".to_owned());
        assert_eq!(verdict(&incomplete, OnEmpty::Pass, |_| false).unwrap().outcome, Outcome::Error);
    }

    #[test]
    fn a_report_covers_what_it_was_asked_about() {
        let at = |minute: u32| -> Timestamp { format!("2026-03-02T06:{minute:02}:00.000Z").parse().unwrap() };
        let asked = Some(EventInterval { from: at(10), until: at(20) });
        let says = |text: Option<&str>| Report { covered_until: text.map(str::to_owned), ..report("P", 1) };
        assert_eq!(covered_until(&says(None), None), Ok(None));
        for minute in [10, 15, 20] {
            let text = at(minute).to_string();
            assert_eq!(covered_until(&says(Some(&text)), asked), Ok(Some(at(minute))));
        }
        let (from, until) = (at(10), at(20));
        assert_eq!(covered_until(&says(None), asked), Err(ReportFault::NotCovered { from, until }));
        for minute in [9, 21] {
            let covered = at(minute);
            let fault = covered_until(&says(Some(&covered.to_string())), asked);
            assert_eq!(fault, Err(ReportFault::CoveredOutside { covered, from, until }));
        }
        assert!(matches!(covered_until(&says(Some("soon")), asked), Err(ReportFault::CoveredNoTime(_))));
        let unasked = covered_until(&says(Some(&at(15).to_string())), None);
        assert!(matches!(unasked, Err(ReportFault::CoveredUnasked(_))));
    }

    #[test]
    fn a_broken_report_is_named() {
        let fault = |report: &Report| verdict(report, OnEmpty::Error, |_| false).unwrap_err();
        assert_eq!(fault(&report("PP", 1)), ReportFault::MoreThanPopulation { findings: 2, population: 1 });
        let mut twice = report("PP", 2);
        twice.findings[1].subject = "s0".to_owned();
        assert_eq!(fault(&twice), ReportFault::DuplicateSubject("s0".to_owned()));
        let mut infinite = report("P", 1);
        let value = f64::INFINITY;
        infinite.findings[0].measurements.push(Measurement {
            name: "age".into(),
            value,
            unit: "d".into(),
            limit: None,
        });
        assert!(matches!(fault(&infinite), ReportFault::NotFinite { .. }));
    }
}
