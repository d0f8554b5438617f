mod acts;
mod ending;
mod exclusions;
mod periods;
mod telling;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidenced_contract::{Finding, Interval, Listing, Measurement, Status};

use super::{Acting, Author, Catalogue, Closing, Does, Fact, Recorded, Recorder, RecorderError};
use crate::{
    config,
    domain::{
        AlertCause, ClockState, ControlId, Departure, Entry, Event, EventInterval, Evidence, ExceptionId, MissedReason,
        MissedSlots, NoteAbout, NoteKind, Outcome, RunEntry, RunReason, SlotTime, Timestamp,
    },
    evidence::{EndedRecord, testing::report},
    fold::State,
    judge::Refused,
    ledger::{Ledger, Options, Store},
    mail::Mail,
    replay::{Replayed, Replayer},
    runner::{Finished, HistoryReader as _, Order},
    sandbox::{Sandbox, SandboxSettings, Transcript},
    schedule::missed,
    service::LedgerHistory,
};

/// A ledger in a folder of its own, with two controls defined in it.
struct Bench {
    recorder: Recorder,
    ledger: Arc<Ledger<State>>,
    catalogue: Arc<Catalogue>,
    folder: tempfile::TempDir,
}

const CONFIG: &str = r#"
organization = "Example AI"
monitoring.enabled = false
timezone = "UTC"
state_dir = "state"
[mail]
transport = "directory"
directory = "mail"
from = "evidenced@example.com"
[[recipient]]
id = "compliance"
email = ["compliance@example.com", "audit@example.com"]
families = ["*"]
severity = "low"
[[control]]
id = "SEC-01"
title = "Keys are rotated"
family = "security"
owner = "platform"
severity = "high"
plugin = "key-rotation"
schedule = "0 6 * * *"
[[control]]
id = "SEC-02"
title = "Keys are used"
family = "security"
owner = "platform"
severity = "high"
plugin = "key-rotation"
schedule = "0 6 * * *"
confirmations = 2
transcript = "redacted"
"#;

impl Bench {
    fn new() -> Self {
        Self::with(CONFIG)
    }

    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidenced.toml");
        std::fs::write(&file, text).unwrap();
        let config = Arc::new(config::load(&file).unwrap().config);
        let ledger = Arc::new(Ledger::open(&config.state_dir, Options::new("example.com/test")).unwrap());
        let catalogue = Arc::new(Catalogue::new(Arc::clone(&config), BTreeMap::new()));
        let recorder = Recorder::new(Arc::clone(&ledger), Arc::clone(&catalogue));
        let mut bench = Self { recorder, ledger, catalogue, folder };
        let origin = Event::LedgerOpened { origin: "example.com/test".into(), key: String::new() };
        let configured = Fact::Configured { catalogue: bench.catalogue.clone(), expanded: config.expanded_json() };
        bench.record(1, vec![Fact::Event(origin), configured, Fact::Tick { clock: ClockState::Virtual }]);
        bench
    }

    /// All must be recorded.
    fn record(&mut self, day: i64, facts: Vec<Fact>) -> Vec<Recorded> {
        self.recorder.record(at(day), facts).into_iter().map(|answer| answer.unwrap()).collect()
    }

    fn ran(&self, control: &str, day: i64, ended: EndedRecord) -> Fact {
        let id: ControlId = control.parse().unwrap();
        let order = Order {
            control: self.catalogue.control(&id).unwrap().clone(),
            definition: self.catalogue.definition(&id).unwrap(),
            version: 1,
            slot: SlotTime(at(day)),
            is_scheduled: true,
            is_late: false,
            interval: None,
            seed_from: (1, crate::domain::Digest([0; 32])),
            state: BTreeMap::new(),
        };
        Fact::Ran(Box::new(Finished {
            order,
            now: at(day),
            clock_in_doubt: false,
            took: Duration::ZERO,
            ended,
            transcript: Transcript::default(),
            inputs: Vec::new(),
            new_state: None,
        }))
    }

    fn events(&self) -> Vec<Event> {
        let entries = self.ledger.entries(0..self.ledger.head().size);
        entries.map(|entry| Entry::from_bytes(&entry.unwrap().1).unwrap().event).collect()
    }

    fn mails(&self) -> Vec<Mail> {
        let read = |digest| Mail::from_part(&self.ledger.part(digest).unwrap().unwrap()).unwrap();
        self.events()
            .iter()
            .filter_map(|event| match event {
                Event::AlertQueued { mail, .. } => Some(read(mail)),
                _ => None,
            })
            .collect()
    }
}

