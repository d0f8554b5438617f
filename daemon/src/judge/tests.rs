//! Timelines in one line, through one door.
//!
//! One slot an hour; each word is what one slot came to, or what happened between two:
//!
//! - `P` `F` `N` `E`: a run. In brackets its findings: `a` fails, `a+` passes, `a?` could not be tested, `a~` is not
//!   applicable, `a!` is excluded. Without brackets `F` is `F(a)`, and the others list every subject, passing.
//!   `*` behind it: the report is incomplete. `n:` before it: it lists only what does not pass. `old:`: of the slot
//!   before the newest; `oldv:`: of the version before.
//! - `x`: missed, down; `x3`: three of them; `xd`: missed, disabled.
//! - `+5h`: time passes, without a slot. `ack30`: acknowledged, to be fixed by that hour. `D`: new definition, `V`: new plugin, `off` `on`, `R`: retired.
//!
//! The answer has a word for each entry but runs, missed slots and names, `SLOT:entry`, and one for each alert,
//! `SLOT!alert`.

use evidenced_contract::Listing;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::*;
use crate::domain::{
    Calendar, Counts, DayCount, Departure, Digest, Entry, EventInterval, Evidence, ExceptionSubjects, Family, LocalDay,
    MissedSlots, Outcome, RunEntry, Severity,
};

#[track_caller]
fn check(confirmations: u32, timeline: &str, expected: &str) {
    let mut story = Story::new(confirmations);
    for word in timeline.split_whitespace() {
        story.happens(word);
    }
    assert_eq!(story.told.join(" "), expected, "\n{timeline}");
}

#[track_caller]
fn check_policy(change: impl FnOnce(&mut Policy), timeline: &str, expected: &str) {
    let mut story = Story::new(1);
    change(&mut story.policy);
    for word in timeline.split_whitespace() {
        story.happens(word);
    }
    assert_eq!(story.told.join(" "), expected, "\n{timeline}");
}

#[test]
fn fails_in_a_row_open_one_exception_and_a_pass_ends_it() {
    check(1, "P P", "");
    check(1, "P F", "1:open(1 since 1) 1:join(a) 1!failed(a)");
    check(1, "P F F F", "1:open(1 since 1) 1:join(a) 1!failed(a)");
    check(1, "P F P", "1:open(1 since 1) 1:join(a) 1!failed(a) 2:left(a fixed) 2:recovered 2!recovered(a)");
    check(
        1,
        "P F P F",
        "1:open(1 since 1) 1:join(a) 1!failed(a) 2:left(a fixed) 2:recovered 2!recovered(a) 3:open(2 since 3) 3:join(a) 3!failed(a)",
    );
}

#[test]
fn confirmations_count_fails_in_a_row_and_the_exception_begins_at_the_first() {
    check(2, "P F P F P", "");
    check(2, "P F F P", "2:open(1 since 1) 2:join(a since 1) 2!failed(a) 3:left(a fixed) 3:recovered 3!recovered(a)");
    check(3, "P F F P F F F", "6:open(1 since 4) 6:join(a since 4) 6!failed(a)");
    check(2, "P F N F", "");
}

#[test]
fn a_subject_fails_since_the_slot_that_was_confirmed_and_not_since_the_one_that_confirmed_it() {
    check(2, "P F F(ab)", "2:open(1 since 1) 2:join(a since 1) 2:join(b) 2!failed(a,b)");
    check(2, "P F(ab) F(b)", "2:open(1 since 1) 2:join(b since 1) 2!failed(b)");
    check(3, "P F F(ab) F(abc)", "3:open(1 since 1) 3:join(a since 1) 3:join(b since 2) 3:join(c) 3!failed(a,b,c)");
    check(2, "P F(a) P F(ab) F(ab)", "4:open(1 since 3) 4:join(a,b since 3) 4!failed(a,b)");
}

#[test]
fn an_error_is_neither_a_pass_nor_a_fail() {
    check(2, "P F E F", "3:open(1 since 1) 3:join(a since 1) 3!failed(a)");
    check(1, "P F E", "1:open(1 since 1) 1:join(a) 1!failed(a)");
    check(2, "P F x F", "3:open(1 since 1) 3:join(a since 1) 3!failed(a)");
}

