use std::{path::Path, time::Duration};

use clap::{ArgGroup, Args};
use jiff::civil;
use serde::Serialize;

use super::{Context, ExitStatus, Printer, moment};
use crate::{
    clock::{Clock, SystemClock},
    config,
    desk::Unknown,
    domain::{ControlId, ScheduleSpec, SlotTime, Timestamp},
    schedule::{Firing, Schedule, Shift},
};

/// Lists when a schedule fires, and what daylight saving does to it.
///
/// In a gap of daylight saving a fixed time (hour and minute are lists of numbers) fires when the gap ends, once even
/// if several fall into it; a time that comes twice fires the first time only. A wild one (with `*`, a range or a step
/// in hour or minute) fires at the times that exist, both times if they come twice.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true)),
    after_help = "Examples:\n  \
        evidenced slots --schedule '30 2 * * *' --timezone Europe/Berlin --from 2026-03-28 --to 2026-03-31\n  \
        evidenced slots --every 90m --count 5\n  \
        evidenced slots --control SEC-01 --json"
)]
pub(super) struct SlotsArguments {
    /// Minute, hour, day of month, month and day of week, as in Vixie cron; no configuration is needed.
    #[arg(long, value_name = "CRON", group = "what")]
    schedule: Option<String>,
    /// A period, such as `5m` or `1h30m`, counted from 1970-01-01T00:00Z; no configuration is needed.
    #[arg(long, value_name = "PERIOD", group = "what", value_parser = period)]
    every: Option<Duration>,
    /// A control of the configuration.
    #[arg(long, value_name = "ID", group = "what", conflicts_with = "timezone")]
    control: Option<ControlId>,
    /// IANA name of the zone that the schedule, and times without an offset, are read in [default: UTC].
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// The first moment, inclusive: RFC 3339, or a day or time of the zone's clocks [default: now].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The end, exclusive, written the same way [default: none, but then --count is 10].
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "COUNT")]
    count: Option<usize>,
}

/// How many are listed when nothing says where to end.
const COUNT_DEFAULT: usize = 10;

impl SlotsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        match self.listing(&context.config, SystemClock::new().now()) {
            Ok(listing) => {
                listing.print(&context.printer)?;
                Ok(ExitStatus::Done)
            }
            Err(error) => {
                // What is wrong with a configuration comes with its own heads.
                match error.downcast_ref::<config::Diagnostics>() {
                    Some(refused) => context.printer.talk(refused),
                    None => context.printer.error(&error),
                }
                Ok(ExitStatus::Usage)
            }
        }
    }

    /// What was asked for, or what is wrong with it.
    fn listing(self, config: &Path, now: Timestamp) -> anyhow::Result<Listing> {
        let (spec, zone_name) = match (self.schedule, self.every, &self.control) {
            (Some(cron), _, _) => (ScheduleSpec::Cron(cron), self.timezone),
            (None, Some(period), _) => (ScheduleSpec::Every(period), self.timezone),
            (None, None, Some(id)) => {
                let loaded = config::load(config)?;
                let known = || Unknown::control(id, loaded.config.controls.iter().map(|control| &control.id));
                let check = &loaded.config.control(id).ok_or_else(known)?.check;
                (check.schedule.clone(), Some(check.timezone.clone()))
            }
            (None, None, None) => anyhow::bail!("give one of --schedule, --every and --control"),
        };
        let zone_name = zone_name.unwrap_or_else(|| "UTC".to_owned());
        let schedule = Schedule::parse(&spec, &zone_name)?;
        let from = self.from.map_or(Ok(now), |text| moment::parse(&text, schedule.zone(), "--from"))?;
        let to = self.to.map(|text| moment::parse(&text, schedule.zone(), "--to")).transpose()?;
        if to.is_some_and(|to| to < from) {
            anyhow::bail!("--to is earlier than --from: they name the end, exclusive, and the start, inclusive");
        }
        let count = self.count.unwrap_or(if to.is_some() { usize::MAX } else { COUNT_DEFAULT });
        let to = to.unwrap_or(Timestamp::from_millis(i64::MAX));
        Ok(Listing { schedule, control: self.control, zone_name, from, to, count })
    }
}

/// The firings that were asked for.
struct Listing {
    schedule: Schedule,
    control: Option<ControlId>,
    zone_name: String,
    from: Timestamp,
    to: Timestamp,
    count: usize,
}

/// One firing as `--json` prints it.
#[derive(Debug, Serialize)]
struct Line<'l> {
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'l ControlId>,
    slot: SlotTime,
    /// What the zone's clocks show, with their offset.
    local: String,
    timezone: &'l str,
    /// `null` if it did nothing.
    daylight_saving: Option<DaylightSaving<'l>>,
}

#[derive(Debug, Serialize)]
struct DaylightSaving<'l> {
    kind: &'static str,
    /// The times of the zone's clocks that did not exist and that this firing stands for.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    instead_of: &'l [civil::DateTime],
}

impl Listing {
    fn firings(&self) -> impl Iterator<Item = Firing> {
        self.schedule.slots(self.from..self.to).take(self.count)
    }

    fn print(&self, printer: &Printer) -> anyhow::Result<()> {
        if printer.is_json() {
            return self.firings().try_for_each(|firing| printer.object(&self.line(&firing)));
        }
        printer.line(format_args!(
            "{:20}  {:29}  daylight saving",
            "slot (UTC)",
            format!("clock ({})", self.zone_name)
        ))?;
        let mut count = 0;
        for firing in self.firings() {
            printer.line(row(&firing))?;
            count += 1;
        }
        printer.talk(format_args!("{count} firings"));
        Ok(())
    }

