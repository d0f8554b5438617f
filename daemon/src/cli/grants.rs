//! `check-config --grants`: what each control's plugin may do, for whoever reviews it.

use serde::Serialize;

use super::{
    check_config::{origin, reach},
    table::table,
};
use crate::{
    config::{Loaded, limit_words},
    domain::Control,
    runner::{Reach, Shelf},
};

/// One thing that a plugin could do, and whether it can: only if it says that it needs it and the control grants it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct GrantLine {
    control: String,
    plugin: String,
    /// `host`, `input`, `tls`, `state`, `history`, `limits`.
    kind: &'static str,
    what: String,
    declared: bool,
    granted: bool,
    effective: bool,
}

const HEAD: [&str; 7] = ["control", "plugin", "kind", "declared", "granted", "effective", "what"];

/// Of all enabled controls that a plugin tests, in the order of the files.
pub(super) fn lines(loaded: &Loaded, shelf: &Shelf) -> Vec<GrantLine> {
    let controls = loaded.config.controls.iter().filter(|control| control.enabled && control.has_plugin());
    controls.flat_map(|control| of_control(control, shelf)).collect()
}

pub(super) fn words(lines: &[GrantLine]) -> String {
    let yes = |truth: bool| (if truth { "yes" } else { "no" }).to_owned();
    let mut before = "";
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let is_first = line.control != before;
        before = &line.control;
        let once = |text: &String| if is_first { text.clone() } else { String::new() };
        let (control, plugin) = (once(&line.control), once(&line.plugin));
        let cells = [line.kind.to_owned(), yes(line.declared), yes(line.granted), yes(line.effective)];
        rows.push([control, plugin].into_iter().chain(cells).chain([line.what.clone()]).collect());
    }
    table(&HEAD, &rows)
}

fn of_control(control: &Control, shelf: &Shelf) -> Vec<GrantLine> {
    let check = &control.check;
    let mut lines = Vec::new();
    let mut add = |kind, what, declared, granted| {
        lines.push(GrantLine {
            control: control.id.to_string(),
            plugin: check.plugin.to_string(),
            kind,
            what,
            declared,
            granted,
            effective: declared && granted,
        });
    };
    let Ok(shelved) = shelf.plugin(&check.plugin) else {
        // What it would need, nobody knows; until it can be loaded it does nothing.
        check.grants.iter().for_each(|grant| add("host", reach(grant), false, true));
        check.inputs.iter().for_each(|input| add("input", format!("{}: {}", input.name, origin(input)), false, true));
        return lines;
    };
    let description = shelved.plugin.description();
    let (needs, held) = (&description.needs, Reach::of_plugin(&shelved.plugin, control));
    for grant in &check.grants {
        let (is_declared, input) = (held.is_host_declared(grant), held.input_by(grant));
        let for_input = input.map(|name| format!(", for the input `{name}`")).unwrap_or_default();
        add("host", format!("{}{for_input}", reach(grant)), is_declared || input.is_some(), true);
    }
    for input in &check.inputs {
        add("input", format!("{}: {}", input.name, origin(input)), held.is_input_declared(input), true);
    }
    held.missing().into_iter().for_each(|missing| {
        let kind = if missing.starts_with("input ") { "input" } else { "host" };
        add(kind, missing, true, false);
    });
    if needs.tls {
        add("tls", "handshakes with the hosts".to_owned(), true, !check.grants.is_empty());
    }
    if needs.state {
        let size = limit_words(&check.limits).split(", ").find(|words| words.starts_with("state ")).map(str::to_owned);
        add("state", format!("keeps a map between its runs: {}", size.unwrap_or_default()), true, true);
    }
    if needs.history || !check.history.is_empty() {
        let others: Vec<_> = check.history.iter().map(ToString::to_string).collect();
        let others = if others.is_empty() { String::new() } else { format!(", and those of {}", others.join(", ")) };
        add("history", format!("its own earlier results{others}"), needs.history, true);
    }
    add("limits", limit_words(&check.limits), true, true);
    lines
}
