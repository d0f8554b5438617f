//! As much of SQL as is needed to say which tables a statement names, and whether it changes the audit log. In doubt it
//! names too much.

use super::tokens::{Token, Tokens};
use crate::{config::Dataset, pattern};

/// One statement of a text that may hold several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    /// In order: names (keywords among them) of one part or of several that dots join, and the texts within quotes.
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Name {
        parts: Vec<String>,
        /// It stands where tables are named.
        is_table: bool,
    },
    Text(String),
}

/// What a statement does to the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogChange {
    /// Reads are not logged any more, or not what was read, or not how much.
    Weakened,
    /// Anything else.
    Changed,
}

/// The statements of a text, without its comments.
pub(crate) fn statements(text: &str) -> Vec<Statement> {
    let mut statements = vec![Statement::default()];
    let (mut after_name, mut after_dot) = (false, false);
    let mut place = Place::default();
    for token in (Tokens { rest: text }) {
        let is_name = matches!(token, Token::Name(_));
        let is_dot = matches!(token, Token::Dot);
        let words = &mut statements.last_mut().expect("there is always one").words;
        match token {
            Token::Name(part) => match words.last_mut() {
                Some(Word::Name { parts, .. }) if after_dot => parts.push(part),
                _ => {
                    let is_table = place.names_table(&part);
                    words.push(Word::Name { parts: vec![part], is_table });
                }
            },
            Token::Text(text) => words.push(Word::Text(text)),
            Token::Opening => {
                if after_name || place.arguments > 0 {
                    place.arguments += 1;
                }
                // What stands before it is a function.
                if let Some(Word::Name { is_table, .. }) = words.last_mut().filter(|_| after_name) {
                    *is_table = false;
                }
            }
            Token::Closing => place.arguments = place.arguments.saturating_sub(1),
            Token::Comma => place.is_next = place.is_in_list && place.arguments == 0,
            Token::Semicolon => {
                statements.push(Statement::default());
                place = Place::default();
            }
            Token::Dot | Token::Other => {}
        }
        after_dot = is_dot && after_name;
        after_name = is_name;
    }
    statements.retain(|statement| !statement.words.is_empty());
    statements
}

/// Whether the next name is a table's: behind FROM and JOIN, and behind each comma until the list of tables ends.
#[derive(Default)]
struct Place {
    is_in_list: bool,
    is_next: bool,
    /// How deep within the parentheses of a function.
    arguments: u32,
}

impl Place {
    fn names_table(&mut self, word: &str) -> bool {
        match word {
            "from" | "join" | "table" => *self = Self { is_in_list: true, is_next: true, arguments: 0 },
            "only" | "lateral" => {}
            "select" | "where" | "on" | "using" | "group" | "order" | "having" | "window" | "limit" | "offset"
            | "union" | "intersect" | "except" | "values" | "set" | "returning" => *self = Self::default(),
            _ => return std::mem::take(&mut self.is_next),
        }
        false
    }
}

/// Whether names may be written in code points (`U&"\0070atients"`), which nobody here reads.
pub(crate) fn hides_names(text: &str) -> bool {
    text.to_ascii_lowercase().contains("u&\"")
}

impl Statement {
    /// Its first word, in lower case: `select`, `copy`.
    pub(crate) fn keyword(&self) -> &str {
        self.names().next().and_then(|parts| parts.first()).map_or("", String::as_str)
    }

    fn names(&self) -> impl Iterator<Item = &Vec<String>> {
        self.names_and_places().map(|(parts, _)| parts)
    }

    fn names_and_places(&self) -> impl Iterator<Item = (&Vec<String>, bool)> {
        self.words.iter().filter_map(|word| match word {
            Word::Name { parts, is_table } => Some((parts, *is_table)),
            Word::Text(_) => None,
        })
    }

    /// Whether it changes what holds for a role, a database or the server, and not only for its session.
    pub(crate) fn is_lasting(&self) -> bool {
        self.keyword() == "alter"
    }

