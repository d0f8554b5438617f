//! Subjects that two people exclude from a control.

use super::{
    acts::{ATTESTED, does, person},
    *,
};
use crate::{
    config::Config,
    domain::{AlertCause, Event},
    recorder::{Excluding, as_configured, excluded_from, excluding},
};

const WHY: &str = "the key of a supplier that leaves in April";

fn exclude(uid: u32, control: &str, subject: &str, until: Timestamp) -> Fact {
    let what = Excluding { control: control.parse().unwrap(), subject: subject.to_owned(), until };
    Fact::Acted(Box::new(Acting { author: person(uid), words: WHY.to_owned(), does: Does::Exclude(what) }))
}

fn end(uid: u32, control: &str, subject: &str) -> Fact {
    does(uid, Does::EndExclusion { control: control.parse().unwrap(), subject: subject.to_owned() })
}

/// `k` fails, `other` passes.
fn one_fails() -> EndedRecord {
    let EndedRecord::Report(mut found) = report("k", Status::Fail) else { unreachable!() };
    let other = Finding { subject: "other".to_owned(), status: Status::Pass, ..found.findings[0].clone() };
    found.findings.push(other);
    found.population = 2;
    EndedRecord::Report(found)
}

impl Bench {
    /// A run that begins as the control is now, with what people exclude.
    fn runs(&mut self, day: i64) -> RunEntry {
        let Fact::Ran(mut finished) = self.ran("SEC-01", day, one_fails()) else { unreachable!() };
        let id = &finished.order.control.id.clone();
        let state = self.ledger.state();
        let excluded = excluded_from(&state, id);
        let known = state.control(id).unwrap();
        (finished.order.version, finished.order.definition) = (known.version, known.definition);
        drop(state);
        let exclusions = excluded.iter().filter_map(|one| as_configured(&self.ledger, one));
        finished.order.control = Arc::new(excluding(&finished.order.control, exclusions));
        self.record(day, vec![Fact::Ran(finished)]);
        self.newest_run()
    }

    fn version(&self) -> u32 {
        self.ledger.state().control(&"SEC-01".parse().unwrap()).unwrap().version
    }

    fn approved(&mut self, day: i64, subject: &str, until: Timestamp) {
        let proposal = self.record(day, vec![exclude(1001, "SEC-01", subject, until)])[0].proposal.unwrap();
        self.record(day, vec![does(1002, Does::Approve(proposal))]);
    }

    /// The same configuration, or another one, is read.
    fn configured(&mut self, day: i64, text: &str) {
        let file = self.folder.path().join("evidenced.toml");
        std::fs::write(&file, text).unwrap();
        let config: Arc<Config> = Arc::new(config::load(&file).unwrap().config);
        let catalogue = Arc::new(Catalogue::new(Arc::clone(&config), BTreeMap::new()));
        self.catalogue = Arc::clone(&catalogue);
        self.record(day, vec![Fact::Configured { catalogue, expanded: config.expanded_json() }]);
    }
}

#[test]
fn a_subject_is_excluded_by_two_and_judged_again_when_one_of_them_or_another_says_so() {
    let mut bench = Bench::new();
    assert_eq!(bench.runs(2).outcome, Outcome::Fail);
    let proposed = bench.record(2, vec![exclude(1001, "SEC-01", "k", at(60))]).remove(0);
    let proposal = proposed.proposal.unwrap();
    assert_eq!((bench.runs(3).outcome, bench.version()), (Outcome::Fail, 1), "it has no effect yet");
    assert!(bench.refusal(3, does(1001, Does::Approve(proposal))).contains("your own"));
    bench.record(3, vec![does(1002, Does::Approve(proposal))]);
    assert_eq!(bench.version(), 2, "an auditor samples what was tested with it on its own");
    let run = bench.runs(4);
    assert_eq!((run.outcome, run.version, run.counts.excluded), (Outcome::Pass, 2, 1));
    let exception = ExceptionId { year: 2026, number: 1 };
    assert!(bench.ledger.state().exception(exception).unwrap().recovered.is_some());

    let record = bench.ledger.state().exclusions()[&0].clone();
    let noted = |note: &crate::domain::Digest| crate::recorder::NoteRecord::read(&bench.ledger, note).unwrap();
    let approver = noted(&bench.ledger.state().approval_of(record.proposal).unwrap()).author.uid;
    assert_eq!((noted(&record.note).author.uid, noted(&record.note).words.as_str(), approver), (1001, WHY, 1002));

    bench.record(5, vec![end(1003, "SEC-01", "k")]);
    let run = bench.runs(6);
    assert_eq!((run.outcome, run.version, run.counts.excluded), (Outcome::Fail, 3, 0));
    assert!(bench.refusal(6, end(1003, "SEC-01", "k")).contains("nobody excludes this subject"));
    // Without exclusions the promise is what it was at first.
    let versions = bench.ledger.state().control_record(&"SEC-01".parse().unwrap()).unwrap().versions.clone();
    assert_eq!(versions[0].definition, versions[2].definition);
    assert_ne!(versions[0].definition, versions[1].definition);
}

