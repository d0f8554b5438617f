//! Crashes, failing disks and full disks: the ledger's files on a simulated disk, its view in sled on the real one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use proptest::prelude::*;

use super::{
    fixture::*,
    sim::{Fault, SimDisk},
};
use crate::ledger::{view::View, *};

/// The lock and the view are on the real disk; everything else is not.
struct Place {
    dir: tempfile::TempDir,
}

/// What of the view is there after a crash.
#[derive(Debug, Clone, Copy)]
enum ViewLeft {
    /// All that was written, also when the dying ledger was closed.
    Closed,
    /// What sled had written while the ledger was open.
    Open,
    /// What was there when the ledger was closed for the last time before.
    Older,
    Nothing,
}

impl ViewLeft {
    const ALL: [Self; 4] = [Self::Closed, Self::Open, Self::Older, Self::Nothing];
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn open(&self, disk: &SimDisk) -> Result<Ledger<Tally>, LedgerError> {
        let options = Options {
            pack_entries: 16,
            journal_bytes_max: 90_000,
            view: ViewPlace::At(self.view()),
            disk: Arc::new(disk.clone()),
            ..options()
        };
        Ledger::open(self.path(), options)
    }

    fn view(&self) -> PathBuf {
        self.path().join("view")
    }

    /// Keeps the view as it is now under another name.
    fn copy_view(&self, name: &str) {
        replace(&self.view(), &self.path().join(name));
    }

    fn leave_of_view(&self, left: ViewLeft) {
        match left {
            ViewLeft::Closed => {}
            ViewLeft::Open => replace(&self.path().join(OPEN), &self.view()),
            ViewLeft::Older => replace(&self.path().join(OLDER), &self.view()),
            ViewLeft::Nothing => drop(fs::remove_dir_all(self.view())),
        }
    }
}

const OPEN: &str = "view-open";
const OLDER: &str = "view-older";