/// 06:00 of a day of March 2026.
fn at(day: i64) -> Timestamp {
    let first: Timestamp = "2026-03-01T06:00:00Z".parse().unwrap();
    Timestamp::from_millis(first.as_millis() + (day - 1) * 86_400_000)
}

#[test]
fn a_failing_run_opens_an_exception_and_its_recovery_is_told_in_the_same_thread() {
    let mut bench = Bench::new();
    let fails = bench.ran("SEC-01", 2, report("AKIA-ALICE", Status::Fail));
    let failed = bench.record(2, vec![fails]);
    assert_eq!(failed[0].run.as_ref().unwrap().outcome, Outcome::Fail);
    let passes = bench.ran("SEC-01", 5, report("AKIA-ALICE", Status::Pass));
    bench.record(5, vec![passes]);
    let mails = bench.mails();
    let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    // The first run of all fails: it failed already when it was first looked at.
    assert_eq!(
        subjects,
        [
            "[evidenced main] ALREADY FAILING SEC-01 Keys are rotated",
            "[evidenced main] RECOVERED SEC-01 Keys are rotated"
        ]
    );
    assert_eq!(mails[1].in_reply_to.as_deref(), Some(mails[0].message_id.as_str()));
    assert!(mails[0].text.contains("AKIA-ALICE"), "{}", mails[0].text);
    assert!(mails[1].text.contains("It failed for 3 days"), "{}", mails[1].text);
    assert_eq!(mails[0].to, ["audit@example.com", "compliance@example.com"]);
}

#[test]
fn an_exception_is_closed_with_its_root_cause_and_the_response_when_another_person_approves() {
    let mut bench = Bench::new();
    let fails = bench.ran("SEC-01", 2, report("k", Status::Fail));
    bench.record(2, vec![fails]);
    let exception = ExceptionId { year: 2026, number: 1 };
    let close = |response: Option<&str>| {
        Fact::Closed(Box::new(Closing {
            exception,
            author: Author { uid: 1001, login_uid: None, name: None },
            root_cause: Some("the rotation job had lost its role".to_owned()),
            response: response.map(str::to_owned),
            words: "reviewed".to_owned(),
        }))
    };
    let refused = |answers: Vec<Result<Recorded, RecorderError>>| match &answers[0] {
        Err(RecorderError::Refused(refused)) => refused.clone(),
        answer => panic!("{answer:?}"),
    };
    let early = bench.recorder.record(at(2), vec![close(Some("the role is back"))]);
    assert_eq!(refused(early), Refused::StillFailing(exception));
    let passes = bench.ran("SEC-01", 3, report("k", Status::Pass));
    bench.record(3, vec![passes]);
    let size = bench.ledger.head().size;
    assert_eq!(refused(bench.recorder.record(at(3), vec![close(None)])), Refused::Unanswered(exception));
    assert_eq!(bench.ledger.head().size, size, "a refused closing leaves no note");
    let recorded = bench.record(4, vec![close(Some("the role is back"))]);
    assert_eq!(recorded[0].sequence, size + 2, "the proposal, behind its two notes");
    let proposal = recorded[0].proposal.unwrap();
    assert_eq!(bench.ledger.state().exception(exception).unwrap().closed, None, "it has no effect yet");
    let approve = |uid| {
        let author = Author { uid, login_uid: None, name: None };
        Fact::Acted(Box::new(Acting { author, words: "plausible".to_owned(), does: Does::Approve(proposal) }))
    };
    let own = bench.recorder.record(at(4), vec![approve(1001)]);
    assert!(matches!(own[0], Err(RecorderError::OwnProposal(_))), "{own:?}");
    bench.record(5, vec![approve(1002)]);
    let state = bench.ledger.state();
    let record = state.exception(exception).unwrap();
    assert_eq!(record.closed, Some(at(5)));
    let about: Vec<_> = record.notes.iter().map(|note| note.about).collect();
    let answers = [NoteKind::RootCause, NoteKind::Response].map(NoteAbout::Note);
    assert_eq!(about, [answers[0], answers[1], NoteAbout::Approval, NoteAbout::Closing]);
    drop(state);
    assert_eq!(refused(bench.recorder.record(at(5), vec![close(None)])), Refused::Closed(exception));
}