#[test]
fn the_mail_to_who_may_approve_names_the_subject_and_no_entry_does() {
    let mut bench = Bench::new();
    bench.approved(2, "AKIA-ALICE", at(60));
    let mail = bench.mails().remove(0);
    assert_eq!(mail.subject, "[evidenced main] APPROVAL WANTED to exclude a subject from SEC-01");
    for words in ["AKIA-ALICE", WHY, "evidenced approve 0 --reason"] {
        assert!(mail.text.contains(words), "{words}: {}", mail.text);
    }
    for entry in bench.ledger.entries(0..bench.ledger.head().size) {
        let text = String::from_utf8(entry.unwrap().1).unwrap();
        assert!(!text.contains("AKIA") && !text.contains("supplier"), "{text}");
    }
    let verified = bench.ledger.verify(crate::ledger::Depth::Refold, &|_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(verified.faults.is_empty(), "{verified:?}");
}

#[test]
fn an_exclusion_ends_by_itself_and_leaves_the_definition_with_the_next_change() {
    let mut bench = Bench::new();
    bench.approved(2, "k", at(4));
    assert_eq!(bench.runs(3).outcome, Outcome::Pass);
    let run = bench.runs(5);
    assert_eq!((run.outcome, run.version, run.counts.excluded), (Outcome::Fail, 2, 0), "as one of the configuration");
    let size = bench.ledger.head().size;
    bench.configured(6, CONFIG);
    assert_eq!(bench.ledger.head().size, size, "the same configuration is no news");
    bench.configured(6, &CONFIG.replacen("Keys are rotated", "Keys are rotated in time", 1));
    assert_eq!(bench.version(), 2, "a new title is none either");
    bench.configured(7, &CONFIG.replacen("0 6 * * *", "0 7 * * *", 1));
    assert_eq!(bench.version(), 3);
    let state = bench.ledger.state();
    assert_eq!((state.exclusions()[&0].ended, state.exclusions()[&0].ended_note), (Some(at(7)), None));
}

#[test]
fn a_new_configuration_keeps_what_people_exclude() {
    let mut bench = Bench::new();
    bench.approved(2, "k*", at(60));
    bench.configured(3, &CONFIG.replacen("0 6 * * *", "0 7 * * *", 1));
    assert_eq!(bench.version(), 3);
    let run = bench.runs(4);
    assert_eq!((run.outcome, run.version, run.counts.excluded), (Outcome::Pass, 3, 1));
    // It leaves the configuration, and comes back; what was ended meanwhile is not in force again.
    bench.configured(5, &CONFIG.replace("SEC-01", "SEC-03"));
    bench.record(5, vec![end(1001, "SEC-01", "k*")]);
    assert!(bench.ledger.state().control(&"SEC-01".parse().unwrap()).unwrap().retired);
    bench.configured(6, CONFIG);
    assert_eq!(bench.runs(7).counts.excluded, 0);
}

#[test]
fn what_cannot_be_excluded_is_refused() {
    let mut bench = Bench::with(&format!("{CONFIG}{ATTESTED}"));
    let short = Excluding { control: "SEC-01".parse().unwrap(), subject: "k".to_owned(), until: at(60) };
    for (fact, words) in [
        (does(1001, Does::Exclude(short)), "say in at least 20 characters"),
        (exclude(1001, "SEC-01", "k", at(2)), "over before it begins"),
        (exclude(1001, "SEC-01", " ", at(60)), "a text of one line"),
        (exclude(1001, "SEC-01", "a\nb", at(60)), "a text of one line"),
        (exclude(1001, "SEC-09", "k", at(60)), "there is no control SEC-09"),
        (exclude(1001, "MON-02", "k", at(60)), "is attested by a person"),
        (end(1001, "SEC-01", "k"), "those of the configuration end there"),
    ] {
        let refused = bench.refusal(2, fact);
        assert!(refused.contains(words), "{refused}");
    }
    bench.record(2, vec![exclude(1001, "SEC-01", "k", at(60))]);
    let again = bench.refusal(2, exclude(1003, "SEC-01", "k", at(70)));
    assert_eq!(again, "the same waits for approval already, as proposal 0");
    bench.record(2, vec![does(1002, Does::Approve(0))]);
    assert!(
        bench.refusal(2, exclude(1003, "SEC-01", "k", at(50))).contains("exclusion 0 covers it until then already")
    );
    // A later end may be wanted; and what is over when it is approved has no effect.
    bench.record(2, vec![exclude(1003, "SEC-01", "k", at(70))]);
    bench.record(2, vec![exclude(1003, "SEC-01", "j", at(4))]);
    assert!(bench.refusal(5, does(1002, Does::Approve(2))).contains("over before it begins"));
    assert_eq!(bench.ledger.state().exclusions().len(), 1);
}

#[test]
fn the_end_of_one_by_people_is_told_like_that_of_one_of_the_configuration() {
    let mut bench = Bench::new();
    bench.approved(2, "k", at(60));
    for day in 44..48 {
        bench.tick(at(day));
        bench.tick(at(day).plus(Duration::from_secs(3 * 3600)));
    }
    let queued = bench.events().into_iter().filter_map(|event| match event {
        Event::AlertQueued { cause, .. } => Some(cause),
        _ => None,
    });
    let told: Vec<_> = queued
        .zip(bench.mails())
        .filter(|(cause, _)| *cause == AlertCause::ExclusionEnds)
        .map(|(_, mail)| mail)
        .collect();
    assert_eq!(told.len(), 1);
    for words in ["k is tested again from", WHY, "wanted by", "(exclusion 0)"] {
        assert!(told[0].text.contains(words), "{words}: {}", told[0].text);
    }
}
