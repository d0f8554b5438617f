//! What a configuration becomes.

use std::{path::Path, time::Duration};

use super::Folder;
use crate::{
    caller::CallUrl,
    config::{
        Config, Diagnostic, Loaded, MailTls, Quiet, Transport, expanded::limit_words, load_in, templates::CONTROL_KEYS,
    },
    domain::{
        AlertCause, Control, CredentialKind, Detail, EventField, Family, InputOrigin, OnEmpty, ScheduleSpec, Scheme,
        Severity, SummaryKind, Timestamp, Within,
    },
    judge::{Flapping, Reminders},
    routing::Rules,
    secret::SecretSource,
};

/// The configuration that the manual shows, with the source that its first control names.
pub(super) const EXAMPLE: &str = include_str!("example.toml");

const SHORT: &str = "organization = \"Example AI\"\n\
    [[recipient]]\nid = \"all\"\nemail = [\"all@example.com\"]\n";

fn example() -> Loaded {
    Folder::with(&[("evidenced.toml", EXAMPLE)]).load().unwrap_or_else(|refused| panic!("{refused}"))
}

#[track_caller]
fn load(text: &str) -> Loaded {
    Folder::with(&[("evidenced.toml", &format!("{SHORT}{text}"))]).load().unwrap_or_else(|refused| panic!("{refused}"))
}

fn control<'c>(config: &'c Config, id: &str) -> &'c Control {
    config.control(&id.parse().unwrap()).unwrap()
}

fn codes<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>) -> Vec<&'static str> {
    diagnostics.into_iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn the_example_of_the_manual_is_read_as_it_is_meant() {
    let Loaded { config, .. } = example();
    assert_eq!((config.organization.as_str(), config.instance.as_str()), ("Example AI", "prod"));
    assert_eq!(config.rollup_zones, ["Europe/Berlin"]);
    assert_eq!((config.runner.concurrency, config.runner.memory_total_bytes), (32, 2 << 30));
    assert_eq!(config.network.proxy.as_ref().unwrap().to_string(), "http://proxy.example.com:3128");
    assert_eq!(config.windows[0].start.to_string(), "2026-01-01");
    let Transport::Smtp(smtp) = &config.mail.transport else { panic!("not SMTP") };
    assert_eq!((smtp.host.as_str(), smtp.port, smtp.tls), ("mail.example.com", 587, MailTls::Starttls));
    let login = smtp.login.as_ref().unwrap();
    assert_eq!(login.password, SecretSource::Credential("smtp-password".into()));
    assert_eq!(config.credentials[0].kind, CredentialKind::AwsSigv4 { access_key_id: None });
    assert_eq!(config.sources[0].rate.unwrap().per, Duration::from_secs(1));
    let ids: Vec<_> = config.controls.iter().map(|control| control.id.as_str()).collect();
    assert_eq!(ids, ["AVL-01/iris", "AVL-01/ranker", "SEC-01", "MON-01", "MON-03"]);

    let keys = control(&config, "SEC-01");
    assert_eq!(keys.family, Family::Security);
    assert_eq!(keys.check.schedule, ScheduleSpec::Cron("0 6 * * *".into()));
    assert_eq!(keys.check.remediate_within, Within::Elapsed(Duration::from_secs(7 * 86_400)));
    assert_eq!(keys.check.config, serde_json::json!({ "max_age_days": 90 }));
    assert_eq!(keys.check.limits.wall, Duration::from_secs(30));
    assert_eq!(keys.check.exclude[0].until.unwrap().to_string(), "2026-06-30T22:00:00.000Z");
    let grants: Vec<_> = keys.check.grants.iter().map(|grant| (grant.host.as_str(), grant.source.is_some())).collect();
    assert_eq!(grants, [("iam.amazonaws.com", true), ("sts.amazonaws.com", true), ("iam.example.com", false)]);
    assert_eq!(keys.check.grants[0].region.as_deref(), Some("us-east-1"));

    let iris = control(&config, "AVL-01/iris");
    assert_eq!(iris.family, Family::Availability, "the family that the id begins with");
    assert_eq!(iris.check.confirmations, 3, "the family's default");
    assert_eq!(iris.check.config, serde_json::json!({ "model": "iris" }));
    assert_eq!(iris.check.schedule, ScheduleSpec::Every(Duration::from_secs(60)));
    assert_eq!((iris.check.grants[0].scheme, iris.check.grants[0].port), (Scheme::Http, 8080));
    assert_eq!(iris.check.limits.wall, Duration::from_secs(20));
}

