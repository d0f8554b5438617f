//! Whatever is done to a file: it is accepted, or every complaint points into it.

use proptest::prelude::*;

use super::{Folder, accepted::EXAMPLE};
use crate::config::Config;

/// A change of some bytes.
#[derive(Debug, Clone)]
struct Mutation {
    at: prop::sample::Index,
    removed: usize,
    inserted: Vec<u8>,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // Bytes that TOML, our units and our placeholders care about are drawn often, others now and then.
    let pieces =
        prop::sample::select(vec!["\"", "'", "[", "]", "{", "}", "=", "\n", "#", ".", ",", "0", "-", "*", "/"]);
    let bytes = prop_oneof![
        3 => pieces.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => prop::sample::select(vec!["{model}", "\"\"\"", "[[", "[control]\n", "é", "\u{feff}", "1e999", "inf"])
            .prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    (any::<prop::sample::Index>(), 0..12_usize, bytes).prop_map(|(at, removed, inserted)| Mutation {
        at,
        removed,
        inserted,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_file_is_accepted_or_told_about_line_by_line(mutations in prop::collection::vec(mutation(), 1..4)) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for Mutation { at, removed, inserted } in mutations {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted);
        }
        let folder = Folder::with(&[]);
        folder.write("evidenced.toml", &bytes);
        let shown = match folder.load() {
            Ok(loaded) => {
                let again = Config::from_expanded_json(&loaded.config.expanded_json()).unwrap();
                prop_assert_eq!(&again, &loaded.config);
                for control in &loaded.config.controls {
                    prop_assert!(!loaded.expanded(control).is_empty());
                }
                loaded.warnings
            }
            Err(refused) => {
                prop_assert!(!refused.list().is_empty());
                refused.list().to_vec()
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.split('\n').collect();
        for diagnostic in shown {
            let position = diagnostic.position.expect("the file could be read");
            prop_assert_eq!(&diagnostic.file, &folder.path().join("evidenced.toml"));
            let line = lines.get(position.line as usize - 1);
            prop_assert!(line.is_some(), "{}", diagnostic);
            // The end of a line is a place too: something is missing there.
            prop_assert!(position.column as usize <= line.map_or(0, |line| line.chars().count()) + 1, "{}", diagnostic);
            prop_assert!(!diagnostic.to_string().contains(|letter: char| letter.is_control() && letter != '\n'));
        }
    }
}
