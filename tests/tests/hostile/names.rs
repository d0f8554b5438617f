//! A name that changes what it stands for while a plugin asks. The daemon looks names up as its system does; so it gets a file of
//! hosts of its own, in a mount namespace of its own, which the test rewrites. That is a real look-up and no server of names:
//! what the gate does with an answer is the same for both.

use std::{
    fs::File,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::FileExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use evidenced_tests::daemon::say;

use super::Town;

/// Of one length, so that a line is replaced by one write.
const GOOD: &str = "127.0.0.1       changing.example.com\n";
const METADATA: &str = "169.254.169.254 changing.example.com\n";
const INNER: &str = "127.0.0.2       changing.example.com\n";

fn may_make_namespaces() -> bool {
    Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success())
}

#[test]
fn a_name_that_changes_leads_nowhere_else() {
    if !may_make_namespaces() {
        say("not run: only root may give a process a file of hosts of its own");
        return;
    }
    let mut town = Town::new(|case| case.name == "name-that-changes");
    let hosts = town.daemon.path("hosts");
    let mut file = File::create(&hosts).unwrap();
    file.write_all(GOOD.as_bytes()).unwrap();
    town.daemon.within(&[
        "unshare",
        "--mount",
        "sh",
        "-c",
        &format!("mount --bind {} /etc/hosts && exec \"$0\" \"$@\"", hosts.display()),
    ]);
    // Who waits at the other address, at the same port.
    let trap = TcpListener::bind(("127.0.0.2", town.peer.port)).unwrap();
    let caught = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&caught);
    thread::spawn(move || {
        for _ in trap.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    town.daemon.start();

    let asked = || town.check("name-that-changes").0;
    let first = asked();
    assert_eq!(first, "internal: exited with 1: 000 of 040 refused");
    file.write_all_at(METADATA.as_bytes(), 0).unwrap();
    assert_eq!(asked(), "internal: exited with 1: 040 of 040 refused");
    assert!(town.daemon.log().contains("leads to 169.254.169.254, which is cloud metadata"));

    // Between any two looks, also of one request.
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let changing = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            for line in [INNER, GOOD] {
                file.write_all_at(line.as_bytes(), 0).unwrap();
            }
        }
    });
    let told: Vec<String> = (0..10).map(|_| asked()).collect();
    stop.store(true, Ordering::Relaxed);
    changing.join().unwrap();
    say(&format!("while it changed: {told:?}"));
    assert!(told.iter().any(|told| !told.contains(" 000 of ")), "it was never looked up as the other address");
    assert_eq!(caught.load(Ordering::SeqCst), 0, "the other address was connected to");
}