#[test]
fn what_defaults_say_of_checks_does_not_concern_what_is_attested() {
    let defaults = "[defaults]\nowner = \"ops\"\nsources = [\"s\"]\nconfirmations = 2\n[defaults.config]\na = 1\n\
                    [defaults.security]\nplugin = \"p\"\nevery = \"1h\"\n\
                    [[source]]\nid = \"s\"\nurls = [\"https://example.com\"]\n";
    let text = "[[control]]\nid = \"MON-02\"\ntitle = \"t\"\nfamily = \"security\"\nattested = \"90d\"\n";
    let loaded = Folder::with(&[("evidenced.toml", &format!("{SHORT}{defaults}{text}"))]).load().unwrap();
    let attested = control(&loaded.config, "MON-02");
    assert!(attested.is_attested() && attested.owner == "ops" && attested.check.grants.is_empty(), "{attested:?}");
}

#[test]
fn what_runs_out_is_a_warning_from_that_day_on() {
    let example = example();
    let at = |day: &str| codes(example.warnings_at(format!("{day}T12:00:00Z").parse::<Timestamp>().unwrap()));
    assert_eq!(at("2026-06-30"), ["unreadable-holidays", "no-owner"]);
    assert_eq!(at("2026-07-01"), ["unreadable-holidays", "no-owner", "expired-exclusion"]);
}

#[test]
fn each_value_has_the_line_that_it_was_written_in() {
    let folder = Folder::with(&[
        ("evidenced.toml", SHORT),
        ("conf.d/1.toml", "[defaults]\nowner = \"ops\"\n[defaults.limits]\nwall = \"20s\"\n"),
        (
            "conf.d/2.toml",
            "[[template]]\nid = \"t\"\nplugin = \"p\"\nevery = \"1h\"\nlimits = { memory = \"64MiB\" }\n\
             [[control]]\nid = \"SEC-01\"\ntemplate = \"t\"\nschedule = \"0 6 * * *\"\nconfig.a = 1\nconfig.b = 2\n",
        ),
    ]);
    let loaded = folder.load().unwrap();
    let id = "SEC-01".parse().unwrap();
    let lines: Vec<_> = loaded.origins[&id]
        .iter()
        .map(|(key, origin)| folder.plain(format!("{key} {}:{}", origin.file.display(), origin.line)))
        .collect();
    assert_eq!(
        lines,
        [
            "config.a conf.d/2.toml:10",
            "config.b conf.d/2.toml:11",
            "id conf.d/2.toml:7",
            "limits.memory conf.d/2.toml:5",
            "limits.wall conf.d/1.toml:4",
            "owner conf.d/1.toml:2",
            "plugin conf.d/2.toml:3",
            "schedule conf.d/2.toml:9",
        ]
    );
    let check = &control(&loaded.config, "SEC-01").check;
    assert_eq!(check.schedule, ScheduleSpec::Cron("0 6 * * *".into()), "a schedule replaces the template's period");
    assert!(limit_words(&check.limits).starts_with("wall 20s, memory 64MiB, report 1MiB, "));
}

#[test]
fn the_expanded_form_read_back_is_the_same_control() {
    let example = example();
    let mut text = EXAMPLE.split("[defaults]").next().unwrap().to_owned();
    for control in example.config.controls.iter().filter(|control| control.built_in().is_none()) {
        text.push_str("[[control]]\n");
        for value in example.expanded(control) {
            text.push_str(&value.to_toml());
            text.push('\n');
        }
    }
    let again = Folder::with(&[("evidenced.toml", &text)]).load().unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    assert_eq!(again.config.controls, example.config.controls);
    assert_eq!(again.config.expanded_json(), example.config.expanded_json());
}

#[test]
fn every_key_of_a_control_is_looked_at() {
    // A key that is known and not read would be accepted in silence whatever stands behind it.
    for key in CONTROL_KEYS {
        let wrong = "[1]";
        let lines: Vec<_> = ["id = \"SEC-01\"", "plugin = \"p\"", "every = \"1m\"", "family = \"security\""]
            .into_iter()
            .filter(|line| !line.starts_with(&format!("{key} ")))
            .collect();
        let text = format!("{SHORT}[[control]]\n{}\n{key} = {wrong}\n", lines.join("\n"));
        let refused = Folder::with(&[("evidenced.toml", &text)]).load();
        let refused = refused.expect_err(key).to_string();
        assert!(refused.contains("error[wrong-type]"), "{key}: {refused}");
    }
}

