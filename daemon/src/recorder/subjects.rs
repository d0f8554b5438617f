//! Texts of subjects and their numbers.

use std::collections::HashMap;

use crate::{
    domain::{ControlId, Digest, SubjectNumber},
    fold::{NamedPart, State},
    ledger::LedgerError,
};

/// What a subject is called whose text was erased.
pub(crate) const ERASED: &str = "(erased)";

/// Read from the parts that named them, once a control.
#[derive(Debug, Default)]
pub(super) struct Names {
    controls: HashMap<ControlId, HashMap<String, SubjectNumber>>,
}

impl Names {
    /// The numbers of a control's subjects. An erased text has no number any more: should it come again, it gets a
    /// new one.
    pub(super) fn of(
        &mut self,
        control: &ControlId,
        state: &State,
        read: impl Fn(&Digest) -> Result<Option<Vec<u8>>, LedgerError>,
    ) -> &HashMap<String, SubjectNumber> {
        self.controls.entry(control.clone()).or_insert_with(|| {
            let texts = texts(state.subject_parts(control), read);
            texts.into_iter().map(|(number, text)| (text, number)).collect()
        })
    }

    pub(super) fn learn(&mut self, control: &ControlId, first: u32, subjects: Vec<String>) {
        if let Some(known) = self.controls.get_mut(control) {
            known.extend(subjects.into_iter().zip(first..).map(|(text, number)| (text, SubjectNumber(number))));
        }
    }
}

/// The texts of a control's subjects, by number, from the parts that named them; erased and unreadable ones are left
/// out.
pub(crate) fn texts(
    parts: impl IntoIterator<Item = (SubjectNumber, NamedPart)>,
    read: impl Fn(&Digest) -> Result<Option<Vec<u8>>, LedgerError>,
) -> HashMap<SubjectNumber, String> {
    let mut texts = HashMap::new();
    for (first, named) in parts {
        let Ok(Some(bytes)) = read(&named.part) else { continue };
        let Ok(subjects) = serde_json::from_slice::<Vec<String>>(&bytes) else { continue };
        texts.extend(subjects.into_iter().zip(first.0..).map(|(text, number)| (SubjectNumber(number), text)));
    }
    texts
}
