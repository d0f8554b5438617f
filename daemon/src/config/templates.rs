//! Defaults, templates and rows of `for_each` -> one table for each control, with nothing left to look up.

use std::collections::BTreeMap;

use super::{
    diagnostics::{Errors, Expected, Named},
    section::Section,
    tree::{Member, Node, Place, Table, Value, overlay},
};
use crate::domain::Family;

/// Every key of a control; what a template and the defaults may hold follows from it.
pub(super) const CONTROL_KEYS: [&str; 33] = [
    "catch_up",
    "config",
    "confirmations",
    "criteria",
    "enabled",
    "every",
    "exclude",
    "family",
    "for_each",
    "grant",
    "history",
    "id",
    "input",
    "interval",
    "late_after",
    "limits",
    "on_empty",
    "on_empty_reason",
    "overlap",
    "owner",
    "plugin",
    "remediate_within",
    "remediation",
    "schedule",
    "severity",
    "sources",
    "systems",
    "template",
    "timezone",
    "title",
    "transcript",
    "untested_after",
    "attested",
];

/// Those that have no place in a control that is attested.
pub(super) const KEYS_OF_A_CHECK: [&str; 8] =
    ["plugin", "schedule", "every", "config", "sources", "grant", "input", "confirmations"];

/// A control before its values are looked at.
#[derive(Debug)]
pub(super) struct Draft {
    pub table: Table,
    pub at: Place,
    /// Whether it came from a row of `for_each`.
    pub from_row: bool,
    /// A template that it names is not there.
    pub incomplete: bool,
    /// The daemon's own; no file holds it.
    pub built_in: bool,
}

/// All controls, and what none of them is built on.
#[derive(Debug)]
pub(super) struct Drafts {
    pub drafts: Vec<Draft>,
    /// Defaults and unused templates as if they were controls, so that what is wrong in them is told before somebody
    /// relies on it.
    pub spares: Vec<Draft>,
    /// Those of every control.
    pub defaults: Table,
}

/// Everything that a control may be built on.
struct Layers<'t> {
    defaults: Table,
    families: BTreeMap<&'static str, Table>,
    templates: BTreeMap<&'t str, Template<'t>>,
}

struct Template<'t> {
    table: &'t Table,
    id_at: Place,
    used: bool,
}

/// Whether all templates of a control were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    All,
    NotAll,
}

/// Takes `[defaults]`, `[[template]]` and `[[control]]` out of the root.
pub(super) fn drafts(root: &Section<'_>, errors: &mut Errors) -> Drafts {
    let mut layers = Layers { defaults: Table::new(), families: BTreeMap::new(), templates: BTreeMap::new() };
    if let Some(node) = root.node("defaults") {
        layers.read_defaults(node, errors);
    }
    if let Some(node) = root.node("template") {
        layers.read_templates(node, errors);
    }
    let mut drafts = Vec::new();
    for node in
        root.node("control").map_or(&[][..], |node| tables(node, "control", Expected::Tables("[[control]]"), errors))
    {
        if let Value::Table(table) = &node.value {
            check_keys(table, "[[control]]", |_| true, errors);
            layers.expand(table, node.at, &mut drafts, errors);
        }
    }
    for (id, template) in &layers.templates {
        if !template.used {
            errors.add_unused_template(template.id_at, id);
        }
    }
    let spares = layers.spares(root.at, errors);
    Drafts { drafts, spares, defaults: layers.defaults }
}

/// The items of a list of tables; items of another kind are reported.
fn tables<'t>(node: &'t Node, key: &str, expected: Expected, errors: &mut Errors) -> &'t [Node] {
    let Value::Array(items) = &node.value else {
        errors.add_wrong_type(node.at, key, expected, node.value.kind());
        return &[];
    };
    for item in items {
        if !matches!(item.value, Value::Table(_)) {
            errors.add_wrong_type(item.at, key, expected, item.value.kind());
        }
    }
    items
}

fn check_keys(table: &Table, section: &str, allowed: impl Fn(&str) -> bool, errors: &mut Errors) {
    for (key, member) in table {
        if !(CONTROL_KEYS.contains(&key.as_str()) && allowed(key)) {
            let known: Vec<_> = CONTROL_KEYS.into_iter().filter(|key| allowed(key)).collect();
            errors.add_unknown_key(member.key_at, key, section, &known);
        }
    }
}

/// Whether `[defaults]` may have it.
pub(super) fn may_be_default(key: &str) -> bool {
    !matches!(key, "id" | "title" | "template" | "for_each")
}

