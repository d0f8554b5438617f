//! `history`: earlier measurements and slots.

use std::sync::Arc;

use evidenced_contract::{HistoryError, HistoryPoint, Interval, SlotCounts};

use super::{Answers, Halt, Host};
use crate::sandbox::{
    ended::Ended,
    transcript::{Answer, Call},
};

/// More points are an error, never a cut.
const POINTS_MAX: usize = 100_000;

impl Host {
    /// `control` is `None` for the run's own. A plugin whose description does not say `needs.history` is refused.
    pub(in crate::sandbox) async fn history_points(
        &mut self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> Result<Result<Vec<HistoryPoint>, HistoryError>, Halt> {
        self.begin("history.points")?;
        if !self.needs.history {
            return Ok(Err(undeclared(control)));
        }
        let answer = match &mut self.answers {
            Answers::Live(world) => {
                Arc::clone(world).points(control.clone(), measurement.clone(), during.clone()).await
            }
            Answers::Recorded(player) => match player.points(&control, &measurement, &during) {
                Some(answer) => answer,
                None => return Err(self.end(Ended::CannotTell(format!("the history of `{measurement}`")))),
            },
            Answers::Nobody => return Err(Halt),
        };
        let answer = answer.and_then(|points| match points.len() {
            len if len > POINTS_MAX => Err(HistoryError::TooMany(u32::try_from(len).unwrap_or(u32::MAX))),
            _ => Ok(points),
        });
        self.transcript.record_points((&control, &measurement, &during), &answer);
        Ok(answer)
    }

    pub(in crate::sandbox) async fn history_slots_in(
        &mut self,
        control: Option<String>,
        during: Interval,
    ) -> Result<Result<SlotCounts, HistoryError>, Halt> {
        self.begin("history.slots-in")?;
        if !self.needs.history {
            return Ok(Err(undeclared(control)));
        }
        let result = match &mut self.answers {
            Answers::Live(world) => Arc::clone(world).slots_in(control.clone(), during.clone()).await,
            Answers::Recorded(player) => match player.slots(&control, &during) {
                Some(answer) => answer,
                None => return Err(self.end(Ended::CannotTell("the slots of a control".to_owned()))),
            },
            Answers::Nobody => return Err(Halt),
        };
        let answer = match &result {
            Ok(counts) => Answer::Ok(*counts),
            Err(error) => Answer::Error(error.clone()),
        };
        self.transcript.calls.push(Call::Slots { control, during, answer });
        Ok(result)
    }
}

fn undeclared(control: Option<String>) -> HistoryError {
    let control = control.unwrap_or_else(|| "this control".to_owned());
    HistoryError::Refused(format!("{control}: the plugin's description does not declare `needs.history`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Limits,
        sandbox::testing::{Town, host, host_with},
    };

    fn during(until: &str) -> Interval {
        Interval { from: "2026-01-01T00:00:00.000Z".into(), until: until.into() }
    }

    #[tokio::test]
    async fn a_control_s_own_history_is_answered() {
        let mut host = host(Town::default());
        let points = host.history_points(None, "up".into(), during("2026-02-01T00:00:00.000Z")).await.unwrap().unwrap();
        assert_eq!((points.len(), points[0].subject.as_str()), (1, "up"));
        let slots = host.history_slots_in(None, during("2026-02-01T00:00:00.000Z")).await.unwrap().unwrap();
        assert_eq!((slots.due, host.transcript.calls.len()), (3, 2));
    }

    #[tokio::test]
    async fn without_a_grant_or_a_declaration_it_is_refused() {
        let other = Some("AVL-01".to_owned());
        let answer = host(Town::default()).history_slots_in(other, during("2026-02-01T00:00:00.000Z")).await.unwrap();
        assert_eq!(answer, Err(HistoryError::Refused("AVL-01".into())));
        let mut host = host_with(Arc::new(Town::default()), [false; 3], Limits::default_for(false), Vec::new());
        let answer = host.history_points(None, "up".into(), during("2026-02-01T00:00:00.000Z")).await.unwrap();
        assert!(matches!(answer, Err(HistoryError::Refused(why)) if why.contains("needs.history")));
    }

    #[tokio::test]
    async fn too_many_points_are_an_error_and_never_a_cut() {
        let mut host = host(Town::default());
        let answer = host.history_points(None, "up".into(), during("9999-01-01T00:00:00.000Z")).await.unwrap();
        assert_eq!(answer, Err(HistoryError::TooMany(100_001)));
    }
}
