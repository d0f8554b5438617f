//! What ends soon is told by mail: a person's statement, and exclusions.

use super::{
    acts::{ATTESTED, attest, does, silence},
    *,
};
use crate::{domain::AlertCause, recorder::Does};

/// Subjects and texts of the mails of a cause.
fn told(bench: &Bench, cause: AlertCause) -> Vec<(String, String)> {
    let queued = bench.events().into_iter().filter_map(|event| match event {
        Event::AlertQueued { cause, .. } => Some(cause),
        _ => None,
    });
    let mails = queued.zip(bench.mails()).filter(|(found, _)| *found == cause);
    mails.map(|(_, mail)| (mail.subject, mail.text)).collect()
}

impl Bench {
    /// The hours of days, each of which may tell what the one before has held.
    fn hours(&mut self, days: std::ops::Range<i64>) {
        for hour in days.start * 24..days.end * 24 {
            self.tick(Timestamp::from_millis(at(0).as_millis() + hour * 3_600_000));
        }
    }
}

#[test]
fn who_looks_after_an_attested_control_is_told_twice_before_the_statement_expires() {
    let mut bench = Bench::with(&format!("{CONFIG}{ATTESTED}"));
    bench.record(2, vec![attest(true, None)]);
    bench.hours(75..80);
    let [(subject, text)] = &told(&bench, AlertCause::Expiring)[..] else { panic!("once") };
    assert_eq!(subject, "[evidenced main] EXPIRES SOON MON-02 Access to the monitoring host is reviewed");
    for words in ["expires on Sun 31 May 2026", "Ask platform", "evidenced attest MON-02 --pass"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    bench.hours(86..93);
    assert_eq!(told(&bench, AlertCause::Expiring).len(), 2);
    assert_eq!(told(&bench, AlertCause::NotTested).len(), 2, "before the first statement, and after its end");
}

#[test]
fn a_silence_keeps_it_back_and_its_end_tells_it_unless_somebody_has_stated_it_anew() {
    for (is_stated, expected) in [(false, 1), (true, 0)] {
        let mut bench = Bench::with(&format!("{CONFIG}{ATTESTED}"));
        bench.record(2, vec![attest(true, None)]);
        bench.record(77, vec![does(1001, Does::Silence(silence(&["MON-*"], at(77), 24)))]);
        bench.hours(77..78);
        if is_stated {
            bench.record(78, vec![attest(true, None)]);
        }
        bench.hours(78..80);
        assert_eq!(told(&bench, AlertCause::Expiring).len(), expected);
    }
}

#[test]
fn an_exclusion_that_ends_is_told_once_with_its_reason_and_also_when_the_definition_changes() {
    let exclude = "plugin = \"key-rotation\"\nexclude = [{ subject = \"legacy-*\", reason = \"moved by the end of spring\", \
                   until = \"2026-04-14\" }]";
    let config = CONFIG.replacen("plugin = \"key-rotation\"", exclude, 1);
    let mut bench = Bench::with(&config);
    bench.hours(25..35);
    let [(subject, text)] = &told(&bench, AlertCause::ExclusionEnds)[..] else { panic!("once") };
    assert_eq!(subject, "[evidenced main] EXCLUSION ENDS SEC-01 Keys are rotated");
    for words in ["legacy-* is tested again from Wed 15 April 2026", "moved by the end of spring"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let changed = config.replacen("schedule = \"0 6 * * *\"", "schedule = \"0 7 * * *\"", 1);
    let file = bench.folder.path().join("evidenced.toml");
    std::fs::write(&file, changed).unwrap();
    let config = Arc::new(config::load(&file).unwrap().config);
    let catalogue = Arc::new(Catalogue::new(Arc::clone(&config), BTreeMap::new()));
    bench.record(35, vec![Fact::Configured { catalogue, expanded: config.expanded_json() }]);
    bench.hours(35..50);
    assert_eq!(bench.ledger.state().control(&"SEC-01".parse().unwrap()).unwrap().version, 2);
    assert_eq!(told(&bench, AlertCause::ExclusionEnds).len(), 1);
}
