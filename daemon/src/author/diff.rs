//! A difference between two texts, line by line, as a person reads it.

/// Lines around a difference that are shown.
const AROUND: usize = 2;
/// Longer texts are compared by their common beginning and end alone: a table of all pairs of lines would not fit.
const LINES_MAX: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Expected,
    CameOut,
}

/// `-` before what was expected and `+` before what came out, with a few lines around them; empty when they are equal.
pub fn difference(expected: &str, came_out: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), came_out.lines().collect());
    if old == new {
        let ends = if expected == came_out { "" } else { "they differ in the line end of the last line\n" };
        return ends.to_owned();
    }
    let lines = aligned(&old, &new);
    let is_near = |at: usize| {
        let around = at.saturating_sub(AROUND)..=at.saturating_add(AROUND);
        lines.iter().enumerate().any(|(other, (side, _))| *side != Side::Both && around.contains(&other))
    };
    let (mut text, mut skipped) = (String::new(), false);
    for (at, (side, line)) in lines.iter().enumerate() {
        if !is_near(at) {
            skipped = true;
            continue;
        }
        if std::mem::take(&mut skipped) {
            text.push_str("  …\n");
        }
        let mark = match side {
            Side::Both => ' ',
            Side::Expected => '-',
            Side::CameOut => '+',
        };
        text.push(mark);
        text.push(' ');
        text.push_str(line);
        text.push('\n');
    }
    if skipped {
        text.push_str("  …\n");
    }
    text
}

/// The lines of both in one order, by their longest common subsequence.
fn aligned<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Side, &'t str)> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let (inner_old, inner_new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines: Vec<_> = old[..head].iter().map(|line| (Side::Both, *line)).collect();
    if inner_old.len().max(inner_new.len()) > LINES_MAX {
        lines.extend(inner_old.iter().map(|line| (Side::Expected, *line)));
        lines.extend(inner_new.iter().map(|line| (Side::CameOut, *line)));
    } else {
        lines.extend(inner(inner_old, inner_new));
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| (Side::Both, *line)));
    lines
}

fn inner<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Side, &'t str)> {
    // The length of the longest common subsequence of what begins at each pair of places.
    let mut common = vec![vec![0_u16; new.len() + 1]; old.len() + 1];
    for at in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            common[at][other] = if old[at] == new[other] {
                common[at + 1][other + 1] + 1
            } else {
                common[at + 1][other].max(common[at][other + 1])
            };
        }
    }
    let (mut at, mut other, mut lines) = (0, 0, Vec::with_capacity(old.len() + new.len()));
    while at < old.len() && other < new.len() {
        if old[at] == new[other] {
            lines.push((Side::Both, old[at]));
            (at, other) = (at + 1, other + 1);
        } else if common[at + 1][other] >= common[at][other + 1] {
            lines.push((Side::Expected, old[at]));
            at += 1;
        } else {
            lines.push((Side::CameOut, new[other]));
            other += 1;
        }
    }
    lines.extend(old[at..].iter().map(|line| (Side::Expected, *line)));
    lines.extend(new[other..].iter().map(|line| (Side::CameOut, *line)));
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_difference_shows_the_lines_around_it_and_not_the_others() {
        let expected = "1 of 9\na\nb\nc\nd\ne\nf\ng\nlast\n";
        let came_out = "2 of 9\na\nb\nc\nd\ne\nF\ng\nlast\n";
        assert_eq!(
            difference(expected, came_out),
            "- 1 of 9\n+ 2 of 9\n  a\n  b\n  …\n  d\n  e\n- f\n+ F\n  g\n  last\n"
        );
        assert_eq!(difference("a\n", "a\n"), "");
        assert_eq!(difference("a\n", "a"), "they differ in the line end of the last line\n");
        assert_eq!(difference("", "a\n"), "+ a\n");
    }

    proptest! {
        #[test]
        fn both_texts_can_be_read_from_the_aligned_lines(old in text(), new in text()) {
            let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
            let lines = aligned(&old, &new);
            let side = |without| lines.iter().filter(move |(side, _)| *side != without).map(|(_, line)| *line);
            prop_assert_eq!(side(Side::CameOut).collect::<Vec<_>>(), old);
            prop_assert_eq!(side(Side::Expected).collect::<Vec<_>>(), new);
        }
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec("[abc]", 0..12).prop_map(|lines| lines.join("\n"))
    }
}
