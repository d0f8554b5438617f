//! A year of an installation, with everything that happens in one.

use std::{fs, process::Command};

use evidenced_tests::{
    daemon::binary,
    fixture, plugin,
    year::{live, table},
};

#[test]
fn a_year_of_sixty_controls_loses_no_slot_and_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("year");
    let standard = plugin("key-rotation").parent().unwrap().to_owned();
    let lived = live(&dir, &standard, &fixture("rows")).unwrap_or_else(|error| panic!("{error:#}"));
    let story = table(&lived);

    assert_eq!((lived.controls, lived.rows.len() >= 40), (60, true), "{story}");
    assert_eq!(lived.problems(), Vec::<String>::new(), "{story}");

    // By the commands of an auditor.
    let said = |words: &[&str]| {
        let output = Command::new(binary()).args(words).arg("--config").arg(&lived.config_file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    assert!(said(&["verify", "--deep"]).contains("everything is as it was written"));
    let report = dir.join("report");
    said(&["report", "--window", "2024", "--output", report.to_str().unwrap()]);
    assert!(fs::read_to_string(report.join("report.html")).unwrap().contains("2024"));
}
