//! The folder of the ledger, the file system that it lies on, its keys; the clock that its entries go by.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{Aspect, Observation, Patient, modes::open_to_all};
use crate::{
    clock::Clock,
    config::Config,
    domain::ClockState,
    ledger::{Space, Store as _, network_file_system},
};

/// The first one that belongs to somebody else is told, and how many more there are.
const FOREIGN_MAX: usize = 10_000;

pub(super) fn folder(patient: &Patient) -> Vec<Observation> {
    let config = &patient.config;
    let dir = &config.state_dir;
    let about = dir.display();
    let found = match fs::metadata(dir) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let advice = "name a folder in `state_dir`";
            return vec![Observation::bad(Aspect::StateDir, about, "it is no folder", advice)];
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let advice = "the first start makes it";
            return vec![Observation::warn(Aspect::StateDir, about, "it is not there yet", advice)];
        }
        Err(error) => {
            let advice = "ask as root, or as the user that the daemon runs as";
            return vec![Observation::bad(Aspect::StateDir, about, format!("cannot be looked at: {error}"), advice)];
        }
    };
    let mut all = vec![writable(dir, found.uid())];
    all.push(file_system(dir));
    all.push(free_space(config, dir));
    all.extend(open_to_all(Aspect::StateDir, dir));
    all.extend(["key", "cache.key"].iter().filter_map(|name| key(&dir.join(name))));
    all.push(ledger(patient));
    all
}

/// Whether its entries could be read; what they say of each other is verified elsewhere.
fn ledger(patient: &Patient) -> Observation {
    let about = patient.config.state_dir.display();
    match &patient.ledger {
        Ok(Some(ledger)) => {
            let size = ledger.head().size;
            let newest = ledger.state().head().last_at.map(|at| format!(", the newest of {at}")).unwrap_or_default();
            let found = format!("{size} entries can be read{newest}; `evidenced verify --deep` looks at each of them");
            Observation::ok(Aspect::Ledger, about, found)
        }
        Ok(None) => {
            Observation::warn(Aspect::Ledger, about, "nothing was recorded yet", "the first start makes the ledger")
        }
        Err(why) => {
            let advice = "`evidenced verify` says more; a damaged ledger is restored from a backup";
            Observation::bad(Aspect::Ledger, about, format!("it cannot be read: {why}"), advice)
        }
    }
}

fn writable(dir: &Path, owner: u32) -> Observation {
    let about = dir.display();
    let written =
        tempfile::Builder::new().prefix(".doctor-").tempfile_in(dir).and_then(|mut file| file.write_all(b"ok"));
    if let Err(error) = written {
        let advice = format!("nothing can be recorded: `{about}` must belong to the user that the daemon runs as");
        return Observation::bad(Aspect::StateDir, about, format!("cannot be written: {error}"), advice);
    }
    let mut foreign = Vec::new();
    // What cannot be listed is told by whoever must read it.
    drop(collect_foreign(dir, owner, &mut foreign));
    match foreign.split_first() {
        None => Observation::ok(Aspect::StateDir, about, format!("can be written; all of it belongs to uid {owner}")),
        Some((first, more)) => {
            let found = format!("{} and {} more do not belong to its owner, uid {owner}", first.display(), more.len());
            let advice = format!("chown --recursive --reference={about} {about}");
            Observation::bad(Aspect::StateDir, about, found, advice)
        }
    }
}

fn collect_foreign(dir: &Path, owner: u32, foreign: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        // Sealed, renamed or removed by the daemon while we walk.
        let Ok(found) = path.symlink_metadata() else { continue };
        if found.uid() != owner && foreign.len() < FOREIGN_MAX {
            foreign.push(path.clone());
        }
        if found.is_dir() {
            collect_foreign(&path, owner, foreign)?;
        }
    }
    Ok(())
}

