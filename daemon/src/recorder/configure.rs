//! A configuration was accepted or refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Catalogue, Recorded, Recorder, RecorderError, draft::Draft, exclusions::excluded_from, letters::Letters,
    post::About,
};
use crate::{
    domain::{AlertCause, Check, Control, ControlId, Digest, Event, Timestamp},
    fold::State,
    judge::{DefinedControl, decide_definition, decide_retired},
    ledger::EvidenceClass,
    ledger::Store,
    mail::{Letter, RefusedFacts},
};
use serde::{Deserialize, Serialize};

/// The part that stands for a control as it was configured: enough to re-perform its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlPart {
    pub control: Control,
    /// Part: the plugin's bytes.
    pub plugin: Option<Digest>,
    /// What the plugin calls its version. `None` too in parts that were written before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_version: Option<String>,
    /// What two people exclude besides the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<ExcludedSubject>,
}

/// An exclusion that two people decided on, as part of the definition. The subject is named by its part, so that its
/// text can be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedSubject {
    pub exclusion: u64,
    pub subject_part: Digest,
    pub until: Timestamp,
}

impl ControlPart {
    /// The digest of what the check promises; with what people exclude, if they do.
    pub fn definition(&self) -> Digest {
        definition(&self.control, &self.excluded)
    }
}

/// Without exclusions by people it is that of the check alone.
fn definition(control: &Control, excluded: &[ExcludedSubject]) -> Digest {
    #[derive(Serialize)]
    struct Promise<'a> {
        check: &'a Check,
        excluded: &'a [ExcludedSubject],
    }
    if excluded.is_empty() {
        return control.check.definition();
    }
    let promise = Promise { check: &control.check, excluded };
    let json = serde_json_canonicalizer::to_vec(&promise).expect("a check is plain data with text keys");
    Digest::of(&json)
}

impl Recorder {
    /// What changed becomes entries; what did not, none.
    pub(super) fn configured(
        &mut self,
        draft: &mut Draft,
        catalogue: Arc<Catalogue>,
        expanded: &str,
    ) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        if self.is_new_configuration(&state, expanded) {
            let configuration = draft.keep(expanded.as_bytes(), EvidenceClass::Record)?;
            let rollup_zones = catalogue.config().rollup_zones.clone();
            draft.push(Event::ConfigurationAccepted { configuration, rollup_zones })?;
        }
        let mut kept_plugins = BTreeMap::new();
        for control in catalogue.controls() {
            let plugin = catalogue.plugin(&control.check.plugin);
            let before = state.control(&control.id);
            if let Some(before) = before {
                draft.expect(&control.id, before.revision);
            }
            let before_part = before.and_then(|before| self.control_part(&before.control_part));
            let excluded = self.still_excluded(draft, &state, control, before_part.as_ref())?;
            let is_same =
                before_part.as_ref().is_some_and(|part| part.control == **control && part.excluded == excluded)
                    && before.is_some_and(|before| before.plugin == plugin.map(|plugin| plugin.digest));
            let definition = definition(control, &excluded);
            let control_part = match before {
                Some(before) if is_same => before.control_part,
                _ => {
                    let kept = before_part.as_ref().and_then(|part| part.plugin);
                    let plugin_part = match plugin {
                        None => None,
                        Some(plugin) if before.is_some_and(|before| before.plugin == Some(plugin.digest)) => kept,
                        Some(plugin) => Some(match kept_plugins.get(&plugin.digest) {
                            Some(part) => *part,
                            None => {
                                let part = draft.keep(&plugin.bytes, EvidenceClass::Record)?;
                                kept_plugins.insert(plugin.digest, part);
                                part
                            }
                        }),
                    };
                    let plugin_version = plugin.map(|plugin| plugin.version.clone());
                    let part =
                        ControlPart { control: (**control).clone(), plugin: plugin_part, plugin_version, excluded };
                    draft.keep(&serde_json::to_vec(&part).expect("a control is plain data"), EvidenceClass::Record)?
                }
            };
            let defined = DefinedControl {
                control: control.id.clone(),
                definition,
                plugin: plugin.map(|plugin| plugin.digest),
                family: control.family,
                severity: control.severity,
                enabled: control.enabled,
                control_part,
            };
            for event in decide_definition(before, &defined).events {
                draft.push(event)?;
            }
        }
        let present: BTreeSet<_> = catalogue.controls().map(|control| &control.id).collect();
        for (id, record) in state.controls() {
            if !present.contains(id) && !record.state.retired {
                draft.expect(id, record.state.revision);
                for event in decide_retired(&record.state, id)?.events {
                    draft.push(event)?;
                }
            }
        }
        for window in &catalogue.config().windows {
            let bytes = serde_json::to_vec(window).expect("a window is plain data");
            let is_same = state.windows().get(&window.id).is_some_and(|known| self.holds(&known.part, &bytes));
            if !is_same {
                let window_part = draft.keep(&bytes, EvidenceClass::Record)?;
                draft.push(Event::WindowOpened { window: window.id.clone(), window_part })?;
            }
        }
        drop(state);
        self.catalogue = catalogue;
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// What people exclude from a control that is configured anew. What is over leaves the definition when something
    /// else changes it: that it is over changes nothing by itself, as with one of the configuration.
    fn still_excluded(
        &self,
        draft: &mut Draft,
        state: &State,
        control: &Control,
        before: Option<&ControlPart>,
    ) -> Result<Vec<ExcludedSubject>, RecorderError> {
        let known = excluded_from(state, &control.id);
        if known.is_empty() {
            return Ok(known);
        }
        let is_same = before.is_some_and(|before| before.definition() == definition(control, &known));
        let (kept, over): (Vec<_>, Vec<_>) = known.into_iter().partition(|one| is_same || draft.at() < one.until);
        for ExcludedSubject { exclusion, .. } in over {
            draft.push(Event::ExclusionEnded { exclusion, control: control.id.clone(), note: None })?;
        }
        Ok(kept)
    }

