//! What the parser has asked for, so that a test can hold the schema against it.

use std::{cell::RefCell, collections::BTreeSet};

/// Keys by the name of their section, and words by their key.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub keys: BTreeSet<(&'static str, &'static str)>,
    pub words: BTreeSet<(String, Vec<String>)>,
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

pub(super) fn key(section: &'static str, key: &'static str) {
    NOTED.with_borrow_mut(|noted| noted.keys.insert((section, key)));
}

pub(super) fn words<T>(key: &str, words: &[(&str, T)]) {
    let words = words.iter().map(|(word, _)| (*word).to_owned()).collect();
    NOTED.with_borrow_mut(|noted| noted.words.insert((key.to_owned(), words)));
}

/// All that this thread has noted so far.
pub(super) fn take() -> Noted {
    NOTED.take()
}