fn file_system(dir: &Path) -> Observation {
    let about = dir.display();
    match network_file_system(dir) {
        Ok(None) => Observation::ok(Aspect::FileSystem, about, "a file system of this machine"),
        Ok(Some(kind)) => Observation::bad(
            Aspect::FileSystem,
            about,
            format!("it lies on a network file system ({kind}), where locks and fsync cannot be relied on"),
            "move it to a disk of this machine",
        ),
        Err(error) => Observation::bad(Aspect::FileSystem, about, error.to_string(), "look at how it is mounted"),
    }
}

fn free_space(config: &Config, dir: &Path) -> Observation {
    let about = dir.display();
    let space = match Space::of(dir) {
        Ok(space) => space,
        Err(error) => {
            return Observation::bad(Aspect::FreeSpace, about, error.to_string(), "look at how it is mounted");
        }
    };
    let floor = config.free_space_floor_bytes.unwrap_or_else(|| space.default_floor());
    let found = format!("{} MiB are free; below {} MiB no runs start", space.free >> 20, floor >> 20);
    let advice = "make room, or give it a larger disk; `free_space_floor` says where the limit is";
    match space.free {
        _ if !space.leaves(floor) => Observation::bad(Aspect::FreeSpace, about, found, advice),
        free if free < floor.saturating_mul(2) => Observation::warn(Aspect::FreeSpace, about, found, advice),
        _ => Observation::ok(Aspect::FreeSpace, about, found),
    }
}

/// `None`: it is made when it is needed first.
fn key(path: &Path) -> Option<Observation> {
    let about = path.display();
    let mode = match fs::metadata(path) {
        Ok(found) => found.mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let advice = "it must belong to the user that the daemon runs as";
            return Some(Observation::bad(Aspect::Key, about, format!("cannot be looked at: {error}"), advice));
        }
    };
    if mode & 0o077 == 0 {
        return Some(Observation::ok(Aspect::Key, about, format!("only its owner may read it (mode {mode:04o})")));
    }
    let found = format!("others than its owner may read or change it (mode {mode:04o})");
    let advice = format!("chmod 0600 {about}; if others can enter the folder, take it for known to them");
    Some(Observation::bad(Aspect::Key, about, found, advice))
}

pub(super) fn clock(patient: &Patient) -> Vec<Observation> {
    vec![wall_clock(&*patient.clock)]
}

fn wall_clock(clock: &dyn Clock) -> Observation {
    if let Some(doubt) = clock.doubt() {
        let found = format!("in doubt: {}", crate::mail::words::clock_doubt(doubt));
        let advice = "set it right; it is believed after 5 minutes of synchronisation, or by `evidenced clock accept`";
        return Observation::bad(Aspect::Clock, "wall clock", found, advice);
    }
    match clock.kernel_state() {
        ClockState::Synchronised => Observation::ok(Aspect::Clock, "wall clock", "synchronised, says the kernel"),
        ClockState::Virtual => Observation::ok(Aspect::Clock, "wall clock", "made up, as this daemon is told"),
        ClockState::Unsynchronised => Observation::warn(
            Aspect::Clock,
            "wall clock",
            "no time server has been heard lately, says the kernel",
            "run chrony or systemd-timesyncd: times in evidence are worth what the clock is worth",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_key_that_others_may_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(key(&path), None);
        fs::write(&path, "secret").unwrap();
        for (mode, level) in [(0o600, Level::Ok), (0o400, Level::Ok), (0o640, Level::Bad), (0o604, Level::Bad)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(key(&path).unwrap().level, level, "{mode:o}");
        }
    }

    #[test]
    fn a_folder_leaves_no_trace_of_having_been_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("journal")).unwrap();
        let owner = fs::metadata(folder.path()).unwrap().uid();
        assert_eq!(writable(folder.path(), owner).level, Level::Ok);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let foreign = writable(folder.path(), owner + 1);
        assert_eq!(foreign.level, Level::Bad);
        assert!(foreign.found.contains("journal"), "{foreign:?}");
        assert_eq!(file_system(folder.path()).level, Level::Ok);
    }
}