/// Puts a copy of the folder, if there is one, in the place of another.
fn replace(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    let Ok(names) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for found in names.map(|name| name.unwrap().path()) {
        let to = to.join(found.file_name().unwrap());
        if found.is_dir() {
            replace(&found, &to);
        } else {
            fs::copy(&found, &to).unwrap();
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Commit(u64),
    Settle,
    Checkpoint,
    Erase(u64),
    Rollup,
    Reopen,
}

const SCRIPT: [Step; 13] = [
    Step::Commit(3),
    Step::Commit(4),
    Step::Checkpoint,
    Step::Erase(2),
    Step::Commit(12),
    Step::Settle,
    Step::Erase(5),
    Step::Rollup,
    Step::Reopen,
    Step::Commit(5),
    Step::Commit(10),
    Step::Settle,
    Step::Checkpoint,
];

/// Goes through the steps, whatever fails. Returns how many entries were acknowledged, and what was attempted.
fn run(place: &Place, disk: &SimDisk, steps: &[Step]) -> (u64, Vec<u64>) {
    let (mut acknowledged, mut erased) = (0, Vec::new());
    let mut open = place.open(disk);
    for step in steps {
        let Ok(ledger) = &open else {
            open = place.open(disk);
            continue;
        };
        match *step {
            Step::Commit(count) => {
                if let Ok(receipt) = ledger.commit(batch(ledger.head().size, count)) {
                    acknowledged = receipt.head.size;
                }
            }
            Step::Settle => drop(ledger.settle()),
            Step::Checkpoint => drop(ledger.checkpoint()),
            Step::Erase(sequence) => {
                erased.push(sequence);
                drop(ledger.erase(&part(sequence).digest()));
            }
            Step::Rollup => drop(ledger.write_rollup("UTC", crate::domain::LocalDay(1), b"counts")),
            Step::Reopen => {
                drop(open);
                place.copy_view(OLDER);
                open = place.open(disk);
            }
        }
    }
    place.copy_view(OPEN);
    (acknowledged, erased)
}

/// What is there now is all that was acknowledged and nothing that was never committed; and it goes on.
#[track_caller]
fn recovers(place: &Place, disk: &SimDisk, acknowledged: u64, erased: &[u64], context: &str) {
    let ledger = place.open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let size = ledger.head().size;
    assert!((acknowledged..=acknowledged + 12).contains(&size), "{context}: {acknowledged} became {size}");
    check_but(&ledger, size, erased);
    // An erasure that was cut short is told; done again, it is done.
    for digest in erased.iter().map(|sequence| part(*sequence).digest()) {
        match ledger.part(&digest) {
            Ok(None) => match ledger.erase(&digest) {
                Ok(()) | Err(LedgerError::NoSuchPart(_)) => {}
                Err(error) => panic!("{context}: {error}"),
            },
            Ok(Some(_)) => {}
            Err(error) => panic!("{context}: {error}"),
        }
    }
    let found = ledger.verify(Depth::Refold, &Progress::unwatched).unwrap();
    assert_eq!(but_silent(&found.faults), Vec::<&String>::new(), "{context}");
    assert!(found.faults.len() <= erased.len(), "{context}: {:?}", found.faults);
    grow(&ledger, size + 20);
    ledger.settle().unwrap();
    check_but(&ledger, size + 20, erased);
    let rows = ledger.state().rows();
    ledger.close().unwrap();
    let (_, healed) = View::open(&place.view(), Tally::VERSION).unwrap();
    let (stand, found) = healed.unwrap_or_else(|| panic!("{context}: nothing is in the view"));
    assert!(stand.size == size + 20 && found == rows, "{context}: the view is not what the entries add up to");
}

#[test]
fn every_step_may_fail_both_ways_or_be_the_last() {
    let place = Place::new();
    let disk = SimDisk::default();
    let (size, _) = run(&place, &disk, &SCRIPT);
    assert_eq!(size, 34, "without a fault all is committed");
    let steps = disk.steps();
    assert!(steps > 100);
    for step in 0..steps {
        for (turn, fault) in (0..).zip(Fault::ALL) {
            let place = Place::new();
            let disk = SimDisk::default();
            disk.fail_at(step, fault);
            let (acknowledged, erased) = run(&place, &disk, &SCRIPT);
            let view = ViewLeft::ALL[(step / 3 + turn) as usize % 4];
            place.leave_of_view(view);
            let context = format!("step {step} {fault:?}, view {view:?}");
            // By turns, so that each step sees each fault, and each way to end often enough.
            let (after, end) = match (step + turn) % 3 {
                0 => (disk.after_kill(), "killed"),
                1 => (disk.after_power_cut(0), "power cut"),
                _ => (disk.after_power_cut(step + 1), "power cut, some unsynced bytes kept"),
            };
            recovers(&place, &after, acknowledged, &erased, &format!("{context}, {end}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_survives_any_crash(
        steps in prop::collection::vec(
            prop_oneof![
                5 => (1_u64..12).prop_map(Step::Commit),
                2 => Just(Step::Settle),
                1 => Just(Step::Checkpoint),
                1 => (1_u64..30).prop_map(Step::Erase),
                1 => Just(Step::Rollup),
                1 => Just(Step::Reopen),
            ],
            1..16,
        ),
        crashes in prop::collection::vec((0_u64..150, 0_usize..4, any::<u64>(), 0_usize..4), 1..4),
    ) {
        let place = Place::new();
        let mut disk = SimDisk::default();
        let (mut at_least, mut erased) = (0, Vec::new());
        for (step, fault, seed, view) in crashes {
            disk.fail_at(disk.steps() + step, Fault::ALL[fault]);
            let (acknowledged, more) = run(&place, &disk, &steps);
            erased.extend(more);
            at_least = at_least.max(acknowledged);
            disk = if seed % 3 == 0 { disk.after_kill() } else { disk.after_power_cut(seed) };
            place.leave_of_view(ViewLeft::ALL[view]);
            recovers(&place, &disk, at_least, &erased, "history");
            at_least = place.open(&disk).unwrap().head().size;
        }
    }
}

#[test]
fn after_a_failed_fdatasync_nothing_is_acknowledged_any_more() {
    for fault in [Fault::NotDone, Fault::DoneButFailed] {
        let place = Place::new();
        let disk = SimDisk::default();
        let ledger = place.open(&disk).unwrap();
        grow(&ledger, 10);
        // A commit writes once and syncs once.
        disk.fail_at(disk.steps() + 1, fault);
        let error = ledger.commit(batch(10, 2)).unwrap_err();
        assert!(error.to_string().starts_with("cannot make durable"), "{error}");
        let syncs = disk.syncs();
        for _ in 0..3 {
            assert!(matches!(ledger.commit(batch(10, 2)), Err(LedgerError::Poisoned { .. })));
        }
        assert_eq!(disk.syncs(), syncs, "a failed fdatasync is never tried again");
        assert!(ledger.poisoned().is_some());
        check(&ledger, 10);
        assert!(matches!(ledger.close(), Err(LedgerError::Poisoned { .. })));
        // The bytes are in the cache of a kernel that will not write them: opening does.
        let ledger = place.open(&disk).unwrap();
        check(&ledger, 12);
        drop(ledger);
        check(&place.open(&disk.after_power_cut(0)).unwrap(), 12);
    }
}

/// A commit that failed right after its journal file was started left a file without frames; the files before it
/// went because all their entries were in packs, and the next start missed the frames that had been acknowledged.
#[test]
fn a_journal_without_frames_is_no_loss_where_packs_hold_them() {
    let place = Place::new();
    let disk = SimDisk::default();
    let ledger = place.open(&disk).unwrap();
    grow(&ledger, 16);
    ledger.settle().unwrap();
    // Name, header and folder of the new file, then the frame.
    disk.fail_at(disk.steps() + 3, Fault::NotDone);
    let alone = Batch { parts: Vec::new(), ..batch(16, 1) };
    assert!(matches!(ledger.commit(alone), Err(LedgerError::Io { what: "append to", .. })));
    drop(ledger);
    for _ in 0..3 {
        place.copy_view(OPEN);
        recovers(&place, &disk.after_kill(), 16, &[], "header only");
        place.leave_of_view(ViewLeft::Open);
        drop(place.open(&disk).unwrap());
    }
}

#[test]
fn a_journal_file_that_could_not_be_started_is_in_nobody_s_way() {
    let place = Place::new();
    let disk = SimDisk::default();
    let ledger = place.open(&disk).unwrap();
    grow(&ledger, 16);
    // Its name is there, its header is not.
    disk.fail_at(disk.steps() + 1, Fault::NotDone);
    let alone = Batch { parts: Vec::new(), ..batch(16, 1) };
    assert!(matches!(ledger.commit(alone), Err(LedgerError::Io { what: "start", .. })));
    ledger.settle().unwrap();
    ledger.erase(&part(2).digest()).unwrap();
    let faults = ledger.verify(Depth::Refold, &Progress::unwatched).unwrap().faults;
    assert_eq!((but_silent(&faults), faults.len()), (vec![], 1));
    let after = disk.after_power_cut(0);
    place.copy_view(OPEN);
    grow(&ledger, 40);
    check_but(&ledger, 40, &[2]);
    drop(ledger);
    place.leave_of_view(ViewLeft::Open);
    recovers(&place, &after, 16, &[2], "not started");
}

#[test]
fn a_commit_is_one_fdatasync() {
    let place = Place::new();
    let disk = SimDisk::default();
    let ledger = place.open(&disk).unwrap();
    ledger.commit(batch(0, 1)).unwrap();
    for from in 1..16 {
        let (syncs, dir_syncs) = disk.syncs();
        // The part of entry 5 is a file of its own.
        let alone = Batch { parts: Vec::new(), ..batch(from, 1) };
        ledger.commit(alone).unwrap();
        assert_eq!(disk.syncs(), (syncs + 1, dir_syncs));
    }
    let (syncs, dir_syncs) = disk.syncs();
    ledger.commit(Batch { parts: Vec::new(), ..batch(16, 1) }).unwrap();
    assert_eq!(disk.syncs(), (syncs + 1, dir_syncs + 1), "a new journal file also has a name");
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    for room in (0..60).map(|step| step * 5_000) {
        let place = Place::new();
        let disk = SimDisk::default();
        disk.limit(Some(room));
        let acknowledged = match place.open(&disk) {
            Err(LedgerError::Io { .. }) => 0,
            Err(error) => panic!("{error}"),
            Ok(ledger) => {
                let mut full = 0;
                while full < 3 && ledger.head().size < 60 {
                    match ledger.commit(batch(ledger.head().size, 3)) {
                        Ok(_) => {}
                        Err(LedgerError::Io { .. }) => full += 1,
                        Err(error) => panic!("{error}"),
                    }
                    drop(ledger.settle());
                }
                let size = ledger.head().size;
                check(&ledger, size);
                // With room again it goes on, in the same process.
                disk.limit(None);
                grow(&ledger, size + 5);
                ledger.settle().unwrap();
                check(&ledger, size + 5);
                size + 5
            }
        };
        disk.limit(None);
        recovers(&place, &disk, acknowledged, &[], &format!("{room} bytes"));
    }
}

#[test]
fn the_folder_stays_small_over_4000_seals() {
    let place = Place::new();
    let disk = SimDisk::default();
    let view = tempfile::tempdir().unwrap();
    let options = Options {
        pack_entries: 16,
        view: ViewPlace::At(view.path().join("view")),
        disk: Arc::new(disk.clone()),
        ..options()
    };
    let ledger = Ledger::<Tally>::open(place.path(), options).unwrap();
    let packs = 4_000;
    while ledger.head().size < packs * 16 {
        for _ in 0..10 {
            let from = ledger.head().size;
            ledger.commit(Batch { parts: Vec::new(), ..batch(from, 64) }).unwrap();
        }
        ledger.settle().unwrap();
    }
    let below = |folder: &str| place.path().join(folder);
    // Each with its slots, and two snapshots.
    assert_eq!(disk.files(&below("packs")).len() as u64, 2 * packs + 2);
    assert!(disk.files(&below("journal")).len() <= 3);
    assert!(disk.bytes(&below("journal")) < 2_000_000, "{}", disk.bytes(&below("journal")));
    let view_bytes: u64 = {
        let mut bytes = 0;
        super::sealing::walk(view.path(), &mut |_, content| bytes += content.len() as u64);
        bytes
    };
    assert!(view_bytes < 64 << 20, "{view_bytes} bytes of view");
    assert_eq!(disk.files(place.path()).iter().filter(|path| path.extension().is_some_and(|e| e == "tmp")).count(), 0);
}
