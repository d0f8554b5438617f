//! The outbox against a real SMTP server with STARTTLS and a login, in all its bad moods.
//!
//! Only the network is in real time. The outbox runs on a clock that jumps to whatever it waits for, so that days of
//! retries pass in a moment.

use std::{collections::BTreeMap, fs, process::Command, sync::Arc, time::Duration};

use evidenced::{
    clock::{Clock as _, VirtualClock},
    domain::{
        ControlId, Counts, ExceptionId, Family, MissedReason, Outcome as TestOutcome, RunReason, Severity, SlotTime,
        Timestamp,
    },
    mail::{
        Cause, ControlFacts, EvidenceFacts, ExceptionFacts, FailedFacts, GapFacts, Letter, Letterhead, Mail,
        NotTestedFacts, Posting, RecoveredFacts, SubjectFacts, TestFacts, TestedAgainFacts, compose, message_id,
    },
    outbox::{
        Delivery, Destination, End, Key, Login, Outbox, Outcome, Policy, Problem, Sender, SmtpSettings, SmtpTransport,
        Status, Timeouts, Tls, Way,
    },
    secret::SecretSource,
};
use evidenced_tests::targets::{script, succeed};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::smtp::{Server, header, smtp_python};

/// Far more than anything here takes; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the outbox reaches it.
fn settings_of(server: &Server) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".into(),
        port: server.port,
        tls: if server.tls == "implicit" { Tls::Implicit } else { Tls::Starttls },
        login: Some(Login {
            username: "evidenced".into(),
            password: SecretSource::File(server.place.path().join("password")),
        }),
        from: "evidenced@example.com".into(),
        roots: vec![server.place.path().join("ca/ca.pem")],
        timeouts: Timeouts {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(5),
            message: Duration::from_secs(1),
        },
    }
}

/// Moves the time to whatever is waited for, for as long as anything is.
async fn jump(clock: VirtualClock) {
    loop {
        clock.asleep(1).await;
        clock.step();
        tokio::task::yield_now().await;
    }
}

/// An outbox at work.
struct Running {
    clock: VirtualClock,
    driver: tokio::task::JoinHandle<()>,
    deliveries: mpsc::Sender<Delivery>,
    outcomes: mpsc::Receiver<Outcome>,
    status: watch::Receiver<Status>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn with(settings: SmtpSettings) -> Self {
        let clock = VirtualClock::new(at("2026-03-02T05:00:04Z"));
        let driver = tokio::spawn(jump(clock.clone()));
        let transport = Arc::new(SmtpTransport::new(settings).unwrap());
        let sender = Sender::new("evidenced@example.com", "prod").unwrap();
        let (_, way) = watch::channel(Way { transport, sender, webhooks: Arc::default() });
        let outbox = Outbox::new(way, Arc::new(clock.clone()), Policy::default());
        let status = outbox.status();
        let (deliveries, incoming) = mpsc::channel(16);
        let (done, outcomes) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let task = tokio::spawn(outbox.run(incoming, done, stop.clone()));
        Self { clock, driver, deliveries, outcomes, status, stop, task }
    }

    async fn send(&self, alert: u64, to: &str) {
        self.send_mail(alert, to, gap(alert)).await;
    }

    async fn send_mail(&self, alert: u64, to: &str, mail: Mail) {
        let key = Key { alert, delivery: 0 };
        let to = Destination::Address(to.to_owned());
        let delivery = Delivery { key, to, mail: Arc::new(mail), queued: self.clock.now() };
        self.deliveries.send(delivery).await.unwrap();
    }

    async fn outcome(&mut self) -> Outcome {
        timeout(PATIENCE, self.outcomes.recv()).await.expect("an outcome in time").expect("the outbox runs")
    }

    async fn delivered(&mut self) -> Outcome {
        let outcome = self.outcome().await;
        assert_eq!(outcome.end, End::Delivered);
        outcome
    }

    async fn refused(&mut self) -> u16 {
        match self.outcome().await.end {
            End::Refused { code, .. } => code,
            End::Delivered => panic!("it was taken"),
        }
    }

    /// Waits until nothing goes out for this reason, and gives it in words.
    async fn problem(&mut self, wanted: Problem) -> String {
        let is_wanted = |status: &Status| status.problem.as_ref().is_some_and(|(problem, ..)| *problem == wanted);
        let found = timeout(PATIENCE, self.status.wait_for(is_wanted)).await.is_ok();
        let status = self.status.borrow();
        assert!(found, "no such problem: {status:?}");
        status.problem.as_ref().unwrap().1.clone()
    }

