//! SIGKILL at random moments, a third of them while the daemon starts, while checks run, exceptions come and go, and
//! the mail server goes up and down. Afterwards nothing that anybody was told is gone.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use evidenced_tests::{
    daemon::{Daemon, PATIENCE, say, wait_for, was_killed},
    fixture, plugin,
};
use serde_json::{Value, json};

use crate::{
    signals::assert_every_second_once,
    smtp::{Server, header},
};

const NOOPS: u32 = 20;
const KEYS: u32 = 3;
/// Only people test these; their own slot is once a day.
const BY_HAND: [&str; 2] = ["HAND-01", "HAND-02"];

/// How many kills, unless `ROUNDS` says it.
const ROUNDS_USUAL: u32 = 12;
const ROUNDS_EVERYTHING: u32 = 100;

/// What comes up within a second shares a mail, so that kills meet held alerts too; nothing flaps, and no storm is told
/// in less than all its letters.
const ALERTS: &str = "[alerts]\ngroup = \"1s\"\nstorm = { alerts = 128, within = \"1s\" }\n\
                      flapping = { changes = 32, within = \"1s\" }\n";

/// Random numbers from a seed that is printed, so that a round that failed can be run again (`CRASH_SEED`).
struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn within(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).max(1)))
    }
}

/// What somebody was told was recorded: its place in the ledger gives control, slot, state and outcome.
type Told = HashMap<String, BTreeMap<(u64, String), Value>>;

struct Crash {
    daemon: Daemon,
    mail: Server,
    is_mail_up: bool,
    dice: Dice,
    told: Told,
    /// What `check` printed: place, control, outcome.
    checked: Vec<(u64, String, Value)>,
}

impl Crash {
    fn new(seed: u64) -> Self {
        fixture("noop");
        plugin("key-rotation");
        let crash = Self {
            daemon: Daemon::new(),
            mail: Server::start("starttls"),
            is_mail_up: true,
            dice: Dice(seed),
            told: Told::new(),
            checked: Vec::new(),
        };
        crash.daemon.configure(&(crash.mail.tables() + ALERTS + &controls()));
        for number in 0..KEYS {
            crash.inventory(number, false);
        }
        crash
    }

    fn inventory(&self, number: u32, is_bad: bool) {
        let now = jiff::Timestamp::now();
        let age = if is_bad { 120 } else { 10 };
        let created = now - jiff::SignedDuration::from_hours(24 * age);
        let rows = json!([
            { "id": "key-a", "owner": "ci", "active": true, "created": now, "last_used": null },
            { "id": "key-b", "owner": "ops", "active": true, "created": created, "last_used": null },
        ]);
        self.daemon.write(&format!("inventory-{number}.json"), &rows.to_string());
    }

    fn flip_something(&mut self) {
        let number = u32::try_from(self.dice.below(KEYS.into())).unwrap();
        let is_bad = self.dice.below(2) == 0;
        self.inventory(number, is_bad);
        match self.dice.below(4) {
            0 if self.is_mail_up => {
                self.mail.down();
                self.is_mail_up = false;
            }
            1 if !self.is_mail_up => {
                self.mail.up();
                self.is_mail_up = true;
            }
            2 => self.mail.mode(["ok", "greylist", "temp-data", "drop-after-data"][self.dice.below(4) as usize]),
            _ => {}
        }
    }

