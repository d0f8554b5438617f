//! Files that take a compiler as long as it may: a reload that has to read one holds up nobody. With all tests only.

use std::time::{Duration, Instant};

use evidenced_tests::daemon::say;

use super::{ON_TIME, Town};

/// What one file may cost, and what the reload takes beside.
const REFUSED_AFTER: Duration = Duration::from_secs(300);

#[test]
fn a_file_that_takes_a_compiler_too_long_holds_up_nobody() {
    if std::env::var_os("EVIDENCED_TEST_ALL").is_none() {
        say("not run: it takes minutes, `make test-all` does it");
        return;
    }
    let mut town = Town::new(|case| case.takes_long);
    town.configure(&[]);
    town.daemon.start();
    for case in &town.cases {
        let began = Instant::now();
        town.configure(&[&case.name]);
        town.daemon.signal("HUP");
        let mut slowest = Duration::ZERO;
        let outcome = loop {
            slowest = slowest.max(town.sibling());
            let answer = town.daemon.ask(&["check", &case.name]);
            if answer.lines.is_empty() {
                assert!(began.elapsed() < REFUSED_AFTER, "{}: {answer:?}", case.name);
                continue;
            }
            break answer.lines[0]["words"].as_str().unwrap().to_owned();
        };
        say(&format!("{} | {outcome} | {:?}, the other control {slowest:?}", case.name, began.elapsed()));
        assert!(case.outcomes.iter().any(|expected| outcome.ends_with(expected)), "{}: {outcome}", case.name);
        assert!(slowest < ON_TIME, "{}: the other control took {slowest:?}", case.name);
    }
}
