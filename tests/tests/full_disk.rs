//! A real disk that is full: nothing that anybody was told is gone, what did not run is recorded with its reason, and
//! with room again all goes on.

use std::collections::BTreeMap;

use evidenced_tests::daemon::{Daemon, say, wait_for, was_killed};
use serde_json::{Value, json};

use crate::{
    signals::{assert_every_second_once, noop},
    small_disk::{SmallDisk, with_own_mounts},
};

const CONTROLS: [&str; 3] = ["SEC-01", "SEC-02", "SEC-03"];

struct FullDisk {
    // Goes before the folder that it is mounted in.
    disk: SmallDisk,
    daemon: Daemon,
    /// What `results` showed: place and slot give state, outcome and reason.
    told: BTreeMap<(String, u64, String), Value>,
}

impl FullDisk {
    fn new(mib: u64) -> Self {
        let daemon = Daemon::new();
        let disk = SmallDisk::mount(daemon.path("state"), mib);
        daemon.configure(&CONTROLS.map(|control| noop(control, "every = \"1s\"")).concat());
        Self { daemon, disk, told: BTreeMap::new() }
    }

    /// All that was ever shown is still shown.
    #[track_caller]
    fn look(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        for control in CONTROLS {
            let answer = self.daemon.ask(&["results", control]);
            if !answer.status.success() {
                // Its first slot is still to come.
                assert!(self.told.is_empty(), "{}", answer.stderr);
                continue;
            }
            for line in &answer.lines {
                let slot = line["slot"].as_str().unwrap().to_owned();
                let key = (control.to_owned(), line["sequence"].as_u64().unwrap(), slot);
                let facts = json!([line["state"], line["outcome"], line["reason"]]);
                self.told.entry(key).or_insert(facts);
            }
            all.extend(answer.lines);
        }
        let of = |line: &Value| (line["control"].as_str().unwrap().to_owned(), line["sequence"].as_u64().unwrap());
        for ((control, sequence, slot), facts) in &self.told {
            let mut found = all.iter().filter(|line| of(line) == (control.clone(), *sequence));
            let found = found.find(|line| line["slot"] == *slot);
            let now = found.map(|line| json!([line["state"], line["outcome"], line["reason"]]));
            assert_eq!(now.as_ref(), Some(facts), "{control}: {slot}, entry {sequence}, was shown once");
        }
        all
    }

    #[track_caller]
    fn verifies(&self) {
        let verified = self.daemon.ask(&["verify", "--deep"]);
        assert_eq!(verified.code(), 0, "{verified:?}");
    }

    /// Waits until a slot later than all that are known now ended like this.
    fn wait_for_new(&mut self, state: &str, reason: Option<&str>) {
        let newest = |results: &[Value]| {
            let slots = results.iter().map(|line| line["slot"].as_str().unwrap().to_owned());
            slots.max().unwrap_or_default()
        };
        let before = newest(&self.look());
        wait_for(&format!("{state} {reason:?} after {before}"), || {
            let results = self.look();
            let is_new = |line: &&Value| line["slot"].as_str().unwrap() > before.as_str();
            let mut new = results.iter().filter(is_new);
            new.any(|line| line["state"] == state && line["reason"] == json!(reason)).then_some(())
        });
    }

    /// A start that need not succeed, but must end as one that says why, or answer.
    fn tries_to_start(&mut self, context: &str) {
        self.daemon.launch();
        let answers = wait_for(context, || {
            if let Some(ended) = self.daemon.ended() {
                assert!(!was_killed(ended), "{context}: {ended}");
                return Some(false);
            }
            let answer = self.daemon.ask(&["status"]);
            answer.lines.first().is_some_and(|status| status["is_running"] == true).then_some(true)
        });
        if answers {
            self.look();
            self.daemon.kill();
        } else {
            assert_eq!(self.daemon.wait_until_it_ends().code(), Some(3), "{context}: {}", self.daemon.log());
            let log = self.daemon.log();
            assert!(log.contains("No space left on device"), "{context}: {log}");
        }
        say(&format!("{context}: {}", if answers { "it runs" } else { "it ends" }));
        self.nothing_panicked(context);
        self.look();
        self.verifies();
    }

    #[track_caller]
    fn nothing_panicked(&self, context: &str) {
        let log = self.daemon.log();
        assert!(!log.contains("panicked"), "{context}: {log}");
    }
}

/// From a disk with room, by one that is fuller than the floor, to one that has not a byte, and back.
fn fills_up(mib: u64) {
    let mut world = FullDisk::new(mib);
    world.daemon.start();
    world.wait_for_new("run", None);

    // Less than the floor is left.
    world.disk.fill(512 << 10);
    world.wait_for_new("missed", Some("disk-full"));
    world.verifies();
    // It recorded that in the room that it kept for it; that is taken as well.
    world.disk.fill(0);
    let ended = world.daemon.wait_until_it_ends();
    assert_eq!(ended.code(), Some(3), "{}", world.daemon.log());
    assert!(world.daemon.log().contains("No space left on device"), "{}", world.daemon.log());
    world.nothing_panicked("no byte is left");
    world.look();
    world.verifies();

    // More room from start to start; sooner or later one of them succeeds.
    for left in [0, 4, 16, 64, 128, 256, 512, 768, 900] {
        world.disk.clear();
        world.disk.fill(left << 10);
        world.tries_to_start(&format!("a start with {left} KiB"));
    }

    world.disk.clear();
    world.daemon.start();
    world.wait_for_new("run", None);
    let results = world.look();
    for control in CONTROLS {
        let of: Vec<Value> = results.iter().filter(|line| line["control"] == control).cloned().collect();
        assert_every_second_once(control, &of);
        say(&format!("{mib} MiB, {control}: {} slots", of.len()));
    }
    assert_eq!(world.daemon.terminate().code(), Some(0), "{}", world.daemon.log());
    world.look();
    world.verifies();
}

/// The room that must be kept does not fit on the disk at all.
fn is_too_small(mib: u64) {
    let mut world = FullDisk::new(mib);
    world.daemon.start();
    world.wait_for_new("missed", Some("disk-full"));
    world.verifies();
    world.disk.fill(0);
    let ended = world.daemon.wait_until_it_ends();
    assert_eq!(ended.code(), Some(3), "{}", world.daemon.log());
    world.nothing_panicked("no byte is left");
    let results = world.look();
    assert!(results.iter().all(|line| line["state"] == "missed" && line["reason"] == "disk-full"), "{results:?}");
    world.verifies();
    world.disk.clear();
    world.daemon.start();
    world.wait_for_new("missed", Some("disk-full"));
    assert_eq!(world.daemon.terminate().code(), Some(0), "{}", world.daemon.log());
    world.verifies();
}

#[test]
fn a_disk_of_80_mib_fills_up_and_nothing_is_lost() {
    with_own_mounts("full_disk::a_disk_of_80_mib_fills_up_and_nothing_is_lost", || fills_up(80));
}

#[test]
fn a_disk_of_200_mib_fills_up_and_nothing_is_lost() {
    with_own_mounts("full_disk::a_disk_of_200_mib_fills_up_and_nothing_is_lost", || fills_up(200));
}

#[test]
fn a_disk_of_8_mib_is_full_from_the_start() {
    with_own_mounts("full_disk::a_disk_of_8_mib_is_full_from_the_start", || is_too_small(8));
}

#[test]
fn a_disk_of_40_mib_is_full_from_the_start() {
    with_own_mounts("full_disk::a_disk_of_40_mib_is_full_from_the_start", || is_too_small(40));
}