#[test]
fn values_of_a_row_keep_their_kind_in_the_plugin_s_configuration() {
    let loaded = load(
        "[[control]]\nid = \"SEC-{n}\"\ntitle = \"{{n}} is {n}, {not a name} and {}\"\nplugin = \"p\"\nevery = \"1m\"\n\
         for_each = [{ n = 7 }]\nconfig = { n = \"{n}\", text = \"n = {n}\", list = [\"{n}\"] }\n",
    );
    let seven = control(&loaded.config, "SEC-7");
    assert_eq!(seven.title, "{n} is 7, {not a name} and {}");
    assert_eq!(seven.check.config, serde_json::json!({ "n": 7, "text": "n = 7", "list": [7] }));
}

#[test]
fn a_plugin_is_given_the_same_numbers_after_a_restart() {
    let loaded = load(
        "[[control]]\nid = \"SEC-01\"\nplugin = \"p\"\nevery = \"1m\"\n\
         config = { whole = 90.0, least = -9007199254740991, part = 0.1, zero = -0.0, huge = 1e300, day = 2026-01-31 }\n",
    );
    let given = |config: &Config| control(config, "SEC-01").check.config.to_string();
    let expected = r#"{"day":"2026-01-31","huge":1e+300,"least":-9007199254740991,"part":0.1,"whole":90,"zero":0}"#;
    assert_eq!(given(&loaded.config), expected);
    assert_eq!(given(&Config::from_expanded_json(&loaded.config.expanded_json()).unwrap()), expected);
}

#[test]
fn templates_are_laid_on_templates() {
    let loaded = load(
        "[[template]]\nid = \"base\"\nplugin = \"p\"\nevery = \"1h\"\nconfig = { a = 1, b = 1 }\n\
         [[template]]\nid = \"special\"\ntemplate = \"base\"\nconfig = { b = 2, c = 2 }\n\
         [[control]]\nid = \"SEC-01\"\ntemplate = \"special\"\nconfig = { c = 3 }\n\
         on_empty = \"pass\"\non_empty_reason = \"there may be none\"\n",
    );
    let check = &control(&loaded.config, "SEC-01").check;
    assert_eq!(check.config, serde_json::json!({ "a": 1, "b": 2, "c": 3 }));
    assert_eq!(check.on_empty, OnEmpty::Pass);
}

#[test]
fn the_time_of_a_run_depends_on_whether_it_reaches_hosts() {
    let loaded = load(
        "[[control]]\nid = \"SEC-01\"\nplugin = \"p\"\nevery = \"1h\"\n\
         [[control]]\nid = \"SEC-02\"\nplugin = \"p\"\nevery = \"1h\"\ngrant = [{ url = \"https://a.example.com\" }]\n",
    );
    let wall = |id| control(&loaded.config, id).check.limits.wall.as_secs();
    assert_eq!((wall("SEC-01"), wall("SEC-02")), (30, 600));
    assert_eq!(control(&loaded.config, "SEC-02").check.grants[0].methods, ["GET"]);
}

#[test]
fn a_plugin_named_by_path_is_called_as_its_file() {
    let folder = Folder::with(&[(
        "evidenced.toml",
        &format!("{SHORT}[[control]]\nid = \"SEC-01\"\nplugin = \"./mine/keys.wasm\"\nevery = \"1h\"\n"),
    )]);
    let config = folder.load().unwrap().config;
    let check = &control(&config, "SEC-01").check;
    assert_eq!(check.plugin.as_str(), "keys");
    assert!(config.plugin_files[&check.plugin].ends_with("mine/keys.wasm"));
    assert!(config.plugin_files[&check.plugin].is_absolute());
}

#[test]
fn state_lies_where_it_is_said_or_where_systemd_says() {
    let folder = Folder::with(&[("evidenced.toml", SHORT)]);
    let main = folder.path().join("evidenced.toml");
    let state = |given: Option<&str>| load_in(&main, given.map(Into::into)).unwrap().config;
    assert_eq!(state(None).state_dir, Path::new("/var/lib/evidenced"));
    let config = state(Some("/var/lib/private/evidenced"));
    assert_eq!(config.socket, Path::new("/var/lib/private/evidenced/evidenced.sock"));
    assert_eq!(config.mail.transport, Transport::Directory("/var/lib/private/evidenced/mail".into()));
    folder.write("conf.d/state.toml", b"state_dir = \"state\"");
    assert_eq!(state(Some("/elsewhere")).state_dir, folder.path().join("state"));
}

