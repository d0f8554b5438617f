use jiff::civil::Time;

use crate::domain::{Calendar, LocalDay, Severity, Timestamp};

/// The hours in which a reader is not disturbed.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    /// They may go over midnight; the same time twice is the whole day.
    pub from: Time,
    pub to: Time,
    /// Saturdays, Sundays and holidays are quiet all day.
    pub business_days_only: bool,
    /// More severe alerts are told all the same.
    pub up_to: Severity,
    pub calendar: Calendar,
}

/// A calendar without a moment that is not quiet is a mistake, and must not hold alerts for ever.
const DAYS_MAX: usize = 31;

impl QuietHours {
    /// When the quiet that `now` lies in is over for an alert of this severity; `None`: it may be told now.
    pub fn end(&self, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if severity > self.up_to || !self.is_quiet(now) {
            return None;
        }
        // It ends with the daily hours of some day, or where a day begins that is not quiet as a whole.
        let mut day = LocalDay::of(now, &self.calendar.zone);
        for _ in 0..DAYS_MAX {
            let mut ends = [day.start(&self.calendar.zone), self.daily_end(day)];
            ends.sort_unstable();
            if let Some(end) = ends.into_iter().find(|end| *end > now && !self.is_quiet(*end)) {
                return Some(end);
            }
            day = day.next();
        }
        Some(day.start(&self.calendar.zone))
    }

    fn is_quiet(&self, at: Timestamp) -> bool {
        let local = at.to_jiff().to_zoned_datetime(self.calendar.zone.clone());
        if self.business_days_only && !self.calendar.is_business_day(LocalDay::from_date(local.date())) {
            return true;
        }
        let time = local.time();
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }

    fn daily_end(&self, day: LocalDay) -> Timestamp {
        match day.to_date().to_datetime(self.to).to_zoned_datetime(self.calendar.zone.clone()) {
            Ok(at) => Timestamp::from_jiff(at.timestamp()),
            Err(_) => day.next().start(&self.calendar.zone),
        }
    }
}