#[test]
fn what_fails_at_the_first_evaluation_failed_already() {
    check(1, "F", "0:open(1 since 0) 0:join(a) 0!already-failing(a)");
    check(1, "E F", "1:open(1 since 1) 1:join(a) 1!already-failing(a)");
    check(2, "F F", "1:open(1 since 0) 1:join(a since 0) 1!already-failing(a)");
    check(2, "F P F F", "3:open(1 since 2) 3:join(a since 2) 3!failed(a)");
    check(1, "P off xd on F", "2:open(1 since 2) 2:join(a) 2!already-failing(a)");
    check(1, "P V F", "1:defined(2) 1:open(1 since 1) 1:join(a) 1!failed(a)");
}

#[test]
fn subjects_join_and_leave_with_the_reason_why() {
    let open = "1:open(1 since 1) 1:join(a,b) 1!failed(a,b)";
    check(1, "P F(ab) F(ab+)", &format!("{open} 2:left(b fixed)"));
    check(1, "P F(ab) F(ab~)", &format!("{open} 2:left(b fixed)"));
    check(1, "P F(ab) F(ab!)", &format!("{open} 2:left(b excluded)"));
    check(1, "P F(ab) F(a)", &format!("{open} 2:left(b gone)"));
    check(1, "P F(ab) n:F(a)", &format!("{open} 2:left(b no-longer-reported)"));
    check(1, "P F(ab) P(c+)", &format!("{open} 2:left(a,b gone) 2:recovered 2!recovered(a,b)"));
    check(1, "P F(ab) n:P()", &format!("{open} 2:left(a,b no-longer-reported) 2:recovered 2!recovered(a,b)"));
    check(1, "P F(ab) N(a~b~)", &format!("{open} 2:left(a,b fixed) 2:recovered 2!recovered(a,b)"));
    check(1, "P F(ab) F(a) F(ab)", &format!("{open} 2:left(b gone) 3:join(b) 3!more-subjects(b)"));
}

#[test]
fn a_run_with_an_error_or_an_incomplete_report_closes_nothing() {
    let open = "1:open(1 since 1) 1:join(a,b) 1!failed(a,b)";
    check(1, "P F(ab) F(ab?)*", open);
    check(1, "P F(ab) F(a)*", open);
    check(1, "P F(ab) E(a+b+)*", open);
    check(1, "P F(ab) E", open);
    check(1, "P F(ab) F(ac)*", &format!("{open} 2:join(c) 2!more-subjects(c)"));
}

#[test]
fn more_subjects_are_told_at_most_once_a_day_and_none_is_forgotten() {
    let open = "1:open(1 since 1) 1:join(a) 1!failed(a) 2:join(b) 2!more-subjects(b)";
    check(1, "P F F(ab) F(abc)", &format!("{open} 3:join(c)"));
    check(1, "P F F(ab) F(abc) +24h F(abc)", &format!("{open} 3:join(c) 28!more-subjects(c)"));
    check(1, "P F F(ab) F(abc) +24h F(abcd)", &format!("{open} 3:join(c) 28:join(d) 28!more-subjects(c,d)"));
    check(1, "P F F(ab) F(abc) +24h F(ab) F(ab)", &format!("{open} 3:join(c) 28:left(c gone)"));
}

#[test]
fn people_are_reminded_in_the_mornings_after_1_3_and_7_days_and_then_weekly() {
    // The story begins on a Monday at midnight, and mornings are at 08:00.
    let check = |timeline, expected: &str| {
        let reminders = |policy: &mut Policy| {
            policy.reminders = Reminders::default();
            policy.remediation = Remediation::Elapsed(365 * 24 * HOUR);
        };
        check_policy(reminders, timeline, &format!("1:open(1 since 1) 1:join(a) 1!failed(a){expected}"));
    };
    check("P F +24h", "");
    check("P F +30h", " 32:reminded 32!reminder(a)");
    check("P F +29h +1h +1h +1h", " 32:reminded 32!reminder(a)");
    check(
        "P F +30h +48h +96h +7d +7d",
        " 32:reminded 32!reminder(a) 80:reminded 80!reminder(a) 176:reminded 176!reminder(a) \
         344:reminded 344!reminder(a) 512:reminded 512!reminder(a)",
    );
    check("P F +30h P +14d", " 32:reminded 32!reminder(a) 32:left(a fixed) 32:recovered 32!recovered(a)");
    // One after a long absence, whatever became due in it.
    check("P F +8d +1h", " 194:reminded 194!reminder(a)");
    // Acknowledged until the end of the sixth day: then, and weekly.
    check("P F ack142 +72h +68h", "");
    check("P F ack142 +72h +80h +7d", " 154:reminded 154!reminder(a) 322:reminded 322!reminder(a)");
    // On the day on which it becomes overdue one mail is enough.
    let overdue = |policy: &mut Policy| {
        policy.reminders = Reminders::default();
        policy.remediation = Remediation::Elapsed(7 * 24 * HOUR);
    };
    let expected = "1:open(1 since 1) 1:join(a) 1!failed(a) 32:reminded 32!reminder(a) 80:reminded 80!reminder(a) \
                    176:overdue 176!overdue(a) 344:reminded 344!reminder(a)";
    check_policy(overdue, "P F +30h +48h +96h +7d", expected);
}

