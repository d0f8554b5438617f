//! `state`: a small map of one control, kept between its runs.

use std::collections::BTreeMap;

use super::{Halt, Host};
use crate::sandbox::{
    ended::Ended,
    transcript::{Answer, Call},
};

/// The map as the run sees it. Its writes take effect with the run's commit.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct StateBook {
    map: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    limit: u32,
    changed: bool,
}

impl StateBook {
    pub(in crate::sandbox) fn new(map: BTreeMap<String, Vec<u8>>, limit: u32) -> Self {
        let bytes = map.iter().map(|(key, value)| key.len() + value.len()).sum();
        Self { map, bytes, limit, changed: false }
    }

    pub(in crate::sandbox) const fn map(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.map
    }

    /// The whole map, if the run changed it.
    pub(in crate::sandbox) fn into_changed(self) -> Option<BTreeMap<String, Vec<u8>>> {
        self.changed.then_some(self.map)
    }

    /// An error is the limit in bytes, which keys and values together may not pass.
    pub(in crate::sandbox) fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), u32> {
        let before = self.map.get(&key).map_or(0, |old| key.len() + old.len());
        let bytes = self.bytes - before + key.len() + value.len();
        if bytes > self.limit as usize {
            return Err(self.limit);
        }
        self.bytes = bytes;
        self.changed |= self.map.get(&key) != Some(&value);
        self.map.insert(key, value);
        Ok(())
    }

    pub(in crate::sandbox) fn remove(&mut self, key: &str) {
        if let Some(old) = self.map.remove(key) {
            self.bytes -= key.len() + old.len();
            self.changed = true;
        }
    }
}

impl Host {
    pub(in crate::sandbox) fn state_get(&mut self, key: String) -> Result<Option<Vec<u8>>, Halt> {
        self.begin_state()?;
        let value = self.state.map.get(&key).cloned();
        let answer = value.as_deref().map(|value| self.transcript.keep(value));
        self.transcript.calls.push(Call::StateGet { key, answer });
        Ok(value)
    }

    pub(in crate::sandbox) fn state_set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), u32>, Halt> {
        self.begin_state()?;
        // What was refused is known by its digest; its bytes may be larger than the state ever is.
        let digest = crate::domain::Digest::of(&value);
        let answer = match self.state.set(key.clone(), value) {
            Ok(()) => {
                let kept = self.state.map.get(&key).map_or(&[][..], Vec::as_slice);
                self.transcript.keep(kept);
                Answer::Ok(())
            }
            Err(limit) => Answer::Error(limit),
        };
        let result = match answer {
            Answer::Ok(()) => Ok(()),
            Answer::Error(limit) => Err(limit),
        };
        self.transcript.calls.push(Call::StateSet { key, value: digest, answer });
        Ok(result)
    }

    pub(in crate::sandbox) fn state_remove(&mut self, key: String) -> Result<(), Halt> {
        self.begin_state()?;
        self.state.remove(&key);
        self.transcript.calls.push(Call::StateRemove { key });
        Ok(())
    }

    pub(in crate::sandbox) fn state_keys(&mut self) -> Result<Vec<String>, Halt> {
        self.begin_state()?;
        let keys: Vec<String> = self.state.map.keys().cloned().collect();
        self.transcript.calls.push(Call::StateKeys { answer: keys.clone() });
        Ok(keys)
    }

    fn begin_state(&mut self) -> Result<(), Halt> {
        self.begin("state")?;
        if self.needs.state { Ok(()) } else { Err(self.end(Ended::Undeclared("state"))) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::Limits,
        sandbox::testing::{Town, host, host_with},
    };

    #[test]
    fn what_is_written_is_read_again_and_given_back() {
        let mut host = host(Town::default());
        host.state_set("b".into(), b"2".to_vec()).unwrap().unwrap();
        host.state_set("a".into(), b"1".to_vec()).unwrap().unwrap();
        host.state_remove("b".into()).unwrap();
        assert_eq!(host.state_get("a".into()).unwrap().unwrap(), b"1");
        assert_eq!(host.state_keys().unwrap(), ["a"]);
        assert_eq!(host.transcript.calls.len(), 5);
        assert_eq!(host.state.into_changed().unwrap(), BTreeMap::from([("a".into(), b"1".to_vec())]));
    }

    #[test]
    fn a_state_that_was_only_read_is_not_changed() {
        let mut book = StateBook::new(BTreeMap::from([("a".into(), vec![1])]), 100);
        book.set("a".into(), vec![1]).unwrap();
        book.remove("b");
        assert_eq!(book.into_changed(), None);
    }

    #[test]
    fn without_a_declaration_the_run_ends() {
        let mut host = host_with(Arc::new(Town::default()), [false; 3], Limits::default_for(false), Vec::new());
        assert!(host.state_get("a".into()).is_err());
        assert_eq!(host.ended(), Some(Ended::Undeclared("state")));
    }

    #[test]
    fn over_the_limit_nothing_is_written_and_the_limit_is_told() {
        let mut book = StateBook::new(BTreeMap::from([("key".into(), vec![0; 7])]), 10);
        assert_eq!(book.set("key".into(), vec![1; 8]), Err(10));
        assert_eq!(book.set("k".into(), Vec::new()), Err(10));
        assert_eq!(book.set("key".into(), vec![1; 6]), Ok(()));
        assert_eq!(book.set("k".into(), Vec::new()), Ok(()));
    }
}
