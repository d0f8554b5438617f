//! Every way to write a configuration wrong, with the exact words that are shown.

use std::{collections::BTreeSet, env, fs};

use super::Folder;

/// Cases of `## what it is`, a file, `---` and what is shown. To write the answers anew: `UPDATE_GOLDEN=1`.
pub(super) const CASES: &str = include_str!("refused.txt");

#[test]
fn what_is_written_wrong_is_told_exactly() {
    let mut answers = String::new();
    for case in CASES.split("## ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let written = rest.split("---\n").next().unwrap();
        let folder = Folder::with(&[("evidenced.toml", written)]);
        let refused = folder.load().expect_err(title);
        answers.push_str(&format!("## {title}\n{written}---\n{}\n\n", folder.plain(refused)));
    }
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/refused.txt"), &answers).unwrap();
    }
    for (told, expected) in answers.split("## ").zip(CASES.split("## ")) {
        assert_eq!(told, expected);
    }
}

#[test]
fn every_error_has_a_hint() {
    let mut codes = BTreeSet::new();
    for case in CASES.split("## ").skip(1) {
        let written = case.split_once('\n').unwrap().1.split("---\n").next().unwrap();
        let refused = Folder::with(&[("evidenced.toml", written)]).load().unwrap_err();
        for diagnostic in refused.list() {
            codes.insert(diagnostic.code);
            assert!(diagnostic.hint.is_some(), "{diagnostic}");
        }
    }
    assert!(codes.len() > 40, "{codes:?}");
}

#[test]
fn all_files_are_told_about_at_once() {
    let folder = Folder::with(&[
        ("evidenced.toml", "organization = \"Example AI\"\n[runner]\nconcurrency = 1\n"),
        ("conf.d/20-b.toml", "[runner]\nconcurrency = 2\nmemory = \"1GiB\"\n"),
        ("conf.d/10-a.toml", "organisation = \"Other AI\"\n"),
        ("conf.d/.hidden.toml", "= = ="),
        ("conf.d/README", "= = ="),
    ]);
    let refused = folder.plain(folder.load().unwrap_err());
    assert_eq!(
        refused,
        "error[unknown-key]: the configuration has no key `organisation`\n  \
           --> conf.d/10-a.toml:1:1\n  \
           hint: did you mean `organization`?\n\n\
         error[set-twice]: `concurrency` is set already in evidenced.toml:3\n  \
           --> conf.d/20-b.toml:2:1\n  \
           hint: keep one of the two\n\n\
         error[unknown-key]: [runner] has no key `memory`\n  \
           --> conf.d/20-b.toml:3:1\n  \
           hint: did you mean `memory_total`?"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = Folder::with(&[]);
    assert_eq!(
        folder.plain(folder.load().unwrap_err()),
        "error[unreadable-file]: the file cannot be read: No such file or directory (os error 2)\n  \
           --> evidenced.toml\n  \
           hint: name the file with --config FILE, or write a first one with `evidenced init DIR`"
    );
    folder.write("evidenced.toml", b"organization = \"Example AI\"\ninstance = \"pr\xffd\"\n");
    assert_eq!(
        folder.plain(folder.load().unwrap_err()),
        "error[not-utf8]: the file is not UTF-8 from here on\n  --> evidenced.toml:2:15\n  hint: save it as UTF-8"
    );
    // As other systems save it: not one character of it is a setting.
    folder.write("evidenced.toml", b"\xff\xfeo\0r\0g\0=\0\n\0x\0\n\0");
    assert_eq!(
        folder.plain(folder.load().unwrap_err()),
        "error[not-utf8]: the file is not UTF-8 from here on\n  --> evidenced.toml:1:1\n  hint: save it as UTF-8"
    );
}