    /// Whether it names a cursor where others name tables.
    pub(crate) fn is_of_cursor(&self) -> bool {
        matches!(self.keyword(), "fetch" | "move")
    }

    /// Whether it hands out rows, by its first word.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.keyword(), "select" | "with" | "table" | "copy" | "declare")
    }

    /// The table that `COPY table TO` reads; `None` for a query in its place, and for other statements.
    fn copied(&self) -> Option<&Vec<String>> {
        let name = self.names().nth(1).filter(|_| self.keyword() == "copy")?;
        let is_query = name.len() == 1 && matches!(name[0].as_str(), "select" | "with" | "table" | "values");
        (!is_query).then_some(name)
    }

    /// The datasets that it names, by their places; `tables` says how its tables without a schema are taken. `COPY` of
    /// one may be of any.
    pub(crate) fn datasets(&self, datasets: &[Dataset], tables: Unqualified) -> Vec<usize> {
        if let Some(name) = self.copied() {
            return places(datasets, |object| names_table(object, name, Unqualified::AnySchema));
        }
        places(datasets, |object| {
            self.names_and_places().any(|(name, is_table)| {
                names_table(object, name, if is_table { tables } else { Unqualified::NamedTable })
            })
        })
    }

    /// Those of them whose schema and table it both names; `denied` is the one of the two that a refusal is about, if the
    /// statement has it.
    pub(crate) fn datasets_in_full(&self, datasets: &[Dataset], denied: &str) -> Vec<usize> {
        let in_full: Vec<&Vec<String>> = self.names().filter(|name| name.len() > 1).collect();
        let has_denied = |name: &Vec<String>| name.iter().any(|part| part == denied);
        let is_known = in_full.iter().any(|name| has_denied(name));
        places(datasets, |object| {
            in_full
                .iter()
                .any(|name| (!is_known || has_denied(name)) && names_table(object, name, Unqualified::NamedTable))
        })
    }

    /// What it does to the settings of pgaudit, if anything.
    pub(crate) fn log_change(&self) -> Option<LogChange> {
        let words: Vec<String> = self
            .words
            .iter()
            .map(|word| match word {
                Word::Name { parts, .. } => parts.join("."),
                Word::Text(text) => text.to_lowercase(),
            })
            .collect();
        let at = words.iter().position(|word| word.starts_with("pgaudit."))?;
        let has = |wanted: &str| words[..at].iter().any(|word| word == wanted || word.ends_with(&format!(".{wanted}")));
        match self.keyword() {
            "set" => {}
            "reset" => return Some(LogChange::Changed),
            "alter" | "create" if has("reset") => return Some(LogChange::Changed),
            "alter" | "create" if has("set") => {}
            _ if has("set_config") => {}
            _ => return None,
        }
        Some(change_of(&words[at], &words[at + 1..]))
    }
}

/// What a value makes of a setting.
pub(crate) fn change_of(setting: &str, values: &[String]) -> LogChange {
    let mut values =
        values.iter().flat_map(|value| value.split([',', ' '])).filter(|value| !value.is_empty() && *value != "to");
    let weakened = match setting {
        "pgaudit.log" => {
            let classes: Vec<&str> = values.collect();
            let names = |wanted: [&str; 2]| classes.iter().any(|class| wanted.contains(class));
            names(["-read", "-all"]) || !(names(["read", "all"]) || names(["default", ""]))
        }
        "pgaudit.log_relation" | "pgaudit.log_statement" | "pgaudit.log_rows" => {
            values.next().is_none_or(|value| matches!(value, "off" | "false" | "no" | "0" | "f" | "n"))
        }
        "pgaudit.log_level" => values.next().is_none_or(|value| value != "log"),
        _ => false,
    };
    if weakened { LogChange::Weakened } else { LogChange::Changed }
}

/// What a message like `permission denied for table patients` is about.
pub(crate) fn denied(message: &str) -> &str {
    message.rsplit(' ').next().unwrap_or_default().trim_matches('"')
}