#[test]
fn a_subject_was_first_seen_in_the_first_failing_slot_and_not_in_the_one_that_confirmed_it() {
    let mut bench = Bench::new();
    for (day, status) in [(2, Status::Pass), (3, Status::Fail), (4, Status::Fail)] {
        let run = bench.ran("SEC-02", day, report("k", status));
        bench.record(day, vec![run]);
    }
    let state = bench.ledger.state();
    let record = state.exception(ExceptionId { year: 2026, number: 1 }).unwrap();
    let lives: Vec<_> = record.subjects.values().flatten().map(|life| life.first_seen).collect();
    assert_eq!((record.first_slot, lives), (SlotTime(at(3)), vec![SlotTime(at(3))]));
    drop(state);
    let mail = bench.mails().remove(0);
    assert!(mail.text.contains("3 Mar") && !mail.text.contains("4 Mar 2026"), "{}", mail.text);
}

#[tokio::test]
async fn a_run_whose_transcript_was_redacted_says_that_it_cannot_be_re_performed() {
    let mut bench = Bench::new();
    let run = bench.ran("SEC-02", 2, report("k", Status::Pass));
    let recorded = bench.record(2, vec![run]);
    let sandbox = Sandbox::new(SandboxSettings::default()).unwrap();
    let mut replayer = Replayer::new(Arc::clone(&bench.ledger), sandbox);
    match replayer.replay(recorded[0].sequence).await.unwrap() {
        Replayed::NotReperformable(why) => assert!(why.contains("redacted"), "{why}"),
        replayed => panic!("{replayed:?}"),
    }
}

impl Bench {
    /// A run that was asked about the days from one up to another, and names these events: `x` fails, `x+` passes.
    fn ran_about(&self, days: std::ops::Range<i64>, covered: Option<i64>, events: &str) -> Fact {
        let EndedRecord::Report(mut report) = report("-", Status::Pass) else { unreachable!() };
        let finding = report.findings.remove(0);
        for event in events.split_whitespace() {
            let (name, status) = event.strip_suffix('+').map_or((event, Status::Fail), |name| (name, Status::Pass));
            let (subject, event) = (format!("who did {name}"), Some(name.to_owned()));
            let rows = Measurement { name: "rows".to_owned(), value: 1.0, unit: "1".to_owned(), limit: None };
            report.findings.push(Finding { subject, event, status, measurements: vec![rows], ..finding.clone() });
        }
        report.population = report.findings.len() as u32;
        report.covered_until = covered.map(|day| at(day).to_string());
        let Fact::Ran(mut finished) = self.ran("SEC-01", days.end, EndedRecord::Report(report)) else { unreachable!() };
        finished.order.interval = Some(EventInterval { from: at(days.start), until: at(days.end) });
        Fact::Ran(finished)
    }

    fn newest_run(&self) -> RunEntry {
        let run = |event| if let Event::Run(run) = event { Some(run) } else { None };
        self.events().into_iter().filter_map(run).next_back().unwrap()
    }
}

