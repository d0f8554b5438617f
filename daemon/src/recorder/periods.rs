//! Summaries that are due: of the week on Monday at 08:00, of the month and of the quarter on the first day after at
//! 08:00, of a window on the day after its end at 08:00; by the clocks of the organization, and of the window.

use jiff::tz::TimeZone;

use super::{NoteRecord, Recorder, RecorderError, draft::Draft, letters::Letters, post::About, zone};
use crate::{
    domain::{AlertCause, ControlId, Digest, LocalDay, SummaryKind, Timestamp},
    fold::State,
    mail::Letter,
    review::{letter, summarize_period},
    summary::{Period, Summary},
};

const HOUR: i8 = 8;

/// So many periods before are gone through: a letter about months shows half a year, one about quarters a year.
const fn periods_before(kind: SummaryKind) -> usize {
    match kind {
        SummaryKind::Monthly => 6,
        SummaryKind::Quarterly => 4,
        SummaryKind::Weekly | SummaryKind::Window => 1,
    }
}

impl Recorder {
    /// Queues every summary whose time has come since the newest of its kind went out. Also when all is well: the
    /// absence of a mail must mean a fault.
    pub(super) fn summaries(&self, draft: &mut Draft, state: &State) -> Result<(), RecorderError> {
        let Some(first) = state.head().first_started else { return Ok(()) };
        let now = draft.at();
        let home = self.catalogue.zone();
        for kind in [SummaryKind::Weekly, SummaryKind::Monthly, SummaryKind::Quarterly] {
            let since = state.head().summaries.get(&kind).copied().unwrap_or(first);
            // After a long absence only the newest is sent: the others say nothing that it and the window's do not.
            let (period, due) = due(kind, now, home);
            if since < due && due <= now && first < period.end {
                self.summary(draft, state, kind, &period, home, None)?;
            }
        }
        let since = state.head().summaries.get(&SummaryKind::Window).copied().unwrap_or(first);
        for window in &self.catalogue.config().windows {
            let its = zone(&window.timezone);
            let period = Period::window(window, &its);
            let due = due_at(&period, &its);
            if since < due && due <= now {
                self.summary(draft, state, SummaryKind::Window, &period, &its, window.controls.as_deref())?;
            }
        }
        Ok(())
    }

    fn summary(
        &self,
        draft: &mut Draft,
        state: &State,
        kind: SummaryKind,
        period: &Period,
        zone: &TimeZone,
        only: Option<&[ControlId]>,
    ) -> Result<(), RecorderError> {
        let readers = self.catalogue.config().recipients_for_summary(kind);
        if readers.is_empty() {
            return Ok(());
        }
        let add_up = |period: &Period| summarize_period(&self.ledger, state, period, only, draft.at().min(period.end));
        let summary = match add_up(period) {
            Ok(summary) => summary,
            Err(error) => {
                // The report command says the same; a summary that cannot be made must not stop everything else.
                tracing::error!(error = &error as &dyn std::error::Error, "a summary cannot be made");
                return Ok(());
            }
        };
        let mut earlier: Vec<Summary> = Vec::new();
        let mut before = period.before(zone);
        let count = periods_before(kind);
        while let Some(period) = before.filter(|_| earlier.len() < count) {
            let Ok(summary) = add_up(&period) else { break };
            if summary.headline.controls == 0 {
                break;
            }
            before = period.before(zone);
            earlier.insert(0, summary);
        }
        let letters = Letters { catalogue: &self.catalogue, state, ledger: &self.ledger, new_names: None };
        let noted = |note: &Digest| NoteRecord::read(&self.ledger, note).map(|note| (note.author.name(), note.words));
        let facts = letter(&summary, &earlier, state, &noted, self.ledger.newest_checkpoint()?);
        let about = About { cause: AlertCause::Summary(kind), control: None, exception: None };
        letters.tell(draft, &Letter::Summary(Box::new(facts)), &about, &readers)
    }
}

/// The newest week, month or quarter that is over at `now`, and when its summary is due.
pub(super) fn due(kind: SummaryKind, now: Timestamp, zone: &TimeZone) -> (Period, Timestamp) {
    let period = newest_ended(kind, now, zone);
    let due = due_at(&period, zone);
    (period, due)
}

fn newest_ended(kind: SummaryKind, now: Timestamp, zone: &TimeZone) -> Period {
    let today = LocalDay::of(now, zone);
    let current = match kind {
        SummaryKind::Weekly => Period::week(today, zone),
        SummaryKind::Quarterly => Period::quarter(today, zone),
        SummaryKind::Monthly | SummaryKind::Window => Period::month(today, zone),
    };
    current.before(zone).unwrap_or(current)
}

/// 08:00 of the day after the period's last.
fn due_at(period: &Period, zone: &TimeZone) -> Timestamp {
    let eight = period.to.next().to_date().at(HOUR, 0, 0, 0);
    match eight.to_zoned_datetime(zone.clone()) {
        Ok(at) => Timestamp::from_jiff(at.timestamp()),
        Err(_) => period.end.plus(std::time::Duration::from_secs(8 * 3600)),
    }
}
