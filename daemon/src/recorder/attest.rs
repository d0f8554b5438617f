//! What a person states about a control is kept like what a check reports: judged, told, and with its evidence.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidenced_contract::{Finding, Input, Listing, Report, Status};

use super::{Attestation, NoteRecord, Recorded, Recorder, RecorderError, acts::keep, draft::Draft};
use crate::{
    domain::{Digest, Event, SlotTime},
    evidence::EndedRecord,
    ledger::Store,
    runner::{Finished, Order},
    sandbox::{InputBytes, Transcript},
};

impl Recorder {
    /// Records it as a run of no slot, and until when it holds.
    pub(super) fn attest(
        &mut self,
        draft: &mut Draft,
        attestation: Attestation,
        note: NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        let Attestation { control: id, passes, until, file } = attestation;
        let control = self.catalogue.control(&id).ok_or_else(|| RecorderError::UnknownControl(id.clone()))?;
        let Some(holds) = control.check.schedule.attested() else { return Err(RecorderError::NotAttested(id)) };
        let now = draft.at();
        let latest = now.plus(holds);
        let until = until.unwrap_or(latest);
        if until <= now || until > latest {
            return Err(RecorderError::AttestedTooLong { latest });
        }
        let control = Arc::clone(control);
        let version = self.ledger.state().control(&id).map_or(1, |state| state.version);
        let order = Order {
            definition: control.check.definition(),
            control,
            version,
            slot: SlotTime(now),
            is_scheduled: false,
            is_late: false,
            interval: None,
            seed_from: (0, Digest([0; 32])),
            state: BTreeMap::new(),
        };
        let finished = Finished {
            order,
            now,
            clock_in_doubt: self.ledger.state().head().doubt.is_some(),
            took: Duration::ZERO,
            ended: EndedRecord::Report(report(passes, &note)),
            transcript: Transcript::default(),
            inputs: file.into_iter().map(|(name, bytes)| input(name, bytes, now.to_string())).collect(),
            new_state: None,
        };
        let part = keep(draft, &note)?;
        let recorded = self.ran(draft, finished)?;
        draft.push(Event::Attested { control: id, until, note: part })?;
        Ok(recorded)
    }
}

/// One subject: the control itself.
fn report(passes: bool, note: &NoteRecord) -> Report {
    let who = note.author.name();
    Report {
        summary: format!("attested by {who}: {}", note.words),
        population: 1,
        source_total: None,
        population_query: "the control itself, as a person states it".to_owned(),
        listing: Listing::EverySubject,
        findings: vec![Finding {
            subject: "attestation".to_owned(),
            label: None,
            status: if passes { Status::Pass } else { Status::Fail },
            attention: false,
            message: format!("{who}: {}", note.words),
            measurements: Vec::new(),
            as_of: None,
            event: None,
            extensions: Default::default(),
        }],
        incomplete: None,
        covered_until: None,
        attachments: Vec::new(),
        extensions: Default::default(),
    }
}

/// The file that was handed in, kept as an input is.
fn input(name: String, bytes: Vec<u8>, observed: String) -> InputBytes {
    let input = Input {
        source: format!("handed in as {name}"),
        name,
        query: String::new(),
        media_type: String::new(),
        observed,
        bytes: bytes.len() as u64,
        rows: None,
        source_total: None,
        digest: Digest::of(&bytes).to_string(),
        http: None,
    };
    InputBytes { input, bytes: Ok(bytes.into()), events: None }
}
