//! A small file system of a test's own, in a mount namespace that nobody else sees.
//!
//! tmpfs, which can be mounted without a disk and without root. With `SMALL_DISK=ext4`, which takes root and loop
//! devices, it is an ext4 in a file.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

/// Set for a test that runs in a mount namespace of its own.
const IS_INSIDE: &str = "EVIDENCED_TEST_HAS_ITS_OWN_MOUNTS";

const HOW_TO_GET_ONE: &str = "a small disk cannot be mounted: this test needs a mount namespace. Run it as root (in a \
    container with --cap-add SYS_ADMIN), or allow user namespaces: \
    `sysctl -w user.max_user_namespaces=10000`, where they are there also \
    `sysctl -w kernel.unprivileged_userns_clone=1` and `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`";

/// Runs `scenario` in a mount namespace of its own: the test `name`, full as the runner knows it, is started once more
/// inside.
///
/// # Panics
/// If it fails there, or no namespace is to be had.
#[track_caller]
pub(crate) fn with_own_mounts(name: &str, scenario: impl FnOnce()) {
    if std::env::var_os(IS_INSIDE).is_some() {
        return scenario();
    }
    let mut again = namespace();
    again.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let output = again.env(IS_INSIDE, "1").output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(said.contains("1 passed"), "inside its own mounts, {}:\n{said}", output.status);
}

/// `unshare`, in the way that lets us mount.
fn namespace() -> Command {
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let probe = tempfile::tempdir().unwrap();
    let mut said = String::new();
    for way in ways {
        let mut tried = Command::new("unshare");
        tried.args(way).args(["mount", "-t", "tmpfs", "evidenced-test"]).arg(probe.path());
        match tried.output() {
            Ok(output) if output.status.success() => {
                let mut found = Command::new("unshare");
                found.args(way);
                return found;
            }
            Ok(output) => said += &String::from_utf8_lossy(&output.stderr),
            Err(error) => said += &format!("unshare (of util-linux): {error}\n"),
        }
    }
    panic!("{HOW_TO_GET_ONE}\n{said}");
}

/// A mounted file system; unmounted when dropped.
pub(crate) struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one of this size on a new folder.
    pub(crate) fn mount(at: PathBuf, mib: u64) -> Self {
        fs::create_dir_all(&at).unwrap();
        if std::env::var("SMALL_DISK").is_ok_and(|kind| kind == "ext4") {
            let image = at.with_extension("ext4");
            fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
            does(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image));
            does(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at));
        } else {
            let size = format!("size={mib}M");
            does(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "evidenced-test"]).arg(&at));
        }
        Self { at }
    }

    /// Bytes that may still be written.
    pub(crate) fn free(&self) -> u64 {
        let output = Command::new("stat").args(["--file-system", "--format", "%a %S"]).arg(&self.at).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().map(|number| number.parse::<u64>().unwrap()).product()
    }

    /// Takes room until no more than `left` bytes are free.
    pub(crate) fn fill(&self, left: u64) {
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        loop {
            let over = self.free().saturating_sub(left);
            if over == 0 {
                break;
            }
            match filler.write_all(&vec![7; usize::try_from(over.min(1 << 20)).unwrap()]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
        filler.sync_all().unwrap();
    }

    /// Gives all that [`SmallDisk::fill`] took.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a daemon of a test that failed may still be there. With the namespace it goes anyway.
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

#[track_caller]
fn does(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{HOW_TO_GET_ONE}\n{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
