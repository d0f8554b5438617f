//! `plugin-sdk`: contract, kits and templates, as they were when this program was built.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use super::AuthorError;

/// The contract, which the bindings and the components of authors are made by.
pub(super) const WIT: &str = include_str!("../../../plugin-sdk/wit/check.wit");

// What tools leave behind is left out by `is_source`, also when it is in a working copy; here it only keeps the program
// small.
#[derive(rust_embed::Embed)]
#[folder = "../plugin-sdk/"]
#[exclude = "statistics/*"]
#[exclude = ".*"]
#[exclude = "*/.*"]
#[exclude = "*/node_modules/*"]
#[exclude = "*/target/*"]
#[exclude = "*/__pycache__/*"]
#[exclude = "*.wasm"]
struct Embedded;

/// Where kits and templates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sdk {
    /// This program.
    BuiltIn,
    /// A folder like `plugin-sdk`, of who works on kits and templates.
    Folder(PathBuf),
}

/// One file: its path below `plugin-sdk`, with `/`, and its bytes.
pub(super) type SdkFile = (String, Cow<'static, [u8]>);

impl Sdk {
    /// The file `from`, or the files below the folder `from` by their path in it; in order of path.
    pub(super) fn files(&self, from: &str) -> Result<Vec<SdkFile>, AuthorError> {
        let mut files = match self {
            Self::BuiltIn => embedded(from),
            Self::Folder(sdk) => {
                let mut files = Vec::new();
                gather(&sdk.join(from), "", &mut files)?;
                files
            }
        };
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(files)
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::BuiltIn => "this program".to_owned(),
            Self::Folder(folder) => folder.display().to_string(),
        }
    }
}

fn embedded(from: &str) -> Vec<SdkFile> {
    let below = |path: &str| match path.strip_prefix(from)? {
        "" => Some(String::new()),
        rest => rest.strip_prefix('/').map(str::to_owned),
    };
    let paths = Embedded::iter().filter_map(|path| Some((below(&path)?, path)));
    let paths = paths.filter(|(below, _)| below.split('/').all(is_source));
    paths.filter_map(|(below, path)| Some((below, Embedded::get(&path)?.data))).collect()
}

fn gather(at: &Path, below: &str, files: &mut Vec<SdkFile>) -> Result<(), AuthorError> {
    let unread = |error: io::Error| AuthorError::Unread { path: at.to_owned(), why: error.to_string() };
    let metadata = match fs::metadata(at) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unread(error)),
    };
    if metadata.is_file() {
        files.push((below.to_owned(), fs::read(at).map_err(unread)?.into()));
        return Ok(());
    }
    for entry in fs::read_dir(at).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_source(&name) {
            let below = if below.is_empty() { name } else { format!("{below}/{name}") };
            gather(&entry.path(), &below, files)?;
        }
    }
    Ok(())
}

/// Whether a file or folder of this name is one that somebody wrote. Names with a dot come from tools: those that a project
/// starts with end in `.tmpl` here.
fn is_source(name: &str) -> bool {
    let is_made = name.starts_with('.') || name.ends_with(".wasm");
    !is_made && !["node_modules", "target", "__pycache__"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_sdk_is_the_folder_that_it_was_built_from() {
        let folder = Sdk::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk").into());
        for from in ["wit/check.wit", "rust", "contract", "cases", "template", "nowhere"] {
            let (built_in, lying_there) = (Sdk::BuiltIn.files(from).unwrap(), folder.files(from).unwrap());
            let names = |files: &[SdkFile]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&built_in), names(&lying_there), "{from}");
            assert!(built_in == lying_there, "{from}: contents differ");
        }
        assert_eq!(Sdk::BuiltIn.files("wit/check.wit").unwrap()[0].1, WIT.as_bytes());
    }

    #[test]
    fn what_tools_leave_behind_is_no_source() {
        for made in [".tools", ".gitignore", "node_modules", "target", "check.wasm", "__pycache__"] {
            assert!(!is_source(made), "{made}");
        }
        assert!(is_source("gitignore.tmpl") && is_source("check.c") && is_source("targets"));
    }
}
