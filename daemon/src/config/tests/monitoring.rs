//! The controls by which the daemon tests itself, and what `[monitoring]` says of them.

use std::time::Duration;

use super::Folder;
use crate::{
    config::Loaded,
    domain::{BuiltIn, Control, Family, InputOrigin, OnEmpty, ScheduleSpec, Severity, Within},
};

fn load(text: &str) -> Loaded {
    let head = "organization = \"Example AI\"\n[[recipient]]\nid = \"all\"\nemail = [\"all@example.com\"]\n\
                [[control]]\nid = \"SEC-01\"\nowner = \"platform\"\nplugin = \"p\"\nevery = \"1h\"\n";
    let folder = Folder::with(&[("evidenced.toml", &format!("{head}{text}"))]);
    folder.load().unwrap_or_else(|refused| panic!("{refused}"))
}

fn own(loaded: &Loaded, built_in: BuiltIn) -> &Control {
    loaded.config.control(&built_in.control().parse().unwrap()).unwrap()
}

#[test]
fn the_daemon_tests_itself_when_nobody_says_anything() {
    let loaded = load("");
    assert_eq!(loaded.warnings, []);
    let ran = own(&loaded, BuiltIn::MonitoringRan);
    assert_eq!((ran.family, ran.severity, ran.enabled), (Family::ChangeManagement, Severity::High, true));
    assert_eq!(ran.criteria, ["CC4.1", "CC4.2"]);
    assert_eq!(ran.check.schedule, ScheduleSpec::Cron("30 0 * * *".into()));
    assert_eq!(ran.check.on_empty, OnEmpty::NotApplicable);
    let thresholds = serde_json::json!({ "min_share": 0.99, "max_gap_s": 86_400, "max_error_streak_s": 86_400 });
    assert_eq!(ran.check.config, thresholds);
    let InputOrigin::Ledger(slots) = &ran.check.inputs[0].origin else { panic!("{ran:?}") };
    assert_eq!((slots.controls.as_slice(), slots.since.as_secs()), (&["*".to_owned()][..], 30 * 86_400));
    let can_fail = own(&loaded, BuiltIn::PluginsCanFail);
    assert_eq!(can_fail.check.schedule, ScheduleSpec::Cron("45 0 1 * *".into()));
    // What no file says has no line of one.
    assert!(loaded.expanded(ran).iter().all(|value| value.origin.is_none()));
}

#[test]
fn what_the_monitoring_says_is_so_for_both_and_each_has_its_own_schedule() {
    let loaded = load(
        "[defaults]\nowner = \"everybody\"\nconfirmations = 3\n[monitoring]\nowner = \"compliance\"\nseverity = \"critical\"\n\
         remediate_within = \"3d\"\nschedule = \"0 5 * * *\"\ncases_schedule = \"0 6 * * 1\"\nmin_share = 0.95\nmax_gap = \"2d\"\n\
         max_error_streak = \"36h\"\n\
         limits = { wall = \"20m\" }\n\
         exclude = [{ subject = \"p\", reason = \"a plugin of another company\" }]\n\
         [[window]]\nid = \"b\"\nstart = \"2026-07-01\"\nend = \"2026-12-31\"\n\
         [[window]]\nid = \"a\"\nstart = \"2026-01-01\"\nend = \"2026-06-30\"\ncontrols = [\"MON-*\"]\n",
    );
    assert_eq!(loaded.config.windows[1].controls.as_ref().unwrap().len(), 2);
    for (built_in, schedule) in [(BuiltIn::MonitoringRan, "0 5 * * *"), (BuiltIn::PluginsCanFail, "0 6 * * 1")] {
        let control = own(&loaded, built_in);
        assert_eq!((control.owner.as_str(), control.severity), ("compliance", Severity::Critical));
        assert_eq!(control.check.schedule, ScheduleSpec::Cron(schedule.into()));
        assert_eq!(control.check.remediate_within, Within::Elapsed(Duration::from_secs(3 * 86_400)));
        assert_eq!((control.check.confirmations, control.check.exclude.len()), (1, 1));
        assert_eq!(control.check.limits.wall, Duration::from_secs(20 * 60));
    }
    let ran = own(&loaded, BuiltIn::MonitoringRan);
    let thresholds = serde_json::json!({ "min_share": 0.95, "max_gap_s": 172_800, "max_error_streak_s": 129_600 });
    assert_eq!(ran.check.config, thresholds);
    // What is not said stays as it is.
    assert_eq!(ran.check.limits.input_bytes, 256 << 20);
    let InputOrigin::Ledger(slots) = &ran.check.inputs[0].origin else { panic!("{ran:?}") };
    let at = |text: &str| text.parse::<crate::domain::Timestamp>().unwrap();
    let [begin, middle, end] = ["2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"].map(at);
    assert_eq!(slots.windows, [begin..middle, middle..end]);
    for (now, from) in [
        ("2026-07-03T00:00:00Z", "2026-07-01T00:00:00Z"),
        ("2026-07-01T00:30:00Z", "2026-06-01T00:30:00Z"),
        ("2026-06-20T00:00:00Z", "2026-05-21T00:00:00Z"),
        ("2025-12-31T00:00:00Z", "2025-12-01T00:00:00Z"),
    ] {
        assert_eq!(slots.during(at(now)).start, at(from), "{now}");
    }
    let written = loaded.expanded(ran);
    let line = |key: &str| written.iter().find(|value| value.key == key).unwrap().origin.map(|origin| origin.line);
    assert_eq!((line("owner"), line("title")), (Some(14), None));
    assert_eq!((line("limits.wall"), line("limits.input")), (Some(22), None));
}

#[test]
fn without_it_there_is_a_warning_and_no_control() {
    let loaded = load("[monitoring]\nenabled = false\nowner = \"compliance\"\n");
    assert_eq!(loaded.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["monitoring-off"]);
    assert_eq!(loaded.config.controls.len(), 1);
}
