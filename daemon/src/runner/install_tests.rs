//! An update that is cut off anywhere leaves the old plugin or the new one, each with its signature, cases and lock.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Shelf;
use crate::{
    config::{self, Config},
    domain::{Digest, PluginName},
    ledger::NoteKey,
    sandbox::{Sandbox, SandboxSettings, testing::says},
    trust::{Belongings, Installation, Lock, Locked, Package, Signer, Statement, Step, write_lock},
};

const REPORT: &str = r#"{"summary":"s","population":0,"population_query":"q","listing":"every-subject","findings":[]}"#;

fn key() -> NoteKey {
    NoteKey::from_seed("ops", &[7; 32])
}

fn name() -> PluginName {
    "keys".parse().unwrap()
}

/// A build of the plugin `keys`, with a case that says which one it is of.
fn package(version: &str) -> Package {
    let bytes = says(&format!(r#"{{"name":"keys","version":"{version}"}}"#), REPORT);
    let statement = Statement::new(name(), version, Digest::of(&bytes)).unwrap();
    let cases = vec![("case.toml".to_owned(), version.as_bytes().to_vec())];
    Package { signature: Some(statement.sign(&key()).into_bytes()), bytes, cases }
}

fn locked(package: &Package, version: &str) -> Lock {
    let signer = Some(Signer::from(key().verifier()));
    let locked = Locked { version: version.to_owned(), digest: Digest::of(&package.bytes), signer };
    Lock { plugins: [(name(), locked)].into() }
}

struct World {
    place: tempfile::TempDir,
    sandbox: std::sync::Arc<Sandbox>,
    is_locked: bool,
}

impl World {
    /// One plugin in place, 1.0.0, under plain names.
    fn new(is_locked: bool) -> Self {
        let sandbox = Sandbox::new(SandboxSettings { concurrency: 1, ..SandboxSettings::default() }).unwrap();
        let world = Self { place: tempfile::tempdir().unwrap(), sandbox, is_locked };
        let text = format!(
            "organization = \"Test\"\nstate_dir = \"state\"\nplugin_dirs = [\".\"]\nmonitoring.enabled = false\n\
             plugins.signers = [\"{}\"]\n[[control]]\nid = \"C-1\"\ntitle = \"t\"\nfamily = \"security\"\nowner = \"o\"\n\
             severity = \"low\"\nplugin = \"keys\"\nevery = \"1h\"\n",
            Signer::from(key().verifier())
        );
        fs::write(world.path("evidenced.toml"), text).unwrap();
        let old = package("1.0.0");
        Installation::plain(&old, &world.path("keys.wasm")).perform().unwrap();
        if is_locked {
            write_lock(&world.path("plugins.lock"), &locked(&old, "1.0.0")).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn config(&self) -> Config {
        config::load(&self.path("evidenced.toml")).unwrap_or_else(|refused| panic!("{refused}")).config
    }

    fn plan(&self, version: &str) -> Installation {
        let new = package(version);
        let (path, digest) = super::current(&self.config(), &name()).unwrap();
        let cases = Belongings::of(&path, digest).cases;
        let (lock_path, lock) = (self.path("plugins.lock"), locked(&new, version));
        let lock = self.is_locked.then_some((lock_path.as_path(), &lock));
        Installation::plan(&new, &self.path("keys.wasm"), Some(digest), Some(&cases), lock).unwrap()
    }

    /// The version that would run, which must be whole.
    fn version(&self) -> String {
        let config = self.config();
        let shelf = Shelf::load(&self.sandbox, &config);
        let shelved = shelf.plugin(&name()).unwrap_or_else(|fault| panic!("{fault}"));
        let version = shelved.plugin.description().version.clone();
        assert_eq!(shelved.signer, Some(Signer::from(key().verifier())));
        assert_eq!(fs::read_to_string(shelved.belongings.cases.join("case.toml")).unwrap(), version);
        if let Some(lock) = config.plugins.lock {
            assert_eq!(lock.lock.plugins[&name()].version, version);
        }
        version
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.place.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A step that is cut off within: what it writes under a hidden name is there in part.
fn cut_off(step: &Step) {
    let in_part = |path: &Path, bytes: &[u8]| fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    match step {
        Step::Write { path, bytes } => in_part(path, bytes),
        Step::WriteFolder { path, files } => {
            fs::create_dir(path).unwrap();
            in_part(&path.join(&files[0].0), &files[0].1);
        }
        Step::Clear(_) | Step::Publish { .. } | Step::Sweep { .. } | Step::Remove(_) => {}
    }
}

#[test]
fn an_update_that_is_cut_off_anywhere_leaves_the_old_plugin_or_the_new_one_whole() {
    for is_locked in [true, false] {
        let steps = World::new(is_locked).plan("2.0.0").steps.len();
        let mut versions = Vec::new();
        for done in 0..=steps {
            let world = World::new(is_locked);
            let plan = world.plan("2.0.0");
            plan.steps[..done].iter().for_each(|step| step.perform().unwrap());
            if let Some(step) = plan.steps.get(done) {
                cut_off(step);
            }
            versions.push(world.version());
            // Whoever tries again gets there, and so does the next update.
            world.plan("2.0.0").perform().unwrap();
            assert_eq!(world.version(), "2.0.0", "after {done} steps, locked: {is_locked}");
            world.plan("3.0.0").perform().unwrap();
            assert_eq!(world.version(), "3.0.0", "after {done} steps, locked: {is_locked}");
            let hidden: Vec<_> = world.files().into_iter().filter(|name| name.contains(".new")).collect();
            assert_eq!(hidden, Vec::<String>::new());
        }
        let committed = versions.iter().position(|version| version == "2.0.0").unwrap();
        assert!(versions[..committed].iter().all(|version| version == "1.0.0"), "{versions:?}");
        assert!(versions[committed..].iter().all(|version| version == "2.0.0"), "{versions:?}");
    }
}

#[test]
fn the_version_before_stays_and_older_ones_go() {
    let world = World::new(true);
    for version in ["2.0.0", "3.0.0", "4.0.0"] {
        world.plan(version).perform().unwrap();
    }
    let digests: Vec<_> =
        ["2.0.0", "3.0.0", "4.0.0"].map(|version| Digest::of(&package(version).bytes).to_hex()).into();
    let has = |digest: &String| world.files().iter().filter(|name| name.contains(digest)).count();
    assert_eq!(digests.iter().map(has).collect::<Vec<_>>(), [0, 3, 3]);
    // With the lock of before, it is what runs again.
    write_lock(&world.path("plugins.lock"), &locked(&package("3.0.0"), "3.0.0")).unwrap();
    assert_eq!(world.version(), "3.0.0");
}

#[test]
fn what_differs_from_the_lock_does_not_run_and_both_digests_are_told() {
    let world = World::new(true);
    let (old, new) = (Digest::of(&package("1.0.0").bytes), package("2.0.0"));
    fs::write(world.path("keys.wasm"), &new.bytes).unwrap();
    let fault = Shelf::load(&world.sandbox, &world.config()).plugin(&name()).unwrap_err();
    assert_eq!(fault.reason, crate::domain::RunReason::PluginChanged);
    assert!(fault.message.contains(&old.to_string()), "{fault}");
    assert!(fault.message.contains(&Digest::of(&new.bytes).to_string()), "{fault}");
    // What lies about its name is looked at, too.
    let named = crate::trust::by_content(&world.path("keys.wasm"), old);
    fs::write(named, &new.bytes).unwrap();
    let fault = Shelf::load(&world.sandbox, &world.config()).plugin(&name()).unwrap_err();
    assert_eq!(fault.reason, crate::domain::RunReason::PluginChanged);
    fs::remove_file(world.path("plugins.lock")).unwrap();
    let fault = Shelf::load(&world.sandbox, &world.config()).plugin(&name()).unwrap_err();
    assert_eq!(fault.reason, crate::domain::RunReason::PluginUnsigned);
}
