use std::{fmt, str::FromStr};

use super::{AuthorError, BindingsLanguage};

/// A language that there is a template for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    Go,
    Python,
    JavaScript,
    TypeScript,
    C,
    Cpp,
    Zig,
    AssemblyScript,
    Wat,
}

/// What is copied from `plugin-sdk` into a new project.
pub(super) struct Copied {
    /// A folder of it, or a file.
    pub(super) from: &'static str,
    /// The place in the project.
    pub(super) to: &'static str,
    pub(super) how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The placeholders are filled in, and `.tmpl` falls away.
    Filled,
    /// To the byte: braces in it are its own.
    Verbatim,
}

const fn filled(from: &'static str, to: &'static str) -> Copied {
    Copied { from, to, how: How::Filled }
}

const fn verbatim(from: &'static str, to: &'static str) -> Copied {
    Copied { from, to, how: How::Verbatim }
}

/// What every project has.
const SHARED: [Copied; 2] = [filled("template", ""), verbatim("wit/check.wit", "kit/wit/check.wit")];

impl Language {
    pub const ALL: [Self; 10] = [
        Self::Rust,
        Self::Go,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
        Self::C,
        Self::Cpp,
        Self::Zig,
        Self::AssemblyScript,
        Self::Wat,
    ];

    /// What it is called on the command line; its folder in `plugin-sdk` has the same name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Zig => "zig",
            Self::AssemblyScript => "assemblyscript",
            Self::Wat => "wat",
        }
    }

    /// The project itself, without which there is none.
    pub(super) fn template(self) -> String {
        format!("{}/template", self.as_str())
    }

    /// All that a project of it consists of, in the order in which it is written: what comes later has the last word.
    pub(super) fn copied(self) -> Vec<Copied> {
        let own: &[Copied] = match self {
            // Its kit is the crates themselves.
            Self::Rust => &[
                verbatim("contract", "kit/contract"),
                verbatim("cases", "kit/cases"),
                verbatim("rust", "kit/rust"),
                filled("rust/kit", "kit"),
                filled("rust/template", ""),
            ],
            Self::Go => &[filled("go/kit", "kit"), filled("go/template", "")],
            Self::Python => &[filled("python/kit", "kit"), filled("python/template", "")],
            Self::JavaScript => &[filled("javascript/kit", "kit"), filled("javascript/template", "")],
            Self::TypeScript => {
                &[filled("javascript/kit", "kit"), filled("typescript/kit", "kit"), filled("typescript/template", "")]
            }
            Self::C => &[filled("c/kit", "kit"), filled("c/template", "")],
            Self::Cpp => &[filled("cpp/kit", "kit"), filled("cpp/template", "")],
            Self::Zig => &[filled("zig/kit", "kit"), filled("zig/template", "")],
            Self::AssemblyScript => &[filled("assemblyscript/kit", "kit"), filled("assemblyscript/template", "")],
            Self::Wat => &[filled("wat/kit", "kit"), filled("wat/template", "")],
        };
        SHARED.into_iter().chain(own.iter().map(|copied| Copied { ..*copied })).collect()
    }

    /// What the WIT generates for it into `kit/bindings`.
    pub(super) const fn bindings(self) -> Option<BindingsLanguage> {
        match self {
            Self::C => Some(BindingsLanguage::C),
            Self::Go => Some(BindingsLanguage::Go),
            Self::Rust
            | Self::Python
            | Self::JavaScript
            | Self::TypeScript
            | Self::Cpp
            | Self::Zig
            | Self::AssemblyScript
            | Self::Wat => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Language {
    type Err = AuthorError;

    fn from_str(text: &str) -> Result<Self, AuthorError> {
        Self::ALL.into_iter().find(|language| language.as_str() == text).ok_or_else(|| AuthorError::Language {
            found: text.to_owned(),
            known: format!("take one of {}", Self::ALL.map(Self::as_str).join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_read_by_its_name_and_an_unknown_one_is_told_all() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse::<Language>().unwrap(), language);
        }
        let why = "cobol".parse::<Language>().unwrap_err().to_string();
        assert_eq!(
            why,
            "there is no language `cobol`: take one of rust, go, python, javascript, typescript, c, cpp, zig, assemblyscript, wat"
        );
    }
}
