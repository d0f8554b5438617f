//! The first day: one mail says what each control's first test came to.

use std::time::Duration;

use super::{Recorder, RecorderError, draft::Draft, letters::Letters, post::About};
use crate::{
    domain::{AlertCause, BuiltIn, Outcome},
    fold::State,
    judge::{ControlState, Phase, Testing},
    mail::{FirstResult, FirstResultsFacts, FirstRow, Letter},
};

/// Whoever waits for a control that runs once a month waits no longer than this for the others.
const AT_LATEST: Duration = Duration::from_secs(24 * 3600);

impl Recorder {
    /// Queues it once every control has a first result, or a day after the first start.
    pub(super) fn first_results(&self, draft: &mut Draft, state: &State) -> Result<(), RecorderError> {
        let (Some(started), None) = (state.head().first_started, state.head().first_results) else { return Ok(()) };
        let readers = self.catalogue.config().recipients_for_daemon();
        if readers.is_empty() || !self.catalogue.config().controls.iter().any(|control| control.built_in().is_none()) {
            return Ok(());
        }
        let mut controls: Vec<_> = self
            .catalogue
            .config()
            .controls
            .iter()
            .filter(|control| control.enabled)
            .map(|control| {
                let result = state.control(&control.id).map_or(FirstResult::NotDueYet, first_result);
                FirstRow { id: control.id.clone(), title: control.title.clone(), result }
            })
            .collect();
        // The daemon's own are not waited for: the first test of the tests may be a month away.
        let waits =
            controls.iter().any(|row| row.result == FirstResult::NotDueYet && !BuiltIn::is_control(row.id.as_str()));
        if waits && draft.at().since(started) < AT_LATEST {
            return Ok(());
        }
        controls.sort_by(|a, b| a.result.cmp(&b.result).then_with(|| a.id.cmp(&b.id)));
        let letters = Letters { catalogue: &self.catalogue, state, ledger: &self.ledger, new_names: None };
        let checkpoint = Some(letters.checkpoint(draft));
        let letter = Letter::FirstResults(FirstResultsFacts { started, controls, checkpoint });
        let about = About { cause: AlertCause::FirstResults, control: None, exception: None };
        letters.tell(draft, &letter, &about, &readers)
    }
}

fn first_result(state: &ControlState) -> FirstResult {
    match (&state.phase, state.last_run.map(|run| run.outcome)) {
        (Phase::Failing(open), _) => FirstResult::Fails(open.id),
        (Phase::Suspect { .. }, _) => FirstResult::Unconfirmed,
        (Phase::Passing, Some(Outcome::Error)) => FirstResult::NotTested,
        (Phase::Passing, Some(Outcome::NotApplicable)) => FirstResult::NothingToAssess,
        (Phase::Passing, Some(Outcome::Pass | Outcome::Fail)) => FirstResult::Passes,
        (Phase::Passing, None) if state.testing == Testing::Tested => FirstResult::NotDueYet,
        (Phase::Passing, None) => FirstResult::NotTested,
    }
}
