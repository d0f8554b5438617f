use super::*;
use crate::{
    domain::{Act, AlertCause, Digest, Dropped, Silence},
    fold::SilenceRecord,
    recorder::{Attestation, Erasing},
};

const HOUR: u64 = 3600;

pub(super) fn person(uid: u32) -> Author {
    Author { uid, login_uid: None, name: None }
}

pub(super) fn does(uid: u32, does: Does) -> Fact {
    Fact::Acted(Box::new(Acting { author: person(uid), words: "because".to_owned(), does }))
}

pub(super) fn silence(controls: &[&str], from: Timestamp, hours: u64) -> Silence {
    let controls = controls.iter().map(|control| control.parse().unwrap()).collect();
    Silence { controls, from, until: from.plus(Duration::from_secs(hours * HOUR)) }
}

impl Bench {
    fn day(&mut self, control: &str, day: i64, status: Status) {
        let run = self.ran(control, day, report("k", status));
        self.record(day, vec![run]);
    }

    pub(super) fn tick(&mut self, at: Timestamp) {
        self.recorder.record(at, vec![Fact::Tick { clock: ClockState::Virtual }]).remove(0).unwrap();
    }

    pub(super) fn refusal(&mut self, day: i64, fact: Fact) -> String {
        self.recorder.record(at(day), vec![fact]).remove(0).unwrap_err().to_string()
    }

    /// What became a mail or did not, of alerts.
    fn alerts(&self) -> Vec<(AlertCause, bool)> {
        let alert = |event| match event {
            Event::AlertQueued { cause, .. } => Some((cause, true)),
            Event::AlertWithheld { cause, .. } => Some((cause, false)),
            _ => None,
        };
        self.events().into_iter().filter_map(alert).collect()
    }

    fn silence_record(&self, number: u64) -> SilenceRecord {
        self.ledger.state().silences()[&number].clone()
    }
}

#[test]
fn a_silence_keeps_mails_back_and_its_end_tells_what_fails_still() {
    let mut bench = Bench::new();
    bench.day("SEC-01", 2, Status::Pass);
    let told = bench.record(2, vec![does(1001, Does::Silence(silence(&["SEC-*"], at(2), 24)))]);
    assert_eq!((told[0].silence, told[0].proposal), (Some(0), None));
    let run = bench.ran("SEC-01", 3, report("k", Status::Fail));
    // An hour before its end.
    bench.recorder.record(Timestamp::from_millis(at(3).as_millis() - 3_600_000), vec![run]).remove(0).unwrap();
    assert_eq!(bench.alerts(), [(AlertCause::Failed, false)]);
    let exception = ExceptionId { year: 2026, number: 1 };
    assert!(bench.ledger.state().exception(exception).is_some(), "the exception is open");

    bench.tick(at(3));
    assert_eq!(bench.alerts(), [(AlertCause::Failed, false), (AlertCause::AlreadyFailing, true)]);
    let record = bench.silence_record(0);
    assert_eq!((record.ended, record.alerts()), (Some(at(3)), 1));
    bench.day("SEC-01", 4, Status::Pass);
    let mails = bench.mails();
    assert_eq!(mails[1].in_reply_to.as_deref(), Some(mails[0].message_id.as_str()), "the recovery answers it");
}

#[test]
fn what_begins_and_ends_within_a_silence_is_not_told_and_what_was_told_before_is() {
    let mut bench = Bench::new();
    bench.day("SEC-01", 2, Status::Pass);
    bench.day("SEC-01", 3, Status::Fail);
    let proposed = bench.record(3, vec![does(1001, Does::Silence(silence(&["SEC-01", "SEC-02"], at(3), 5 * 24)))]);
    let proposal = proposed[0].proposal.unwrap();
    assert!(bench.ledger.state().silences().is_empty(), "more than a day needs a second person");
    assert!(bench.refusal(3, does(1001, Does::Approve(proposal))).contains("your own"));
    let silence = bench.record(3, vec![does(1002, Does::Approve(proposal))])[0].silence.unwrap();
    bench.day("SEC-01", 4, Status::Pass);
    bench.day("SEC-02", 4, Status::Pass);
    bench.day("SEC-02", 5, Status::Fail);
    bench.day("SEC-02", 6, Status::Fail);
    bench.day("SEC-02", 7, Status::Pass);
    let ended = bench.record(7, vec![does(1003, Does::EndSilence(silence))]);
    assert_eq!(ended[0].silence, Some(silence));
    let mails: Vec<_> = bench.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(
        mails,
        [
            "[evidenced main] FAILED SEC-01 Keys are rotated",
            "[evidenced main] APPROVAL WANTED to silence 2 patterns of controls for 5 days",
            "[evidenced main] RECOVERED SEC-01 Keys are rotated",
        ]
    );
    let withheld: Vec<_> =
        bench.silence_record(silence).withheld.into_values().map(|withheld| withheld.alerts).collect();
    assert_eq!(withheld, [1, 2]);
    let refused = bench.refusal(8, does(1003, Does::EndSilence(silence)));
    assert_eq!(refused, "silence 0 has ended already");
}