/// The datasets whose table or schema a message like `permission denied for table patients` ends with.
pub(crate) fn datasets_of_denial(datasets: &[Dataset], message: &str) -> Vec<usize> {
    let last = denied(message);
    if last.starts_with("pg_") {
        return Vec::new();
    }
    places(datasets, |object| {
        let (schema, table) = parts_of(object);
        pattern::matches(table, last) && is_specific(table) || schema.is_some_and(|schema| schema == last)
    })
}

/// The datasets that an object of an audit line belongs to: `training.patients`.
pub(crate) fn datasets_of_object(datasets: &[Dataset], object: &str) -> Vec<usize> {
    let name: Vec<String> = object.split('.').map(|part| part.trim_matches('"').to_owned()).collect();
    places(datasets, |pattern| names_table(pattern, &name, Unqualified::AnySchema))
}

fn places(datasets: &[Dataset], is_named: impl Fn(&str) -> bool) -> Vec<usize> {
    let named = |dataset: &Dataset| dataset.objects.iter().any(|object| is_named(object.text()));
    (0..datasets.len()).filter(|at| named(&datasets[*at])).collect()
}

/// How a name without a schema is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unqualified {
    /// It is one of a dataset only if a pattern says more than `*` of it.
    NamedTable,
    /// It may be of any schema but the catalog's.
    AnySchema,
}

/// Whether a name is of an object: `schema.table`, or `table` of any schema. Of a name of more parts any two neighbours
/// will do: the first may be a database, the last a column.
fn names_table(object: &str, name: &[String], unqualified: Unqualified) -> bool {
    let (schema, table) = parts_of(object);
    match name {
        [only] => {
            let may_be_any = unqualified == Unqualified::AnySchema && !only.starts_with("pg_");
            pattern::matches(table, only) && (may_be_any || is_specific(table))
        }
        _ => name.windows(2).any(|pair| {
            schema.is_none_or(|schema| pattern::matches(schema, &pair[0])) && pattern::matches(table, &pair[1])
        }),
    }
}

fn parts_of(object: &str) -> (Option<&str>, &str) {
    object.split_once('.').map_or((None, object), |(schema, table)| (Some(schema), table))
}