#[test]
fn webhooks_have_names_and_keep_their_secrets_elsewhere() {
    let loaded = load(
        "[heartbeat]\nurl = { credential = \"beat\" }\n\
         [[recipient]]\nid = \"ops\"\n\
         webhook = [{ kind = \"slack\", url = { credential = \"slack\" } }, { kind = \"slack\", id = \"night\", url = { file = \"night\" } }]\n\
         [[recipient]]\nid = \"pager\"\nemail = [\"pager@example.com\"]\n\
         [[recipient.webhook]]\nkind = \"pagerduty\"\nsecret = { credential = \"routing\" }\n\
         [[recipient.webhook]]\nkind = \"generic\"\nurl = \"https://example.com/hook?a=b\"\n",
    );
    let config = &loaded.config;
    let names: Vec<_> = config.recipients.iter().flat_map(|one| one.webhook_names()).collect();
    let names: Vec<_> = names.iter().map(|(name, kind)| (name.to_string(), kind.as_str())).collect();
    let expected = [
        ("ops/slack", "slack"),
        ("ops/night", "slack"),
        ("pager/pagerduty", "pagerduty"),
        ("pager/generic", "generic"),
    ];
    assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
    let pager = &config.recipients[2].webhooks[0];
    assert_eq!(pager.url, CallUrl::Plain("https://events.pagerduty.com/v2/enqueue".into()));
    let heartbeat = config.heartbeat.as_ref().unwrap();
    assert_eq!((heartbeat.every.as_secs(), heartbeat.url.secret().is_some()), (60, true));
    assert_eq!(Config::from_expanded_json(&config.expanded_json()).unwrap(), *config);
}

#[test]
fn recipients_hear_what_they_asked_for() {
    let loaded = load(
        "[[recipient]]\nid = \"sec\"\nemail = [\"sec@example.com\"]\nfamilies = [\"security\"]\nseverity = \"high\"\n\
         [[recipient]]\nid = \"ops\"\nemail = [\"ops@example.com\"]\nowners = [\"ops\"]\nsummaries = [\"weekly\"]\n\
         families = [\"availability\", \"security\"]\n\
         [defaults]\nplugin = \"p\"\nevery = \"1h\"\n\
         [[control]]\nid = \"SEC-01\"\nseverity = \"critical\"\nowner = \"ops\"\n\
         [[control]]\nid = \"SEC-02\"\nseverity = \"medium\"\nowner = \"web\"\n\
         [[control]]\nid = \"AVL-01\"\nseverity = \"low\"\nowner = \"ops\"\n",
    );
    let told = |id, cause| -> Vec<&str> {
        let recipients = loaded.config.recipients_for(control(&loaded.config, id), cause, false);
        recipients.into_iter().map(|recipient| recipient.id.as_str()).collect()
    };
    assert_eq!(told("SEC-01", AlertCause::Failed), ["all", "sec", "ops"]);
    assert_eq!(told("SEC-02", AlertCause::Recovered), ["all"]);
    assert_eq!(told("AVL-01", AlertCause::NotTested), ["all", "ops"]);
    assert_eq!(told("AVL-01", AlertCause::MonitoringGap), ["all"]);
    assert_eq!(told("AVL-01", AlertCause::Summary(SummaryKind::Weekly)), ["ops"]);
}

