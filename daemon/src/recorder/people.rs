//! What people say about exceptions.

use super::{Author, Closing, NoteRecord, Recorded, Recorder, RecorderError, acts::keep, draft::Draft};
use crate::{
    domain::{Act, Digest, Event, ExceptionId, NoteKind},
    judge::{PersonDoes, decide_close, decide_note},
    ledger::Store,
};

impl Recorder {
    pub(super) fn said(
        &mut self,
        draft: &mut Draft,
        exception: ExceptionId,
        does: PersonDoes,
        author: Author,
        words: String,
    ) -> Result<Recorded, RecorderError> {
        has_words(&words)?;
        let state = self.ledger.state();
        let record = state.exception(exception).ok_or(RecorderError::UnknownException(exception))?;
        let note = keep(draft, &NoteRecord { author, words })?;
        let decision = decide_note(exception, record, does, note);
        let sequence = draft.next_sequence();
        self.write(draft, &state, decision)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }

    pub(super) fn closed(&mut self, draft: &mut Draft, closing: Closing) -> Result<Recorded, RecorderError> {
        let Closing { exception, author, root_cause, response, words } = closing;
        let state = self.ledger.state();
        let record = state.exception(exception).ok_or(RecorderError::UnknownException(exception))?;
        let note = |words| NoteRecord { author: author.clone(), words };
        let mut answers = Vec::new();
        for (about, words) in [(NoteKind::RootCause, root_cause), (NoteKind::Response, response)] {
            if let Some(words) = words {
                has_words(&words)?;
                answers.push((about, keep(draft, &note(words))?));
            }
        }
        has_words(&words)?;
        let (control, note) = (record.control.clone(), note(words));
        // Whether it can be closed is told now, and asked again when it is approved.
        decide_close(state.control(&control), exception, record, &answers, Digest([0; 32]))?;
        for (about, answer) in answers {
            draft.push(Event::ExceptionNoted { exception, control: control.clone(), about, note: answer })?;
        }
        self.propose(draft, &state, Act::CloseException { exception, control }, None, &note)
    }
}

/// A root cause without a word would let the exception be closed unexplained.
pub(super) fn has_words(words: &str) -> Result<(), RecorderError> {
    if words.trim().is_empty() { Err(RecorderError::NoWords) } else { Ok(()) }
}