#[test]
fn a_silence_that_could_silence_nothing_is_refused() {
    let mut bench = Bench::new();
    for (silence, words) in [
        (silence(&["AVL-*"], at(2), 1), "no control is called `AVL-*`"),
        (silence(&["SEC-01"], at(1), 1), "over before it begins"),
        (silence(&["SEC-01"], at(3), 0), "over before it begins"),
        (silence(&[], at(2), 1), "of one to 40 patterns"),
    ] {
        let refused = bench.refusal(2, does(1001, Does::Silence(silence)));
        assert!(refused.contains(words), "{refused}");
    }
    assert!(bench.ledger.state().silences().is_empty());
}

#[test]
fn a_proposal_is_rejected_by_another_and_withdrawn_by_its_author() {
    let mut bench = Bench::new();
    let long = |from| does(1001, Does::Silence(silence(&["SEC-01"], from, 48)));
    let first = bench.record(2, vec![long(at(2))])[0].proposal.unwrap();
    assert_eq!(bench.refusal(2, long(at(2))), "the same waits for approval already, as proposal 0");
    let second = bench.record(2, vec![long(at(3))])[0].proposal.unwrap();
    bench.record(2, vec![does(1001, Does::Drop(first))]);
    bench.record(2, vec![does(1002, Does::Drop(second))]);
    let ends: Vec<_> = bench.ledger.state().proposals().values().map(|record| record.ended.unwrap().dropped).collect();
    assert_eq!(ends, [Some(Dropped::Withdrawn), Some(Dropped::Rejected)]);
    assert_eq!(bench.refusal(3, does(1002, Does::Approve(first))), "proposal 0 was approved or dropped already");
}