#[test]
fn who_is_told_when_and_how_much_can_be_chosen() {
    let Loaded { config, .. } = load(
        "[alerts]\ngroup = \"2m\"\nstorm = { alerts = 20, within = \"5m\" }\nreminders = [\"2d\", \"1w\"]\n\
         flapping = { changes = 8, within = \"12h\" }\n\
         [[recipient]]\nid = \"night\"\nemail = [\"night@example.com\"]\ndetail = \"counts\"\nmails_per_hour = 5\n\
         timezone = \"Europe/Berlin\"\n\
         quiet = { from = \"20:00\", to = \"07:30\", business_days_only = true, up_to = \"high\" }\n\
         [[recipient]]\nid = \"boss\"\nemail = [\"boss@example.com\"]\nalerts = \"escalations\"\n\
         mails_per_hour = \"unlimited\"\n\
         [[recipient]]\nid = \"auditor\"\nemail = [\"auditor@example.com\"]\nalerts = \"none\"\nsummaries = [\"window\"]\n\
         [[control]]\nid = \"SEC-01\"\nplugin = \"p\"\nevery = \"1h\"\nowner = \"ops\"\n",
    );
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let rules = Rules { group: minutes(2), storm: 20, storm_within: minutes(5) };
    assert_eq!(config.alerts.routing, rules);
    assert_eq!(config.alerts.reminders, Reminders(vec![minutes(2 * 1440), minutes(7 * 1440)]));
    assert_eq!(config.alerts.flapping, Flapping { changes: 8, within: minutes(720) });
    let night = config.recipient(&"night".parse().unwrap()).unwrap();
    assert_eq!((night.detail, night.per_hour), (Detail::Counts, 5));
    assert_eq!(config.recipient(&"boss".parse().unwrap()).unwrap().per_hour, u32::MAX);
    let quiet = Quiet { from: 1200, to: 450, business_days_only: true, up_to: Severity::High };
    assert_eq!(night.quiet, Some(quiet));
    let told = |cause, escalates| -> Vec<&str> {
        let recipients = config.recipients_for(&config.controls[0], cause, escalates);
        recipients.into_iter().map(|recipient| recipient.id.as_str()).collect()
    };
    assert_eq!(told(AlertCause::Failed, false), ["all", "night"]);
    assert_eq!(told(AlertCause::Reminder, true), ["all", "night", "boss"]);
    assert_eq!(told(AlertCause::MonitoringGap, false), ["all", "night"]);
    assert_eq!(config.alerts, Config::from_expanded_json(&config.expanded_json()).unwrap().alerts);
}

#[test]
fn what_is_odd_is_accepted_with_a_warning() {
    let loaded = load(
        "[web]\nlisten = \"0.0.0.0:8420\"\n\
         [[template]]\nid = \"t\"\n\
         [[recipient]]\nid = \"x\"\nemail = [\"x@example.com\"]\nowners = [\"plattform\"]\n\
         [[control]]\nid = \"SEC-01\"\nplugin = \"p\"\nevery = \"1h\"\ncriteria = [\"CC6.9\", \"A.8.2\"]\n\
         config = { nested = { api_key = \"x\" } }\n",
    );
    assert_eq!(
        codes(&loaded.warnings),
        ["web-not-local", "unused-template", "unknown-owner", "no-owner", "unknown-criterion", "looks-like-secret"]
    );
    let folder = Folder::with(&[("evidenced.toml", "organization = \"Example AI\"\n")]);
    assert_eq!(codes(&folder.load().unwrap().warnings), ["no-controls"]);
}

#[test]
fn what_nobody_uses_yet_is_looked_at_too() {
    let refused = |text: &str| {
        let folder = Folder::with(&[("evidenced.toml", &format!("{SHORT}{text}"))]);
        codes(folder.load().unwrap_err().list())
    };
    assert_eq!(refused("[defaults.fairness]\nconfirmations = 0\n"), ["number-out-of-range"]);
    assert_eq!(
        refused("[[template]]\nid = \"t\"\nevery = \"often\"\nhistory = [\"NONE-1\"]\n"),
        ["unused-template", "bad-duration"]
    );
    // Only a control can say whether these are whole.
    load(
        "[defaults]\non_empty = \"pass\"\n\
         [[template]]\nid = \"t\"\nschedule = \"{minute} * * * *\"\n\
         [[template]]\nid = \"u\"\ninput = [{ name = \"keys\", http = \"https://a.example.com/keys\" }]\n",
    );
}