impl<'t> Layers<'t> {
    fn read_defaults(&mut self, node: &Node, errors: &mut Errors) {
        let Value::Table(table) = &node.value else {
            return errors.add_wrong_type(node.at, "defaults", Expected::Table, node.value.kind());
        };
        for (key, member) in table {
            let family = Family::ALL.into_iter().map(Family::as_str).find(|family| family == key);
            match (family, &member.node.value) {
                (Some(family), Value::Table(table)) => {
                    check_keys(
                        table,
                        &format!("[defaults.{family}]"),
                        |key| may_be_default(key) && key != "family",
                        errors,
                    );
                    self.families.insert(family, table.clone());
                }
                (Some(family), other) => errors.add_wrong_type(member.node.at, family, Expected::Table, other.kind()),
                (None, _) if CONTROL_KEYS.contains(&key.as_str()) && may_be_default(key) => {
                    self.defaults.insert(key.clone(), member.clone());
                }
                (None, _) => {
                    let keys = CONTROL_KEYS.into_iter().filter(|key| may_be_default(key));
                    let known: Vec<_> = keys.chain(Family::ALL.into_iter().map(Family::as_str)).collect();
                    errors.add_unknown_key(member.key_at, key, "[defaults]", &known);
                }
            }
        }
    }

    fn read_templates(&mut self, node: &'t Node, errors: &mut Errors) {
        for item in tables(node, "template", Expected::Tables("[[template]]"), errors) {
            let Value::Table(table) = &item.value else { continue };
            check_keys(table, "[[template]]", |key| key != "for_each", errors);
            let section = Section::new(table, item.at, "[[template]]");
            section.require("id", "id = \"endpoint\"", errors);
            let Some(id) = section.text("id", errors) else { continue };
            let template = Template { table, id_at: id.at, used: false };
            if self.templates.contains_key(id.value) {
                errors.add_duplicate_id(id.at, Named::Template, id.value, false);
            } else {
                self.templates.insert(id.value, template);
            }
        }
    }

    /// The drafts of one `[[control]]`.
    fn expand(&mut self, control: &'t Table, at: Place, drafts: &mut Vec<Draft>, errors: &mut Errors) {
        let mut written = Table::new();
        let mut path = Vec::new();
        let found = self.lay_templates(control, &mut written, &mut path, errors);
        let incomplete = found == Found::NotAll;
        let mut table = self.defaults.clone();
        if let Some(defaults) = family_of(&written, &self.defaults).and_then(|family| self.families.get(family)) {
            lay(&mut table, defaults.clone());
        }
        if written.contains_key("attested") {
            // Of what defaults say of every check, nothing concerns a control that no check tests.
            table.retain(|key, _| !KEYS_OF_A_CHECK.contains(&key.as_str()));
        }
        lay(&mut table, written);
        table.remove("template");
        let Some(rows) = table.remove("for_each") else {
            return drafts.push(Draft { table, at, from_row: false, incomplete, built_in: false });
        };
        for row in rows_of(&rows.node, errors) {
            let table = substitute_table(&table, &row, Fill::Text, errors);
            drafts.push(Draft { table, at, from_row: true, incomplete, built_in: false });
        }
    }

    fn spares(&mut self, at: Place, errors: &mut Errors) -> Vec<Draft> {
        let mut tables: Vec<_> = self.families.values().map(|family| self.laid(family.clone())).collect();
        tables.push(self.defaults.clone());
        let unused: Vec<_> = self.templates.values().filter(|template| !template.used).map(|it| it.table).collect();
        for table in unused {
            let mut written = Table::new();
            self.lay_templates(table, &mut written, &mut Vec::new(), errors);
            written.remove("id");
            written.remove("template");
            tables.push(self.laid(written));
        }
        // What a placeholder will stand for is known to a row alone.
        let whole = tables.into_iter().filter(|table| !has_placeholder(table));
        whole.map(|table| Draft { table, at, from_row: false, incomplete: true, built_in: false }).collect()
    }

    /// On the defaults of every control.
    fn laid(&self, over: Table) -> Table {
        let mut table = self.defaults.clone();
        lay(&mut table, over);
        table
    }

    /// Lays the templates that `table` names, the most general first, and then the table itself.
    fn lay_templates(
        &mut self,
        table: &'t Table,
        on: &mut Table,
        path: &mut Vec<&'t str>,
        errors: &mut Errors,
    ) -> Found {
        let mut found = Found::All;
        let section = Section::new(table, Place { file: 0, start: 0, end: 0 }, "");
        if let Some(name) = section.text("template", errors) {
            if let Some(start) = path.iter().position(|&passed| passed == name.value) {
                let cycle: Vec<_> = path[start..].iter().copied().chain([name.value]).collect();
                errors.add_template_cycle(name.at, &cycle);
                found = Found::NotAll;
            } else if let Some(template) = self.templates.get_mut(name.value) {
                template.used = true;
                let below = template.table;
                path.push(name.value);
                found = self.lay_templates(below, on, path, errors);
                on.remove("id");
            } else {
                errors.add_unknown(name.at, Named::Template, name.value, self.templates.keys().copied());
                found = Found::NotAll;
            }
        }
        lay(on, table.clone());
        found
    }
}

/// Lays a more special table on a more general one. A schedule of either kind replaces both.
fn lay(under: &mut Table, over: Table) {
    if over.contains_key("schedule") || over.contains_key("every") {
        under.remove("schedule");
        under.remove("every");
    }
    overlay(under, over);
}