#[test]
fn an_event_that_one_of_the_last_two_reports_named_is_not_counted_again() {
    let mut bench = Bench::new();
    let mut told = Vec::new();
    for (days, events) in [(1..3, "a b+"), (2..4, "a b+ c"), (3..5, "a"), (4..6, ""), (5..7, "c"), (6..8, "c d+")] {
        let run = bench.ran_about(days.clone(), Some(days.end), events);
        bench.record(days.end, vec![run]);
        let run = bench.newest_run();
        told.push(format!("{} {}-{}-{}", run.outcome.as_str(), run.counts.pass, run.counts.fail, run.repeated));
    }
    // `a` is known as long as it is named again and again; `c` was forgotten after two reports without it.
    assert_eq!(told, ["fail 1-1-0", "fail 0-1-2", "error 0-0-1", "error 0-0-0", "fail 0-1-0", "pass 1-0-1"]);
    let control = "SEC-01".parse().unwrap();
    assert_eq!(bench.ledger.state().control(&control).unwrap().covered_until, Some(at(8)));
    // Who reads the history sees each of them once, too.
    let history = LedgerHistory::new(Arc::clone(&bench.ledger));
    let during = |from, until| Interval { from: at(from).to_string(), until: at(until).to_string() };
    let subjects = |during| {
        let points = history.points(&control, "rows", &during).unwrap();
        points.iter().map(|point| point.subject[8..].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(subjects(during(1, 20)), "a b c c d");
    assert_eq!(subjects(during(4, 7)), "c");
}

#[test]
fn a_report_that_covers_something_else_is_broken_and_covers_nothing() {
    let mut bench = Bench::new();
    for covered in [None, Some(1), Some(5)] {
        let run = bench.ran_about(2..4, covered, "a");
        bench.record(4, vec![run]);
        let run = bench.newest_run();
        assert_eq!((run.reason, run.covered_until), (Some(RunReason::BrokenReport), None));
        // Where coverage begins is known all the same.
        let state = bench.ledger.state();
        assert_eq!(state.control(&run.control).unwrap().covered_until, Some(at(2)));
    }
    let run = bench.ran_about(2..4, Some(3), "a");
    bench.record(4, vec![run]);
    assert_eq!(bench.newest_run().covered_until, Some(at(3)));
    assert_eq!(bench.newest_run().interval, Some(EventInterval { from: at(2), until: at(4) }));
}

#[test]
fn entries_hold_no_text_of_a_plugin() {
    let mut bench = Bench::new();
    let fails = bench.ran("SEC-01", 2, report("alice@example.com", Status::Fail));
    bench.record(2, vec![fails]);
    for entry in bench.ledger.entries(0..bench.ledger.head().size) {
        let text = String::from_utf8(entry.unwrap().1).unwrap();
        assert!(!text.contains("alice") && !text.contains("looked at") && !text.contains("one key"), "{text}");
    }
}

#[test]
fn two_facts_about_one_control_are_judged_one_after_the_other() {
    let mut bench = Bench::new();
    let fails = bench.ran("SEC-01", 2, report("k", Status::Fail));
    let other = bench.ran("SEC-02", 2, report("k", Status::Pass));
    let passes = bench.ran("SEC-01", 3, report("k", Status::Pass));
    let recorded = bench.record(3, vec![fails, other, passes]);
    assert!(recorded.is_sorted_by_key(|recorded| recorded.sequence));
    let opened = bench.events().iter().filter(|event| matches!(event, Event::ExceptionOpened { .. })).count();
    let recovered = bench.events().iter().filter(|event| matches!(event, Event::ExceptionRecovered { .. })).count();
    assert_eq!((opened, recovered), (1, 1));
}

#[test]
fn a_refused_fact_leaves_the_others_be() {
    let mut bench = Bench::new();
    let first = bench.ran("SEC-01", 2, report("k", Status::Pass));
    bench.record(2, vec![first]);
    let again = bench.ran("SEC-01", 2, report("k", Status::Fail));
    let other = bench.ran("SEC-02", 2, report("k", Status::Pass));
    let answers = bench.recorder.record(at(2), vec![again, other]);
    assert!(matches!(answers[0], Err(RecorderError::Refused(_))), "{:?}", answers[0]);
    assert!(answers[1].is_ok());
    assert_eq!(bench.mails(), []);
}

#[test]
fn evidence_that_is_the_same_again_is_not_kept_twice() {
    let mut bench = Bench::new();
    for day in 2..5 {
        let passes = bench.ran("SEC-01", day, report("k", Status::Pass));
        bench.record(day, vec![passes]);
    }
    let evidence: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Run(run) => Some(run.evidence),
            _ => None,
        })
        .collect();
    assert!(matches!(evidence[0], Evidence::Part(_)));
    let first = bench.events().iter().position(|event| matches!(event, Event::Run(_))).unwrap() as u64;
    assert_eq!(evidence[1..], [Evidence::SameAs(first), Evidence::SameAs(first)]);
}

