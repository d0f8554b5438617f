//! Runs the recorded cases of a plugin, and says of each what came of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use evidenced_cases::Case;
use tokio_util::sync::CancellationToken;

use super::{
    AuthorError,
    tidy::{literal, replace},
};
use crate::{
    runner::{CASE_WALL, CaseFile, came_out, case_files, play, read_case},
    sandbox::{Plugin, Sandbox},
};

/// What came of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct TriedCase {
    /// Name of its file.
    pub name: String,
    pub path: PathBuf,
    pub verdict: Verdict,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    AsExpected,
    Different {
        expected: String,
        came_out: String,
    },
    /// It came out as expected, and something of the case was never asked for.
    Unasked(Vec<String>),
    /// The file is no case, or its run told nothing; why.
    Unusable(String),
}

impl Verdict {
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::AsExpected)
    }
}

/// Runs every case of a folder in order of name; `told` hears of each as it ends.
pub async fn try_cases(
    sandbox: &Sandbox,
    plugin: &Plugin,
    folder: &Path,
    mut told: impl FnMut(&TriedCase),
) -> Result<Vec<TriedCase>, AuthorError> {
    let files = case_files(folder).map_err(|why| AuthorError::Cases { folder: folder.to_owned(), why })?;
    if files.is_empty() {
        return Err(AuthorError::NoCases(folder.to_owned()));
    }
    let mut tried = Vec::with_capacity(files.len());
    for file in files {
        let case = try_case(sandbox, plugin, folder, file).await;
        told(&case);
        tried.push(case);
    }
    Ok(tried)
}

async fn try_case(sandbox: &Sandbox, plugin: &Plugin, folder: &Path, (name, bytes): CaseFile) -> TriedCase {
    let path = folder.join(&name);
    let (verdict, took) = match read_case(bytes) {
        Ok(case) => judged(sandbox, plugin, &case).await,
        Err(why) => (Verdict::Unusable(why), Duration::ZERO),
    };
    TriedCase { name, path, verdict, took }
}

async fn judged(sandbox: &Sandbox, plugin: &Plugin, case: &Case) -> (Verdict, Duration) {
    let played = play(sandbox, plugin, case, CASE_WALL, CancellationToken::new()).await;
    let took = played.result.took;
    let ended = played.result.ended;
    if !ended.is_deterministic() {
        return (Verdict::Unusable(ended.to_string()), took);
    }
    let came_out = came_out(ended);
    let verdict = if came_out != case.expected() {
        Verdict::Different { expected: case.expected().to_owned(), came_out }
    } else if played.unasked.is_empty() {
        Verdict::AsExpected
    } else {
        Verdict::Unasked(played.unasked)
    };
    (verdict, took)
}

/// Writes what came out into a case as its expectation; the rest of the file stays as it is.
pub fn update_case(path: &Path, came_out: &str) -> Result<(), AuthorError> {
    let unread = |why: String| AuthorError::Unread { path: path.to_owned(), why };
    let text = fs::read_to_string(path).map_err(|error| unread(error.to_string()))?;
    let updated = with_expectation(&text, came_out).map_err(unread)?;
    fs::write(path, updated).map_err(|source| AuthorError::Unwritten { path: path.to_owned(), source })
}

fn with_expectation(case: &str, came_out: &str) -> Result<String, String> {
    let mut document: toml_edit::DocumentMut = case.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let expect = document.entry("expect").or_insert_with(|| toml_edit::Item::Table(toml_edit::Table::new()));
    let expect = expect.as_table_like_mut().ok_or("`expect` is no table")?;
    let value = literal(came_out).unwrap_or_else(|| came_out.into());
    match expect.get_mut("text").and_then(toml_edit::Item::as_value_mut) {
        Some(there) => replace(there, value),
        None => {
            expect.insert("text", toml_edit::Item::Value(value));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_touches_the_expectation_alone() {
        let case = "# why this case is there\nnow = \"n\"   # a moment\n\n[config]\nb = 1\na = 2\n\n[expect]\n# as a person reads \
                    it\ntext = '''\nold\n'''\n\n[[call]]\nurl = \"u\"\nstatus = 200\n";
        let updated = with_expectation(case, "new\nlines\n").unwrap();
        assert_eq!(updated, case.replace("old\n", "new\nlines\n"));
        let parsed = Case::parse(&updated).unwrap();
        assert_eq!(parsed.expected(), "new\nlines\n");

        let without = "now = \"n\"\n";
        let updated = with_expectation(without, "it''' has \u{1b}[1m quotes\n").unwrap();
        assert_eq!(Case::parse(&updated).unwrap().expected(), "it''' has \u{1b}[1m quotes\n");
    }
}
