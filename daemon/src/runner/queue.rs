//! Which slot runs, which waits, which is missed: a value that is told what happened and answers with actions.

use std::collections::{HashMap, VecDeque};

use crate::domain::{ControlId, MissedReason, Overlap, SlotTime};

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Start { control: ControlId, slot: SlotTime },
    Miss { control: ControlId, slot: SlotTime, reason: MissedReason },
}

/// The runs under way and the slots that wait for one of them to end.
///
/// Bounded: at most one slot of a control waits, so never more wait than there are controls.
#[derive(Debug)]
pub struct Queue {
    concurrency: usize,
    running: HashMap<ControlId, Running>,
    /// In the order in which they came due.
    waiting: VecDeque<Waiting>,
    is_stopping: bool,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    slot: SlotTime,
    is_scheduled: bool,
}

#[derive(Debug)]
struct Waiting {
    control: ControlId,
    slot: SlotTime,
}

impl Queue {
    pub fn new(concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), running: HashMap::new(), waiting: VecDeque::new(), is_stopping: false }
    }

    /// A slot is due.
    pub fn due(&mut self, control: &ControlId, slot: SlotTime, overlap: Overlap) -> Vec<Action> {
        if self.is_stopping {
            return vec![miss(control, slot, MissedReason::Shutdown)];
        }
        let mut actions = Vec::new();
        let running = self.running.get(control);
        let is_running = running.is_some();
        // A run that a person asked for makes a slot wait, never miss.
        if overlap == Overlap::Skip && running.is_some_and(|running| running.is_scheduled) {
            actions.push(miss(control, slot, MissedReason::Overlap));
            return actions;
        }
        // The newer slot takes the place of one that still waits: two results of one control at once would say
        // no more than one.
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.control == *control) {
            let reason = if is_running { MissedReason::Superseded } else { MissedReason::Concurrency };
            actions.push(miss(control, self.waiting[at].slot, reason));
            self.waiting[at].slot = slot;
        } else {
            self.waiting.push_back(Waiting { control: control.clone(), slot });
        }
        self.start_what_may(&mut actions);
        actions
    }

    /// Whether a run of the control is under way, or a slot of it waits.
    pub fn is_busy(&self, control: &ControlId) -> bool {
        self.running.contains_key(control) || self.waiting.iter().any(|waiting| waiting.control == *control)
    }

    /// A person asks for a run beside the schedule: it starts at once (`true`) unless the control is running.
    pub fn occupy(&mut self, control: &ControlId, slot: SlotTime) -> bool {
        if self.is_stopping || self.running.contains_key(control) {
            return false;
        }
        self.running.insert(control.clone(), Running { slot, is_scheduled: false });
        true
    }

    /// The run of a control has ended, however it ended.
    pub fn finished(&mut self, control: &ControlId) -> Vec<Action> {
        let mut actions = Vec::new();
        self.running.remove(control);
        self.start_what_may(&mut actions);
        actions
    }

    /// Starts nothing from here on; what waits is missed.
    pub fn stop(&mut self) -> Vec<Action> {
        self.is_stopping = true;
        self.waiting.drain(..).map(|waiting| miss(&waiting.control, waiting.slot, MissedReason::Shutdown)).collect()
    }

    /// Whether nothing more is to be started.
    pub const fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// The slots whose runs are under way.
    pub fn running(&self) -> impl Iterator<Item = (&ControlId, SlotTime)> {
        self.running
            .iter()
            .filter(|(_, running)| running.is_scheduled)
            .map(|(control, running)| (control, running.slot))
    }

    /// Whether an earlier slot of the control is still running.
    pub fn runs_before(&self, control: &ControlId, slot: SlotTime) -> bool {
        self.running.get(control).is_some_and(|running| running.is_scheduled && running.slot < slot)
    }

    /// Whether an earlier slot of the control waits.
    pub fn waits_before(&self, control: &ControlId, slot: SlotTime) -> bool {
        self.waiting.iter().any(|waiting| waiting.control == *control && waiting.slot < slot)
    }

    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    fn start_what_may(&mut self, actions: &mut Vec<Action>) {
        let mut at = 0;
        while self.running.len() < self.concurrency && at < self.waiting.len() {
            if self.running.contains_key(&self.waiting[at].control) {
                at += 1;
                continue;
            }
            let Some(Waiting { control, slot }) = self.waiting.remove(at) else { break };
            self.running.insert(control.clone(), Running { slot, is_scheduled: true });
            actions.push(Action::Start { control, slot });
        }
    }
}

