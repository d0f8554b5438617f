//! Ends of runs for the tests of other rooms.

use evidenced_contract::{Finding, Listing, Report, Status};

use super::EndedRecord;

/// A whole report on one subject.
pub(crate) fn report(subject: &str, status: Status) -> EndedRecord {
    let finding = Finding {
        subject: subject.to_owned(),
        label: None,
        status,
        attention: false,
        message: "looked at".to_owned(),
        measurements: Vec::new(),
        as_of: None,
        event: None,
        extensions: Default::default(),
    };
    EndedRecord::Report(Report {
        summary: "one key".to_owned(),
        population: 1,
        source_total: None,
        population_query: "keys".to_owned(),
        listing: Listing::EverySubject,
        findings: vec![finding],
        incomplete: None,
        covered_until: None,
        attachments: Vec::new(),
        extensions: Default::default(),
    })
}
