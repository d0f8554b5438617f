//! `[monitoring]` -> the controls by which the daemon tests itself. They are there unless somebody takes them out.

use jiff::tz::TimeZone;

use super::{
    diagnostics::{Errors, Expected},
    section::Section,
    templates::Draft,
    tree::{Member, Node, Place, Table, Value, overlay},
};
use crate::{
    domain::{BuiltIn, Control, InputOrigin, Window},
    monitoring::Thresholds,
};

/// A control of the daemon's own.
pub(super) struct OwnDraft {
    pub draft: Draft,
    /// What of it stands in a file.
    pub written: Table,
}

/// A day in which most controls run at least once, and a night's work to find out why one did not.
const THRESHOLDS: Thresholds = Thresholds { min_share: 0.99, max_gap_s: 86_400, max_error_streak_s: 86_400 };

/// Of `[defaults]`, what is meant for every control whatever tests it.
const FROM_DEFAULTS: [&str; 2] = ["owner", "timezone"];
/// Keys of a control that `[monitoring]` sets for both.
const FOR_BOTH: [&str; 8] =
    ["owner", "severity", "timezone", "confirmations", "remediate_within", "systems", "exclude", "limits"];
/// Of the limits of a control, those that the daemon's own checks have: they have no memory of a sandbox, and ask nobody.
const LIMITS: [&str; 2] = ["wall", "input"];

/// Takes `[monitoring]` out of the root.
pub(super) fn own_drafts(root: &Section<'_>, defaults: &Table, errors: &mut Errors) -> Vec<OwnDraft> {
    let written = root.table("monitoring", "[monitoring]", errors);
    let at = written.as_ref().map_or(root.at, |section| section.at);
    let mut thresholds = THRESHOLDS;
    let (mut enabled, mut for_both) = (true, Table::new());
    let mut schedules = [None, None];
    if let Some(section) = written {
        enabled = section.boolean("enabled", errors).unwrap_or(true);
        thresholds = read_thresholds(&section, errors);
        let take = |key: &'static str| {
            let node = section.node(key)?.clone();
            Some(Member { key_at: section.key_at(key)?, node })
        };
        for key in FOR_BOTH {
            for_both.extend(take(key).map(|member| (key.to_owned(), member)));
        }
        if let Some(limits) = section.table("limits", "limits of [monitoring]", errors) {
            // They are read with the control.
            LIMITS.into_iter().for_each(|key| _ = limits.node(key));
            limits.finish(errors);
        }
        schedules = [take("schedule"), take("cases_schedule")];
        section.finish(errors);
    }
    if !enabled {
        errors.add_monitoring_off(at);
        return Vec::new();
    }
    let drafts = BuiltIn::ALL.into_iter().zip(schedules).map(|(built_in, schedule)| {
        let mut written: Table =
            FROM_DEFAULTS.into_iter().filter_map(|key| Some((key.to_owned(), defaults.get(key)?.clone()))).collect();
        overlay(&mut written, for_both.clone());
        written.extend(schedule.map(|member| ("schedule".to_owned(), member)));
        let mut table = table(at, built_in, &thresholds);
        overlay(&mut table, written.clone());
        OwnDraft { draft: Draft { table, at, from_row: false, incomplete: false, built_in: true }, written }
    });
    drafts.collect()
}

/// What was before the window that goes on is that of another examination.
pub(super) fn look_no_further_back(controls: &mut [Control], windows: &[Window]) {
    let spans = windows.iter().map(|window| {
        // A zone that is wrong was reported.
        let zone = TimeZone::get(&window.timezone).unwrap_or(TimeZone::UTC);
        window.start.start(&zone)..window.end.next().start(&zone)
    });
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let is_it = |control: &&mut Control| control.built_in() == Some(BuiltIn::MonitoringRan);
    for control in controls.iter_mut().filter(is_it) {
        for input in &mut control.check.inputs {
            if let InputOrigin::Ledger(slots) = &mut input.origin {
                slots.windows.clone_from(&spans);
            }
        }
    }
}

fn read_thresholds(section: &Section<'_>, errors: &mut Errors) -> Thresholds {
    let mut thresholds = THRESHOLDS;
    if let Some(node) = section.node("min_share") {
        let share = match node.value {
            Value::Float(number) => Some(number),
            Value::Integer(number) => Some(number as f64),
            ref other => {
                errors.add_wrong_type(node.at, "min_share", Expected::Number, other.kind());
                None
            }
        };
        match share.filter(|share| *share > 0.0 && *share <= 1.0) {
            Some(share) => thresholds.min_share = share,
            None if share.is_some() => errors.add_out_of_range(node.at, "min_share", "a share above 0, up to 1"),
            None => {}
        }
    }
    if let Some(gap) = section.time_span("max_gap", errors) {
        thresholds.max_gap_s = gap.value.as_secs();
    }
    if let Some(streak) = section.time_span("max_error_streak", errors) {
        thresholds.max_error_streak_s = streak.value.as_secs();
    }
    thresholds
}

/// The control as it is when nobody says otherwise.
fn table(at: Place, built_in: BuiltIn, thresholds: &Thresholds) -> Table {
    let text = |text: &str| Value::Text(text.to_owned());
    let list = |values: Vec<Value>| Value::Array(values.into_iter().map(|value| Node { value, at }).collect());
    let table = |members: Vec<(&str, Value)>| {
        let member = |(key, value): (&str, Value)| (key.to_owned(), Member { key_at: at, node: Node { value, at } });
        members.into_iter().map(member).collect::<Table>()
    };
    let seconds = |seconds: u64| Value::Integer(i64::try_from(seconds).unwrap_or(i64::MAX));
    let mut members = vec![
        ("id", text(built_in.control())),
        ("plugin", text(built_in.plugin())),
        ("family", text("change-management")),
        ("severity", text("high")),
        ("on_empty", text("not-applicable")),
    ];
    members.extend(match built_in {
        BuiltIn::MonitoringRan => {
            let Thresholds { min_share, max_gap_s, max_error_streak_s } = *thresholds;
            let slots = table(vec![("controls", list(vec![text("*")])), ("since", text("30d"))]);
            let input = table(vec![("name", text("slots")), ("ledger", Value::Table(slots))]);
            vec![
                ("title", text("Every control is tested as scheduled")),
                ("criteria", list(vec![text("CC4.1"), text("CC4.2")])),
                // In the night, when the day before is whole.
                ("schedule", text("30 0 * * *")),
                ("on_empty_reason", text("no other control has had a slot yet")),
                // What was not tested leaves the time that is looked at after 30 days, and cannot be mended before.
                ("remediate_within", text("31d")),
                (
                    "config",
                    Value::Table(table(vec![
                        ("min_share", Value::Float(min_share)),
                        ("max_gap_s", seconds(max_gap_s)),
                        ("max_error_streak_s", seconds(max_error_streak_s)),
                    ])),
                ),
                ("input", list(vec![Value::Table(input)])),
                // A month of many controls.
                ("limits", Value::Table(table(vec![("wall", text("10m")), ("input", text("256MiB"))]))),
            ]
        }
        BuiltIn::PluginsCanFail => vec![
            ("title", text("Each check can still fail")),
            ("criteria", list(vec![text("CC4.1")])),
            ("schedule", text("45 0 1 * *")),
            ("on_empty_reason", text("no enabled control names a plugin")),
            ("limits", Value::Table(table(vec![("wall", text("10m"))]))),
        ],
    });
    table(members)
}
