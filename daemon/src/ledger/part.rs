use super::LedgerError;
use crate::domain::Digest;

/// Text or bytes that entries name by digest and that can be erased.
///
/// It starts with random bytes, so that the digest in the log tells nothing about an erased content, not even to
/// somebody who guesses it.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    salted: Vec<u8>,
    class: EvidenceClass,
    digest: Digest,
}

/// For how long a part is kept, and what it is stored beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EvidenceClass {
    /// What entries cannot be read without: configurations, subjects, notes, mails.
    Record,
    /// What a run saw and reported.
    Transcript,
    /// Headers and timings that differ in every answer.
    Volatile,
}

impl EvidenceClass {
    pub const ALL: [Self; 3] = [Self::Record, Self::Transcript, Self::Volatile];

    /// As file names say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Transcript => "transcript",
            Self::Volatile => "volatile",
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Record => 0,
            Self::Transcript => 1,
            Self::Volatile => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }
}

impl Part {
    /// How many random bytes stand before the content.
    pub const SALT_BYTES: usize = 16;

    /// Draws the salt. Fails only where the operating system has no randomness.
    pub fn new(content: &[u8], class: EvidenceClass) -> Result<Self, LedgerError> {
        let mut salt = [0; Self::SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| LedgerError::NoRandomness(error.to_string()))?;
        Ok(Self::with_salt(salt, content, class))
    }

    /// For callers whose randomness is injected.
    pub fn with_salt(salt: [u8; Self::SALT_BYTES], content: &[u8], class: EvidenceClass) -> Self {
        let salted = [&salt[..], content].concat();
        let digest = Digest::of(&salted);
        Self { salted, class, digest }
    }

    /// SHA-256 of salt and content.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    pub const fn class(&self) -> EvidenceClass {
        self.class
    }

    pub fn content(&self) -> &[u8] {
        &self.salted[Self::SALT_BYTES..]
    }

    pub(super) fn salted(&self) -> &[u8] {
        &self.salted
    }
}

impl std::fmt::Debug for Part {
    /// Shows shape, not content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({}, {}, {} bytes)", self.class.as_str(), self.digest, self.content().len())
    }
}