#[test]
fn missed_slots_make_a_control_untested_and_its_gap_is_told_once() {
    let mut bench = Bench::new();
    let control: ControlId = "SEC-01".parse().unwrap();
    let check = &bench.catalogue.control(&control).unwrap().check;
    let schedule = crate::schedule::Schedule::parse(&check.schedule, &check.timezone).unwrap();
    let stretches = missed(&schedule, at(2), at(6), bench.catalogue.zones());
    let facts = stretches
        .into_iter()
        .map(|stretch| Fact::Missed(stretch.into_missed(control.clone(), 1, MissedReason::Down)))
        .collect();
    bench.record(6, facts);
    let untested = bench.events().iter().filter(|event| matches!(event, Event::WentUntested { .. })).count();
    assert_eq!(untested, 1);
    assert_eq!(bench.mails(), [], "the letter about the gap tells it");
    let missed = bench.events().into_iter().find_map(|event| match event {
        Event::Missed(MissedSlots { count, .. }) => Some(count),
        _ => None,
    });
    assert_eq!(missed, Some(3));

    // One error after it may be of a network that is not there yet; a second one is told.
    let held = |bench: &Bench| {
        let is_held = |event: &Event| matches!(event, Event::AlertHeld(held) if held.cause == AlertCause::NotTested);
        bench.events().iter().filter(|event| is_held(event)).count()
    };
    for (day, told) in [(6, 0), (7, 1), (8, 1)] {
        let run = bench.ran("SEC-01", day, denied());
        bench.record(day, vec![run]);
        assert_eq!(held(&bench), told, "day {day}");
    }
}

#[test]
fn what_a_gap_left_untested_and_a_silence_kept_is_told_when_the_silence_ends() {
    let mut bench = Bench::new();
    let control: ControlId = "SEC-01".parse().unwrap();
    let check = &bench.catalogue.control(&control).unwrap().check;
    let schedule = crate::schedule::Schedule::parse(&check.schedule, &check.timezone).unwrap();
    let stretches = missed(&schedule, at(2), at(5), bench.catalogue.zones());
    let gap = stretches.into_iter().map(|stretch| stretch.into_missed(control.clone(), 1, MissedReason::Down));
    bench.record(5, gap.map(Fact::Missed).collect());
    let error = bench.ran("SEC-01", 5, denied());
    bench.record(5, vec![error]);
    let noon = at(5).plus(Duration::from_secs(6 * 3600));
    let quiet = acts::silence(&["SEC-*"], noon, 23);
    let until = quiet.until;
    bench.record(5, vec![acts::does(1001, Does::Silence(quiet))]);
    let error = bench.ran("SEC-01", 6, denied());
    bench.record(6, vec![error]);
    bench.tick(at(6).plus(Duration::from_secs(3600)));
    let events = bench.events();
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::AlertWithheld { cause: AlertCause::NotTested, .. })), 1);
    bench.tick(until);
    let told = bench.events().into_iter().filter(|event| match event {
        Event::AlertHeld(held) => held.cause == AlertCause::NotTested,
        Event::AlertQueued { cause, .. } => *cause == AlertCause::NotTested,
        _ => false,
    });
    assert_eq!(told.count(), 1);
}

fn denied() -> EndedRecord {
    EndedRecord::Other { reason: RunReason::Denied, words: "access denied".to_owned(), is_deterministic: true }
}

#[test]
fn how_many_tests_gave_no_answer_is_told_when_one_does_again() {
    let mut bench = Bench::new();
    let passes = bench.ran("SEC-01", 2, report("k", Status::Pass));
    bench.record(2, vec![passes]);
    for day in 3..7 {
        let denied = bench.ran("SEC-01", day, denied());
        bench.record(day, vec![denied]);
    }
    // What could not be tested is rarely alone: it waits a moment for the others.
    assert_eq!(bench.mails(), []);
    let moment_later = at(6).plus(Duration::from_secs(300));
    bench.recorder.record(moment_later, vec![Fact::Tick { clock: ClockState::Virtual }]);
    assert_eq!(bench.mails().len(), 1);
    let passes = bench.ran("SEC-01", 7, report("k", Status::Pass));
    bench.record(7, vec![passes]);
    let [untested, again] = &bench.mails()[..] else { panic!("{:?}", bench.mails()) };
    assert!(untested.subject.contains("NOT TESTED SEC-01"), "{}", untested.subject);
    assert!(again.subject.contains("TESTED AGAIN SEC-01"), "{}", again.subject);
    assert!(again.text.contains("4 scheduled tests"), "{}", again.text);
}

