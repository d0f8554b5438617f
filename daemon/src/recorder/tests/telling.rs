//! Alerts that are held, by whom they are read, and what pagers are told.

use super::{acts::person, *};
use crate::{
    domain::{AlertCause, WebhookKind},
    judge::PersonDoes,
};

fn config(recipients: &str) -> String {
    let recipient = CONFIG.find("[[recipient]]").unwrap();
    let control = CONFIG.find("[[control]]").unwrap();
    format!("{}{recipients}{}", &CONFIG[..recipient], &CONFIG[control..]).replace("confirmations = 2\n", "")
}

fn recipient(id: &str, more: &str) -> String {
    format!(
        "[[recipient]]\nid = \"{id}\"\nemail = [\"{id}@example.com\"]\nfamilies = [\"*\"]\nseverity = \"low\"\n{more}\n"
    )
}

impl Bench {
    fn fails(&mut self, control: &str, day: i64) {
        let run = self.ran(control, day, report("k", Status::Fail));
        self.record(day, vec![run]);
    }

    fn passes(&mut self, control: &str, day: i64) {
        let run = self.ran(control, day, report("k", Status::Pass));
        self.record(day, vec![run]);
    }

    /// Lets out what is held.
    fn release(&mut self) {
        let until = self.ledger.state().held().values().map(|held| held.until).max().unwrap();
        self.tick(until);
        assert!(self.ledger.state().held().is_empty());
    }

    /// Mails by their subject.
    fn mails_of(&self, subject: &str) -> Vec<Mail> {
        self.mails().into_iter().filter(|mail| mail.subject.contains(subject)).collect()
    }
}

#[test]
fn each_group_of_readers_finds_the_end_in_the_thread_of_the_mail_that_it_has() {
    // Quiet hours hold the alert of both; one of them also waits for the other control.
    let quiet = "quiet = { from = \"05:00\", to = \"07:00\", up_to = \"high\" }";
    let both = recipient("both", quiet);
    let one = recipient("one", &format!("{quiet}\nowners = [\"one\"]"));
    let text = config(&format!("{both}{one}")).replacen("owner = \"platform\"", "owner = \"one\"", 1);
    let mut bench = Bench::with(&text);
    bench.passes("SEC-01", 2);
    bench.passes("SEC-02", 2);
    bench.fails("SEC-01", 3);
    bench.fails("SEC-02", 3);
    bench.release();
    let firsts = bench.mails_of("FAILED");
    assert_eq!(firsts.len(), 2, "{:?}", firsts.iter().map(|mail| (&mail.subject, &mail.to)).collect::<Vec<_>>());
    bench.passes("SEC-01", 4);
    bench.release();
    let ends = bench.mails_of("RECOVERED SEC-01");
    for first in &firsts {
        let end = ends.iter().find(|end| first.to.iter().all(|to| end.to.contains(to))).unwrap();
        assert!(end.references.contains(&first.message_id), "{:?}: {:?}", first.to, end.references);
    }
}

#[test]
fn an_alert_that_no_reader_is_left_of_goes_to_the_daemons_and_the_others_to_their_own() {
    let quiet = "quiet = { from = \"05:00\", to = \"07:00\", up_to = \"high\" }";
    let leaves = recipient("leaves", quiet);
    let stays = recipient("stays", &format!("{quiet}\nowners = [\"stays\"]"));
    let text = config(&format!("{leaves}{stays}")).replacen("owner = \"platform\"", "owner = \"stays\"", 1);
    let mut bench = Bench::with(&text);
    for day in [2, 3] {
        let status = if day == 2 { Status::Pass } else { Status::Fail };
        let runs = ["SEC-01", "SEC-02"].map(|control| bench.ran(control, day, report("k", status)));
        bench.record(day, runs.into());
    }
    let file = bench.folder.path().join("evidenced.toml");
    let text = text.replacen(&leaves, &recipient("new", ""), 1);
    std::fs::write(&file, &text).unwrap();
    let config = Arc::new(config::load(&file).unwrap().config);
    let catalogue = Arc::new(Catalogue::new(Arc::clone(&config), BTreeMap::new()));
    bench.record(3, vec![Fact::Configured { catalogue, expanded: config.expanded_json() }]);
    bench.release();
    let told: Vec<_> = bench
        .mails_of("FAILED")
        .into_iter()
        .map(|mail| (mail.subject.trim_start_matches("[evidenced main] ").to_owned(), mail.to.join(" ")))
        .collect();
    assert_eq!(
        told,
        [
            ("FAILED SEC-01 Keys are rotated".to_owned(), "stays@example.com".to_owned()),
            ("FAILED SEC-02 Keys are used".to_owned(), "new@example.com".to_owned()),
        ]
    );
}

/// What pagers got, in order: the action, and the number of the incident's exception.
fn paged(bench: &Bench) -> Vec<(String, String)> {
    let posted = bench.mails().into_iter().flat_map(|mail| mail.webhooks);
    posted
        .filter(|posted| posted.kind == WebhookKind::Pagerduty)
        .filter_map(|posted| {
            let body: serde_json::Value = serde_json::from_str(&posted.body).unwrap();
            let incident = body["dedup_key"].as_str()?.rsplit('-').next()?.to_owned();
            Some((body["event_action"].as_str().unwrap().to_owned(), incident))
        })
        .collect()
}

#[test]
fn a_pager_is_told_that_somebody_has_seen_it_when_it_is_called_and_not_before() {
    let pager = "webhook = [{ kind = \"pagerduty\", secret = { file = \"routing\" } }]\nquiet = { from = \"05:00\", to = \
                 \"07:00\", up_to = \"high\" }";
    let mut bench = Bench::with(&config(&recipient("oncall", pager)));
    bench.passes("SEC-01", 2);
    bench.fails("SEC-01", 3);
    let does = PersonDoes::Acknowledge { until: None };
    let exception = ExceptionId { year: 2026, number: 1 };
    bench.record(3, vec![Fact::Said { exception, does, author: person(1001), words: "on it".to_owned() }]);
    assert!(paged(&bench).is_empty(), "nobody was called yet");
    bench.release();
    let told =
        |actions: &[&str]| actions.iter().map(|action| ((*action).to_owned(), "0001".to_owned())).collect::<Vec<_>>();
    assert_eq!(paged(&bench), told(&["trigger", "acknowledge"]));
    bench.passes("SEC-01", 4);
    bench.release();
    assert_eq!(paged(&bench), told(&["trigger", "acknowledge", "resolve"]));
    // What begins and ends in one night calls nobody.
    bench.fails("SEC-01", 5);
    let run = bench.ran("SEC-01", 5, report("k", Status::Pass));
    let later = at(5).plus(Duration::from_secs(600));
    let Fact::Ran(mut finished) = run else { panic!("a run") };
    (finished.now, finished.order.slot) = (later, SlotTime(later));
    bench.recorder.record(later, vec![Fact::Ran(finished)]).remove(0).unwrap();
    bench.release();
    assert_eq!(paged(&bench).len(), 3);
    let queued = bench
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::AlertQueued { cause: AlertCause::IncidentUpdate, .. }));
    assert_eq!(queued.count(), 1);
}
