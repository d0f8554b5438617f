//! What people say about exceptions.

use super::{Author, Closing, NoteRecord, Recorded, Recorder, RecorderError, draft::Draft};
use crate::{
    domain::{ExceptionId, NoteKind},
    judge::{PersonDoes, decide_close, decide_note},
    ledger::EvidenceClass,
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
        let note = serde_json::to_vec(&NoteRecord { author, words }).expect("a note is plain data");
        let note = draft.keep(&note, EvidenceClass::Record)?;
        let decision = decide_note(exception, record, does, note);
        let sequence = draft.next_sequence();
        self.write(draft, &state, decision)?;
        Ok(Recorded { sequence, at: draft.at(), run: None })
    }

    pub(super) fn closed(&mut self, draft: &mut Draft, closing: Closing) -> Result<Recorded, RecorderError> {
        let Closing { exception, author, root_cause, response, words } = closing;
        let state = self.ledger.state();
        let record = state.exception(exception).ok_or(RecorderError::UnknownException(exception))?;
        let mut keep = |words| {
            let note = NoteRecord { author: author.clone(), words };
            draft.keep(&serde_json::to_vec(&note).expect("a note is plain data"), EvidenceClass::Record)
        };
        let mut answers = Vec::new();
        for (about, words) in [(NoteKind::RootCause, root_cause), (NoteKind::Response, response)] {
            if let Some(words) = words {
                has_words(&words)?;
                answers.push((about, keep(words)?));
            }
        }
        has_words(&words)?;
        let note = keep(words)?;
        let decision = decide_close(state.control(&record.control), exception, record, &answers, note)?;
        // The closing itself stands behind the notes that are given with it.
        let sequence = draft.next_sequence() + answers.len() as u64;
        self.write(draft, &state, decision)?;
        Ok(Recorded { sequence, at: draft.at(), run: None })
    }
}

/// A root cause without a word would let the exception be closed unexplained.
fn has_words(words: &str) -> Result<(), RecorderError> {
    if words.trim().is_empty() { Err(RecorderError::NoWords) } else { Ok(()) }
}
