//! The recorded cases in which a plugin must fail, beside its file: by them the daemon sees that it still can.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use evidenced_cases::Case;

use super::{Home, Layout, Source, is_fresh, write_whole};

/// Where a plugin's crate keeps its recorded cases.
const RECORDED: &str = "transcripts";

/// Makes `NAME.cases` beside `NAME.wasm` what it has to be. A standard plugin without such a case is an error: whoever
/// uses it would be told that nothing shows that it can fail.
pub(super) fn place(layout: &Layout, source: &Source) -> Result<()> {
    let to = layout.output(&source.name, source.home).with_extension("cases");
    let from = source.folder.join(RECORDED);
    let mut placed = Vec::new();
    if from.exists() {
        for entry in fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))? {
            let path = entry?.path();
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let case = Case::parse(&text).with_context(|| format!("in {}", path.display()))?;
            if !case.is_negative() {
                continue;
            }
            let name = path.file_name().context("a file has a name")?.to_owned();
            if !is_fresh(&to.join(&name), &path) {
                write_whole(&to.join(&name), text.as_bytes())?;
            }
            placed.push(name);
        }
    }
    let is_standard = source.home == Home::Standard;
    ensure!(!placed.is_empty() || !is_standard, "{} has no case in which `{}` fails", from.display(), source.name);
    if to.exists() {
        for entry in fs::read_dir(&to).with_context(|| format!("cannot list {}", to.display()))? {
            let entry = entry?;
            if !placed.contains(&entry.file_name()) {
                fs::remove_file(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
            }
        }
    }
    Ok(())
}
