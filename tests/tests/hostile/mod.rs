//! A hostile plugin can do nothing: each case of `tests/hostile` is a control of one real daemon. It ends as an error of its own
//! words, while another control is tested on time beside it; the daemon lives, and has its memory back; and nothing that was
//! secret is in anything that is left. `docs/sandbox.md` has the table that this prints.

mod long;
mod made;
mod memory;
mod names;
mod places;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use evidenced_tests::{
    daemon::{Daemon, say},
    hostile::{Case, cases, folder},
    hostile_peer::HostilePeer,
    planted::{Planted, Search, files},
};

use self::memory::{LEFT_KIB, held_kib, settled_kib};
use crate::secrets::{Places, keep_ledger};

/// How long the other control may take, with the command that asks for it: on a machine that does other things, too.
const ON_TIME: Duration = Duration::from_secs(3);

/// What a case may take: its wall is ten seconds at most.
const ENDED_AFTER: Duration = Duration::from_secs(15);

/// Of the daemon, its server and its cases.
pub(super) struct Town {
    pub daemon: Daemon,
    pub planted: Planted,
    pub peer: HostilePeer,
    pub cases: Vec<Case>,
}

/// One row of the table.
struct Row {
    case: String,
    outcome: String,
    took: Duration,
    before: u64,
    after: u64,
    sibling: Duration,
}

impl Town {
    /// A folder with all plugins, and a configuration that has a control for each; `wanted` says of which cases.
    pub(super) fn new(wanted: impl Fn(&Case) -> bool) -> Self {
        let mut planted = Planted::new();
        let mut daemon = Daemon::new();
        let peer = HostilePeer::start(&planted.canary, Vec::new());
        let cases: Vec<Case> = cases(peer.port).into_iter().filter(wanted).collect();
        for folder in ["plugins", "secrets"] {
            fs::create_dir(daemon.path(folder)).unwrap();
        }
        for name in ["shown", "other"] {
            let secret = planted.plant(&format!("credential {name}"), "{}");
            fs::write(daemon.path("secrets").join(name), secret).unwrap();
        }
        daemon.set("EVIDENCED_HOSTILE_VARIABLE", planted.plant("variable of the environment", "{}"));
        daemon.set("EVIDENCED_LOG", "debug");
        // As the unit of the package has it: see there.
        daemon.set("MALLOC_MMAP_THRESHOLD_", 131_072);
        let sibling = wat::parse_str(fs::read_to_string(folder().join("sibling.wat")).unwrap()).unwrap();
        fs::write(daemon.path("plugins/sibling.wasm"), sibling).unwrap();
        let town = Self { daemon, planted, peer, cases };
        town.cases.iter().for_each(|case| town.put(case));
        town.configure(&town.cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>());
        town
    }

    pub(super) fn put(&self, case: &Case) {
        let bytes = case.file.as_ref().map_or_else(|| made::bytes(&case.name), evidenced_tests::hostile::Source::bytes);
        fs::write(self.daemon.path("plugins").join(format!("{}.wasm", case.name)), bytes).unwrap();
    }

    pub(super) fn configure(&self, controls: &[&str]) {
        let mut text = "[alerts]\ngroup = \"0s\"\n".to_owned();
        for id in ["shown", "other"] {
            text += &format!(
                "\n[[credential]]\nid = \"{id}\"\nkind = \"bearer\"\nsecret = {{ file = \"secrets/{id}\" }}\n"
            );
        }
        text += &format!(
            "\n[[source]]\nid = \"peer\"\nurls = [\"http://127.0.0.1:{0:05}\", \"http://changing.example.com:{0:05}\"]\n\
             credential = \"shown\"\naddresses = [\"127.0.0.1/32\"]\n",
            self.peer.port
        );
        for id in controls.iter().chain(&["sibling"]) {
            let input = match *id {
                "reader-flood" => "\n[[control.input]]\nname = \"a\"\nfile = \"plugins/sibling.wasm\"\n",
                _ => "",
            };
            let case = self.cases.iter().find(|case| case.name == *id);
            let wall = case.map_or(10_000, |case| case.wall().as_millis());
            text += &format!(
                "\n[[control]]\nid = \"{id}\"\ntitle = \"{id}\"\nfamily = \"security\"\nowner = \"platform\"\nseverity = \"high\"\n\
                 plugin = \"{id}\"\nschedule = \"0 4 29 2 *\"\nsources = [\"peer\"]\nlimits = {{ wall = \"{wall}ms\" }}\n\
                 config.url = [\"http://127.0.0.1:{port:05}\", \"http://changing.example.com:{port:05}\"]\n{input}",
                port = self.peer.port
            );
        }
        self.daemon.configure_with("monitoring.enabled = false\n", &text);
        let path = self.daemon.path("evidenced.toml");
        let text = fs::read_to_string(&path).unwrap();
        let first = text.find("plugin_dirs = [").unwrap() + "plugin_dirs = [".len();
        fs::write(path, format!("{}\"plugins\", {}", &text[..first], &text[first..])).unwrap();
    }

    /// Asks for the other control once; how long that took.
    pub(super) fn sibling(&self) -> Duration {
        let began = Instant::now();
        let answer = self.daemon.ask(&["check", "sibling"]);
        assert_eq!(answer.code(), 0, "the other control: {answer:?}");
        began.elapsed()
    }

