//! Text from outside (plugins, sources, configuration) made harmless before it is shown.
//!
//! Everything that could end a line, reorder it or hide in it is replaced by a visible mark, so that a mail shows
//! what is there and a header cannot be injected.

/// Longer words are cut: no reader wants them, and mail clients break their layout over them.
const WORD_CHARS_MAX: usize = 200;

/// One line: white space of any kind becomes one blank, the rest of what is dangerous a mark such as `⟨U+202E⟩`.
/// A text longer than `chars_max` is cut, and says so.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(chars_max * 4));
    for word in text.split(is_break).filter(|word| !word.is_empty()) {
        if !clean.is_empty() {
            clean.push(' ');
        }
        push_word(&mut clean, word);
        if clean.len() > chars_max * 16 {
            break;
        }
    }
    cut(&clean, chars_max, text.chars().count())
}

/// One line as [`line()`] makes it, of which nothing is cut: what somebody decides on. Whoever wrote it was held to a length.
pub(super) fn whole(text: &str) -> String {
    let words = text.split(is_break).filter(|word| !word.is_empty()).map(|word| {
        let mut clean = String::with_capacity(word.len());
        word.chars().for_each(|c| push(&mut clean, c));
        clean
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Several lines: line ends stay, and indentation by blanks; at most `lines_max` lines of 400 characters.
pub(super) fn block(text: &str, lines_max: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let total = text.lines().count();
    for raw in text.lines().take(lines_max) {
        let indent = raw.chars().take_while(|c| *c == ' ').count().min(40);
        lines.push(format!("{}{}", " ".repeat(indent), line(raw, 400)));
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    if total > lines_max {
        lines.push(format!("… (cut: {} more lines)", total - lines_max));
    }
    lines.join("\n")
}

fn push_word(clean: &mut String, word: &str) {
    let length = word.chars().count();
    let shown = if length > WORD_CHARS_MAX { WORD_CHARS_MAX } else { length };
    word.chars().take(shown).for_each(|c| push(clean, c));
    if shown < length {
        clean.push_str(&format!("… (cut: a word of {length} characters)"));
    }
}

fn push(clean: &mut String, c: char) {
    if is_hidden(c) {
        clean.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
    } else {
        clean.push(c);
    }
}

fn cut(clean: &str, chars_max: usize, total: usize) -> String {
    match clean.char_indices().nth(chars_max) {
        None => clean.to_owned(),
        Some((at, _)) => format!("{}… (cut: {total} characters in all)", clean[..at].trim_end()),
    }
}

/// White space, but for the blank that holds two words together (as in `99.7 %`).
fn is_break(c: char) -> bool {
    c.is_whitespace() && c != '\u{a0}'
}

/// Control characters, and the format characters that reorder text or take no room: Unicode's bidirectional
/// controls (UAX #9), zero-width spaces, line and paragraph separators, tags. The joiners U+200C and U+200D stay:
/// scripts of living languages need them.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(line(text, 40), expected);
    }

    #[test]
    fn what_could_end_reorder_or_hide_in_a_line_becomes_visible() {
        check("one\r\ntwo\tthree", "one two three");
        check("key\u{202e}gpj.exe", "key⟨U+202E⟩gpj.exe");
        check("a\u{1b}[2Jb\u{0}c", "a⟨U+001B⟩[2Jb⟨U+0000⟩c");
        check("pay\u{200b}pal\u{feff}", "pay⟨U+200B⟩pal⟨U+FEFF⟩");
        check("a\u{2028}Bcc: x@y", "a Bcc: x@y");
        check("نام\u{200c}ها", "نام\u{200c}ها");
    }

    #[test]
    fn a_cut_text_says_that_it_was_cut() {
        check(&"ab ".repeat(20), "ab ab ab ab ab ab ab ab ab ab ab ab ab a… (cut: 60 characters in all)");
        let long = line(&"x".repeat(5_000), 1_000);
        assert_eq!(long, format!("{}… (cut: a word of 5000 characters)", "x".repeat(200)));
        assert_eq!(whole(&format!("{}\u{202e} b", "x".repeat(5_000))), format!("{}⟨U+202E⟩ b", "x".repeat(5_000)));
        assert_eq!(block("a\n  b\nc\nd\n", 3), "a\n  b\nc\n… (cut: 1 more lines)");
    }
}