    /// A control becomes another version, because what people exclude from it is something else now.
    pub(super) fn exclude_from(
        &self,
        draft: &mut Draft,
        state: &State,
        control: &ControlId,
        excluded: Vec<ExcludedSubject>,
    ) -> Result<(), RecorderError> {
        let unknown = || RecorderError::UnknownControl(control.clone());
        let before = state.control(control).ok_or_else(unknown)?;
        let part = ControlPart { excluded, ..self.control_part(&before.control_part).ok_or_else(unknown)? };
        let json = serde_json::to_vec(&part).expect("a control is plain data");
        let defined = DefinedControl {
            control: control.clone(),
            definition: part.definition(),
            plugin: before.plugin,
            family: before.family,
            severity: before.severity,
            enabled: before.enabled,
            control_part: draft.keep(&json, EvidenceClass::Record)?,
        };
        draft.expect(control, before.revision);
        for event in decide_definition(Some(before), &defined).events {
            draft.push(event)?;
        }
        Ok(())
    }

    fn is_new_configuration(&self, state: &State, expanded: &str) -> bool {
        let head = state.head();
        head.refused.is_some() || !head.configuration.is_some_and(|part| self.holds(&part, expanded.as_bytes()))
    }

    fn holds(&self, part: &Digest, bytes: &[u8]) -> bool {
        matches!(self.ledger.part(part), Ok(Some(held)) if held == bytes)
    }

    pub(super) fn control_part(&self, part: &Digest) -> Option<ControlPart> {
        serde_json::from_slice(&self.ledger.part(part).ok()??).ok()
    }

    /// The files are refused: the configuration that is in force goes on, and people are told.
    pub(super) fn configuration_refused(
        &mut self,
        draft: &mut Draft,
        errors: &str,
        count: u64,
    ) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        // The same errors again are no news: a daemon that is started again and again would send a mail each time.
        let is_same = state.head().refused.is_some_and(|part| self.holds(&part, errors.as_bytes()));
        if is_same {
            return Ok(Recorded::entry(sequence, draft.at()));
        }
        let part = draft.keep(errors.as_bytes(), EvidenceClass::Record)?;
        draft.push(Event::ConfigurationRefused { errors: part })?;
        let letter = Letter::ConfigurationRefused(RefusedFacts {
            at: draft.at(),
            errors: errors.to_owned(),
            error_count: count,
            running_since: state.head().configuration.and(state.head().started),
        });
        self.tell_operators(draft, &state, &letter, AlertCause::ConfigurationRefused)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// Queues a letter that is of no single control.
    pub(super) fn tell_operators(
        &self,
        draft: &mut Draft,
        state: &State,
        letter: &Letter,
        cause: AlertCause,
    ) -> Result<(), RecorderError> {
        let letters = Letters { catalogue: &self.catalogue, state, ledger: &self.ledger, new_names: None };
        let about = About { cause, control: None, exception: None };
        letters.tell(draft, letter, &about, &self.catalogue.config().recipients_for_daemon())
    }
}