    /// Its words when it has ended, and how long the other control took meanwhile at most.
    pub(super) fn check(&self, control: &str) -> (String, Duration, Duration) {
        let began = Instant::now();
        thread::scope(|scope| {
            let running = scope.spawn(|| (self.daemon.ask(&["check", control]), began.elapsed()));
            let mut slowest = self.sibling();
            while !running.is_finished() {
                slowest = slowest.max(self.sibling());
            }
            let (answer, took) = running.join().unwrap();
            assert_eq!(answer.code(), 3, "{control}: an error, never a pass or a fail: {answer:?}");
            let words = answer.lines[0]["words"].as_str().unwrap().to_owned();
            // Of a file that is no plugin they begin with its path; a failure's kind stands beside them.
            let file = format!("{}: ", self.daemon.path(&format!("plugins/{control}.wasm")).display());
            let words = words.strip_prefix(&file).map_or(words.clone(), str::to_owned);
            let is_failure = answer.lines[0]["reason"] == "internal";
            (if is_failure { format!("internal: {words}") } else { words }, took, slowest)
        })
    }

    fn row(&self, case: &Case) -> Row {
        let pid = self.daemon.pid();
        let before = held_kib(pid);
        let (outcome, took, sibling) = self.check(&case.name);
        Row { case: case.name.clone(), outcome, took, before, after: settled_kib(pid, before), sibling }
    }

    /// What is wrong with how it ended.
    fn judge(&self, case: &Case, row: &Row) -> Vec<String> {
        let mut wrong = Vec::new();
        let name = &case.name;
        if !case.outcomes.contains(&row.outcome) {
            wrong.push(format!("{name}: {}", row.outcome));
        }
        if row.took > ENDED_AFTER || row.sibling > ON_TIME {
            wrong.push(format!("{name}: it took {:?}, and the other one {:?}", row.took, row.sibling));
        }
        if row.after > row.before + LEFT_KIB {
            wrong.push(format!("{name}: of {} KiB it left {} KiB", row.before, row.after));
        }
        let log = self.daemon.log();
        let log: Vec<_> = log.lines().filter(|line| line.contains(name.as_str())).collect();
        for words in &case.log {
            if !log.iter().any(|line| line.contains(words)) {
                wrong.push(format!("{name}: no `{words}` in the log"));
            }
        }
        wrong
    }

    /// Every place in which a secret could be, once the daemon has ended.
    pub(super) fn search(&self) {
        let mut places = Places::default();
        keep_ledger(&self.daemon, &mut places);
        let own = [self.daemon.path("secrets"), self.daemon.path("state/key")];
        for (path, bytes) in files(&self.daemon.path(""), &|path| own.iter().any(|own| path.starts_with(own))) {
            let kind = if path.extension().is_some_and(|ending| ending == "log") { "log" } else { "file" };
            places.add(kind, path.display().to_string(), bytes);
        }
        let found = places.find(&Search::new(&self.planted));
        assert!(found.is_empty(), "{found:#?}");
        // The search works: what is no secret is found.
        let told = places.find(&Search::of("you said Bearer ***"));
        let kinds: Vec<_> = told.keys().map(|(_, kind)| *kind).collect();
        assert!(kinds.contains(&"part") && kinds.contains(&"log"), "{kinds:?}");
    }
}

/// `case | outcome | time | memory before | after`, as Markdown.
fn table(rows: &[Row]) -> String {
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    let mut table = "| case | outcome | time | memory before | after |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for Row { case, outcome, took, before, after, .. } in rows {
        let shown: String = outcome.chars().take(150).collect();
        let cut = if outcome.chars().nth(150).is_some() { " …" } else { "" };
        let shown = shown.replace('|', "\\|");
        table += &format!("| {case} | {shown}{cut} | {} ms | {} | {} |\n", took.as_millis(), mib(*before), mib(*after));
    }
    table
}

#[test]
fn a_hostile_plugin_can_do_nothing() {
    let mut town = Town::new(|case| !case.takes_long && !case.changes_names);
    town.daemon.start();
    // What is used for the first time is not what a case has left: each kind of run is warm before the first one.
    for warm in ["memory-grow", "result-of-16-mib", "forbidden-host", "log-flood"] {
        town.check(warm);
    }
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for case in &town.cases {
        let row = town.row(case);
        wrong.extend(town.judge(case, &row));
        rows.push(row);
        if let Some(ended) = town.daemon.ended() {
            panic!("{}: the daemon ended with {ended}", case.name);
        }
    }
    say(&table(&rows));
    let slowest = rows.iter().map(|row| row.sibling).max().unwrap();
    say(&format!("the other control took {} ms at most, with the command that asked for it", slowest.as_millis()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What was asked for stands in the results, as an error.
    for case in &town.cases {
        let results = town.daemon.results(&case.name);
        assert!(results.iter().all(|line| line["outcome"] == "error"), "{}: {results:?}", case.name);
    }
    assert!(town.peer.heard(town.planted.text("credential shown")), "the secret was sent");
    assert!(!town.peer.heard(town.planted.text("credential other")), "and the other one was not");
    assert_eq!(town.daemon.terminate().code(), Some(0));
    town.daemon.ask(&["verify", "--deep"]).done();
    town.search();
}