fn is_specific(pattern: &str) -> bool {
    pattern.bytes().any(|byte| byte != b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datasets(objects: &[&str]) -> Vec<Dataset> {
        let dataset = |object: &&str| serde_json::json!({ "name": object, "objects": [object], "allow": [] });
        serde_json::from_value(objects.iter().map(dataset).collect()).unwrap()
    }

    fn named(sql: &str) -> Vec<usize> {
        let datasets = datasets(&["training.patients", "training.*", "Labels"]);
        let named = |statement: &Statement| statement.datasets(&datasets, Unqualified::NamedTable);
        statements(sql).iter().flat_map(named).collect()
    }

    #[test]
    fn tables_are_found_where_statements_name_them() {
        for (sql, expected) in [
            ("select * from training.patients", vec![0, 1]),
            ("SELECT count(*) FROM Training . Patients p", vec![0, 1]),
            ("select training.patients.name from training.patients", vec![0, 1]),
            ("select * from \"training\".\"patients\"", vec![0, 1]),
            ("select * from \"Training\".\"patients\"", vec![]),
            ("select * from \"Labels\"", vec![2]),
            ("select * from labels", vec![]),
            ("select * from patients", vec![0]),
            ("copy patients to stdout", vec![0, 1]),
            ("COPY training.patients (id, name) TO stdout;", vec![0, 1]),
            ("copy (select * from training.patients) to stdout", vec![0, 1]),
            ("copy other.things to stdout", vec![]),
            ("select 'training.patients', $1, $$training.patients$$", vec![]),
            ("select 1 -- from training.patients\n + 2 /* /* */ training.patients */", vec![]),
            ("select e'\\' training.patients', 'it''s training.patients'", vec![]),
            ("select 1.5; table training.patients", vec![0, 1]),
            ("", vec![]),
        ] {
            assert_eq!(named(sql), expected, "{sql}");
        }
    }

    /// With `search_path = training` nobody has to write the schema.
    #[test]
    fn tables_without_a_schema_may_be_of_any_where_it_is_known_that_they_were_read() {
        let datasets = datasets(&["training.*"]);
        for (sql, expected) in [
            ("declare c cursor for select id, label from patients", true),
            ("select id from only (patients) p", true),
            ("select a.id from public.things a, patients b where a.id = b.id", true),
            ("select a.id from public.things a left join lateral patients on true", true),
            ("select 1 where 1 in (select a from public.things, patients)", true),
            ("select id, label from public.things where id in (1, 2) order by id, label", false),
            ("select * from pg_class, pg_namespace", false),
            ("select * from generate_series(1, 3) number", false),
            ("select 1, id", false),
        ] {
            let named = |statement: &Statement| statement.datasets(&datasets, Unqualified::AnySchema);
            assert_eq!(statements(sql).iter().any(|statement| !named(statement).is_empty()), expected, "{sql}");
        }
        assert!(hides_names("copy U&\"\\0070atients\" to stdout") && !hides_names("copy \"u\" to stdout"));
    }

    #[test]
    fn what_changes_the_log_is_told_apart() {
        use LogChange::{Changed, Weakened};
        for (sql, expected) in [
            ("set pgaudit.log = 'none'", Some(Weakened)),
            ("SET LOCAL pgaudit.log TO none;", Some(Weakened)),
            ("set session \"pgaudit\".log = 'write, ddl'", Some(Weakened)),
            ("set pgaudit.log = 'all, -read'", Some(Weakened)),
            ("set pgaudit.log = 'Read, write'", Some(Changed)),
            ("set pgaudit.log to default", Some(Changed)),
            ("reset pgaudit.log", Some(Changed)),
            ("select set_config('pgaudit.log', 'none', false)", Some(Weakened)),
            ("select pg_catalog.set_config('pgaudit.log', 'all', true)", Some(Changed)),
            ("alter role trainer in database ml set pgaudit.log = 'none'", Some(Weakened)),
            ("alter role trainer reset pgaudit.log", Some(Changed)),
            ("alter database ml set pgaudit.log='ddl'", Some(Weakened)),
            ("alter system set pgaudit.log_relation = off", Some(Weakened)),
            ("create function f() returns int language sql set pgaudit.log = '' as 'select 1'", Some(Weakened)),
            ("set pgaudit.log_parameter = off", Some(Changed)),
            ("set pgaudit.log_level = 'debug5'", Some(Weakened)),
            ("select * from pg_settings where name = 'pgaudit.log'", None),
            ("set search_path = training", None),
        ] {
            let change: Option<LogChange> = statements(sql).iter().find_map(Statement::log_change);
            assert_eq!(change, expected, "{sql}");
        }
    }

    #[test]
    fn a_denial_is_of_the_dataset_that_it_names() {
        let datasets = datasets(&["training.patients", "training.*", "labels"]);
        let joined = &statements("select * from training.patients join secret.keys using (id)")[0];
        assert_eq!(joined.datasets_in_full(&datasets, "patients"), [0, 1]);
        assert!(joined.datasets_in_full(&datasets, "keys").is_empty());
        assert_eq!(joined.datasets_in_full(&datasets, "vue"), [0, 1]);
        for (message, expected) in [
            ("permission denied for table patients", vec![0]),
            ("keine Berechtigung für Tabelle patients", vec![0]),
            ("permission denied for schema training", vec![0, 1]),
            ("new row violates row-level security policy for table \"labels\"", vec![2]),
            ("permission denied for table pg_authid", vec![]),
            ("permission denied to create role", vec![]),
        ] {
            assert_eq!(datasets_of_denial(&datasets, message), expected, "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_statements(text in ".{0,80}|[-'\"$./*;eé1 a]{0,60}") {
            for statement in statements(&text) {
                let _ = (statement.log_change(), statement.datasets(&datasets(&["*", "a.*"]), Unqualified::AnySchema));
            }
        }
    }
}
