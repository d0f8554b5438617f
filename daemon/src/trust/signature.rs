//! Signing a plugin's file, and what its signature comes to.

use std::{fmt, fs, io, path::Path};

use super::{Belongings, Signer, Statement};
use crate::{domain::Digest, ledger::NoteKey};

/// A longer file is no signature.
pub const SIGNATURE_BYTES_MAX: u64 = 16 << 10;

/// How it stands with the signature of a plugin's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureState {
    /// There is none.
    Unsigned,
    /// What should be one is none.
    Broken(&'static str),
    /// It is of other bytes.
    OfAnother(Statement),
    /// None of the keys that were asked for made it; who says to have made it.
    Unknown {
        names: Vec<String>,
        statement: Statement,
    },
    Good {
        signer: Signer,
        statement: Statement,
    },
}

impl Statement {
    /// The signature, as it lies beside the plugin's file.
    pub fn sign(&self, key: &NoteKey) -> String {
        key.sign(&self.to_text())
    }
}

/// Looks at the signature beside a plugin's file; `keys`: those that are trusted.
///
/// # Errors
/// A file cannot be read. That there is no signature is none.
pub fn signature_of(file: &Path, keys: &[Signer]) -> io::Result<SignatureState> {
    let bytes = fs::read(file)?;
    let note = match fs::read(Belongings::of(file, Digest::of(&bytes)).signature) {
        Ok(note) => Some(note),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(signature_of_bytes(Digest::of(&bytes), note.as_deref(), keys))
}

/// The same of what was read before.
pub fn signature_of_bytes(digest: Digest, note: Option<&[u8]>, keys: &[Signer]) -> SignatureState {
    let Some(note) = note else { return SignatureState::Unsigned };
    if note.len() as u64 > SIGNATURE_BYTES_MAX {
        return SignatureState::Broken("it is longer than 16 KiB");
    }
    let Ok(note) = std::str::from_utf8(note) else { return SignatureState::Broken("it is no text") };
    let Some((text, lines)) = note.rfind("\n\n").map(|at| (&note[..=at], &note[at + 2..])) else {
        return SignatureState::Broken("it is no signed note");
    };
    let Some(statement) = Statement::parse(text) else {
        return SignatureState::Broken("it does not state a plugin, a version and a digest");
    };
    if statement.digest != digest {
        return SignatureState::OfAnother(statement);
    }
    if let Some(signer) = keys.iter().find(|key| key.open(note) == Some(text)) {
        return SignatureState::Good { signer: signer.clone(), statement };
    }
    let names = lines.lines().filter_map(|line| line.strip_prefix("— ")?.split(' ').next());
    SignatureState::Unknown { names: names.map(str::to_owned).collect(), statement }
}

impl fmt::Display for SignatureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("it is not signed"),
            Self::Broken(why) => write!(f, "its signature cannot be read: {why}"),
            Self::OfAnother(statement) => write!(f, "its signature is of another file: {statement}"),
            Self::Unknown { names, statement } => {
                let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
                write!(f, "its signature, which says to be by {names}, is by no key that is trusted: {statement}")
            }
            Self::Good { signer, statement } => write!(f, "signed by {}: {statement}", signer.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, seed: u8) -> (NoteKey, Signer) {
        let key = NoteKey::from_seed(name, &[seed; 32]);
        let signer = key.verifier().into();
        (key, signer)
    }

    fn statement(bytes: &[u8]) -> Statement {
        Statement::new("keys".parse().unwrap(), "1.2.0", Digest::of(bytes)).unwrap()
    }

    #[test]
    fn a_signature_is_of_one_file_and_by_one_key() {
        let (ops, ops_signer) = key("ops", 7);
        let (_, other) = key("ops", 8);
        let note = statement(b"one").sign(&ops);
        let state = |bytes: &[u8], note: &str, keys: &[Signer]| {
            signature_of_bytes(Digest::of(bytes), Some(note.as_bytes()), keys)
        };
        let good = SignatureState::Good { signer: ops_signer.clone(), statement: statement(b"one") };
        assert_eq!(state(b"one", &note, &[other.clone(), ops_signer.clone()]), good);
        assert_eq!(
            state(b"two", &note, std::slice::from_ref(&ops_signer)),
            SignatureState::OfAnother(statement(b"one"))
        );
        let unknown = |names: &[&str]| SignatureState::Unknown {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            statement: statement(b"one"),
        };
        assert_eq!(state(b"one", &note, &[other]), unknown(&["ops"]));
        assert_eq!(state(b"one", &note, &[]), unknown(&["ops"]));
        // Whoever changes a word of it has no signature.
        let newer = note.replace("1.2.0", "1.3.0");
        assert!(matches!(state(b"one", &newer, std::slice::from_ref(&ops_signer)), SignatureState::Unknown { .. }));
        let digest = Digest::of(b"one").to_string();
        let moved = note.replace(&digest, &Digest::of(b"two").to_string());
        assert!(matches!(state(b"two", &moved, std::slice::from_ref(&ops_signer)), SignatureState::Unknown { .. }));
        assert_eq!(signature_of_bytes(Digest::of(b"one"), None, &[ops_signer]), SignatureState::Unsigned);
    }

    #[test]
    fn what_is_no_signature_of_a_plugin_is_none_whoever_signed_it() {
        let (ops, signer) = key("ops", 7);
        let digest = Digest::of(b"one");
        let checkpoint = ops.sign("ops\n20\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n");
        let longer = ops.sign(&format!("evidenced plugin 1\nkeys\n1.2.0\n{digest}\nmore\n"));
        let long = "x".repeat(SIGNATURE_BYTES_MAX as usize + 1);
        for note in ["", "one\n", &checkpoint, &longer, &long] {
            let state = signature_of_bytes(digest, Some(note.as_bytes()), std::slice::from_ref(&signer));
            assert!(matches!(state, SignatureState::Broken(_)), "{state:?}");
        }
        assert!(matches!(signature_of_bytes(digest, Some(b"\xff\n\n"), &[signer]), SignatureState::Broken(_)));
        assert_eq!(Statement::new("keys".parse().unwrap(), "1\n2", digest), None);
    }

    #[test]
    fn the_signature_lies_beside_the_file() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("keys.wasm");
        fs::write(&file, "one").unwrap();
        let (ops, signer) = key("ops", 7);
        assert_eq!(signature_of(&file, &[]).unwrap(), SignatureState::Unsigned);
        fs::write(place.path().join("keys.wasm.sig"), statement(b"one").sign(&ops)).unwrap();
        assert!(matches!(signature_of(&file, &[signer]).unwrap(), SignatureState::Good { .. }));
    }
}
