//! What people decide: silences, and what has no effect before a second person has approved it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr, time::Duration};

use super::{ControlId, Digest, ExceptionId, Timestamp, wildcard};

/// What one person proposes and another approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    Silence(Silence),
    CloseException {
        exception: ExceptionId,
        control: ControlId,
    },
    /// The wall clock is right, whatever speaks against it.
    AcceptClock,
    /// Evidence that holds a text is erased.
    Erase {
        /// Part: the text. It is erased with what is found.
        target: Digest,
    },
    /// A control judges a subject no more, until then.
    Exclude {
        control: ControlId,
        /// Part: the subject, in which `*` stands for any text.
        subject_part: Digest,
        until: Timestamp,
    },
}

/// Mails about controls are withheld for a time; their tests go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// At least one, at most [`Self::CONTROLS_MAX`].
    pub controls: Vec<ControlPattern>,
    /// May be in the future, for work that is planned.
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Silence {
    /// So many fit an entry.
    pub const CONTROLS_MAX: usize = 40;
    /// A longer one needs a second person.
    pub const ALONE_MAX: Duration = Duration::from_secs(24 * 3600);

    pub fn covers(&self, control: &ControlId, at: Timestamp) -> bool {
        self.from <= at && at < self.until && self.names(control)
    }

    /// Whether it is about a control, at whatever time.
    pub fn names(&self, control: &ControlId) -> bool {
        self.controls.iter().any(|pattern| pattern.covers(control))
    }
}

/// The id of a control, in which `*` stands for any text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlPattern(String);

impl ControlPattern {
    pub fn covers(&self, control: &ControlId) -> bool {
        wildcard(&self.0, control.as_str())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a control: write one such as SEC-01, in which `*` stands for any text")]
pub struct PatternError(String);

impl FromStr for ControlPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        // A star is as good as any letter an id may have.
        let is_like_an_id = text.len() <= 64 && text.replace('*', "x").parse::<ControlId>().is_ok();
        if is_like_an_id { Ok(Self(text.to_owned())) } else { Err(PatternError(text.to_owned())) }
    }
}

impl fmt::Display for ControlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ControlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for ControlPattern {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ControlPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// How a proposal ended that was not approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dropped {
    /// By whoever might have approved it.
    Rejected,
    /// By its author.
    Withdrawn,
    /// What it was about is over.
    Moot,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ENTRY_BYTES_MAX, Entry, Event};

    #[test]
    fn a_silence_covers_its_controls_from_its_beginning_up_to_its_end() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let silence = Silence {
            controls: vec!["AVL-*".parse().unwrap(), "SEC-01".parse().unwrap()],
            from: at("2026-03-02T22:00:00Z"),
            until: at("2026-03-03T02:00:00Z"),
        };
        for (control, when, covered) in [
            ("AVL-01/iris", "2026-03-02T22:00:00Z", true),
            ("SEC-01", "2026-03-03T01:59:59Z", true),
            ("SEC-011", "2026-03-03T01:00:00Z", false),
            ("AVL-01", "2026-03-02T21:59:59Z", false),
            ("AVL-01", "2026-03-03T02:00:00Z", false),
        ] {
            assert_eq!(silence.covers(&control.parse().unwrap(), at(when)), covered, "{control} {when}");
        }
    }

    #[test]
    fn a_pattern_is_an_id_with_stars() {
        for text in ["*", "SEC-01", "AVL-*/iris", "*/iris"] {
            assert_eq!(text.parse::<ControlPattern>().unwrap().as_str(), text);
        }
        for text in ["", "alice smith", "-x", &"x".repeat(65)] {
            assert!(text.parse::<ControlPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_longest_silence_fits_an_entry() {
        let silence = Silence {
            controls: vec!["c".repeat(64).parse().unwrap(); Silence::CONTROLS_MAX],
            from: Timestamp::EPOCH,
            until: Timestamp::EPOCH,
        };
        let note = Digest([7; 32]);
        let event = Event::Proposed { proposal: (1 << 53) - 1, act: Act::Silence(silence), note };
        let bytes = Entry::new(Timestamp::EPOCH, event).to_bytes().unwrap();
        assert!(bytes.len() < ENTRY_BYTES_MAX);
    }
}
