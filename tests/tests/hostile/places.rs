//! What lies where a plugin, or its code, should: a file without an end, a pipe, code that this daemon did not compile.

use std::{
    fs::{self, File},
    process::Command,
};

use evidenced_tests::daemon::wait_for;

use super::Town;

#[test]
fn a_file_that_never_ends_is_not_read_to_its_end() {
    let mut town = Town::new(|case| case.name == "trap");
    town.configure(&["large", "pipe", "folder"]);
    let plugins = town.daemon.path("plugins");
    File::create(plugins.join("large.wasm")).unwrap().set_len(1 << 40).unwrap();
    assert!(Command::new("mkfifo").arg(plugins.join("pipe.wasm")).status().unwrap().success());
    fs::create_dir(plugins.join("folder.wasm")).unwrap();
    town.daemon.start();
    let words = |control: &str| town.check(control).0;
    assert_eq!(words("large"), "more than 67108864 bytes, the most that a plugin may have");
    let unread = |control: &str| format!("cannot read {}/{control}.wasm: it is no regular file", plugins.display());
    assert_eq!(words("pipe"), unread("pipe"));
    assert_eq!(words("folder"), unread("folder"));
}

#[test]
fn compiled_code_that_somebody_else_has_put_there_is_not_run() {
    let mut town = Town::new(|case| case.name == "trap");
    town.daemon.start();
    let honest = town.check("trap").0;
    assert_eq!(town.daemon.terminate().code(), Some(0));
    // By name: the compiled code of the other control in the place of this one's, with the mark that is its own.
    let cache = town.daemon.path("state/cache");
    let code = |plugin: &str| {
        let bytes = fs::read(town.daemon.path(&format!("plugins/{plugin}.wasm"))).unwrap();
        let digest = evidenced::domain::Digest::of(&bytes).to_hex();
        let mut files = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(&digest) && name.ends_with(".code")
        };
        files.find(is_it).unwrap()
    };
    let (victim, other) = (code("sibling"), code("trap"));
    let own = fs::read(&victim).unwrap();
    let mut changed = own.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (how, forged) in [
        ("code of another plugin", fs::read(&other).unwrap()),
        ("code that was changed", changed),
        ("a mark of zeroes", [vec![0; 32], own[32..].to_vec()].concat()),
        ("a mark and no code", own[..32].to_vec()),
    ] {
        fs::write(&victim, forged).unwrap();
        town.daemon.start();
        town.sibling();
        assert_eq!(town.check("trap").0, honest, "{how}");
        let name = victim.file_name().unwrap().to_string_lossy().into_owned();
        wait_for(how, || {
            let log = town.daemon.log();
            log.lines().any(|line| line.contains(&name) && line.contains("is not ours")).then_some(())
        });
        assert_eq!(town.daemon.terminate().code(), Some(0));
        // It was made again.
        assert_eq!(fs::read(&victim).unwrap().len(), own.len(), "{how}");
    }
}
