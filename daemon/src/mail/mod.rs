//! What people read: letters -> subject, text, HTML, Message-ID.
//!
//! In: facts, resolved to words. Out: a rendered mail, and bodies for webhooks, that never change afterwards. Pure.
//! Must not know: SMTP, HTTP, the ledger, a clock.
//!
//! A letter becomes a [`document`], which [`text`] and [`html`] draw, so that both say the same. Text from outside
//! is made harmless where it enters the document ([`clean`]). The golden mails under `golden/` are what people get;
//! `UPDATE_GOLDEN=1 cargo test -p evidenced --lib mail::` writes them anew, to be read as a diff.

mod clean;
mod clock;
mod compose;
mod csv;
mod document;
mod ending;
mod failing;
mod first_results;
mod flapping;
mod frozen;
mod html;
mod letter;
mod operations;
mod phrases;
mod prepared;
mod proposed;
mod room;
mod summary;
mod summary_facts;
mod summary_lists;
mod testing;
mod text;
mod together;
mod told;
mod webhook;
pub mod words;

#[cfg(test)]
mod tests;

pub use compose::{Posting, compose, frame, message_id, prepare};
pub use frozen::{Attachment, Mail, MailError};
pub use letter::{
    ApprovalFacts, Cause, CheckpointFacts, ClockBelievedFacts, ClockDoubtedFacts, ControlFacts, EndedSubject,
    EvidenceFacts, ExceptionFacts, ExcludedFacts, ExclusionEndsFacts, ExpiringFacts, FailedFacts, FirstResult,
    FirstResultsFacts, FirstRow, FlappingFacts, GapFacts, Letter, Letterhead, MoreSubjectsFacts, NotTestedFacts,
    PluginFaultFacts, PluginRefusedFacts, ProposedFacts, RecoveredFacts, RefusedFacts, ReminderFacts, RoomBackFacts,
    RoomGoneFacts, SteadyFacts, SubjectFacts, TestFacts, TestedAgainFacts,
};
pub use prepared::Prepared;
pub use summary_facts::{
    AttestationRow, AuditorQuestions, ChangeRow, ControlRow, CriterionRow, ErrorRow, ExceptionRow, ExclusionRow,
    FamilyRow, GapRow, Headline, MailFacts, Period, ProposalRow, SilenceRow, SlotCounts, SummaryFacts, TrendRow,
    UntestedRow,
};
pub use together::{HeldLetter, together};
pub use webhook::{IncidentChange, Posted, delivery_id, note, post, post_change};
