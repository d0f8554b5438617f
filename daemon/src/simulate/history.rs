use crate::{
    domain::{Control, MissedReason, SlotTime, Timestamp},
    evidence::EndedRecord,
    fold::State,
    recorder::Fact,
};

/// What a scheduled test comes to.
#[derive(Debug)]
pub enum Came {
    Ended(Box<EndedRecord>),
    Missed(MissedReason),
}

/// Where results come from.
pub trait History {
    /// What the test of a slot comes to.
    fn came(&mut self, control: &Control, slot: SlotTime) -> Came;

    /// Whether the daemon itself does not run.
    fn is_down(&self, _at: Timestamp) -> bool {
        false
    }

    /// What people do at this time, in order; each is given once.
    fn happens(&mut self, _now: Timestamp, _state: &State) -> Vec<Fact> {
        Vec::new()
    }
}
