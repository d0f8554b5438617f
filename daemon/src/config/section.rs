//! Reads the keys of one table, and knows afterwards which keys it was not asked for.

use std::cell::RefCell;

use super::{
    diagnostics::{Errors, Expected, Named},
    tree::{Node, Place, Table, Value},
};

/// One table of the configuration while it is read.
#[derive(Debug)]
pub(super) struct Section<'t> {
    table: &'t Table,
    /// Where it starts: what is missing in it is reported there.
    pub at: Place,
    /// As a person knows it, such as `[[control]]`.
    pub name: &'static str,
    /// Keys may be missing because what would have set them could not be found.
    lenient: bool,
    asked: RefCell<Vec<&'static str>>,
}

/// A value, and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub value: T,
    pub at: Place,
}

impl<'t> Section<'t> {
    pub(super) const fn new(table: &'t Table, at: Place, name: &'static str) -> Self {
        Self { table, at, name, lenient: false, asked: RefCell::new(Vec::new()) }
    }

    /// Of what is missing in it, nothing is said.
    pub(super) const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    pub(super) const fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// Whatever stands behind the key.
    pub(super) fn node(&self, key: &'static str) -> Option<&'t Node> {
        self.asked.borrow_mut().push(key);
        #[cfg(test)]
        super::noted::key(self.name, key);
        self.table.get(key).map(|member| &member.node)
    }

    /// Where the key itself stands, if it does.
    pub(super) fn key_at(&self, key: &str) -> Option<Place> {
        self.table.get(key).map(|member| member.key_at)
    }

    /// Says so if the key is not there; `example` is what to type.
    pub(super) fn require(&self, key: &'static str, example: &str, errors: &mut Errors) {
        if !self.table.contains_key(key) && !self.lenient {
            errors.add_missing_key(self.at, key, self.name, example);
        }
    }

    /// Text; an empty one is an error.
    pub(super) fn text(&self, key: &'static str, errors: &mut Errors) -> Option<Located<&'t str>> {
        let text = text(self.node(key)?, key, errors)?;
        if text.value.trim().is_empty() {
            errors.add_empty(text.at, key, "some text, or take the key out");
            return None;
        }
        Some(text)
    }

    /// The id of this table.
    pub(super) fn id<T: std::str::FromStr>(&self, named: Named, errors: &mut Errors) -> Option<Located<T>> {
        let id = text(self.node("id")?, "id", errors)?;
        match id.value.parse() {
            Ok(value) => Some(Located { value, at: id.at }),
            Err(_) => {
                errors.add_bad_id(id.at, named, id.value);
                None
            }
        }
    }

    pub(super) fn boolean(&self, key: &'static str, errors: &mut Errors) -> Option<bool> {
        let node = self.node(key)?;
        match node.value {
            Value::Boolean(truth) => Some(truth),
            ref other => {
                errors.add_wrong_type(node.at, key, Expected::TrueOrFalse, other.kind());
                None
            }
        }
    }

    /// A whole number from `least` up to 2^32 - 1.
    pub(super) fn number(&self, key: &'static str, least: u32, errors: &mut Errors) -> Option<Located<u32>> {
        let node = self.node(key)?;
        let number = match node.value {
            Value::Integer(number) => u32::try_from(number).ok().filter(|&number| number >= least),
            ref other => {
                errors.add_wrong_type(node.at, key, Expected::WholeNumber, other.kind());
                return None;
            }
        };
        if number.is_none() {
            errors.add_out_of_range(node.at, key, &format!("a number from {least} up"));
        }
        Some(Located { value: number?, at: node.at })
    }

    /// One word out of a closed list.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)], errors: &mut Errors) -> Option<T> {
        let text = text(self.node(key)?, key, errors)?;
        word(text, key, words, errors)
    }

    /// A list of text; one text alone is a list of one.
    pub(super) fn texts(&self, key: &'static str, errors: &mut Errors) -> Option<Vec<Located<&'t str>>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(vec![Located { value: text, at: node.at }]),
            Value::Array(items) => Some(items.iter().filter_map(|item| text(item, key, errors)).collect()),
            other => {
                errors.add_wrong_type(node.at, key, Expected::Texts, other.kind());
                None
            }
        }
    }

    /// A table in this one.
    pub(super) fn table(&self, key: &'static str, name: &'static str, errors: &mut Errors) -> Option<Self> {
        let node = self.node(key)?;
        match &node.value {
            Value::Table(table) => Some(Section::new(table, node.at, name)),
            other => {
                errors.add_wrong_type(node.at, key, Expected::Table, other.kind());
                None
            }
        }
    }

    /// A list of tables in this one; none if the key is not there.
    pub(super) fn tables(&self, key: &'static str, name: &'static str, errors: &mut Errors) -> Vec<Self> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::Array(items) = &node.value else {
            errors.add_wrong_type(node.at, key, Expected::Tables(name), node.value.kind());
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Table(table) => tables.push(Section::new(table, item.at, name)),
                other => errors.add_wrong_type(item.at, key, Expected::Tables(name), other.kind()),
            }
        }
        tables
    }

    /// Says which keys nobody asked for.
    pub(super) fn finish(self, errors: &mut Errors) {
        let mut known = self.asked.into_inner();
        known.sort_unstable();
        known.dedup();
        for (key, member) in self.table {
            if !known.contains(&key.as_str()) {
                errors.add_unknown_key(member.key_at, key, self.name, &known);
            }
        }
    }
}

/// Text; a date or time without quotes is text too.
pub(super) fn text<'t>(node: &'t Node, key: &str, errors: &mut Errors) -> Option<Located<&'t str>> {
    match &node.value {
        Value::Text(text) | Value::Time(text) => Some(Located { value: text, at: node.at }),
        other => {
            errors.add_wrong_type(node.at, key, Expected::Text, other.kind());
            None
        }
    }
}

/// The meaning of a word out of a closed list.
pub(super) fn word<T: Copy>(text: Located<&str>, key: &str, words: &[(&str, T)], errors: &mut Errors) -> Option<T> {
    #[cfg(test)]
    super::noted::words(key, words);
    let meaning = words.iter().find(|(word, _)| *word == text.value).map(|&(_, meaning)| meaning);
    if meaning.is_none() {
        let known: Vec<_> = words.iter().map(|&(word, _)| word).collect();
        errors.add_unknown_value(text.at, key, text.value, &known);
    }
    meaning
}