#[test]
fn what_comes_up_together_is_held_and_told_in_one_mail_that_later_ones_answer() {
    let mut bench = Bench::new();
    let passes = ["SEC-01", "SEC-02"].map(|control| bench.ran(control, 2, report("k", Status::Pass)));
    bench.record(2, passes.into());
    // The second control is confirmed on the day on which the first fails: both alerts come up in one batch.
    let suspect = bench.ran("SEC-02", 3, report("k", Status::Fail));
    bench.record(3, vec![suspect]);
    let fails = ["SEC-01", "SEC-02"].map(|control| bench.ran(control, 4, report("k", Status::Fail)));
    bench.record(4, fails.into());
    let held = |bench: &Bench| bench.ledger.state().held().len();
    let told: Vec<_> = bench.mails().iter().map(|mail| mail.subject.clone()).collect();
    assert!(told.iter().any(|subject| subject.contains("FAILED SEC-01")), "{told:?}");
    assert!(held(&bench) > 0, "the second of one moment waits: {told:?}");
    let until = bench.ledger.state().held().values().map(|held| held.until).min().unwrap();
    let tick = || Fact::Tick { clock: ClockState::Virtual };
    bench.recorder.record(Timestamp::from_millis(until.as_millis() - 1), vec![tick()]);
    assert!(held(&bench) > 0, "not before its time");
    bench.recorder.record(until, vec![tick()]);
    assert_eq!(held(&bench), 0);
    let passes = bench.ran("SEC-02", 6, report("k", Status::Pass));
    bench.record(6, vec![passes]);
    let mails = bench.mails();
    let late = mails.iter().find(|mail| mail.subject.contains("FAILED SEC-02")).expect("it was told");
    let recovered = mails.iter().find(|mail| mail.subject.contains("RECOVERED SEC-02")).expect("its end was told");
    assert_eq!(recovered.in_reply_to.as_ref(), Some(&late.message_id));
}

#[test]
fn a_held_alert_whose_text_is_gone_is_still_told() {
    let mut bench = Bench::new();
    for day in 3..=5 {
        let denied = bench.ran("SEC-01", day, denied());
        bench.record(day, vec![denied]);
    }
    let held = bench.ledger.state().held().values().next().cloned().expect("an untested control waits for others");
    bench.ledger.erase(&held.letter).unwrap();
    bench.recorder.record(held.until, vec![Fact::Tick { clock: ClockState::Virtual }]);
    assert_eq!(bench.ledger.state().held().len(), 0);
    let [mail] = &bench.mails()[..] else { panic!("{:?}", bench.mails()) };
    assert_eq!(mail.subject, "[evidenced main] ALERT about SEC-01, whose text is lost");
    assert!(mail.text.contains("`evidenced results SEC-01` says how it stands now"), "{}", mail.text);
}

#[test]
fn a_recovery_gives_the_reasons_that_the_ledger_has() {
    let mut bench = Bench::new();
    let fails = bench.ran("SEC-01", 2, report("k", Status::Fail));
    bench.record(2, vec![fails]);
    let EndedRecord::Report(mut passing) = report("other", Status::Pass) else { unreachable!() };
    passing.listing = Listing::NotPassing;
    passing.findings.clear();
    let passes = bench.ran("SEC-01", 3, EndedRecord::Report(passing));
    bench.record(3, vec![passes]);
    let why = bench.events().into_iter().find_map(|event| match event {
        Event::SubjectsLeft { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(why, Some(Departure::NoLongerReported));
    let text = &bench.mails()[1].text;
    assert!(text.contains(crate::mail::words::departure(Departure::NoLongerReported)), "{text}");
}
