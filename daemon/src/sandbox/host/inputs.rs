//! `inputs`: what the host gathered before the run.

use std::sync::Arc;

use super::{Halt, Host};
use crate::{
    domain::Digest,
    sandbox::{
        run::InputBytes,
        transcript::{Answer, Call},
        wasi::{Folder, Unreadable},
    },
};

/// The inputs of a run, by name.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Inputs(Vec<InputBytes>);

/// A place in an input. Readers end with the run.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it from a module of their own")]
pub struct Reader {
    bytes: Arc<[u8]>,
    at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum InputError {
    Unknown(String),
    Unreadable(String),
}

impl InputError {
    fn text(&self) -> String {
        match self {
            Self::Unknown(name) => format!("unknown: {name}"),
            Self::Unreadable(why) => format!("unreadable: {why}"),
        }
    }
}

type Found = Result<(Arc<[u8]>, Digest), InputError>;

impl Inputs {
    pub(in crate::sandbox) const fn new(inputs: Vec<InputBytes>) -> Self {
        Self(inputs)
    }

    pub(in crate::sandbox) fn iter(&self) -> impl Iterator<Item = &InputBytes> {
        self.0.iter()
    }

    /// The same as files, for plugins that read them through WASI.
    pub(in crate::sandbox) fn folder(&self) -> Folder {
        let file = |given: &InputBytes| (given.input.name.clone(), given.bytes.clone().map_err(|_| Unreadable));
        Folder::new(self.0.iter().map(file).collect())
    }

    fn find(&self, name: &str) -> Found {
        let found = self.0.iter().find(|given| given.input.name == name);
        let given = found.ok_or_else(|| InputError::Unknown(name.to_owned()))?;
        match &given.bytes {
            Ok(bytes) => {
                // The digest came with the input; it is computed only if it is not in the host's form.
                let digest = given.input.digest.parse().unwrap_or_else(|_| Digest::of(bytes));
                Ok((Arc::clone(bytes), digest))
            }
            Err(why) => Err(InputError::Unreadable(why.clone())),
        }
    }
}

impl Reader {
    /// At most `max` bytes; empty = end.
    pub(in crate::sandbox) fn read(&mut self, max: u32) -> &[u8] {
        let end = self.bytes.len().min(self.at.saturating_add(max as usize));
        let from = std::mem::replace(&mut self.at, end);
        &self.bytes[from..end]
    }
}

impl Host {
    pub(in crate::sandbox) fn inputs_read(&mut self, name: String) -> Result<Result<Arc<[u8]>, InputError>, Halt> {
        let found = self.find_input(&name)?;
        self.transcript.calls.push(Call::InputRead { name, answer: digest(&found) });
        Ok(found.map(|(bytes, _)| bytes))
    }

    pub(in crate::sandbox) fn inputs_read_text(&mut self, name: String) -> Result<Result<String, InputError>, Halt> {
        let found = self.find_input(&name)?;
        let text = found.and_then(|(bytes, digest)| match std::str::from_utf8(&bytes) {
            Ok(text) => Ok((text.to_owned(), digest)),
            Err(fault) => Err(InputError::Unreadable(format!("not UTF-8 at byte {}", fault.valid_up_to()))),
        });
        self.transcript.calls.push(Call::InputReadText { name, answer: digest(&text) });
        Ok(text.map(|(text, _)| text))
    }

    pub(in crate::sandbox) fn inputs_open(&mut self, name: String) -> Result<Result<Reader, InputError>, Halt> {
        let found = self.find_input(&name)?;
        self.transcript.calls.push(Call::InputOpen { name, answer: digest(&found) });
        Ok(found.map(|(bytes, _)| Reader { bytes, at: 0 }))
    }

    fn find_input(&mut self, name: &str) -> Result<Found, Halt> {
        self.begin("inputs")?;
        Ok(self.inputs.find(name))
    }
}

fn digest<T>(found: &Result<(T, Digest), InputError>) -> Answer<Digest, String> {
    match found {
        Ok((_, digest)) => Answer::Ok(*digest),
        Err(error) => Answer::Error(error.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Limits,
        sandbox::testing::{Town, host_with, input},
    };

    fn host() -> Host {
        let mut broken = input("broken", b"");
        broken.bytes = Err("no such file".into());
        let inputs = vec![input("text", "abcä".as_bytes()), input("bytes", b"ab\xff"), broken];
        host_with(Arc::new(Town::default()), [false; 3], Limits::default_for(false), inputs)
    }

    #[test]
    fn an_input_is_read_whole_as_text_and_in_pieces() {
        let mut host = host();
        assert_eq!(&*host.inputs_read("bytes".into()).unwrap().unwrap(), b"ab\xff");
        assert_eq!(host.inputs_read_text("text".into()).unwrap().unwrap(), "abcä");
        let mut reader = host.inputs_open("bytes".into()).unwrap().unwrap();
        let pieces = [2, 2, 2].map(|max| reader.read(max).to_vec());
        assert_eq!(pieces, [&b"ab"[..], b"\xff", b""]);
        let digest = Digest::of(b"ab\xff");
        assert_eq!(host.transcript.calls[0], Call::InputRead { name: "bytes".into(), answer: Answer::Ok(digest) });
        assert!(host.transcript.blobs.is_empty(), "an input's bytes are kept as the input");
    }

    #[test]
    fn what_was_not_gathered_is_unknown_or_unreadable() {
        let mut host = host();
        assert_eq!(host.inputs_read("other".into()).unwrap(), Err(InputError::Unknown("other".into())));
        assert_eq!(host.inputs_read("broken".into()).unwrap(), Err(InputError::Unreadable("no such file".into())));
        let not_text = host.inputs_read_text("bytes".into()).unwrap();
        assert_eq!(not_text, Err(InputError::Unreadable("not UTF-8 at byte 2".into())));
    }

    #[test]
    fn too_many_calls_end_the_run() {
        let mut host = host();
        for _ in 0..Host::RECORDED_MAX {
            host.inputs_read("text".into()).unwrap().unwrap();
        }
        assert!(host.inputs_read("text".into()).is_err());
        assert_eq!(host.ended().unwrap().to_string(), "limit requests (100000)");
    }
}
