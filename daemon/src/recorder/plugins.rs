//! Files of plugins that cannot be used, or are refused.

use super::{Recorded, Recorder, RecorderError, draft::Draft, fact::PluginRefusal};
use crate::{
    domain::{AlertCause, Event, PluginRefused},
    ledger::{EvidenceClass, Store as _},
    mail::{Letter, PluginFaultFacts, PluginRefusedFacts},
    runner::{PluginFault, RefusedPlugin},
};

impl Recorder {
    /// A plugin's file is missing, garbage, or demands what is not granted.
    pub(super) fn plugin_fault(
        &mut self,
        draft: &mut Draft,
        facts: PluginFaultFacts,
    ) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        self.tell_operators(draft, &state, &Letter::PluginFault(facts), AlertCause::PluginFault)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// A newer file of a plugin is refused, and the one that was in use goes on. The same file for the same reason is told
    /// once, however often it is read.
    pub(super) fn plugin_refused(
        &mut self,
        draft: &mut Draft,
        refusal: PluginRefusal,
    ) -> Result<Recorded, RecorderError> {
        let PluginRefusal { plugin, refused, controls } = refusal;
        let RefusedPlugin { in_use, found, locked, fault: PluginFault { reason, message }, cases, failed } = refused;
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        let known = state.head().refused_plugins.get(&plugin);
        if known.is_some_and(|known| known.found == found && known.why == reason) {
            return Ok(Recorded::entry(sequence, draft.at()));
        }
        let words = draft.keep(message.as_bytes(), EvidenceClass::Record)?;
        let why = reason;
        draft.push(Event::PluginRefused(PluginRefused {
            plugin: plugin.clone(),
            in_use,
            found,
            locked,
            why,
            cases,
            failed,
            words,
        }))?;
        let at = draft.at();
        let facts = PluginRefusedFacts { at, plugin, reason, message, in_use, found, locked, controls };
        self.tell_operators(draft, &state, &Letter::PluginRefused(facts), AlertCause::PluginRefused)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }
}
