//! The files that a pattern names.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::domain::wildcard;

/// A pattern that names more of them names something else than its author meant.
const FILES_MAX: usize = 200_000;

/// Why nobody can say which files there are.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    #[error("the folder {path} cannot be read: let the user that evidenced runs as read it", path = .0.display())]
    Folder(PathBuf, #[source] io::Error),
    #[error("{0} names more than {FILES_MAX} files: write it narrower")]
    TooMany(String),
}

/// What a pattern names, in order of name: `*` in a part of the path stands for any text, `**` as a part for any folders,
/// also none. Links to folders are not followed by `**`.
pub(super) fn matching(pattern: &str) -> Result<Vec<PathBuf>, GlobError> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let root = if pattern.starts_with('/') { "/" } else { "." };
    let mut found = Vec::new();
    walk(Path::new(root), &parts, pattern, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(folder: &Path, parts: &[&str], pattern: &str, found: &mut Vec<PathBuf>) -> Result<(), GlobError> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if *part == "**" {
        walk(folder, rest, pattern, found)?;
        for (path, is_folder) in entries(folder)? {
            if is_folder {
                walk(&path, parts, pattern, found)?;
            }
        }
        return Ok(());
    }
    if !part.contains('*') {
        return reached(folder.join(part), rest, pattern, found);
    }
    for (path, _) in entries(folder)? {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| wildcard(part, name)) {
            reached(path, rest, pattern, found)?;
        }
    }
    Ok(())
}

fn reached(path: PathBuf, rest: &[&str], pattern: &str, found: &mut Vec<PathBuf>) -> Result<(), GlobError> {
    if !rest.is_empty() {
        return walk(&path, rest, pattern, found);
    }
    if path.symlink_metadata().is_ok() {
        if found.len() == FILES_MAX {
            return Err(GlobError::TooMany(pattern.to_owned()));
        }
        found.push(path);
    }
    Ok(())
}

/// What lies in a folder, and which of it are folders. What is no folder, or not there, holds nothing.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>, GlobError> {
    let unread = |error| GlobError::Folder(folder.to_owned(), error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unread(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unread)?;
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        all.push((entry.path(), is_folder));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_text_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.log", "a.log.1", "b.txt", "2026/11/23/x.json.gz", "2026/11/24/y.json.gz", "2026/z.json.gz"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let names = |pattern: &str| {
            let found = matching(&folder.path().join(pattern).display().to_string()).unwrap();
            let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
            found.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("a.log*"), "a.log a.log.1");
        assert_eq!(names("a.log"), "a.log");
        assert_eq!(names("none"), "");
        assert_eq!(names("none/*"), "");
        assert_eq!(names("2026/*/23/*.gz"), "2026/11/23/x.json.gz");
        assert_eq!(names("**/*.json.gz"), "2026/11/23/x.json.gz 2026/11/24/y.json.gz 2026/z.json.gz");
        assert_eq!(names("2026/**/**/*.gz"), "2026/11/23/x.json.gz 2026/11/24/y.json.gz 2026/z.json.gz");
        assert_eq!(names("**/a.log"), "a.log");
    }
}
