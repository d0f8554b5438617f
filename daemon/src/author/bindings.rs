//! The bindings that the contract's WIT generates, for the languages whose authors would need another tool for it.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use wit_bindgen_core::{Files, WorldGenerator, wit_parser::Resolve};

use super::{AuthorError, sdk::WIT};

/// A language that bindings can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingsLanguage {
    C,
    Go,
}

impl BindingsLanguage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Go => "go",
        }
    }
}

impl FromStr for BindingsLanguage {
    type Err = AuthorError;

    fn from_str(text: &str) -> Result<Self, AuthorError> {
        [Self::C, Self::Go].into_iter().find(|language| language.as_str() == text).ok_or_else(|| {
            AuthorError::Language {
                found: text.to_owned(),
                known: "bindings are made for c and go (the tools of rust, javascript and python make their own)"
                    .to_owned(),
            }
        })
    }
}

/// Writes the bindings into a folder, which is made if it is not there, and returns their files in order of name.
pub fn write_bindings(language: BindingsLanguage, folder: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut written = Vec::new();
    for (name, bytes) in generated(language)? {
        let path = folder.join(name);
        let unwritten = |source| AuthorError::Unwritten { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unwritten)?;
        }
        fs::write(&path, bytes).map_err(unwritten)?;
        written.push(path);
    }
    written.sort();
    Ok(written)
}

/// Names below the folder of the bindings, and contents.
pub(super) fn generated(language: BindingsLanguage) -> Result<Vec<(String, Vec<u8>)>, AuthorError> {
    let why = |fault: anyhow::Error| AuthorError::Bindings { language: language.as_str(), why: format!("{fault:#}") };
    let mut resolve = Resolve::default();
    let package = resolve.push_str("check.wit", WIT).map_err(why)?;
    let world = resolve.select_world(&[package], Some("check")).map_err(why)?;
    let mut generator: Box<dyn WorldGenerator> = match language {
        BindingsLanguage::C => wit_bindgen_c::Opts::default().build(),
        BindingsLanguage::Go => {
            wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, ..Default::default() }.build()
        }
    };
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files).map_err(why)?;
    Ok(files.iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect())
}