#[test]
fn a_control_that_flaps_is_told_once_and_again_when_it_is_steady() {
    let flapping = |policy: &mut Policy| policy.flapping = Flapping { changes: 4, within: 24 * HOUR };
    let begins = "1:open(1 since 1) 1:join(a) 1!failed(a) 2:left(a fixed) 2:recovered 2!recovered(a) \
                  3:open(2 since 3) 3:join(a) 3!failed(a) 4:left(a fixed) 4:recovered 4:withheld(recovered) \
                  4:flapping 4!flapping()";
    check_policy(flapping, "P F P F P P", begins);
    check_policy(flapping, "P F P F P F", &format!("{begins} 5:open(3 since 5) 5:join(a) 5:withheld(failed)"));
    check_policy(flapping, "P F P F P +22h", begins);
    check_policy(flapping, "P F P F P +23h", &format!("{begins} 28:steady 28!steady()"));
    check_policy(
        flapping,
        "P F P F P F +24h F P",
        &format!(
            "{begins} 5:open(3 since 5) 5:join(a) 5:withheld(failed) 30:steady 30!steady(a) 31:left(a fixed) \
             31:recovered 31!recovered(a)"
        ),
    );
    // Four changes, but not within a day.
    check_policy(
        flapping,
        "P F P +24h F P",
        "1:open(1 since 1) 1:join(a) 1!failed(a) 2:left(a fixed) 2:recovered 2!recovered(a) 27:open(2 since 27) \
         27:join(a) 27!failed(a) 28:left(a fixed) 28:recovered 28!recovered(a)",
    );
}

#[test]
fn an_exception_is_overdue_once_after_its_time_to_fix() {
    let open = "1:open(1 since 1) 1:join(a) 1!failed(a)";
    check(1, "P F +6d F", open);
    check(1, "P F +7d F +1d F", &format!("{open} 170:overdue 170!overdue(a)"));
    check(1, "P F +7d E", &format!("{open} 170:overdue 170!overdue(a)"));
    check(1, "P F +7d +1h", &format!("{open} 170:overdue 170!overdue(a)"));
    check(1, "P F P +8d", &format!("{open} 2:left(a fixed) 2:recovered 2!recovered(a)"));
    check(1, "P F R +8d", &format!("{open} 2:retired"));
}

#[test]
fn two_due_slots_without_a_good_result_are_told_once() {
    check(1, "P E P E P", "");
    check(1, "P E E", "2:untested(1) 2!not-tested");
    check(1, "P E E E x E", "2:untested(1) 2!not-tested");
    check(1, "P E E P", "2:untested(1) 2!not-tested 3:tested-again 3!tested-again");
    check(1, "P E E N", "2:untested(1) 2!not-tested 3:tested-again 3!tested-again");
    check(1, "P x x", "2:untested(1) 2!not-tested");
    check(1, "P x2", "2:untested(1) 2!not-tested");
    check(1, "P x E", "2:untested(1) 2!not-tested");
    check(
        1,
        "P E E F",
        "2:untested(1) 2!not-tested 3:open(1 since 3) 3:join(a) 3:tested-again 3!failed(a) 3!tested-again",
    );
    check(1, "P E E P E E", "2:untested(1) 2!not-tested 3:tested-again 3!tested-again 5:untested(4) 5!not-tested");
}

#[test]
fn one_slot_without_a_good_result_is_told_after_a_day() {
    // A run that is due at the very end of the day still has its ten minutes.
    check(1, "P E +23h +9m", "");
    check(1, "P E +23h +10m", "25:untested(1) 25!not-tested");
    check(1, "P E +24h +1h +1d", "26:untested(1) 26!not-tested");
    check(1, "P x +24h", "26:untested(1) 26!not-tested");
}

