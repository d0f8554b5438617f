//! Summaries of quarters are queued when they are due, once each.

use super::*;
use crate::{domain::SummaryKind, recorder::periods::due};

fn bench() -> Bench {
    let config = CONFIG.replace("timezone = \"UTC\"", "timezone = \"Europe/Berlin\"");
    let summaries = "families = [\"*\"]\nsummaries = [\"monthly\", \"quarterly\"]";
    let mut bench = Bench::with(&config.replace("families = [\"*\"]", summaries));
    bench.record(1, vec![Fact::Event(Event::DaemonStarted { software: "0.1.0".to_owned() })]);
    bench
}

impl Bench {
    /// The summaries that a tick queues.
    fn ticks(&mut self, now: &str) -> Vec<String> {
        let before = self.mails().len();
        let tick = Fact::Tick { clock: ClockState::Virtual };
        self.recorder.record(now.parse().unwrap(), vec![tick]).remove(0).unwrap();
        let subjects = self.mails().into_iter().skip(before).map(|mail| mail.subject);
        let periods = subjects.filter(|subject| ["Month", "Quarter"].iter().any(|period| subject.contains(period)));
        periods.map(|subject| subject.split(':').next().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_quarter_is_summed_up_once_on_its_first_morning_after() {
    let mut bench = bench();
    let run = bench.ran("SEC-01", 2, report("k", Status::Pass));
    bench.record(2, vec![run]);
    let both = ["[evidenced main] Month 2026-03", "[evidenced main] Quarter 2026-Q1"];
    assert!(bench.ticks("2026-04-01T05:59:59.999Z").is_empty());
    assert_eq!(bench.ticks("2026-04-01T06:00:00Z"), both);
    assert!(bench.ticks("2026-04-01T06:00:01Z").is_empty());
    assert_eq!(bench.ticks("2026-05-02T00:00:00Z"), ["[evidenced main] Month 2026-04"]);
    // After a long absence the newest of each kind, by the clocks of winter.
    assert!(bench.ticks("2026-05-02T00:00:01Z").is_empty());
    // June, September, November.
    for day in [100, 200, 250] {
        let run = bench.ran("SEC-01", day, report("k", Status::Pass));
        bench.record(day, vec![run]);
    }
    let newest = ["[evidenced main] Month 2026-12", "[evidenced main] Quarter 2026-Q4"];
    assert_eq!(bench.ticks("2027-01-01T07:00:00Z"), newest);
    let text = &bench.mails().pop().unwrap().text;
    // What a month's letter has, for three months: each control, and the quarters before.
    for part in ["Quarter 2026-Q4", "CONTROL BY CONTROL", "THE PERIODS BEFORE", "Quarter 2026-Q1", "1 October 2026"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn quarters_are_due_at_eight_by_the_clocks_of_their_zone() {
    for (zone, now, quarter, at) in [
        ("Europe/Berlin", "2026-04-01T00:00:00Z", "Quarter 2026-Q1", "2026-04-01T06:00:00.000Z"),
        ("Europe/Berlin", "2026-12-31T22:59:59Z", "Quarter 2026-Q3", "2026-10-01T06:00:00.000Z"),
        ("Europe/Berlin", "2026-12-31T23:00:00Z", "Quarter 2026-Q4", "2027-01-01T07:00:00.000Z"),
        ("UTC", "2028-03-31T23:59:59Z", "Quarter 2027-Q4", "2028-01-01T08:00:00.000Z"),
        ("America/New_York", "2028-04-01T04:00:00Z", "Quarter 2028-Q1", "2028-04-01T12:00:00.000Z"),
        ("Pacific/Kiritimati", "2026-06-30T10:00:00Z", "Quarter 2026-Q2", "2026-06-30T18:00:00.000Z"),
    ] {
        let zone = jiff::tz::TimeZone::get(zone).unwrap();
        let (period, due) = due(SummaryKind::Quarterly, now.parse().unwrap(), &zone);
        assert_eq!((period.span.to_string().as_str(), due.to_string().as_str()), (quarter, at), "{now}");
    }
}