    /// Waits for a failure of any kind that says `wanted`.
    async fn failure(&mut self, wanted: &str) {
        let says = |status: &Status| status.last_error.as_ref().is_some_and(|(_, why)| why.contains(wanted));
        timeout(PATIENCE, self.status.wait_for(says)).await.expect("a failure in time").unwrap();
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("it stops").unwrap();
        self.driver.abort();
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn head() -> Letterhead {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    Letterhead {
        organization: "Example AI".into(),
        instance: "prod".into(),
        zone,
        page: None,
        detail: evidenced::domain::Detail::Full,
    }
}

fn posting(alert: u64) -> Posting {
    Posting {
        origin: "example.com/evidenced".into(),
        alert,
        queued: at("2026-03-02T05:00:04Z"),
        to: vec!["compliance@example.com".into()],
        thread: Vec::new(),
    }
}

fn gap(alert: u64) -> Mail {
    let letter = Letter::MonitoringGap(GapFacts {
        from: at("2026-03-02T01:00:00Z"),
        to: at("2026-03-02T03:10:00Z"),
        reason: MissedReason::Down,
        missed: vec![("SEC-01".parse::<ControlId>().unwrap(), 1)],
        caught_up: 0,
        checkpoint: None,
    });
    compose(&letter, &head(), &posting(alert))
}

#[tokio::test]
async fn a_mail_arrives_over_tls_after_a_login() {
    for tls in ["starttls", "implicit"] {
        let server = Server::start(tls);
        let mut outbox = Running::with(settings_of(&server));
        outbox.send(1, "compliance@example.com").await;
        outbox.send(2, "platform@example.com").await;
        assert_eq!(outbox.delivered().await.attempts, 1);
        outbox.delivered().await;
        let mut taken = server.taken();
        taken.sort();
        let [(to, message), (other, _)] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!((to.as_str(), other.as_str()), ("compliance@example.com", "platform@example.com"));
        assert_eq!(header(message, "To"), *to);
        assert_eq!(header(message, "Subject"), "[evidenced prod] Monitoring gap 2 h 10 min on 2 March");
        assert_eq!(header(message, "Message-ID"), message_id("example.com/evidenced", 1));
        assert_eq!(header(message, "Date"), "Mon, 02 Mar 2026 06:00:04 +0100");
        assert_eq!(header(message, "Auto-Submitted"), "auto-generated");
        outbox.end().await;
    }
}

#[tokio::test]
async fn a_failure_and_its_recovery_arrive_in_one_thread() {
    let server = Server::start("starttls");
    let mut outbox = Running::with(settings_of(&server));
    let slot = |text: &str| SlotTime(at(text));
    let control = ControlFacts {
        id: "SEC-01".parse().unwrap(),
        title: "Access keys are rotated at least every 90 days".into(),
        family: Family::Security,
        severity: Severity::High,
        criteria: vec!["CC6.1".into()],
        owner: "platform".into(),
        schedule: "every day at 06:00 (Europe/Berlin)".into(),
        remediation: None,
    };
    let test = |slot, fail| TestFacts {
        slot,
        seen: format!("{fail} of 48 keys are too old"),
        population: 48,
        counts: Counts { pass: 48 - fail, fail, ..Counts::default() },
        incomplete: None,
        evidence: EvidenceFacts {
            run: 7,
            plugin: "key-rotation".parse().unwrap(),
            plugin_version: "1.0.0".into(),
            plugin_digest: None,
            checkpoint: None,
        },
    };
    let exception = ExceptionFacts {
        id: ExceptionId { year: 2026, number: 7 },
        since: slot("2026-03-02T05:00:00Z"),
        due: at("2026-03-09T05:00:00Z"),
        within: "7 days".into(),
        windows: Vec::new(),
    };
    let failed = Letter::Failed(FailedFacts {
        control: control.clone(),
        test: test(slot("2026-03-02T05:00:00Z"), 1),
        exception: exception.clone(),
        subjects: vec![SubjectFacts {
            subject: "AKIAIOSFODNN7EXAMPLE".into(),
            label: Some("ci-deploy".into()),
            message: "key is 104 days old".into(),
            measurements: Vec::new(),
            since: slot("2026-03-02T05:00:00Z"),
            as_of: None,
        }],
        confirmations: 1,
    });
    let recovered = Letter::Recovered(RecoveredFacts {
        control,
        test: test(slot("2026-03-04T05:00:00Z"), 0),
        exception,
        failing_tests: 2,
        tests: 2,
        ended: Vec::new(),
    });
    let first = compose(&failed, &head(), &posting(1));
    let second = compose(&recovered, &head(), &Posting { thread: vec![first.message_id.clone()], ..posting(2) });
    for (alert, mail) in [(1, first), (2, second)] {
        outbox.send_mail(alert, "compliance@example.com", mail).await;
        outbox.delivered().await;
    }
    let taken = server.taken();
    let (failed, recovered) = (&taken[0].1, &taken[1].1);
    assert!(header(failed, "Subject").starts_with("[evidenced prod] FAILED SEC-01 "));
    assert!(header(recovered, "Subject").starts_with("[evidenced prod] RECOVERED SEC-01 "));
    for name in ["In-Reply-To", "References"] {
        assert_eq!(header(recovered, name), header(failed, "Message-ID"));
    }
    assert!(recovered.contains("It failed for 2 days"), "{recovered}");
    outbox.end().await;
}

#[tokio::test]
async fn what_is_refused_for_now_is_tried_again_and_arrives_once() {
    let server = Server::start("starttls");
    server.mode("greylist");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    assert_eq!(outbox.delivered().await.attempts, 2);
    for (alert, (mode, says)) in
        [("temp-mail", "421"), ("temp-rcpt", "451"), ("temp-data", "452")].into_iter().enumerate()
    {
        server.mode(mode);
        outbox.send(alert as u64 + 2, "compliance@example.com").await;
        outbox.failure(&format!("({says})")).await;
        server.mode("ok");
        assert!(outbox.delivered().await.attempts > 1);
    }
    assert_eq!(server.taken().len(), 4);
    outbox.end().await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_and_holds_nobody_up() {
    let server = Server::start("starttls");
    let mut outbox = Running::with(settings_of(&server));
    for (alert, (mode, code)) in [("perm-rcpt", 550), ("perm-data", 554), ("too-big", 552)].into_iter().enumerate() {
        server.mode(mode);
        outbox.send(alert as u64, "compliance@example.com").await;
        assert_eq!(outbox.refused().await, code, "{mode}");
    }
    server.mode("partial");
    for (alert, to) in [(10, "bad@example.com"), (11, "good@example.com"), (12, "bad@example.org")] {
        outbox.send(alert, to).await;
    }
    let mut ends = BTreeMap::new();
    for _ in 0..3 {
        let outcome = outbox.outcome().await;
        ends.insert(outcome.key.alert, outcome.end == End::Delivered);
    }
    assert_eq!(ends, BTreeMap::from([(10, false), (11, true), (12, false)]));
    let taken: Vec<_> = server.taken().into_iter().map(|(to, _)| to).collect();
    assert_eq!(taken, ["good@example.com"]);
    assert_eq!(outbox.status.wait_for(|status| status.waiting == 0).await.unwrap().refused, 5);
    outbox.end().await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_mail_costs_a_retry() {
    let server = Server::start("starttls");
    server.mode("drop-data");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    outbox.failure("the mail was not taken").await;
    assert_eq!(server.taken().len(), 0);
    server.mode("ok");
    outbox.delivered().await;
    assert_eq!(server.taken().len(), 1);
    outbox.end().await;
}

#[tokio::test]
async fn a_lost_answer_gives_a_duplicate_with_the_same_message_id() {
    let server = Server::start("starttls");
    server.mode("drop-after-data");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    outbox.failure("the mail was not taken").await;
    server.mode("ok");
    outbox.delivered().await;
    let taken = server.taken();
    assert!(taken.len() >= 2, "{taken:?}");
    for (_, message) in &taken {
        assert_eq!(header(message, "Message-ID"), header(&taken[0].1, "Message-ID"));
        assert_eq!(header(message, "Date"), header(&taken[0].1, "Date"));
    }
    outbox.end().await;
}

#[tokio::test]
async fn a_mail_that_stalls_times_out_and_blocks_no_other() {
    let server = Server::start("starttls");
    server.mode("stall");
    let mut outbox = Running::with(settings_of(&server));
    for alert in 1..=6 {
        outbox.send(alert, "stall@example.com").await;
    }
    for alert in 10..=14 {
        outbox.send(alert, "compliance@example.com").await;
    }
    for _ in 10..=14 {
        assert!(outbox.delivered().await.key.alert >= 10);
    }
    outbox.failure("no answer").await;
    server.mode("ok");
    for _ in 1..=6 {
        assert!(outbox.delivered().await.attempts > 1);
    }
    assert_eq!(server.taken().len(), 11);
    outbox.end().await;
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let server = Server::start("starttls");
    server.mode("slow");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    assert_eq!(outbox.delivered().await.attempts, 1);
    let mut impatient = settings_of(&server);
    impatient.timeouts.command = Duration::from_millis(100);
    let mut other = Running::with(impatient);
    other.send(2, "compliance@example.com").await;
    other.problem(Problem::Unreachable).await;
    other.end().await;
    outbox.end().await;
}

#[tokio::test]
async fn a_wrong_password_is_a_problem_of_ours_and_no_reason_to_give_up_a_mail() {
    let server = Server::start("starttls");
    let password = server.place.path().join("password");
    fs::write(&password, "wrong").unwrap();
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    let why = outbox.problem(Problem::Login).await;
    assert!(why.contains("535") && why.contains("`evidenced`") && !why.contains("wrong"), "{why}");
    // A new secret is read without a restart.
    fs::write(&password, "correct horse").unwrap();
    outbox.delivered().await;
    server.mode("no-auth");
    outbox.end().await;
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(2, "compliance@example.com").await;
    outbox.problem(Problem::Login).await;
    server.mode("perm-mail");
    let why = outbox.problem(Problem::Sender).await;
    assert!(why.contains("MAIL FROM <evidenced@example.com>"), "{why}");
    server.mode("ok");
    outbox.delivered().await;
    outbox.end().await;
}

/// Whatever it answers: reasons go to the log, to pages and to the status.
#[tokio::test]
async fn a_password_that_the_server_repeats_is_told_nowhere() {
    let server = Server::with_password("starttls", "s3cr\"et/of+the&mail");
    server.mode("tell-auth");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    let why = outbox.problem(Problem::Login).await;
    assert!(why.contains("535") && why.contains("not with *** *** ***"), "{why}");
    server.mode("tell-rcpt");
    let End::Refused { code, why } = outbox.outcome().await.end else { panic!("it was taken") };
    assert!(code == 550 && why.contains("you logged in with *** *** ***"), "{why}");
    // Nor what is in the base64 of a whole login: `\0evidenced\0PASSWORD`.
    assert!(!why.contains("M2NyImV0L29mK3RoZSZtYWls"), "{why}");
    outbox.end().await;
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_in_clear() {
    let server = Server::start("starttls");
    server.mode("no-starttls");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    let why = outbox.problem(Problem::NoStarttls).await;
    assert!(why.contains("STARTTLS") && why.contains(&format!("localhost:{}", server.port)), "{why}");
    let sent = server.commands();
    assert!(!sent.is_empty() && sent.iter().all(|command| ["EHLO", "QUIT"].contains(&command.as_str())), "{sent:?}");
    server.mode("ok");
    outbox.delivered().await;
    outbox.end().await;
}

#[tokio::test]
async fn answers_written_before_the_encryption_began_count_for_nothing() {
    let server = Server::start("starttls");
    server.mode("inject");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    outbox.problem(Problem::Tls).await;
    assert_eq!(outbox.status.borrow().delivered, 0);
    server.mode("ok");
    outbox.delivered().await;
    assert_eq!(server.taken().len(), 1);
    outbox.end().await;
}

#[tokio::test]
async fn mail_without_tls_stays_on_this_machine() {
    let server = Server::start("none");
    let settings = SmtpSettings { tls: Tls::None, ..settings_of(&server) };
    let mut outbox = Running::with(settings.clone());
    outbox.send(1, "compliance@example.com").await;
    outbox.delivered().await;
    assert_eq!(server.taken().len(), 1);
    for host in ["mail.example.com", "192.0.2.1", "localhost.example.com"] {
        let refused = SmtpTransport::new(SmtpSettings { host: host.into(), ..settings.clone() });
        assert!(refused.is_err_and(|error| error.to_string().contains(host)));
    }
    outbox.end().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = Server::start("starttls");
    let other = server.place.path().join("other");
    succeed(Command::new(smtp_python()).arg(script("make_ca.py")).arg(&other), "look at its message");
    for roots in [vec![other.join("ca.pem")], Vec::new()] {
        let mut outbox = Running::with(SmtpSettings { roots, ..settings_of(&server) });
        outbox.send(1, "compliance@example.com").await;
        let why = outbox.problem(Problem::Tls).await;
        assert!(why.to_lowercase().contains("certificate"), "{why}");
        outbox.end().await;
    }
    let sent = server.commands();
    assert!(sent.iter().all(|command| ["EHLO", "STARTTLS", "QUIT"].contains(&command.as_str())), "{sent:?}");
}

#[tokio::test]
async fn what_is_not_smtp_is_a_server_that_cannot_be_reached() {
    let server = Server::start("starttls");
    server.mode("garbage");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    outbox.problem(Problem::Unreachable).await;
    server.mode("ok");
    outbox.delivered().await;
    outbox.end().await;
}

#[tokio::test]
async fn a_server_that_is_down_for_days_delays_mail_and_loses_none() {
    let mut server = Server::start("starttls");
    server.down();
    let mut outbox = Running::with(settings_of(&server));
    for alert in 1..=200 {
        outbox.send(alert, "compliance@example.com").await;
    }
    let why = outbox.problem(Problem::Unreachable).await;
    assert!(why.contains("refused"), "{why}");
    let waited = |clock: &VirtualClock| clock.now().since(at("2026-03-02T05:00:04Z"));
    while waited(&outbox.clock) < Duration::from_secs(2 * 86_400) {
        timeout(PATIENCE, outbox.status.changed()).await.expect("it goes on trying").unwrap();
    }
    assert_eq!(outbox.status.borrow().waiting, 200);
    server.up();
    let mut tries = 0;
    for _ in 0..200 {
        tries += outbox.delivered().await.attempts;
    }
    // Beside the one that succeeded: a try in 12 to 15 minutes for two days, and not one for each mail.
    assert!((300..460).contains(&tries), "{tries}");
    let mut ids: Vec<_> = server.taken().iter().map(|(_, message)| header(message, "Message-ID").to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    let (_, message) = &server.taken()[0];
    assert!(header(message, "X-Evidenced-Delayed").ends_with("written Mon, 02 Mar 2026 06:00:04 +0100"));
    assert_eq!(outbox.status.wait_for(|status| status.waiting == 0).await.unwrap().problem, None);
    outbox.end().await;
}

#[tokio::test]
async fn a_dead_connection_is_replaced_without_a_failure() {
    let mut server = Server::start("starttls");
    let mut outbox = Running::with(settings_of(&server));
    outbox.send(1, "compliance@example.com").await;
    outbox.delivered().await;
    server.down();
    server.up();
    outbox.send(2, "compliance@example.com").await;
    assert_eq!(outbox.delivered().await.attempts, 1);
    assert_eq!(outbox.status.borrow().last_error, None);
    outbox.end().await;
}

#[tokio::test]
async fn what_could_not_be_tested_is_told_in_one_thread_too() {
    let server = Server::start("starttls");
    let mut outbox = Running::with(settings_of(&server));
    let control = ControlFacts {
        id: "CHG-01".parse().unwrap(),
        title: "Every deployed change was reviewed".into(),
        family: Family::ChangeManagement,
        severity: Severity::Medium,
        criteria: vec!["CC8.1".into()],
        owner: "engineering".into(),
        schedule: "every 5 min".into(),
        remediation: None,
    };
    let since = SlotTime(at("2026-03-01T05:00:00Z"));
    let not_tested = Letter::NotTested(NotTestedFacts {
        control: control.clone(),
        since,
        slots: 2,
        last_good: None,
        cause: Cause::Run(RunReason::Denied),
        source: Some("github.example".into()),
        message: Some("status 403".into()),
        evidence: None,
    });
    let evidence = EvidenceFacts {
        run: 9,
        plugin: "reviews".parse().unwrap(),
        plugin_version: "1.0.0".into(),
        plugin_digest: None,
        checkpoint: None,
    };
    let tested_again = Letter::TestedAgain(TestedAgainFacts {
        control,
        test: TestFacts {
            slot: SlotTime(at("2026-03-02T05:00:00Z")),
            seen: "12 changes were reviewed".into(),
            population: 12,
            counts: Counts { pass: 12, ..Counts::default() },
            incomplete: None,
            evidence,
        },
        outcome: TestOutcome::Pass,
        since,
        slots: 3,
    });
    let first = compose(&not_tested, &head(), &posting(1));
    let second = compose(&tested_again, &head(), &Posting { thread: vec![first.message_id.clone()], ..posting(2) });
    for (alert, mail) in [(1, first), (2, second)] {
        outbox.send_mail(alert, "compliance@example.com", mail).await;
        outbox.delivered().await;
    }
    let taken = server.taken();
    assert_eq!(header(&taken[1].1, "In-Reply-To"), header(&taken[0].1, "Message-ID"));
    outbox.end().await;
}