    /// Lives for a while as a daemon does, and is killed in the middle of it.
    fn live_and_die(&mut self) {
        self.daemon.start();
        let end = Instant::now() + Duration::from_millis(200) + self.dice.within(Duration::from_millis(2300));
        while Instant::now() < end {
            self.flip_something();
            let control = BY_HAND[self.dice.below(2) as usize];
            let mut check = self.daemon.command(&["check", control, "--json"]);
            let check = check.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            if self.dice.below(3) == 0 {
                // It may be answered, or not any more.
                thread::sleep(self.dice.within(Duration::from_millis(80)));
                self.daemon.kill();
            }
            let output = check.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            // A line that is whole was said by somebody who knew.
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                let line: Value = serde_json::from_str(line).unwrap();
                let sequence = line["sequence"].as_u64().unwrap();
                self.checked.push((sequence, control.to_owned(), line["outcome"].clone()));
            }
            if self.daemon.ended().is_some_and(was_killed) {
                break;
            }
            let control = self.any_control();
            self.remember(&control);
        }
        self.daemon.kill();
    }

    /// Is killed before it can do anything, or about then.
    fn die_starting(&mut self, usual_start: Duration) {
        self.daemon.launch();
        thread::sleep(self.dice.within(usual_start));
        self.daemon.kill();
    }

    fn any_control(&mut self) -> String {
        let all = every_control();
        all[usize::try_from(self.dice.below(all.len() as u64)).unwrap()].clone()
    }

    /// What `results` shows of a control; it must hold everything that was ever shown.
    fn remember(&mut self, control: &str) {
        let answer = self.daemon.ask(&["results", control]);
        if !answer.status.success() {
            // Its first slot is still to come, or the daemon was killed under the question.
            return;
        }
        let mut now = BTreeMap::new();
        for line in answer.lines {
            let key = (line["sequence"].as_u64().unwrap(), line["slot"].as_str().unwrap().to_owned());
            let facts = json!([line["state"], line["outcome"], line["reason"], line["plugin"]]);
            assert!(now.insert(key.clone(), facts).is_none(), "{control}: {key:?} is there twice");
        }
        for (key, facts) in self.told.get(control).into_iter().flatten() {
            assert_eq!(now.get(key), Some(facts), "{control}: {key:?} was shown once, and is not there any more");
        }
        self.told.insert(control.to_owned(), now);
    }

    /// After a kill, before anybody mends anything.
    fn look_at_what_is_left(&mut self) {
        if !self.daemon.path("state/journal").exists() {
            return;
        }
        let verified = self.daemon.ask(&["verify", "--deep"]);
        assert_eq!(verified.code(), 0, "{verified:?}");
        for control in every_control() {
            self.remember(&control);
        }
        for (sequence, control, outcome) in &self.checked {
            let found = self.told[control].iter().find(|((place, _), _)| place == sequence);
            let (_, facts) = found.unwrap_or_else(|| panic!("{control}: the check recorded as {sequence} is lost"));
            assert_eq!(&facts[1], outcome, "{control}: {sequence}");
        }
    }

    /// Everything good, the mail server up: what is left comes to its end.
    fn settle(&mut self) -> Vec<Value> {
        for number in 0..KEYS {
            self.inventory(number, false);
        }
        self.mail.mode("ok");
        if !self.is_mail_up {
            self.mail.up();
        }
        self.daemon.start();
        for number in 0..KEYS {
            let control = format!("KEY-{number}");
            wait_for("every control to pass", || (self.daemon.state_of(&control) == "passing").then_some(()));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.daemon.status();
            if status["mails_waiting"] == 0 && status["alerts_held"] == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "mails wait: {status}\n{}", self.daemon.log());
            thread::sleep(Duration::from_millis(100));
        }
        self.daemon.exceptions()
    }

    fn look_at_mails(&self, exceptions: &[Value]) -> usize {
        let mut of_id: HashMap<String, BTreeSet<String>> = HashMap::new();
        let mut told: BTreeSet<(&str, String)> = BTreeSet::new();
        let taken = self.mail.taken();
        for (_, message) in &taken {
            for (word, exception) in told_by(message) {
                of_id.entry(format!("{word} {exception}")).or_default().insert(header(message, "Message-ID"));
                told.insert((word, exception));
            }
        }
        for (what, ids) in of_id {
            assert_eq!(ids.len(), 1, "{what} came as more than one mail: {ids:?}");
        }
        for exception in exceptions {
            let id = exception["id"].as_str().unwrap().to_owned();
            assert!(told.contains(&("FAILED", id.clone())), "nobody was told that it failed: {exception}");
            if !exception["recovered"].is_null() {
                assert!(told.contains(&("RECOVERED", id)), "nobody was told that it recovered: {exception}");
            }
        }
        taken.len()
    }
}

