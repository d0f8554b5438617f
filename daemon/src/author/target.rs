//! Which plugin an author means: a file, or the one that a project's folder holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::AuthorError;
use crate::runner::cases_beside;

/// A plugin's file and the folder of its recorded cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub file: PathBuf,
    pub cases: PathBuf,
}

impl Target {
    /// Of a folder: its one `.wasm` file, and its `cases`. Of a file: the cases that lie beside it as the daemon finds them,
    /// else those of the project that it lies in.
    pub fn find(path: &Path) -> Result<Self, AuthorError> {
        let metadata = fs::metadata(path).map_err(|_| AuthorError::Missing(path.to_owned()))?;
        if metadata.is_dir() {
            return Ok(Self { file: only_plugin(path)?, cases: path.join(CASES) });
        }
        let beside = cases_beside(path);
        let of_project = path.parent().unwrap_or(Path::new("")).join(CASES);
        let cases = if !beside.is_dir() && of_project.is_dir() { of_project } else { beside };
        Ok(Self { file: path.to_owned(), cases })
    }

    /// What the plugin is called that cannot describe itself.
    pub fn stem(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub fn bytes(&self) -> Result<Vec<u8>, AuthorError> {
        fs::read(&self.file).map_err(|error| AuthorError::Unread { path: self.file.clone(), why: error.to_string() })
    }
}

/// Where a project keeps its recorded cases.
const CASES: &str = "cases";

fn only_plugin(folder: &Path) -> Result<PathBuf, AuthorError> {
    let unread = |error: std::io::Error| AuthorError::Unread { path: folder.to_owned(), why: error.to_string() };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [] => Err(AuthorError::NothingBuilt(folder.to_owned())),
        [only] => Ok(only.clone()),
        several => {
            let names = several.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            Err(AuthorError::SeveralBuilt { folder: folder.to_owned(), names: names.collect() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_means_its_one_plugin_and_a_mistake_says_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let why = |path: &Path| Target::find(path).unwrap_err().to_string();
        assert_eq!(
            why(&at("none")),
            format!("there is no {}: name a plugin's `.wasm` file or a project's folder", at("none").display())
        );
        assert!(why(place.path()).ends_with("run `make` there first"));
        fs::write(at("keys.wasm"), "").unwrap();
        let target = Target { file: at("keys.wasm"), cases: at("cases") };
        assert_eq!(Target::find(place.path()).unwrap(), target);
        fs::write(at("core.wasm"), "").unwrap();
        assert!(why(place.path()).ends_with("core.wasm, keys.wasm: name the one that is meant"));
        assert_eq!(Target::find(&at("keys.wasm")).unwrap().cases, at("keys.cases"));
        fs::create_dir(at("cases")).unwrap();
        assert_eq!(Target::find(&at("keys.wasm")).unwrap(), target);
        fs::create_dir(at("keys.cases")).unwrap();
        assert_eq!(Target::find(&at("keys.wasm")).unwrap().cases, at("keys.cases"));
        assert_eq!(target.stem(), "keys");
    }
}