#[test]
fn an_erased_subject_is_gone_from_its_list_and_the_others_stay() {
    let mut bench = Bench::new();
    let mut both = report("alice@example.com", Status::Fail);
    let EndedRecord::Report(found) = &mut both else { panic!("a report") };
    let bob = Finding { subject: "bob@example.com".to_owned(), ..found.findings[0].clone() };
    found.findings.push(bob);
    found.population = 2;
    let run = bench.ran("SEC-01", 2, both);
    let ran = bench.record(2, vec![run])[0].sequence;
    let target = "alice@example.com".to_owned();
    let proposal = bench.record(3, vec![does(1001, Does::Erase { target: target.clone() })])[0].proposal.unwrap();
    let holding = |bench: &Bench| -> Vec<Digest> {
        let stored = bench.ledger.parts().unwrap();
        let mask = crate::gate::Mask::new([target.as_str()]);
        stored.kept.into_iter().filter(|part| mask.finds(&bench.ledger.part(part).unwrap().unwrap())).collect()
    };
    let parts = holding(&bench);
    let erase =
        Fact::Erase(Box::new(Erasing { proposal, target: target.clone(), parts: parts.clone(), gone: Vec::new() }));
    assert!(bench.refusal(3, erase).contains("no proposal"), "nobody has approved it");
    assert_eq!(holding(&bench), parts);

    bench.record(3, vec![does(1002, Does::Approve(proposal))]);
    let erase =
        || Fact::Erase(Box::new(Erasing { proposal, target: target.clone(), parts: parts.clone(), gone: Vec::new() }));
    bench.record(3, vec![erase()]);
    assert_eq!(holding(&bench), []);
    let control: ControlId = "SEC-01".parse().unwrap();
    let names = super::super::texts(bench.ledger.state().subject_parts(&control), |part| bench.ledger.part(part));
    let mut names: Vec<_> = names.into_values().collect();
    names.sort();
    assert_eq!(names, ["(erased)", "bob@example.com"]);
    // The log says of each part that it is erased, and of what is left that it is there.
    let verified = bench.ledger.verify(crate::ledger::Depth::Refold, &|_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(verified.faults.is_empty(), "{verified:?}");
    // The next run that sees the same keeps it anew, and does not name evidence that is gone.
    bench.day("SEC-01", 4, Status::Fail);
    let newest = bench.events().into_iter().rev().find_map(|event| match event {
        Event::Run(run) => Some(run.evidence),
        _ => None,
    });
    assert!(matches!(newest, Some(Evidence::Part(_))), "{newest:?}, the first was {ran}");
    assert!(matches!(bench.ledger.state().proposals()[&proposal].act, Act::Erase { .. }));
}

#[test]
fn the_text_of_an_erasure_goes_with_the_proposal_when_that_is_dropped() {
    let mut bench = Bench::new();
    for dropped_by in [1001, 1002] {
        let target = "alice@example.com".to_owned();
        let proposal = bench.record(2, vec![does(1001, Does::Erase { target })])[0].proposal.unwrap();
        let Act::Erase { target } = bench.ledger.state().proposals()[&proposal].act else { panic!("an erasure") };
        assert!(bench.ledger.part(&target).unwrap().is_some());
        bench.record(2, vec![does(dropped_by, Does::Drop(proposal))]);
        assert_eq!(bench.ledger.part(&target).unwrap(), None);
    }
    let verified = bench.ledger.verify(crate::ledger::Depth::Refold, &|_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(verified.faults.is_empty(), "{verified:?}");
}

#[test]
fn the_state_of_a_plugin_is_forgotten_when_somebody_says_so() {
    let mut bench = Bench::new();
    let control: ControlId = "SEC-01".parse().unwrap();
    let refused = bench.refusal(2, does(1001, Does::ResetState(control.clone())));
    assert_eq!(refused, "the plugin of SEC-01 keeps no state");
    let Fact::Ran(mut finished) = bench.ran("SEC-01", 2, report("k", Status::Pass)) else { panic!("a run") };
    finished.new_state = Some(BTreeMap::from([("seen".to_owned(), b"k".to_vec())]));
    bench.record(2, vec![Fact::Ran(finished)]);
    assert!(bench.ledger.state().control(&control).unwrap().plugin_state.is_some());
    bench.record(3, vec![does(1001, Does::ResetState(control.clone()))]);
    assert_eq!(bench.ledger.state().control(&control).unwrap().plugin_state, None);
}

/// A control that a person looks after.
pub(super) const ATTESTED: &str = r#"
[[control]]
id = "MON-02"
title = "Access to the monitoring host is reviewed"
family = "security"
owner = "platform"
severity = "high"
attested = "90d"
"#;

pub(super) fn attest(passes: bool, until: Option<Timestamp>) -> Fact {
    let file = Some(("review.pdf".to_owned(), b"%PDF-1.7".to_vec()));
    does(1001, Does::Attest(Attestation { control: "MON-02".parse().unwrap(), passes, until, file }))
}

#[test]
fn what_a_person_attests_holds_until_it_expires_and_is_then_not_tested() {
    let mut bench = Bench::with(&format!("{CONFIG}{ATTESTED}"));
    let control: ControlId = "MON-02".parse().unwrap();
    // Promised on the first day, and nobody has looked; what comes up together is told together.
    bench.tick(at(1).plus(Duration::from_secs(HOUR)));
    let subjects = |bench: &Bench| -> Vec<String> {
        let about = |mail: Mail| mail.subject.split_once("] ").unwrap().1.to_owned();
        bench.mails().into_iter().map(about).filter(|subject| subject.contains("MON-02")).collect()
    };
    let title = "MON-02 Access to the monitoring host is reviewed";
    assert_eq!(subjects(&bench), [format!("NOT ATTESTED {title}")]);
    let refused = bench.refusal(2, attest(true, Some(at(93))));
    assert_eq!(refused, "it can be attested until 2026-05-31T06:00:00.000Z, and not into the past");
    let attested = bench.record(2, vec![attest(true, None)]).remove(0);
    assert_eq!(attested.run.unwrap().outcome, Outcome::Pass);
    assert_eq!(bench.ledger.state().control(&control).unwrap().attested_until, Some(at(92)));
    bench.tick(at(91));
    bench.record(91, vec![attest(false, Some(at(96)))]);
    assert!(bench.ledger.state().control(&control).unwrap().open_exception().is_some());
    bench.tick(at(95));
    // The statement before was to expire on the same day.
    let both = "2 alerts: EXPIRES SOON MON-02, FAILED MON-02".to_owned();
    assert_eq!(subjects(&bench)[1..], [format!("TESTED AGAIN {title}"), both]);
    bench.tick(at(96));
    bench.tick(at(97));
    let late = subjects(&bench);
    assert_eq!(late.iter().filter(|subject| subject.starts_with("NOT ATTESTED")).count(), 2, "{late:?}");
    bench.record(98, vec![attest(true, None)]);
    let state = bench.ledger.state();
    let exception = state.exceptions().values().next().unwrap();
    assert_eq!((&exception.control, exception.recovered.is_some()), (&control, true));
    drop(state);
    // The file that was handed in is part of the evidence.
    let pdf = |part: &Digest| bench.ledger.part(part).unwrap().is_some_and(|content| content == b"%PDF-1.7");
    assert!(bench.ledger.parts().unwrap().kept.iter().any(pdf));
    let refused = bench.refusal(
        103,
        does(
            1001,
            Does::Attest(Attestation { control: "SEC-01".parse().unwrap(), passes: true, until: None, file: None }),
        ),
    );
    assert_eq!(refused, "SEC-01 is tested by a check: nobody attests it; `evidenced check SEC-01` runs it now");
}

#[test]
fn silences_that_join_are_as_long_as_all_of_them() {
    let mut bench = Bench::new();
    let first = bench.record(2, vec![does(1001, Does::Silence(silence(&["SEC-*"], at(2), 24)))]).remove(0);
    let second = bench.record(2, vec![does(1001, Does::Silence(silence(&["SEC-01"], at(3), 2)))]).remove(0);
    let apart = Timestamp::from_millis(at(5).as_millis());
    let third = bench.record(2, vec![does(1001, Does::Silence(silence(&["SEC-01"], apart, 24)))]).remove(0);
    assert_eq!((first.silence.is_some(), first.proposal), (true, None));
    assert_eq!((second.silence, second.proposal.is_some()), (None, true), "26 hours without a break");
    assert_eq!((third.silence.is_some(), third.proposal), (true, None));
}

#[test]
fn two_silences_that_end_together_tell_once() {
    let mut bench = Bench::new();
    bench.day("SEC-01", 2, Status::Pass);
    for from in [at(2), Timestamp::from_millis(at(2).as_millis() + 1)] {
        let until = at(3);
        let controls = vec!["SEC-01".parse().unwrap()];
        bench.record(2, vec![does(1001, Does::Silence(Silence { controls, from, until }))]);
    }
    let run = bench.ran("SEC-01", 3, report("k", Status::Fail));
    bench.recorder.record(Timestamp::from_millis(at(3).as_millis() - 3_600_000), vec![run]).remove(0).unwrap();
    bench.tick(at(3));
    assert_eq!(bench.alerts(), [(AlertCause::Failed, false), (AlertCause::AlreadyFailing, true)]);
    assert!(bench.ledger.state().silences().values().all(|record| record.ended.is_some()));
}

#[test]
fn what_was_erased_from_what_a_run_saw_is_kept_anew_by_the_next() {
    let mut bench = Bench::new();
    let saw = |bench: &Bench, day| {
        let Fact::Ran(mut finished) = bench.ran("SEC-01", day, report("k", Status::Pass)) else { panic!("a run") };
        let bytes: Arc<[u8]> = Arc::from(&b"alice@example.com"[..]);
        let input = evidenced_contract::Input {
            name: "people".to_owned(),
            source: "file:/people".to_owned(),
            query: String::new(),
            media_type: String::new(),
            observed: at(day).to_string(),
            bytes: bytes.len() as u64,
            rows: None,
            source_total: None,
            digest: Digest::of(&bytes).to_string(),
            http: None,
        };
        finished.inputs = vec![crate::sandbox::InputBytes { input, bytes: Ok(bytes), events: None }];
        Fact::Ran(finished)
    };
    let holding = |bench: &Bench| -> Vec<Digest> {
        let mask = crate::gate::Mask::new(["alice@example.com"]);
        let kept = bench.ledger.parts().unwrap().kept;
        kept.into_iter().filter(|part| mask.finds(&bench.ledger.part(part).unwrap().unwrap())).collect()
    };
    let run = saw(&bench, 2);
    bench.record(2, vec![run]);
    let target = "alice@example.com".to_owned();
    let proposal = bench.record(2, vec![does(1001, Does::Erase { target: target.clone() })])[0].proposal.unwrap();
    bench.record(2, vec![does(1002, Does::Approve(proposal))]);
    let parts = holding(&bench);
    bench.record(2, vec![Fact::Erase(Box::new(Erasing { proposal, target, parts, gone: Vec::new() }))]);
    assert_eq!(holding(&bench), []);
    let run = saw(&bench, 3);
    bench.record(3, vec![run]);
    assert_eq!(holding(&bench).len(), 1, "the source has it still, and the next run has its own evidence");
}
