//! The demo, as a newcomer runs it.

use std::{fs, process::Command};

use evidenced_tests::{daemon::binary, plugin};

#[test]
fn ninety_days_pass_and_everything_that_was_judged_can_be_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let plugins = plugin("key-rotation").parent().unwrap().to_owned();
    for name in ["inference-uptime", "training-data-access", "model-drift"] {
        plugin(name);
    }
    let mut demo = Command::new(binary());
    demo.args(["demo", "--exit", "--dir"]).arg(&dir).arg("--plugins").arg(&plugins).env("EVIDENCED_LOG", "error");
    let output = demo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    assert!(said.contains("everything is as it was written"), "{said}");
    // Those of the time without the daemon; however full this machine's disk is.
    assert!(said.contains(" 20 slots missed and accounted for"), "{said}");
    let replayed = said.lines().find_map(|line| line.strip_prefix("replay     ")).unwrap();
    let mut words = replayed.split_whitespace();
    let (identical, runs) = (words.next().unwrap(), words.nth(1).unwrap());
    assert_eq!(identical, runs, "{replayed}");
    assert!(runs.parse::<u32>().unwrap() > 8000, "{replayed}");

    let mut files: Vec<_> = fs::read_dir(dir.join("mail")).unwrap().map(|mail| mail.unwrap().path()).collect();
    files.sort();
    let mails: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let subject =
        |words: &str| mails.iter().filter(|mail| mail.replace("\r\n ", " ").contains(words)).collect::<Vec<_>>();
    // A key that goes overdue, an outage, a check that is denied access, a time without the daemon.
    for words in [
        "OVERDUE SEC-01 ",
        "RECOVERED SEC-01 ",
        "NOT TESTED SEC-01/research ",
        "Monitoring gap",
        "Window 2026-Q1",
        "FAILED CNF-03 ",
        "RECOVERED CNF-03 ",
        "FAILED PIN-07 ",
        "RECOVERED PIN-07 ",
    ] {
        assert_eq!(subject(words).len(), 1, "{words}");
    }
    // The three days without access are also what the daemon finds when it tests itself; its plugins can still fail.
    assert_eq!(subject("FAILED MON-01 ").len(), 1);
    assert_eq!(subject("FAILED MON-03 ").len(), 0);
    // The outage fell into the two days without a mail server: told late, and said so.
    for words in ["FAILED AVL-01/iris ", "RECOVERED AVL-01/iris "] {
        let told = subject(words);
        assert_eq!(told.len(), 1, "{words}");
        assert!(told[0].contains("X-Evidenced-Delayed: "), "{}", told[0]);
    }
    // Of a thread the failure arrives before the recovery, also after the two days without a mail server.
    let place = |words: &str| mails.iter().position(|mail| mail.replace("\r\n ", " ").contains(words)).unwrap();
    assert!(place("FAILED AVL-01/iris ") < place("RECOVERED AVL-01/iris "));
    // A mail that was kept shows that nothing before it was changed.
    let week = dir.join("week.eml");
    fs::write(&week, subject("Week 2026-W09")[0]).unwrap();
    let verify = |against: &std::path::Path| {
        let mut verify = Command::new(binary());
        verify.args(["verify", "--config"]).arg(dir.join("evidenced.toml")).arg("--against").arg(against);
        let output = verify.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, words) = verify(&week);
    assert!(code == Some(0) && words.contains("week.eml agrees: its "), "{words}");
    let (code, words) = verify(&dir.join("report/report.json"));
    assert!(code == Some(1) && words.contains("no checkpoint that this ledger has signed is in "), "{words}");
    for file in ["report.html", "report.json"] {
        assert!(dir.join("report").join(file).exists(), "{file}");
    }
    let status = Command::new(binary())
        .args(["exceptions", "--json", "--config"])
        .arg(dir.join("evidenced.toml"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stdout).lines().count(), 6);
}