/// What a mail tells of which exception: it may tell of several.
fn told_by(message: &str) -> Vec<(&'static str, String)> {
    let mut told = Vec::new();
    let mut word = None;
    for line in unfolded(message).lines() {
        if line.starts_with("FAILED: ") || line.starts_with("ALREADY FAILING: ") {
            // What failed already when it was first looked at is told in other words.
            word = Some("FAILED");
        } else if line.starts_with("RECOVERED: ") {
            word = Some("RECOVERED");
        }
        if let Some(at) = line.find("EX-") {
            let id = line[at..].split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').next();
            told.extend(word.take().zip(id.map(str::to_owned)));
        }
    }
    told
}

/// The text of a message, with what quoted-printable broke put together.
fn unfolded(message: &str) -> String {
    message.replace("=\r\n", "").replace("=\n", "")
}

fn every_control() -> Vec<String> {
    let noops = (0..NOOPS).map(|number| format!("NOOP-{number}"));
    let keys = (0..KEYS).map(|number| format!("KEY-{number}"));
    noops.chain(keys).chain(BY_HAND.map(str::to_owned)).collect()
}

fn controls() -> String {
    let mut text = String::new();
    let head = |id: &str, plugin: &str, every: &str| {
        format!(
            "\n[[control]]\nid = \"{id}\"\ntitle = \"Title of {id}\"\nfamily = \"security\"\nowner = \"platform\"\n\
             severity = \"high\"\nplugin = \"{plugin}\"\nevery = \"{every}\"\n"
        )
    };
    for number in 0..NOOPS {
        text.push_str(&(head(&format!("NOOP-{number}"), "noop", "1s") + "config = {}\n"));
    }
    let inventories = (0..KEYS).map(|number| (format!("KEY-{number}"), "1s", number));
    for (id, every, number) in inventories.chain([("HAND-02".to_owned(), "1d", 0)]) {
        text.push_str(&head(&id, "key-rotation", every));
        let input = format!("[[control.input]]\nname = \"inventory\"\nfile = \"inventory-{number}.json\"\n");
        write!(text, "config = {{ max_age_days = 90 }}\n\n{input}").unwrap();
    }
    text + &head("HAND-01", "noop", "1d") + "config = {}\n"
}

fn rounds() -> u32 {
    let words = std::env::var("ROUNDS").unwrap_or_default();
    let usual = if std::env::var_os("EVIDENCED_TEST_ALL").is_some() { ROUNDS_EVERYTHING } else { ROUNDS_USUAL };
    if words.is_empty() { usual } else { words.parse().expect("ROUNDS is a number") }
}

fn seed() -> u64 {
    let now = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap();
    std::env::var("CRASH_SEED").map_or(now, |seed| seed.parse().expect("CRASH_SEED is a number"))
}

#[test]
fn a_daemon_that_is_killed_at_any_moment_loses_nothing_that_anybody_was_told() {
    let (rounds, seed) = (rounds(), seed());
    say(&format!("{rounds} rounds, CRASH_SEED={seed}"));
    let mut crash = Crash::new(seed);
    // The first start also compiles the plugins; later ones find them compiled.
    crash.daemon.start();
    crash.daemon.kill();
    let began = Instant::now();
    crash.daemon.start();
    let usual_start = began.elapsed();
    crash.daemon.kill();
    for round in 0..rounds {
        if round % 3 == 0 {
            crash.die_starting(usual_start)
        } else {
            crash.live_and_die()
        }
        crash.look_at_what_is_left();
        say(&format!("round {round}: {} slots were shown", crash.told.values().map(BTreeMap::len).sum::<usize>()));
    }
    let exceptions = crash.settle();
    assert!(rounds < ROUNDS_USUAL || !exceptions.is_empty(), "no exception in {rounds} rounds: nothing was shown");
    let mails = crash.look_at_mails(&exceptions);
    let mut slots = 0;
    for control in every_control() {
        crash.remember(&control);
        let results = crash.daemon.results(&control);
        slots += results.len();
        if !BY_HAND.contains(&control.as_str()) {
            assert_every_second_once(&control, &results);
        }
    }
    assert_eq!(crash.daemon.terminate().code(), Some(0), "{}", crash.daemon.log());
    crash.look_at_what_is_left();
    let (checks, opened) = (crash.checked.len(), exceptions.len());
    say(&format!("{rounds} kills: {slots} slots, {checks} checks by hand, {opened} exceptions, {mails} mails"));
}
