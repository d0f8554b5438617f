//! Signed notes and checkpoints as C2SP `signed-note` and `tlog-checkpoint` define them, with Ed25519.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::{Head, LedgerError, merkle::Hash};

/// The signature type of Ed25519 in C2SP `signed-note`.
const ALGORITHM_ED25519: u8 = 1;

/// Signs checkpoints; its name is the origin of the log.
pub struct NoteKey {
    name: String,
    signing: SigningKey,
}

/// Checks the signatures of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: VerifyingKey,
}

/// The name of a key: not empty, no white space, no plus sign.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

impl NoteKey {
    pub fn generate(name: &str) -> Result<Self, LedgerError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| LedgerError::NoRandomness(error.to_string()))?;
        Ok(Self::from_seed(name, &seed))
    }

    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Self {
        Self { name: name.to_owned(), signing: SigningKey::from_bytes(seed) }
    }

    /// The text form that Go's `note` package reads: `PRIVATE+KEY+name+id+base64`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.trim_end().strip_prefix("PRIVATE+KEY+").ok_or("it does not start with `PRIVATE+KEY+`")?;
        let (name, id, bytes) = split_key(rest)?;
        let seed: &[u8; 32] = bytes[1..].try_into().map_err(|_| "it does not hold 32 bytes")?;
        let key = Self::from_seed(name, seed);
        if hex::encode(key.verifier().id()) == id { Ok(key) } else { Err("its id does not fit its bytes") }
    }

    /// The secret, with a line end.
    pub fn to_secret_text(&self) -> String {
        let bytes = [&[ALGORITHM_ED25519], self.signing.as_bytes().as_slice()].concat();
        format!("PRIVATE+KEY+{}+{}+{}\n", self.name, hex::encode(self.verifier().id()), STANDARD.encode(bytes))
    }

    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier { name: self.name.clone(), key: self.signing.verifying_key() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `text` ends with a line end; the note is the text, an empty line, and one signature line.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.signing.sign(text.as_bytes());
        let bytes = [&self.verifier().id()[..], &signature.to_bytes()].concat();
        format!("{text}\n— {} {}\n", self.name, STANDARD.encode(bytes))
    }

    pub fn sign_checkpoint(&self, head: &Head) -> String {
        self.sign(&format!("{}\n{}\n{}\n", self.name, head.size, STANDARD.encode(head.root)))
    }
}

impl std::fmt::Debug for NoteKey {
    /// Never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoteKey({})", self.verifier())
    }
}

impl NoteVerifier {
    /// `public` are the 32 bytes of an Ed25519 public key.
    pub fn new(name: &str, public: &[u8; 32]) -> Option<Self> {
        Some(Self { name: name.to_owned(), key: VerifyingKey::from_bytes(public).ok()? })
    }

    /// `name+id+base64`, the form of C2SP.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, id, bytes) = split_key(text.trim_end())?;
        let public: &[u8; 32] = bytes[1..].try_into().map_err(|_| "it does not hold 32 bytes")?;
        let verifier = Self::new(name, public).ok_or("it is no point of the curve")?;
        if hex::encode(verifier.id()) == id { Ok(verifier) } else { Err("its id does not fit its bytes") }
    }

    /// The first four bytes of `SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key)`.
    pub fn id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ALGORITHM_ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The signed text, if one of the note's signatures is this key's and right.
    pub fn open<'a>(&self, note: &'a str) -> Option<&'a str> {
        let at = note.rfind("\n\n")?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        signatures.lines().find_map(|line| {
            let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
            let bytes = STANDARD.decode(encoded).ok()?;
            let (id, signature) = bytes.split_at_checked(4)?;
            let signature = Signature::from_slice(signature).ok()?;
            let ours = name == self.name && id == self.id();
            (ours && self.key.verify_strict(text.as_bytes(), &signature).is_ok()).then_some(text)
        })
    }

    /// The head that a checkpoint of this origin somewhere in `text` states, if its signature is right. Mails indent
    /// what they show, so spaces around lines do not count.
    pub fn find_checkpoint(&self, text: &str) -> Option<Head> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.iter().enumerate().filter(|(_, line)| **line == self.name).find_map(|(at, _)| {
            let [origin, size, root, rest @ ..] = &lines[at..] else { return None };
            let signatures = rest.iter().skip_while(|line| line.is_empty()).take_while(|line| line.starts_with('—'));
            let signatures: String = signatures.map(|line| format!("{line}\n")).collect();
            self.open_checkpoint(&format!("{origin}\n{size}\n{root}\n\n{signatures}"))
        })
    }

    /// The head that a checkpoint of this origin states, if its signature is right.
    pub fn open_checkpoint(&self, note: &str) -> Option<Head> {
        let mut lines = self.open(note)?.lines();
        if lines.next()? != self.name {
            return None;
        }
        let size_text = lines.next()?;
        let size: u64 = size_text.parse().ok()?;
        let root: Hash = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        (size.to_string() == size_text).then_some(Head { size, root })
    }
}

impl std::fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [&[ALGORITHM_ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(bytes))
    }
}

fn split_key(text: &str) -> Result<(&str, &str, Vec<u8>), &'static str> {
    let mut fields = text.splitn(3, '+');
    let (Some(name), Some(id), Some(encoded)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("it does not have the fields name, id and key");
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| "its last field is not base64")?;
    if !is_key_name(name) {
        return Err("its name is empty or has a space");
    }
    if bytes.first() == Some(&ALGORITHM_ED25519) { Ok((name, id, bytes)) } else { Err("it is not an Ed25519 key") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's `golang.org/x/mod/sumdb/note`, whose format C2SP `signed-note` describes.
    const SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = concat!(
        "If you think cryptography is the answer to your problem,\n",
        "then you don't know what your problem is.\n",
        "\n",
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    );

    #[test]
    fn a_note_is_signed_as_the_published_one() {
        let key = NoteKey::parse(SECRET).unwrap();
        assert_eq!(key.verifier().to_string(), VERIFIER);
        assert_eq!(key.to_secret_text().trim_end(), SECRET);
        let text = &NOTE[..NOTE.rfind("\n\n").unwrap() + 1];
        assert_eq!(key.sign(text), NOTE);
    }

    #[test]
    fn a_note_opens_only_unaltered_and_with_its_own_key() {
        let verifier = NoteVerifier::parse(VERIFIER).unwrap();
        assert!(verifier.open(NOTE).unwrap().ends_with("problem is.\n"));
        assert_eq!(verifier.open(&NOTE.replace("answer", "Answer")), None);
        let other = NoteKey::from_seed("PeterNeumann", &[7; 32]).verifier();
        assert_eq!(other.open(NOTE), None);
    }

    #[test]
    fn a_checkpoint_states_its_head_and_no_other() {
        let key = NoteKey::from_seed("example.com/log", &[7; 32]);
        let head = Head { size: 20, root: [9; 32] };
        let note = key.sign_checkpoint(&head);
        assert_eq!(key.verifier().open_checkpoint(&note), Some(head));
        assert_eq!(key.verifier().open_checkpoint(&note.replace("\n20\n", "\n21\n")), None);
        assert!(note.starts_with("example.com/log\n20\nCQkJCQ"));
    }

    #[test]
    fn the_secret_is_never_shown() {
        let key = NoteKey::parse(SECRET).unwrap();
        assert_eq!(format!("{key:?}"), format!("NoteKey({VERIFIER})"));
    }
}
