use std::collections::HashMap;

use super::{Desk, ExceptionLine, NoteLine, SubjectLine};
use crate::{
    domain::{
        ControlId, Departure, ExceptionId, ExceptionNote, ExceptionRecord, ExceptionState, NoteAbout, NoteKind,
        SlotTime, SubjectNumber,
    },
    fold::{NamedPart, State},
    ledger::{Ledger, Store},
    recorder::{ERASED, NoteRecord, texts},
};

/// Resolves numbers and digests of exceptions to words; the texts of each control are read once, and when the state
/// has been let go.
pub(super) struct ExceptionReader<'a> {
    ledger: &'a Ledger<State>,
    parts: HashMap<ControlId, Vec<(SubjectNumber, NamedPart)>>,
    names: HashMap<ControlId, HashMap<SubjectNumber, String>>,
}

/// One life of a subject inside an exception.
#[derive(Debug, Clone)]
pub(super) struct SubjectLife {
    pub(super) subject: String,
    pub(super) first_seen: SlotTime,
    pub(super) last_seen: SlotTime,
    pub(super) ended: Option<(Departure, SlotTime)>,
}

impl<'a> ExceptionReader<'a> {
    /// Notes where the texts of these exceptions lie.
    pub(super) fn new<'r>(
        ledger: &'a Ledger<State>,
        state: &State,
        exceptions: impl IntoIterator<Item = &'r ExceptionRecord>,
    ) -> Self {
        let mut parts = HashMap::new();
        for ExceptionRecord { control, .. } in exceptions {
            if !parts.contains_key(control) {
                parts.insert(control.clone(), state.subject_parts(control).collect());
            }
        }
        Self { ledger, parts, names: HashMap::new() }
    }

    pub(super) fn subjects(&mut self, record: &ExceptionRecord) -> Vec<SubjectLife> {
        let names = self.names.entry(record.control.clone()).or_insert_with(|| {
            let parts = self.parts.get(&record.control).into_iter().flatten().copied();
            texts(parts, |part| self.ledger.part(part))
        });
        let mut subjects = Vec::new();
        for (number, lives) in &record.subjects {
            subjects.extend(lives.iter().map(|life| SubjectLife {
                subject: names.get(number).cloned().unwrap_or_else(|| ERASED.to_owned()),
                first_seen: life.first_seen,
                last_seen: record.last_seen(life),
                ended: life.ended.map(|end| (end.why, end.slot)),
            }));
        }
        subjects
    }

    /// Author and words of a note.
    pub(super) fn note(&self, note: &ExceptionNote) -> (String, String) {
        match NoteRecord::read(self.ledger, &note.note) {
            Some(NoteRecord { author, words }) => (author.name(), words),
            None => (ERASED.to_owned(), ERASED.to_owned()),
        }
    }

    fn line(&mut self, id: ExceptionId, record: &ExceptionRecord) -> ExceptionLine {
        let subjects = self.subjects(record).into_iter().map(|life| SubjectLine {
            subject: life.subject,
            first_seen: life.first_seen,
            last_seen: life.last_seen,
            ended: life.ended.map(|(why, slot)| (why.as_str().to_owned(), slot)),
        });
        let subjects = subjects.collect();
        let notes = record.notes.iter().map(|note| {
            let (author, words) = self.note(note);
            NoteLine { at: note.at, about: about(note.about).to_owned(), author, words }
        });
        ExceptionLine {
            id,
            control: record.control.clone(),
            state: record.state(),
            subject_count: record.subjects.len() as u64,
            first_slot: record.first_slot,
            opened: record.opened,
            due: record.due,
            overdue: record.overdue,
            recovered: record.recovered.map(|recovery| recovery.slot),
            closed: record.closed,
            acknowledged: record.acknowledged,
            notes: notes.collect(),
            subjects,
        }
    }
}

impl Desk {
    /// All exceptions, or those in one state; oldest first.
    pub fn exceptions(&self, only: Option<ExceptionState>) -> Vec<ExceptionLine> {
        self.lines(|_, record| only.is_none_or(|only| record.state() == only))
    }

    pub fn exception(&self, id: ExceptionId) -> Option<ExceptionLine> {
        self.lines(|of, _| of == id).pop()
    }

    fn lines(&self, is_wanted: impl Fn(ExceptionId, &ExceptionRecord) -> bool) -> Vec<ExceptionLine> {
        let (wanted, mut reader) = {
            let state = self.ledger.state();
            let wanted = state.exceptions().iter().filter(|(id, record)| is_wanted(**id, record));
            let wanted: Vec<_> = wanted.map(|(id, record)| (*id, record.clone())).collect();
            let reader = ExceptionReader::new(&self.ledger, &state, wanted.iter().map(|(_, record)| record));
            (wanted, reader)
        };
        wanted.iter().map(|(id, record)| reader.line(*id, record)).collect()
    }
}

const fn about(about: NoteAbout) -> &'static str {
    match about {
        NoteAbout::Acknowledgement => "acknowledged",
        NoteAbout::Closing => "closed",
        NoteAbout::Approval => "approved",
        NoteAbout::Note(NoteKind::RootCause) => "root cause",
        NoteAbout::Note(NoteKind::Response) => "response",
        NoteAbout::Note(NoteKind::CorrectiveAction) => "corrective action",
        NoteAbout::Note(NoteKind::Remark) => "remark",
    }
}
