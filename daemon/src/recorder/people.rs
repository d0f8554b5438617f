//! What people say about exceptions.

use super::{Author, NoteRecord, Recorded, Recorder, RecorderError, draft::Draft};
use crate::{
    domain::ExceptionId,
    judge::{PersonDoes, decide_note},
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
        // A root cause without a word would let the exception be closed unexplained.
        if words.trim().is_empty() {
            return Err(RecorderError::NoWords);
        }
        let state = self.ledger.state();
        let record = state.exception(exception).ok_or(RecorderError::UnknownException(exception))?;
        let note = serde_json::to_vec(&NoteRecord { author, words }).expect("a note is plain data");
        let note = draft.keep(&note, EvidenceClass::Record)?;
        let decision = decide_note(state.control(&record.control), exception, record, does, note)?;
        let sequence = draft.next_sequence();
        self.write(draft, &state, decision)?;
        Ok(Recorded { sequence, at: draft.at(), run: None })
    }
}