    fn line<'l>(&'l self, firing: &'l Firing) -> Line<'l> {
        let daylight_saving =
            firing.shift.as_ref().map(|shift| DaylightSaving { kind: shift.as_str(), instead_of: shift.instead_of() });
        let local = format!("{}{}", firing.local, firing.offset_text());
        Line { control: self.control.as_ref(), slot: firing.slot, local, timezone: &self.zone_name, daylight_saving }
    }
}

fn row(firing: &Firing) -> String {
    let utc = firing.slot.0.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ");
    let local = firing.local.strftime("%a %Y-%m-%d %H:%M:%S");
    let shift = firing.shift.as_ref().map(|shift| said(shift, firing.local)).unwrap_or_default();
    format!("{utc:20}  {:29}  {shift}", format!("{local} {}", firing.offset_text())).trim_end().to_owned()
}

fn said(shift: &Shift, local: civil::DateTime) -> String {
    let missing = || {
        let day = local.date();
        let text = |civil: &civil::DateTime| {
            civil.strftime(if civil.date() == day { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
        };
        shift.instead_of().iter().map(text).collect::<Vec<_>>().join(", ")
    };
    match shift {
        Shift::MovedOutOfGap { .. } => format!("moved out of the gap: {} did not exist", missing()),
        Shift::Merged { .. } => format!("merged: {} did not exist, and one firing is enough", missing()),
        Shift::FirstOnly => "this time came twice: the first only".to_owned(),
        Shift::FirstOfTwo => "this time came twice: the first".to_owned(),
        Shift::SecondOfTwo => "this time came twice: the second".to_owned(),
    }
}

fn period(text: &str) -> Result<Duration, String> {
    config::duration(text).ok_or_else(|| "write a number and s, m, h or d, such as `5m` or `1h30m`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        slots: SlotsArguments,
    }

    fn listing(arguments: &str) -> anyhow::Result<Listing> {
        // A schedule in quotes is one argument.
        let arguments = arguments
            .split('\'')
            .enumerate()
            .flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
        let command = Command::try_parse_from(std::iter::once("slots").chain(arguments))?;
        command.slots.listing(Path::new("/nowhere"), "2026-03-01T00:00:00Z".parse().unwrap())
    }

    #[track_caller]
    fn check_json(arguments: &str, expected: &[&str]) {
        let listing = listing(arguments).unwrap();
        let lines: Vec<_> =
            listing.firings().map(|firing| serde_json::to_string(&listing.line(&firing)).unwrap()).collect();
        assert_eq!(lines, expected);
    }

    #[track_caller]
    fn check_error(arguments: &str, expected: &str) {
        let Err(error) = listing(arguments) else { panic!("{arguments} is accepted") };
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn each_firing_is_one_object_with_what_daylight_saving_did_in_it() {
        check_json(
            "--schedule '0,30 2 * * *' --timezone America/New_York --from 2026-03-08 --to 2026-03-09T02:30",
            &[
                r#"{"slot":"2026-03-08T07:00:00.000Z","local":"2026-03-08T03:00:00-04:00","timezone":"America/New_York","daylight_saving":{"kind":"merged","instead_of":["2026-03-08T02:00:00","2026-03-08T02:30:00"]}}"#,
                r#"{"slot":"2026-03-09T06:00:00.000Z","local":"2026-03-09T02:00:00-04:00","timezone":"America/New_York","daylight_saving":null}"#,
            ],
        );
        check_json(
            "--schedule '30 1 * * *' --timezone America/New_York --from 2026-11-01 --to 2026-11-02",
            &[
                r#"{"slot":"2026-11-01T05:30:00.000Z","local":"2026-11-01T01:30:00-04:00","timezone":"America/New_York","daylight_saving":{"kind":"first-only"}}"#,
            ],
        );
    }

    #[test]
    fn from_is_inclusive_and_to_exclusive() {
        let count = |arguments| listing(arguments).unwrap().firings().count();
        assert_eq!(count("--every 1h --from 2026-03-02T00:00:00Z --to 2026-03-03T00:00:00Z"), 24);
        assert_eq!(count("--every 1h --from 2026-03-02T00:00:00Z --to 2026-03-02T00:00:00Z"), 0);
        assert_eq!(count("--every 1h"), 10);
        assert_eq!(count("--every 1h --count 3"), 3);
        assert_eq!(count("--schedule '0 0 * * *' --from 2026-03-28 --to 2026-03-30 --timezone Europe/Berlin"), 2);
    }

    #[test]
    fn a_person_reads_when_and_why() {
        let listing = listing("--schedule '30 2 * * *' --timezone Europe/Berlin --from 2026-03-29 --count 2").unwrap();
        let rows: Vec<_> = listing.firings().map(|firing| row(&firing)).collect();
        assert_eq!(
            rows,
            [
                "2026-03-29T01:00:00Z  Sun 2026-03-29 03:00:00 +02:00  moved out of the gap: 02:30 did not exist",
                "2026-03-30T00:30:00Z  Mon 2026-03-30 02:30:00 +02:00",
            ]
        );
    }

    #[test]
    fn wrong_usage_is_answered_with_what_to_write() {
        check_error("--schedule '61 * * * *'", "`61` in the minute field: 61 is out of bounds");
        check_error("--schedule '* * * * *' --timezone Europe/Berln", "did you mean `Europe/Berlin`?");
        check_error("--every 1h --from yesterday", "--from `yesterday` is no time; write 2026-03-29,");
        check_error("--every 1h --from 2026-03-02 --to 2026-03-01", "--to is earlier than --from");
        check_error("--every soon", "write a number and s, m, h or d");
        check_error("--every 1h --schedule '* * * * *'", "cannot be used with");
        check_error("", "required");
        check_error("--control SEC-01 --timezone UTC", "cannot be used with");
    }
}
