//! Text from outside, made harmless before it is shown: nothing in it steers a terminal, reorders what stands beside it
//! or forges a line.

/// One line: line ends, control and format characters become `\n`, `\u{…}`.
pub fn escaped(text: &str) -> String {
    replaced(text, |letter, safe| match letter {
        '\n' => safe.push_str("\\n"),
        '\t' => safe.push_str("\\t"),
        '\r' => safe.push_str("\\r"),
        letter => safe.extend(letter.escape_unicode()),
    })
}

/// Several lines: as [`escaped`], but line ends stay.
pub fn escaped_lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// A JSON text that means the same and has none of these characters in it: they can only stand in its strings.
pub fn escaped_json(json: &str) -> String {
    replaced(json, |letter, safe| {
        for unit in letter.encode_utf16(&mut [0; 2]) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn replaced(text: &str, replace: impl Fn(char, &mut String)) -> String {
    if !text.chars().any(steers) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 16), |mut safe, letter| {
        if steers(letter) {
            replace(letter, &mut safe)
        } else {
            safe.push(letter)
        }
        safe
    })
}

/// Control characters, and marks that reorder or hide what stands beside them (Unicode UAX #9, line and paragraph
/// separators).
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(escaped("\u{1b}[2J\u{7}a\nb\u{202e}c ä"), "\\u{1b}[2J\\u{7}a\\nb\\u{202e}c ä");
        assert_eq!(escaped("plain"), "plain");
    }

    #[test]
    fn several_lines_stay_several_lines() {
        assert_eq!(escaped_lines("a\u{9b}2J\n  b\r\n"), "a\\u{9b}2J\n  b\\r\n");
    }

    #[test]
    fn json_without_them_means_the_same() {
        let value = serde_json::json!({ "subject": "a\u{9b}2J\u{7f}\u{202e}\u{1b}b\nä" });
        let safe = escaped_json(&value.to_string());
        assert!(!safe.chars().any(steers), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
