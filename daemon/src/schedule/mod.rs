//! Cron expressions and periods in a time zone -> slots; and which events a run of a slot is asked about.
//!
//! In: a `ScheduleSpec`, a zone, an interval of time. Out: the slots in it, what daylight saving did to each, the
//! stretches of those that were missed, and for a whole set of controls which are due next. Pure.
//! Must not know: a clock, tasks, the ledger.
//!
//! Why only a part of the `cron` crate is used: it expands the fields. The rest of it differs from Vixie cron and
//! from what is promised here: it wants seconds, counts Sunday as 1, demands day-of-month *and* day-of-week,
//! reads `5/10` as a range, leaves out what falls into a gap of daylight saving, and walks `chrono` zones. So
//! [`expression`](self) checks and translates the five fields, and the walk through the calendar is done here.

mod agenda;
mod error;
mod expression;
#[cfg(test)]
mod golden;
mod interval;
#[cfg(test)]
mod properties;
mod segment;
mod slots;
mod start;
mod stretch;

pub use agenda::{Agenda, Due};
pub use error::{CronField, ScheduleError};
pub use interval::{Coverage, Portion, goal, portion};
pub use slots::{Firing, Schedule, Shift, Slots};
pub use start::{Backlog, is_late, plan_start};
pub use stretch::{Stretch, days_of, missed};