#[test]
fn business_days_come_with_their_holidays() {
    let calendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n";
    let text = "holidays = \"holidays.ics\"\ntimezone = \"europe/berlin\"\n\
        [[control]]\nid = \"SEC-01\"\nplugin = \"p\"\nevery = \"1h\"\nremediate_within = \"2 business days\"\n";
    let folder = Folder::with(&[("evidenced.toml", "organization = \"Example AI\"\n"), ("conf.d/a.toml", text)]);
    folder.write("holidays.ics", calendar.as_bytes());
    let config = folder.load().unwrap_or_else(|refused| panic!("{refused}")).config;
    assert_eq!(config.holidays.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-12-25"]);
    assert_eq!(control(&config, "SEC-01").check.remediate_within, Within::BusinessDays(2));
    assert_eq!(config.timezone, "Europe/Berlin", "in the spelling of the database");
}

#[test]
fn windows_and_summaries_bring_their_zones_and_controls() {
    let loaded = load(
        "[[recipient]]\nid = \"tokyo\"\nemail = [\"t@example.com\"]\ntimezone = \"Asia/Tokyo\"\nsummaries = [\"weekly\"]\n\
         [defaults]\nplugin = \"p\"\nevery = \"1h\"\n\
         [[control]]\nid = \"AVL-01/a\"\n[[control]]\nid = \"AVL-01/b\"\n[[control]]\nid = \"SEC-01\"\n\
         [[window]]\nid = \"w\"\nstart = 2026-01-01\nend = 2026-01-01\ntimezone = \"Pacific/Apia\"\n\
         controls = [\"AVL-*\", \"AVL-01/a\"]\n",
    );
    assert_eq!(loaded.config.rollup_zones, ["UTC", "Pacific/Apia", "Asia/Tokyo"]);
    let chosen = loaded.config.windows[0].controls.as_ref().unwrap();
    assert_eq!(chosen.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["AVL-01/a", "AVL-01/b"]);
}

#[test]
fn the_expanded_configuration_names_secrets_and_holds_none() {
    let json = example().config.expanded_json();
    assert!(json.contains(r#""password":{"credential":"smtp-password"}"#), "{json}");
    let again: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(again["controls"][0]["id"], "AVL-01/iris");
    assert_eq!(Config::from_expanded_json(&json).unwrap(), example().config);
}

#[test]
fn events_and_intervals_are_read_as_they_are_meant() {
    let loaded = load(
        r#"
        [[control]]
        id = "CNF-03"
        owner = "data"
        plugin = "training-data-access"
        every = "1h"
        interval = { lag = "10m", max_interval = "6h", overlap = "0s" }

        [[control.input]]
        name = "postgres"
        events = { glob = ["/var/log/pg/*.csv*", "archive/**/*.csv.gz"], format = "csv", time = 1, timezone = "Europe/Berlin" }

        [[control.input]]
        name = "app"
        events = { glob = "/var/log/app.log*", format = "json-lines", time = "/time", filter = [
            { field = "/verb", in = ["COPY", "SELECT"] }, { field = "/user/name", equals = "intern" },
        ] }

        [[control.input]]
        name = "trail"
        events = { glob = "/srv/trail/**/*.json.gz", format = "cloudtrail" }

        [[control.input]]
        name = "table"
        events = { glob = "table.csv", format = "csv", time = "when", filter = [{ field = 2, contains = "x" }] }
        "#,
    );
    let control = control(&loaded.config, "CNF-03");
    let rules = control.check.interval;
    assert_eq!((rules.lag.as_secs(), rules.lookback.as_secs()), (600, 86_400));
    assert_eq!((rules.max_interval.as_secs(), rules.overlap.as_secs()), (6 * 3600, 0));
    let events: Vec<_> = control
        .check
        .inputs
        .iter()
        .map(|input| match &input.origin {
            InputOrigin::Events(spec) => spec,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(events[0].globs[1].ends_with("/archive/**/*.csv.gz") && events[0].globs[1].starts_with('/'));
    assert_eq!((&events[0].time, events[0].timezone.as_deref()), (&EventField::Column(1), Some("Europe/Berlin")));
    assert_eq!(events[1].filter[1].to_string(), "/user/name equals \"intern\"");
    assert_eq!(events[2].time, EventField::Pointer("/eventTime".into()));
    assert!(events[3].header && !events[0].header);
    let expanded: Vec<_> = loaded.expanded(control).iter().map(|value| value.to_toml()).collect();
    assert!(expanded.contains(&"interval.lag = \"10m\"".to_owned()), "{expanded:?}");
    let input = expanded.iter().find(|line| line.starts_with("input = ")).unwrap();
    let written = "{ events = { format = \"cloudtrail\", glob = [\"/srv/trail/**/*.json.gz\"], time = \"/eventTime\" }, name = \"trail\" }";
    assert!(input.contains(written), "{input}");
}

#[test]
fn rules_of_intervals_that_are_not_written_change_no_definition() {
    let text = |interval: &str| {
        format!("[[control]]\nid = \"CNF-03\"\nowner = \"data\"\nplugin = \"p\"\nevery = \"1h\"\n{interval}\n")
    };
    let definition = |interval: &str| load(&text(interval)).config.controls[0].check.definition();
    let part = serde_json::to_string(&load(&text("")).config.controls[0].check).unwrap();
    assert!(!part.contains("interval"), "{part}");
    assert_eq!(definition(""), definition("interval = { lag = \"5m\" }"));
    assert_ne!(definition(""), definition("interval = { lag = \"6m\" }"));
}
