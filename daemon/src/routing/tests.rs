//! Timelines of one reader, and what holds for all of them.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::domain::{Calendar, Digest, LocalDay};

/// Does what the recorder does: asks for a verdict, remembers what was told and held, and releases what is due.
struct Inbox {
    reader: RecipientId,
    per_hour: u32,
    quiet: Option<QuietHours>,
    rules: Rules,
    mailbox: Mailbox,
    held: BTreeMap<u64, Held>,
    next_held: u64,
    /// Alerts are numbered as they come up.
    raised: u64,
    /// Which alerts each held number is.
    alerts: BTreeMap<u64, u64>,
    mails: Vec<(Timestamp, Vec<u64>)>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Inbox {
    fn new() -> Self {
        Self {
            reader: "ops".parse().unwrap(),
            per_hour: 20,
            quiet: None,
            rules: Rules::default(),
            mailbox: Mailbox::default(),
            held: BTreeMap::new(),
            next_held: 0,
            raised: 0,
            alerts: BTreeMap::new(),
            mails: Vec::new(),
        }
    }

    fn release(&mut self, now: Timestamp) {
        for together in due(self.held.iter().map(|(number, held)| (*number, held)), now) {
            assert_eq!(together.recipients, std::slice::from_ref(&self.reader));
            let alerts = together.held.iter().map(|held| self.alerts[held]).collect();
            together.held.iter().for_each(|held| drop(self.held.remove(held)));
            self.mailbox.mail(now);
            self.mails.push((now, alerts));
        }
    }

    fn advance(&mut self, to: Timestamp) {
        while let Some(due) = next_due(self.held.values()).filter(|due| *due <= to) {
            self.release(due);
        }
    }

    fn raise(&mut self, now: Timestamp, control: &str, cause: AlertCause, severity: Severity) -> Verdict {
        self.advance(now);
        let control: ControlId = control.parse().unwrap();
        let raised = Raised { cause, severity, control: Some(&control), exception: None };
        let reader = Reader { id: &self.reader, per_hour: self.per_hour, quiet: self.quiet.as_ref() };
        let verdict = verdict(&raised, &reader, &self.mailbox, self.held.values(), &self.rules, now);
        let alert = self.raised;
        self.raised += 1;
        self.mailbox.raise(now);
        match verdict {
            Verdict::Now => {
                self.mailbox.mail(now);
                self.mails.push((now, vec![alert]));
            }
            Verdict::Hold { until, why } => {
                let held = Held {
                    cause,
                    control: Some(control),
                    exception: None,
                    severity,
                    recipients: vec![self.reader.clone()],
                    detail: Detail::Full,
                    why,
                    until,
                    letter: Digest([0; 32]),
                    raised: now,
                };
                self.alerts.insert(self.next_held, alert);
                self.held.insert(self.next_held, held);
                self.next_held += 1;
            }
        }
        verdict
    }

    /// Mails as `TIME ALERT ALERT …`.
    fn told(&mut self) -> Vec<String> {
        self.advance(at("2027-01-01T00:00:00Z"));
        let line = |(at, alerts): &(Timestamp, Vec<u64>)| {
            let alerts = alerts.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
            format!("{} {alerts}", &at.to_string()[5..19])
        };
        self.mails.iter().map(line).collect()
    }
}

const FAILED: AlertCause = AlertCause::Failed;
const HIGH: Severity = Severity::High;

#[test]
fn one_alert_is_told_at_once_and_what_comes_shortly_after_it_together() {
    let mut inbox = Inbox::new();
    inbox.raise(at("2026-03-02T06:00:00Z"), "SEC-01", FAILED, HIGH);
    inbox.raise(at("2026-03-02T06:00:00Z"), "SEC-02", FAILED, HIGH);
    inbox.raise(at("2026-03-02T06:03:00Z"), "SEC-03", FAILED, HIGH);
    inbox.raise(at("2026-03-02T07:00:00Z"), "SEC-04", FAILED, HIGH);
    assert_eq!(inbox.told(), ["03-02T06:00:00 0", "03-02T06:05:00 1 2", "03-02T07:00:00 3"]);
}

#[test]
fn one_dead_system_is_one_mail() {
    let mut inbox = Inbox::new();
    for number in 0..8 {
        let control = format!("AVL-{number}");
        inbox.raise(at("2026-03-02T06:00:00Z"), &control, AlertCause::NotTested, HIGH);
    }
    assert_eq!(inbox.told(), ["03-02T06:05:00 0 1 2 3 4 5 6 7"]);
}

#[test]
fn a_storm_is_one_mail_at_its_end_and_critical_does_not_wait() {
    let mut inbox = Inbox::new();
    inbox.rules.group = Duration::ZERO;
    for number in 0..30 {
        let control = format!("SEC-{number}");
        inbox.raise(at("2026-03-02T06:00:00Z"), &control, FAILED, HIGH);
    }
    assert_eq!(inbox.raise(at("2026-03-02T06:01:00Z"), "CNF-04", FAILED, Severity::Critical), Verdict::Now);
    let told = inbox.told();
    assert_eq!(told.len(), 12, "ten, the critical one, and the storm: {told:?}");
    assert!(told[11].starts_with("03-02T06:10:00 10 11 12 "), "{told:?}");
}

#[test]
fn an_end_is_not_told_before_its_beginning() {
    let mut inbox = Inbox::new();
    inbox.raise(at("2026-03-02T06:00:00Z"), "SEC-01", FAILED, HIGH);
    inbox.raise(at("2026-03-02T06:01:00Z"), "SEC-02", FAILED, HIGH);
    inbox.raise(at("2026-03-02T06:02:00Z"), "SEC-02", AlertCause::Recovered, HIGH);
    assert_eq!(inbox.told(), ["03-02T06:00:00 0", "03-02T06:05:00 1 2"]);
}

#[test]
fn what_is_over_the_rate_spills_into_the_next_mail_and_nothing_is_lost() {
    let mut inbox = Inbox::new();
    inbox.per_hour = 2;
    for minute in [0, 10, 20, 30, 40] {
        let now = at("2026-03-02T06:00:00Z").plus(Duration::from_secs(60 * minute));
        inbox.raise(now, &format!("SEC-{minute}"), FAILED, HIGH);
    }
    assert_eq!(inbox.told(), ["03-02T06:00:00 0", "03-02T06:10:00 1", "03-02T07:00:00 2 3 4"]);
}

fn quiet_in_berlin(business_days_only: bool) -> QuietHours {
    let holiday = LocalDay::from_date(jiff::civil::date(2026, 4, 6)); // Easter Monday
    QuietHours {
        from: jiff::civil::time(20, 0, 0, 0),
        to: jiff::civil::time(7, 0, 0, 0),
        business_days_only,
        up_to: Severity::Medium,
        calendar: Calendar {
            zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
            holidays: Arc::new([holiday].into()),
        },
    }
}

#[test]
fn low_severity_waits_for_the_morning() {
    let mut inbox = Inbox::new();
    inbox.quiet = Some(quiet_in_berlin(false));
    inbox.raise(at("2026-03-02T22:00:00Z"), "GOV-01", FAILED, Severity::Low);
    inbox.raise(at("2026-03-02T23:00:00Z"), "GOV-02", FAILED, Severity::Medium);
    inbox.raise(at("2026-03-03T00:00:00Z"), "SEC-01", FAILED, HIGH);
    inbox.raise(at("2026-03-03T01:00:00Z"), "GOV-01", AlertCause::Recovered, Severity::Low);
    assert_eq!(inbox.told(), ["03-03T00:00:00 2", "03-03T06:00:00 0 1 3"]);
}

#[test]
fn quiet_ends_with_the_night_the_weekend_and_the_holiday() {
    #[track_caller]
    fn check(business_days_only: bool, now: &str, end: Option<&str>) {
        assert_eq!(quiet_in_berlin(business_days_only).end(Severity::Low, at(now)), end.map(at), "{now}");
    }
    check(false, "2026-03-02T18:59:59Z", None); // 19:59:59
    check(false, "2026-03-02T19:00:00Z", Some("2026-03-03T06:00:00Z"));
    check(false, "2026-03-03T05:59:59Z", Some("2026-03-03T06:00:00Z"));
    check(false, "2026-03-03T06:00:00Z", None);
    check(false, "2026-03-28T23:00:00Z", Some("2026-03-29T05:00:00Z")); // summer time begins in this night
    check(true, "2026-03-06T20:00:00Z", Some("2026-03-09T06:00:00Z")); // Friday evening to Monday
    check(true, "2026-03-07T12:00:00Z", Some("2026-03-09T06:00:00Z")); // Saturday noon
    check(true, "2026-04-04T12:00:00Z", Some("2026-04-07T05:00:00Z")); // over Easter
    let mut all_day_off = quiet_in_berlin(true);
    (all_day_off.from, all_day_off.to) = (jiff::civil::Time::midnight(), jiff::civil::Time::midnight());
    assert!(all_day_off.end(Severity::Low, at("2026-03-02T12:00:00Z")).is_some(), "never quiet for ever");
}

#[test]
fn held_numbers_are_written_as_stretches() {
    assert_eq!(stretches(&[]), []);
    assert_eq!(stretches(&[3, 4, 5, 9, 11, 12]), [(3, 5), (9, 9), (11, 12)]);
}

fn held_for(recipients: &[&str], why: HoldReason, until: &str) -> Held {
    Held {
        cause: FAILED,
        control: Some("SEC-01".parse().unwrap()),
        exception: None,
        severity: HIGH,
        recipients: recipients.iter().map(|id| id.parse().unwrap()).collect(),
        detail: Detail::Full,
        why,
        until: at(until),
        letter: Digest([0; 32]),
        raised: at("2026-03-02T06:00:00Z"),
    }
}

/// Who is told which held alerts.
fn told_at(all: &[(u64, Held)], now: &str) -> Vec<(Vec<String>, Vec<u64>)> {
    let mails = due(all.iter().map(|(number, held)| (*number, held)), at(now));
    mails.into_iter().map(|mail| (mail.recipients.iter().map(ToString::to_string).collect(), mail.held)).collect()
}

#[test]
fn readers_of_the_same_alerts_share_a_mail_and_what_is_held_for_all_of_them_goes_along() {
    let all = [
        (0, held_for(&["a", "b"], HoldReason::Grouping, "2026-03-02T06:05:00Z")),
        (1, held_for(&["a", "b"], HoldReason::Storm, "2026-03-02T06:10:00Z")),
        (2, held_for(&["b"], HoldReason::QuietHours, "2026-03-03T06:00:00Z")),
    ];
    let both = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(told_at(&all, "2026-03-02T06:05:00Z"), [(both, vec![0, 1])], "b's other one waits for the morning");
}

/// Who was told one ends its being held: brought forward for some of its readers, it was never told to the others.
#[test]
fn an_alert_that_somebody_still_waits_for_is_not_told_to_the_others_before() {
    let all = [
        (0, held_for(&["a"], HoldReason::Grouping, "2026-03-02T06:05:00Z")),
        (1, held_for(&["a", "c"], HoldReason::Storm, "2026-03-02T06:10:00Z")),
    ];
    let of = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told_at(&all, "2026-03-02T06:05:00Z"), [(of(&["a"]), vec![0])]);
    assert_eq!(told_at(&all[1..], "2026-03-02T06:10:00Z"), [(of(&["a", "c"]), vec![1])]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each alert is told exactly once; none before it came up or after a day; of one control in order.
    #[test]
    fn nothing_is_lost_and_nothing_told_twice(
        per_hour in 1..6u32,
        storm in 1..8u32,
        group in 0..900u64,
        quiet in any::<bool>(),
        steps in proptest::collection::vec((0..2400u64, 0..6u8, 0..4u8, 0..3u8), 1..120),
    ) {
        let mut inbox = Inbox::new();
        inbox.per_hour = per_hour;
        inbox.rules = Rules { group: Duration::from_secs(group), storm, ..Rules::default() };
        inbox.quiet = quiet.then(|| quiet_in_berlin(false));
        let mut now = at("2026-03-02T06:00:00Z");
        let mut came_up = Vec::new();
        for (seconds, control, severity, cause) in steps {
            now = now.plus(Duration::from_secs(seconds));
            let severity = [Severity::Low, Severity::Medium, HIGH, Severity::Critical][usize::from(severity)];
            let cause = [FAILED, AlertCause::Recovered, AlertCause::NotTested][usize::from(cause)];
            inbox.raise(now, &format!("SEC-{control}"), cause, severity);
            came_up.push((now, control, severity));
        }
        inbox.told();
        let mut told: BTreeMap<u64, (Timestamp, usize)> = BTreeMap::new();
        for (place, (at, alerts)) in inbox.mails.iter().enumerate() {
            for alert in alerts {
                prop_assert!(told.insert(*alert, (*at, place)).is_none(), "{alert} is told twice");
            }
        }
        prop_assert_eq!(told.len(), came_up.len(), "something was lost");
        for (alert, (raised, control, severity)) in (0..).zip(&came_up) {
            let (at, place) = told[&alert];
            prop_assert!(*raised <= at && at.since(*raised) <= Duration::from_secs(24 * 3600));
            let later = (alert + 1..).zip(&came_up[alert as usize + 1..]);
            for (later, _) in later.filter(|(_, (_, of, its))| of == control && *its != Severity::Critical && *severity != Severity::Critical) {
                prop_assert!(place <= told[&later].1, "{later} overtook {alert}");
            }
        }
    }

    /// Whoever waits for an alert that goes out is told it then.
    #[test]
    fn what_goes_out_goes_to_all_its_readers(
        alerts in prop::collection::vec((1..8_u8, 0..3_usize, 0..60_i64), 1..12),
        minute in 0..60_i64,
    ) {
        let start = at("2026-03-02T06:00:00Z").as_millis();
        let after = |minutes: i64| Timestamp::from_millis(start + minutes * 60_000);
        let whys = [HoldReason::Grouping, HoldReason::Storm, HoldReason::QuietHours];
        let all: Vec<(u64, Held)> = alerts.iter().enumerate().map(|(number, (readers, why, until))| {
            let readers: Vec<_> = ["a", "b", "c"].into_iter().enumerate()
                .filter_map(|(bit, id)| (readers & (1 << bit) != 0).then_some(id)).collect();
            let until = after(*until).to_string();
            (number as u64, held_for(&readers, whys[*why], &until))
        }).collect();
        let mails = due(all.iter().map(|(number, held)| (*number, held)), after(minute));
        for (number, held) in &all {
            let told: Vec<_> = mails.iter().filter(|mail| mail.held.contains(number))
                .flat_map(|mail| mail.recipients.iter().cloned()).collect();
            prop_assert!(told.is_empty() || told.len() == held.recipients.len());
            prop_assert!(held.until > after(minute) || !told.is_empty());
            for reader in &held.recipients {
                prop_assert!(told.is_empty() || told.contains(reader));
            }
        }
    }
}
