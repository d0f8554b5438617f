//! Cron expressions and periods in a time zone -> slots.
//!
//! In: a `ScheduleSpec`, a zone, an interval of time. Out: the slots in it, what daylight saving did to each, and
//! for a whole set of controls which are due next. Pure.
//! Must not know: a clock, tasks, the ledger.