#[test]
fn slots_of_a_disabled_control_are_not_due() {
    check(1, "P off xd xd +2d", "");
    check(1, "P E off xd +2d", "");
    check(1, "P E E off xd on P", "2:untested(1) 2!not-tested 4:tested-again 4!tested-again");
}

#[test]
fn a_new_definition_ends_the_lives_and_not_the_exception() {
    let open = "1:open(1 since 1) 1:join(a,b) 1!failed(a,b)";
    let changed = format!("{open} 2:left(a,b definition-changed) 2:defined(2)");
    check(1, "P F(ab) D", &changed);
    check(1, "P F(ab) D P", &format!("{changed} 2:recovered 2!recovered()"));
    check(1, "P F(ab) D F(b)", &format!("{changed} 2:join(b) 2!already-failing(b)"));
    check(1, "P F(ab) D E F(b) F(b)", &format!("{changed} 3:join(b) 3!already-failing(b)"));
    check(1, "P F(ab) V F(ab)", &format!("{open} 2:defined(2)"));
    check(2, "P F D F", "2:defined(2)");
}

#[test]
fn an_older_run_is_only_counted() {
    check(1, "P P old:F", "");
    check(1, "P F old:P", "1:open(1 since 1) 1:join(a) 1!failed(a)");
    check(1, "P D oldv:F", "1:defined(2)");
    check(1, "P F D oldv:P", "1:open(1 since 1) 1:join(a) 1!failed(a) 2:left(a definition-changed) 2:defined(2)");
    check(1, "P R oldv:F", "1:retired");
}

