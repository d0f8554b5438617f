use std::{collections::BTreeSet, sync::Arc};

use super::LocalDay;

/// Which days are business days: Monday to Friday in a zone, without holidays.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    pub zone: jiff::tz::TimeZone,
    pub holidays: Arc<BTreeSet<LocalDay>>,
}

impl Calendar {
    pub fn is_business_day(&self, day: LocalDay) -> bool {
        day.to_date().weekday().to_monday_zero_offset() < 5 && !self.holidays.contains(&day)
    }

    pub fn next_business_day(&self, after: LocalDay) -> LocalDay {
        let mut day = after.next();
        // A calendar in which a year has no business day is a mistake, and must not hang whoever asks.
        for _ in 0..366 {
            if self.is_business_day(day) {
                break;
            }
            day = day.next();
        }
        day
    }
}
