//! What people read: letters -> subject, text, HTML, Message-ID.
//!
//! In: facts, resolved to words. Out: a rendered mail that never changes afterwards. Pure.
//! Must not know: SMTP, the ledger, a clock.
//!
//! A letter becomes a [`document`], which [`text`] and [`html`] draw, so that both say the same. Text from outside
//! is made harmless where it enters the document ([`clean`]). The golden mails under `golden/` are what people get;
//! `UPDATE_GOLDEN=1 cargo test -p evidenced --lib mail::` writes them anew, to be read as a diff.

mod clean;
mod clock;
mod compose;
mod csv;
mod document;
mod failing;
mod frozen;
mod html;
mod letter;
mod operations;
mod summary;
mod summary_facts;
mod testing;
mod text;
pub mod words;

#[cfg(test)]
mod tests;

pub use compose::{Posting, compose, message_id};
pub use frozen::{Attachment, Mail, MailError};
pub use letter::{
    Cause, CheckpointFacts, ClockBelievedFacts, ClockDoubtedFacts, ControlFacts, EndedSubject, EvidenceFacts,
    ExceptionFacts, FailedFacts, GapFacts, Letter, Letterhead, MoreSubjectsFacts, NotTestedFacts, PluginFaultFacts,
    RecoveredFacts, RefusedFacts, SubjectFacts, TestFacts, TestedAgainFacts,
};
pub use summary_facts::{
    AuditorQuestions, ChangeRow, ControlRow, CriterionRow, ErrorRow, ExceptionRow, ExclusionRow, FamilyRow, GapRow,
    Headline, MailFacts, Period, SlotCounts, SummaryFacts, TrendRow, UntestedRow,
};
