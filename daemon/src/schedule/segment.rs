//! A zone's time between two changes of its offset.

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};

/// A stretch of time in which a zone's clocks differ from UTC by the same amount. Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Inclusive; `i64::MIN` if there was no change before.
    pub(super) start: i64,
    /// Exclusive; `i64::MAX` if there is no change to come.
    pub(super) end: i64,
    pub(super) offset: i64,
    /// The offset until `start`.
    pub(super) before: i64,
    /// The offset from `end` on.
    pub(super) after: i64,
}

impl Segment {
    /// The one that holds `at`. Changes of a zone that leave its offset alone (a new abbreviation) are none.
    pub(super) fn at(zone: &TimeZone, at: i64) -> Self {
        let now = moment(at);
        let offset = zone.to_offset(now);
        let mut start = i64::MIN;
        let mut before = offset;
        // `preceding` is exclusive, and a change at `at` itself belongs to this segment.
        for change in zone.preceding(moment(at.saturating_add(1))) {
            let earlier = zone.to_offset(moment(change.timestamp().as_second().saturating_sub(1)));
            if earlier != offset {
                start = change.timestamp().as_second();
                before = earlier;
                break;
            }
        }
        let next = zone.following(now).find(|change| change.offset() != offset);
        Self {
            start,
            end: next.as_ref().map_or(i64::MAX, |change| change.timestamp().as_second()),
            offset: seconds(offset),
            before: seconds(before),
            after: seconds(next.map_or(offset, |change| change.offset())),
        }
    }

    /// The civil seconds that no clock of the zone showed because `start` skipped them.
    pub(super) fn gap(&self) -> Option<std::ops::Range<i64>> {
        (self.offset > self.before).then(|| self.start + self.before..self.start + self.offset)
    }

    /// Whether this civil second of the segment was shown in the segment before, too.
    pub(super) fn is_second_pass(&self, civil: i64) -> bool {
        self.offset < self.before && civil < self.start + self.before
    }

    /// Whether this civil second of the segment will be shown in the segment after, too.
    pub(super) fn is_first_pass(&self, civil: i64) -> bool {
        self.after < self.offset && civil >= self.end + self.after
    }
}

fn seconds(offset: Offset) -> i64 {
    i64::from(offset.seconds())
}

/// Clamped to what the calendar can hold.
fn moment(seconds: i64) -> Timestamp {
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
