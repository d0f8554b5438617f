use super::{ControlState, Decision, Refused, run::in_entries};
use crate::domain::{ControlId, Departure, Digest, Event, Family, Severity, SubjectNumber};

/// A control as the configuration now states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedControl {
    pub control: ControlId,
    pub definition: Digest,
    /// Digest of the plugin's bytes; `None` if they cannot be read.
    pub plugin: Option<Digest>,
    pub family: Family,
    pub severity: Severity,
    pub enabled: bool,
    /// Part: the control as configured; the same as before if nothing in it changed.
    pub control_part: Digest,
}

/// What an accepted configuration means for one control: nothing, a new presentation, or a new version. A new
/// definition is another promise: the subjects that failed the old one leave its exception, which stays open until a
/// run answers.
pub fn decide_definition(state: Option<&ControlState>, defined: &DefinedControl) -> Decision {
    let DefinedControl { control, definition, plugin, family, severity, enabled, control_part } = defined.clone();
    let define = |version| Event::ControlDefined {
        control: control.clone(),
        version,
        definition,
        plugin,
        family,
        severity,
        enabled,
        control_part,
    };
    let mut decision = Decision::default();
    let Some(state) = state else {
        decision.events.push(define(1));
        return decision;
    };
    if state.definition != definition {
        decision.events.extend(subjects_leave(state, &control));
    }
    if state.retired || state.definition != definition || state.plugin != plugin {
        decision.events.push(define(state.version + 1));
    } else if (state.family, state.severity, state.enabled, state.control_part)
        != (family, severity, enabled, control_part)
    {
        decision.events.push(Event::ControlPresented { control, family, severity, enabled, control_part });
    }
    decision
}

fn subjects_leave<'a>(state: &'a ControlState, control: &'a ControlId) -> Vec<Event> {
    let Some(open) = state.open_exception() else { return Vec::new() };
    let subjects: Vec<SubjectNumber> = open.subjects.keys().copied().collect();
    // The newest slot for which the old promise was tested is the last that says something of them.
    let slot = state.judged.unwrap_or(open.first_slot);
    let entries = in_entries(open.id, control, slot, &subjects);
    entries.map(|subjects| Event::SubjectsLeft { why: Departure::DefinitionChanged, subjects }).collect()
}

/// A control left the configuration. An open exception stays: people close it.
pub fn decide_retired(state: &ControlState, control: &ControlId) -> Result<Decision, Refused> {
    if state.retired {
        return Err(Refused::Retired);
    }
    Ok(Decision { events: vec![Event::ControlRetired { control: control.clone() }], alerts: Vec::new() })
}