fn miss(control: &ControlId, slot: SlotTime, reason: MissedReason) -> Action {
    Action::Miss { control: control.clone(), slot, reason }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;

    fn slot(minute: i64) -> SlotTime {
        SlotTime(Timestamp::from_millis(minute * 60_000))
    }

    fn words(actions: &[Action]) -> String {
        let one = |action: &Action| match action {
            Action::Start { control, slot } => format!("start {control}@{}", slot.0.as_millis() / 60_000),
            Action::Miss { control, slot, reason } => {
                format!("miss {control}@{} {}", slot.0.as_millis() / 60_000, reason.as_str())
            }
        };
        actions.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// `a1` = slot 1 of control a is due; `-a` = its run ended; `!` = stop.
    #[track_caller]
    fn check(concurrency: usize, overlap: Overlap, story: &str, expected: &str) {
        let mut queue = Queue::new(concurrency);
        let mut said = Vec::new();
        for word in story.split_whitespace() {
            let actions = match word.split_at(1) {
                ("!", _) => queue.stop(),
                ("-", control) => queue.finished(&control.parse().unwrap()),
                (control, minute) => queue.due(&control.parse().unwrap(), slot(minute.parse().unwrap()), overlap),
            };
            if !actions.is_empty() {
                said.push(words(&actions));
            }
        }
        assert_eq!(said.join("; "), expected, "{story}");
    }

    #[test]
    fn a_slot_that_finds_its_control_running_is_missed_or_waits() {
        check(9, Overlap::Skip, "a1 a2 -a a3", "start a@1; miss a@2 overlap; start a@3");
        check(9, Overlap::QueueOne, "a1 a2 -a", "start a@1; start a@2");
        check(9, Overlap::QueueOne, "a1 a2 a3 -a", "start a@1; miss a@2 superseded; start a@3");
    }

    #[test]
    fn a_slot_that_finds_no_room_waits_until_the_next_one_takes_its_place() {
        check(1, Overlap::Skip, "a1 b1 -a", "start a@1; start b@1");
        check(1, Overlap::Skip, "a1 b1 b2 -a", "start a@1; miss b@1 concurrency; start b@2");
        check(1, Overlap::Skip, "a1 b1 c1 -a -b", "start a@1; start b@1; start c@1");
    }

    #[test]
    fn a_stop_starts_nothing_more_and_misses_what_waits() {
        check(1, Overlap::Skip, "a1 b1 ! -a c2", "start a@1; miss b@1 shutdown; miss c@2 shutdown");
    }

    proptest! {
        #[test]
        fn every_slot_starts_once_or_is_missed_once(
            events in prop::collection::vec((0..4u8, any::<bool>()), 0..200),
            concurrency in 1..4usize,
            overlap in prop_oneof![Just(Overlap::Skip), Just(Overlap::QueueOne)],
        ) {
            let mut queue = Queue::new(concurrency);
            let (mut due, mut ended) = (BTreeSet::new(), Vec::new());
            let mut actions = Vec::new();
            for (minute, (control, is_due)) in events.into_iter().enumerate() {
                let control: ControlId = format!("c{control}").parse().unwrap();
                if is_due {
                    let slot = slot(minute as i64);
                    due.insert((control.clone(), slot));
                    actions.extend(queue.due(&control, slot, overlap));
                } else {
                    actions.extend(queue.finished(&control));
                }
                prop_assert!(queue.running().count() <= concurrency);
            }
            actions.extend(queue.stop());
            for action in actions {
                match action {
                    Action::Start { control, slot } | Action::Miss { control, slot, .. } => ended.push((control, slot)),
                }
            }
            prop_assert_eq!(ended.len(), due.len());
            prop_assert_eq!(ended.into_iter().collect::<BTreeSet<_>>(), due);
        }
    }
}