/// The family whose defaults hold: the written one, or the one that the id begins with.
fn family_of(written: &Table, defaults: &Table) -> Option<&'static str> {
    let text = |table: &Table, key: &str| match &table.get(key)?.node.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    match text(written, "family").or_else(|| text(defaults, "family")) {
        Some(name) => Family::ALL.into_iter().map(Family::as_str).find(|family| *family == name),
        None => family_by_id(&text(written, "id")?).map(Family::as_str),
    }
}

/// The family that an id of the usual form names: `SEC-01` is about security.
pub(super) fn family_by_id(id: &str) -> Option<Family> {
    Some(match id.split_once('-')?.0 {
        "SEC" => Family::Security,
        "AVL" => Family::Availability,
        "PIN" => Family::ProcessingIntegrity,
        "CNF" => Family::Confidentiality,
        "PRV" => Family::Privacy,
        "GOV" => Family::ModelGovernance,
        "FAR" => Family::Fairness,
        "CHG" => Family::ChangeManagement,
        _ => return None,
    })
}

/// Names and values of one row.
type Row<'t> = BTreeMap<&'t str, &'t Node>;

fn rows_of<'t>(node: &'t Node, errors: &mut Errors) -> Vec<Row<'t>> {
    let mut rows = Vec::new();
    for item in tables(node, "for_each", Expected::Rows, errors) {
        let Value::Table(table) = &item.value else { continue };
        let mut row = Row::new();
        for (name, member) in table {
            if let Value::Array(_) | Value::Table(_) = member.node.value {
                errors.add_wrong_type(member.node.at, name, Expected::Cell, member.node.value.kind());
            }
            row.insert(name, &member.node);
        }
        rows.push(row);
    }
    rows
}

/// What becomes of a text that is one placeholder and nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// Text, as everywhere.
    Text,
    /// The value as the row has it: a plugin may want a number.
    Value,
}

fn substitute_table(table: &Table, row: &Row<'_>, fill: Fill, errors: &mut Errors) -> Table {
    let member = |(key, member): (&String, &Member)| {
        let fill = if key == "config" { Fill::Value } else { fill };
        (key.clone(), Member { key_at: member.key_at, node: substitute(&member.node, row, fill, errors) })
    };
    table.iter().map(member).collect()
}

fn substitute(node: &Node, row: &Row<'_>, fill: Fill, errors: &mut Errors) -> Node {
    let value = match &node.value {
        Value::Text(text) => match whole_placeholder(text).and_then(|name| row.get(name)) {
            Some(cell) if fill == Fill::Value => cell.value.clone(),
            _ => Value::Text(substitute_text(text, node.at, row, errors)),
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| substitute(item, row, fill, errors)).collect()),
        Value::Table(table) => Value::Table(substitute_table(table, row, fill, errors)),
        other @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Time(_)) => other.clone(),
    };
    Node { value, at: node.at }
}

fn has_placeholder(table: &Table) -> bool {
    let in_text = |text: &str| {
        text.split('{').skip(1).any(|rest| rest.split_once('}').is_some_and(|(name, _)| is_placeholder(name)))
    };
    fn in_value(value: &Value, in_text: &dyn Fn(&str) -> bool) -> bool {
        match value {
            Value::Text(text) => in_text(text),
            Value::Array(items) => items.iter().any(|item| in_value(&item.value, in_text)),
            Value::Table(table) => table.values().any(|member| in_value(&member.node.value, in_text)),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Time(_) => false,
        }
    }
    table.values().any(|member| in_value(&member.node.value, &in_text))
}

fn whole_placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    is_placeholder(name).then_some(name)
}

fn is_placeholder(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// `{name}` becomes the row's value, `{{name}}` becomes `{name}`; other braces stand for themselves.
fn substitute_text(text: &str, at: Place, row: &Row<'_>, errors: &mut Errors) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest[1..].split_once('}').map(|(name, _)| name).filter(|name| is_placeholder(name));
        let literal = rest[1..].strip_prefix('{').and_then(|inner| inner.split_once("}}")).map(|(name, _)| name);
        if let Some(name) = literal.filter(|name| is_placeholder(name)) {
            filled.push_str(&format!("{{{name}}}"));
            rest = &rest[name.len() + 4..];
        } else if let Some(name) = name {
            match row.get(name).map(|cell| &cell.value) {
                Some(Value::Text(text) | Value::Time(text)) => filled.push_str(text),
                Some(Value::Integer(number)) => filled.push_str(&number.to_string()),
                Some(Value::Float(number)) => filled.push_str(&number.to_string()),
                Some(Value::Boolean(truth)) => filled.push_str(&truth.to_string()),
                Some(Value::Array(_) | Value::Table(_)) => {}
                None => errors.add_unknown_placeholder(at, name, &row.keys().copied().collect::<Vec<_>>()),
            }
            rest = &rest[name.len() + 2..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled + rest
}
