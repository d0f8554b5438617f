//! Names and numbers that mean one thing each. Parsing is the only way in.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr, sync::Arc};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}: {form}")]
pub struct IdError {
    text: String,
    kind: &'static str,
    form: &'static str,
}

const NAME: &str = "1 to 64 characters of A-Z a-z 0-9 . _ - and /, the first a letter or a digit";

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_id(text) { Ok(Self(text.into())) } else { Err(IdError { text: text.to_owned(), kind: $kind, form: NAME }) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

id!(
    /// The id of a control, such as `SEC-01` or `AVL-01/iris`. It stands in entries: never a person's name.
    ControlId, "the id of a control");
id!(
    /// The id of an observation window, such as `2026`.
    WindowId, "the id of a window");
id!(RecipientId, "the id of a recipient");
id!(SourceId, "the id of a source");
id!(
    /// The name of a credential; what a secret is called, never the secret.
    CredentialId, "the id of a credential");
id!(PluginName, "the name of a plugin");
id!(
    /// The id of a webhook among those of its recipient; without a slash, as the configuration has it.
    WebhookId, "the id of a webhook");

fn is_id(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}

/// An open or ended case about a control that fails; as text `EX-2026-0007`. Numbers count within a year of the
/// organization's zone and are given in the order of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExceptionId {
    pub year: i16,
    pub number: u32,
}

impl fmt::Display for ExceptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EX-{:04}-{:04}", self.year, self.number)
    }
}

impl fmt::Debug for ExceptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ExceptionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let (year, number) = text.strip_prefix("EX-")?.split_once('-')?;
            let id = Self { year: year.parse().ok()?, number: number.parse().ok()? };
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| IdError {
            text: text.to_owned(),
            kind: "the id of an exception",
            form: "write EX, the year and the number in four digits or more, such as EX-2026-0007",
        })
    }
}

impl Serialize for ExceptionId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExceptionId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A subject of one control, by the order in which it was first seen there. Entries hold this number; the text
/// that it stands for lies in a part that can be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubjectNumber(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_and_nothing_else() {
        for good in ["SEC-01", "AVL-01/iris", "2026", "a.b_c"] {
            assert_eq!(good.parse::<ControlId>().unwrap().to_string(), good);
        }
        for bad in ["", "-a", "a b", "ä", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<ControlId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_exception_id_round_trips() {
        let id = ExceptionId { year: 2026, number: 7 };
        assert_eq!(id.to_string(), "EX-2026-0007");
        assert_eq!("EX-2026-0007".parse::<ExceptionId>().unwrap(), id);
        assert!("EX-2026-7".parse::<ExceptionId>().is_err());
    }

    #[test]
    fn who_writes_an_id_wrong_is_told_what_one_looks_like() {
        assert_eq!(
            "EX-9".parse::<ExceptionId>().unwrap_err().to_string(),
            "`EX-9` is not the id of an exception: write EX, the year and the number in four digits or more, such as \
             EX-2026-0007"
        );
        assert_eq!(
            "a b".parse::<ControlId>().unwrap_err().to_string(),
            "`a b` is not the id of a control: 1 to 64 characters of A-Z a-z 0-9 . _ - and /, the first a letter or a \
             digit"
        );
    }
}