#[test]
fn a_control_that_comes_back_goes_on_where_it_stood() {
    check(
        1,
        "P F R D P",
        "1:open(1 since 1) 1:join(a) 1!failed(a) 2:retired 2:left(a definition-changed) 2:defined(2) 2:recovered 2!recovered()",
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let mut story = Story::new(1);
    story.happens("P");
    let state = story.state.clone().unwrap();
    let decide = |facts: &RunFacts| decide_run(&state, &story.policy, story.next_exception(), story.now, facts);
    let again = story.run("P", SlotTime(START.parse().unwrap()), 1);
    assert_eq!(decide(&again), Err(Refused::SlotJudged(again.run.slot)));
    let mut unknown = story.run("P", story.slot(), 2);
    assert_eq!(decide(&unknown), Err(Refused::VersionUnknown { found: 2, newest: 1 }));
    unknown.run.version = 1;
    let next = state.next_subject;
    let named = NamedSubjects { first: SubjectNumber(next + 1), count: 1, subjects: Digest::of(b"") };
    unknown.named = Some(named);
    assert_eq!(decide(&unknown), Err(Refused::SubjectNumbers { found: next + 1, next }));

    let mut missed = story.missed(MissedReason::Down, 1);
    missed.count = 0;
    let decide = |missed: &MissedSlots| decide_missed(&state, &story.policy, story.now, missed);
    assert!(matches!(decide(&missed), Err(Refused::NoStretch { .. })));
    missed.count = 2;
    missed.from = SlotTime(START.parse().unwrap());
    assert!(matches!(decide(&missed), Err(Refused::SlotJudged(_))));
    let mut long = story.missed(MissedReason::Down, 2);
    long.days = vec![vec![DayCount { day: LocalDay(0), slots: 1 }; 81]];
    assert_eq!(decide(&long), Err(Refused::TooManyDays(81)));
}

#[test]
fn a_catch_up_run_of_the_same_slot_is_judged() {
    let mut story = Story::new(1);
    story.happens("P");
    let mut further = story.run("F", SlotTime(START.parse().unwrap()), 1);
    further.run.interval = Some(EventInterval { from: START.parse().unwrap(), until: story.now });
    further.run.covered_until = Some(story.now);
    story.judge(&further);
    assert_eq!(story.told.join(" "), "1:open(1 since 0) 1:join(a since 0) 1!failed(a)");
}

#[test]
fn a_thousand_subjects_are_split_over_entries_that_fit() {
    let mut story = Story::new(1);
    story.happens("P");
    let mut facts = story.run("F", story.slot(), 1);
    facts.statuses = (0..1000).map(|at| (SubjectNumber(at), SubjectStatus::Fail)).collect();
    let decision =
        decide_run(story.state.as_ref().unwrap(), &story.policy, story.next_exception(), story.now, &facts).unwrap();
    let joined: Vec<_> = decision.events.iter().filter(|event| matches!(event, Event::SubjectsJoined(_))).collect();
    assert_eq!(joined.len(), 4);
    for event in &decision.events {
        Entry::new(story.now, event.clone()).to_bytes().unwrap();
    }
}

#[test]
fn the_deadline_is_when_time_alone_decides_something() {
    for timeline in ["P F", "P E", "P F E", "F"] {
        let mut story = Story::new(1);
        timeline.split_whitespace().for_each(|word| story.happens(word));
        let state = story.state.clone().unwrap();
        let at = deadline(&state, &story.policy).unwrap();
        let before = at.minus(Duration::from_millis(1));
        assert!(decide_time(&state, &control(), &story.policy, before).is_empty(), "{timeline}");
        assert!(!decide_time(&state, &control(), &story.policy, at).is_empty(), "{timeline}");
    }
    let mut story = Story::new(1);
    story.happens("P");
    assert_eq!(deadline(story.state.as_ref().unwrap(), &story.policy), None);
}

#[test]
fn an_exception_is_closed_when_it_has_recovered_and_is_answered() {
    use crate::domain::{ExceptionNote, ExceptionRecord, NoteAbout, NoteKind, Recovery};
    let (id, note, now) = (ExceptionId { year: 2026, number: 1 }, Digest::of(b"note"), Timestamp::EPOCH);
    let slot = SlotTime(now);
    let mut record = ExceptionRecord {
        control: control(),
        first_slot: slot,
        opened: now,
        due: now,
        last_failing: slot,
        failing_before: slot,
        overdue: None,
        recovered: None,
        closed: None,
        acknowledged: None,
        notes: Vec::new(),
        first_alert: None,
        other_first_alerts: Vec::new(),
        subjects: BTreeMap::new(),
    };
    let close = |record: &ExceptionRecord| decide_close(None, id, record, &[], note);
    assert_eq!(close(&record), Err(Refused::StillFailing(id)));
    record.recovered = Some(Recovery { slot, at: now, tests: 2, failing_tests: 1 });
    assert_eq!(close(&record), Err(Refused::Unanswered(id)));
    let cause = (NoteKind::RootCause, Digest::of(b"cause"));
    assert_eq!(decide_close(None, id, &record, &[cause], note), Err(Refused::Unanswered(id)));
    let answers = [cause, (NoteKind::Response, Digest::of(b"response"))];
    let closed = decide_close(None, id, &record, &answers, note).unwrap();
    assert_eq!(closed.events.len(), 3, "what is given with it is noted with it");
    for kind in [NoteKind::RootCause, NoteKind::Response] {
        record.notes.push(ExceptionNote { at: now, about: NoteAbout::Note(kind), note });
    }
    assert_eq!(close(&record).unwrap().events, [Event::ExceptionClosed { exception: id, control: control(), note }]);
    record.closed = Some(now);
    assert_eq!(close(&record), Err(Refused::Closed(id)));
    assert_eq!(decide_note(id, &record, PersonDoes::Note(NoteKind::Remark), note).events.len(), 1);
}

const START: &str = "2026-03-02T00:00:00Z";
const HOUR: Duration = Duration::from_secs(3600);

fn control() -> ControlId {
    "SEC-01".parse().unwrap()
}

/// A control, its clock, and what was decided about it.
struct Story {
    state: Option<ControlState>,
    policy: Policy,
    now: Timestamp,
    defined: DefinedControl,
    exceptions: u32,
    sequence: u64,
    told: Vec<String>,
}

impl Story {
    fn new(confirmations: u32) -> Self {
        let mut story = Self {
            state: None,
            policy: Policy {
                confirmations,
                remediation: Remediation::Elapsed(7 * 24 * HOUR),
                untested_after_slots: 2,
                wall: Duration::from_secs(600),
                reminders: Reminders(Vec::new()),
                flapping: Flapping { changes: 100, within: 24 * HOUR },
                calendar: Calendar { zone: jiff::tz::TimeZone::UTC, holidays: Arc::default() },
            },
            now: START.parse().unwrap(),
            defined: DefinedControl {
                control: control(),
                definition: Digest::of(b"1"),
                plugin: Some(Digest::of(b"plugin")),
                family: Family::Security,
                severity: Severity::High,
                enabled: true,
                control_part: Digest::of(b"part"),
            },
            exceptions: 0,
            sequence: 0,
            told: Vec::new(),
        };
        story.define();
        story.told.clear();
        story
    }

    fn happens(&mut self, word: &str) {
        match word {
            "D" => {
                self.defined.definition = Digest::of(self.defined.definition.to_hex().as_bytes());
                self.define();
            }
            "V" => {
                self.defined.plugin = None;
                self.define();
            }
            "on" | "off" => {
                self.defined.enabled = word == "on";
                self.define();
            }
            "R" => {
                let decision = decide_retired(self.state.as_ref().unwrap(), &control()).unwrap();
                self.fold(decision);
            }
            "xd" => self.miss(MissedReason::Disabled, 1),
            _ if word.starts_with("ack") => {
                let until = START.parse::<Timestamp>().unwrap().plus(HOUR * word[3..].parse().unwrap());
                let exception = self.state.as_ref().unwrap().open_exception().unwrap().id;
                let note = Digest::of(b"note");
                self.apply(&Event::ExceptionAcknowledged { exception, control: control(), until: Some(until), note });
            }
            _ => match word.split_at(1) {
                ("x", count) => self.miss(MissedReason::Down, count.parse().unwrap_or(1)),
                ("+", span) => {
                    let span: jiff::SignedDuration = span.parse::<jiff::Span>().map_or_else(
                        |_| panic!("{span}"),
                        |span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).unwrap(),
                    );
                    self.now = self.now.plus(span.unsigned_abs());
                    let decision = decide_time(self.state.as_ref().unwrap(), &control(), &self.policy, self.now);
                    self.fold(decision);
                }
                _ => {
                    let version = self.state.as_ref().unwrap().version;
                    let (facts, ends) = match (word.strip_prefix("old:"), word.strip_prefix("oldv:")) {
                        (Some(run), _) => (self.run(run, SlotTime(self.now.minus(2 * HOUR)), version), false),
                        (_, Some(run)) => (self.run(run, self.slot(), version.saturating_sub(1).max(1)), true),
                        _ => (self.run(word, self.slot(), version), true),
                    };
                    self.judge(&facts);
                    if ends {
                        self.now = self.now.plus(HOUR);
                    }
                }
            },
        }
    }

    fn slot(&self) -> SlotTime {
        SlotTime(self.now)
    }

    fn next_exception(&self) -> ExceptionId {
        ExceptionId { year: 2026, number: self.exceptions + 1 }
    }

    fn define(&mut self) {
        let decision = decide_definition(self.state.as_ref(), &self.defined);
        self.fold(decision);
    }

    fn judge(&mut self, facts: &RunFacts) {
        let state = self.state.as_ref().unwrap();
        let decision = decide_run(state, &self.policy, self.next_exception(), self.now, facts).unwrap();
        self.fold(decision);
    }

    fn missed(&self, reason: MissedReason, count: u64) -> MissedSlots {
        let to = SlotTime(self.now.plus(HOUR * u32::try_from(count - 1).unwrap()));
        let version = self.state.as_ref().unwrap().version;
        MissedSlots { control: control(), version, reason, from: self.slot(), to, count, days: Vec::new() }
    }

    fn miss(&mut self, reason: MissedReason, count: u64) {
        let missed = self.missed(reason, count);
        self.now = missed.to.0;
        let decision = decide_missed(self.state.as_ref().unwrap(), &self.policy, self.now, &missed).unwrap();
        self.fold(decision);
        self.now = self.now.plus(HOUR);
    }

    fn run(&self, word: &str, slot: SlotTime, version: u32) -> RunFacts {
        let (listing, word) = match word.strip_prefix("n:") {
            Some(rest) => (Listing::NotPassing, rest),
            None => (Listing::EverySubject, word),
        };
        let (word, incomplete) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
        let outcome = match word.chars().next().unwrap() {
            'P' => Outcome::Pass,
            'F' => Outcome::Fail,
            'N' => Outcome::NotApplicable,
            'E' => Outcome::Error,
            _ => panic!("no word `{word}`"),
        };
        let default = match outcome {
            Outcome::Fail => "a",
            Outcome::Error => "",
            Outcome::Pass | Outcome::NotApplicable => "a+b+c+d+",
        };
        let findings = word[1..].strip_prefix('(').map_or(default, |rest| rest.strip_suffix(')').unwrap());
        let mut statuses: Vec<(SubjectNumber, SubjectStatus)> = Vec::new();
        for letter in findings.chars() {
            match letter {
                '+' => statuses.last_mut().unwrap().1 = SubjectStatus::Pass,
                '?' => statuses.last_mut().unwrap().1 = SubjectStatus::Error,
                '~' => statuses.last_mut().unwrap().1 = SubjectStatus::NotApplicable,
                '!' => statuses.last_mut().unwrap().1 = SubjectStatus::Excluded,
                _ => statuses.push((SubjectNumber(letter as u32 - 'a' as u32), SubjectStatus::Fail)),
            }
        }
        let run = RunEntry {
            control: control(),
            version,
            slot,
            now: slot.0,
            clock_in_doubt: false,
            took_ms: 5,
            late: false,
            days: Vec::new(),
            outcome,
            reason: (outcome == Outcome::Error).then_some(RunReason::Denied),
            incomplete,
            population: 4,
            counts: Counts::default(),
            seed_size: 0,
            interval: None,
            repeated: 0,
            covered_until: None,
            plugin_state: None,
            evidence: Evidence::SameAs(0),
        };
        RunFacts { run, listing, statuses, named: None }
    }

    fn fold(&mut self, decision: Decision) {
        for event in decision.events {
            self.apply(&event);
            self.tell(&event);
        }
        for alert in decision.alerts {
            let names = subjects(&alert.subjects);
            let cause = serde_json::to_value(alert.cause).unwrap();
            let names = match alert.cause {
                AlertCause::NotTested | AlertCause::TestedAgain => String::new(),
                _ => format!("({names})"),
            };
            self.told.push(format!("{}!{}{names}", self.hour(self.slot()), cause.as_str().unwrap()));
            self.apply(&Event::AlertQueued {
                alert: self.sequence,
                cause: alert.cause,
                control: Some(alert.control),
                exception: alert.exception,
                mail: Digest::of(b"mail"),
                deliveries: 1,
                recipients: Vec::new(),
                tells: Vec::new(),
            });
        }
    }

    fn apply(&mut self, event: &Event) {
        self.sequence += 1;
        match &mut self.state {
            Some(state) => state.apply(self.sequence, self.now, event),
            None => self.state = ControlState::begin(event),
        }
    }

    fn hour(&self, slot: SlotTime) -> u64 {
        slot.0.since(START.parse().unwrap()).as_secs() / 3600
    }

    fn tell(&mut self, event: &Event) {
        let word = match event {
            Event::ExceptionOpened { exception, first_slot, .. } => {
                self.exceptions += 1;
                format!("open({} since {})", exception.number, self.hour(*first_slot))
            }
            Event::SubjectsJoined(joined) if joined.slot < self.slot() => {
                format!("join({} since {})", subjects(&joined.subjects), self.hour(joined.slot))
            }
            Event::SubjectsJoined(joined) => format!("join({})", subjects(&joined.subjects)),
            Event::SubjectsLeft { why, subjects: ExceptionSubjects { subjects: left, .. } } => {
                let why = match why {
                    Departure::Fixed => "fixed",
                    Departure::Gone => "gone",
                    Departure::NoLongerReported => "no-longer-reported",
                    Departure::Excluded => "excluded",
                    Departure::DefinitionChanged => "definition-changed",
                };
                format!("left({} {why})", subjects(left))
            }
            Event::ExceptionOverdue { .. } => "overdue".to_owned(),
            Event::ExceptionRecovered { .. } => "recovered".to_owned(),
            Event::ExceptionReminded { .. } => "reminded".to_owned(),
            Event::FlappingStarted { .. } => "flapping".to_owned(),
            Event::FlappingEnded { .. } => "steady".to_owned(),
            Event::AlertWithheld { cause, .. } => {
                format!("withheld({})", serde_json::to_value(cause).unwrap().as_str().unwrap())
            }
            Event::WentUntested { since, .. } => format!("untested({})", self.hour(*since)),
            Event::TestedAgain { .. } => "tested-again".to_owned(),
            Event::ControlDefined { version, .. } => format!("defined({version})"),
            Event::ControlRetired { .. } => "retired".to_owned(),
            _ => return,
        };
        self.told.push(format!("{}:{word}", self.hour(self.slot())));
    }
}

fn subjects(numbers: &[SubjectNumber]) -> String {
    let letters: Vec<_> = numbers.iter().map(|number| char::from(b'a' + number.0 as u8).to_string()).collect();
    letters.join(",")
}
