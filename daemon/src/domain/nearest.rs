//! "Did you mean": the known word that is spelled most like a given one.

/// The nearest of `known` by edit distance, if it is near enough to be meant: a third of the word may differ, or the
/// word may be the beginning.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = folded(word);
    if word.is_empty() || word.len() > LENGTH_MAX {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    let near = |known: &&str| known.len() <= LENGTH_MAX * 4;
    let candidates = known.into_iter().filter(near).filter_map(|known| {
        let letters = folded(known);
        let distance = distance(&word, &letters);
        let begins = word.len() >= BEGINNING_MIN && letters.starts_with(&word);
        (distance <= allowed || begins).then_some((distance, known))
    });
    candidates.min_by_key(|&(distance, _)| distance).map(|(_, known)| known)
}

/// A shorter word begins too many others.
const BEGINNING_MIN: usize = 4;
/// A longer word is no misspelt name, and the table below grows with it.
const LENGTH_MAX: usize = 80;

/// Case, and `-` for `_`, are what people confuse; they cost nothing.
fn folded(word: &str) -> Vec<char> {
    word.chars().map(|letter| if letter == '-' { '_' } else { letter.to_ascii_lowercase() }).collect()
}

/// Damerau's distance with adjacent transpositions: insertions, deletions, replacements and swaps.
fn distance(from: &[char], to: &[char]) -> usize {
    let width = to.len() + 1;
    let mut before = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut this = vec![row + 1; width];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(this[column] + 1);
            let swapped = row > 0 && column > 0 && from[row - 1] == *other && to[column - 1] == *letter;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            this[column + 1] = best;
        }
        before = std::mem::replace(&mut last, this);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_if_it_is_near() {
        let known = ["github-token", "aws-audit", "confirmations", "Europe/Berlin"];
        let nearest = |word| nearest(word, known);
        assert_eq!(nearest("gihub-token"), Some("github-token"));
        assert_eq!(nearest("GitHub_Token"), Some("github-token"));
        assert_eq!(nearest("comfirmation"), Some("confirmations"));
        assert_eq!(nearest("Europe/Belrin"), Some("Europe/Berlin"));
        assert_eq!(nearest("smtp"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(distance(&['a', 'b'], &['b', 'a']), 1);
        assert_eq!(distance(&[], &['b', 'a']), 2);
    }
}
