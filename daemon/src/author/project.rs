//! A new project: a small check that works, in the idiom of a language, with its kit beside it, so that it stands alone.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{
    AuthorError, Language, Sdk,
    bindings::generated,
    language::{Copied, How},
};

/// What a plugin is called: also its folder and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For languages in which a name has no `-`.
    fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// For types.
    fn camel(&self) -> String {
        let upper = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        };
        self.0.split('-').map(upper).collect()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", &self.0).replace("{{snake}}", &self.snake()).replace("{{camel}}", &self.camel())
    }
}

impl FromStr for ProjectName {
    type Err = AuthorError;

    fn from_str(text: &str) -> Result<Self, AuthorError> {
        let starts = text.starts_with(|first: char| first.is_ascii_lowercase());
        let goes_on = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if starts && goes_on && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(AuthorError::Name(text.to_owned()))
        }
    }
}

/// Writes a new project into the folder `NAME` of `place`, and returns its files. Nothing is written when the folder is there.
pub fn new_project(
    language: Language,
    name: &ProjectName,
    place: &Path,
    sdk: &Sdk,
) -> Result<Vec<PathBuf>, AuthorError> {
    let folder = place.join(name.as_str());
    let files = files(language, name, sdk)?;
    if folder.symlink_metadata().is_ok() {
        return Err(AuthorError::Taken(folder));
    }
    let mut written = Vec::with_capacity(files.len());
    for (at, bytes) in files {
        let path = folder.join(at);
        let unwritten = |source| AuthorError::Unwritten { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unwritten)?;
        }
        fs::write(&path, &bytes).map_err(unwritten)?;
        if bytes.starts_with(b"#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(unwritten)?;
        }
        written.push(path);
    }
    Ok(written)
}

/// What is to be written, by its path in the project.
fn files(language: Language, name: &ProjectName, sdk: &Sdk) -> Result<BTreeMap<String, Vec<u8>>, AuthorError> {
    if sdk.files(&language.template())?.is_empty() {
        return Err(AuthorError::NoTemplate { language: language.as_str(), built: sdk.describe() });
    }
    let mut files = BTreeMap::new();
    for Copied { from, to, how } in language.copied() {
        for (below, bytes) in sdk.files(from)? {
            // The crates of the Rust kit lie in the folder that the template lies in.
            if how == How::Verbatim && ["template/", "kit/"].iter().any(|other| below.starts_with(other)) {
                continue;
            }
            let at: Vec<_> = [to, &below].into_iter().filter(|part| !part.is_empty()).collect();
            match how {
                How::Verbatim => files.insert(at.join("/"), bytes.into_owned()),
                How::Filled => files.insert(place(name, &at.join("/")), fill(name, &bytes)),
            };
        }
    }
    if let Some(language) = language.bindings() {
        files.extend(generated(language)?.into_iter().map(|(at, bytes)| (format!("kit/bindings/{at}"), bytes)));
    }
    Ok(files)
}

/// The place of a template's file. The ending keeps tools from taking it for one of ours; a file that tools do not want to
/// see at all has no dot in front here.
fn place(name: &ProjectName, path: &str) -> String {
    let path = name.fill(path);
    let Some(path) = path.strip_suffix(".tmpl") else { return path };
    match path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file)) {
        ("", "gitignore") => ".gitignore".to_owned(),
        (folder, "gitignore") => format!("{folder}/.gitignore"),
        _ => path.to_owned(),
    }
}

/// Text has its placeholders filled in; what is no text stays as it is.
fn fill(name: &ProjectName, bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => name.fill(text).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    /// A folder like `plugin-sdk`.
    fn sdk(files: &[(&str, &str)]) -> (tempfile::TempDir, Sdk) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let sdk = Sdk::Folder(folder.path().to_owned());
        (folder, sdk)
    }

    #[test]
    fn a_name_is_a_folder_a_module_and_a_type() {
        let given = name("api-keys2");
        assert_eq!(given.fill("{{name}} {{snake}} {{camel}} {name}"), "api-keys2 api_keys2 ApiKeys2 {name}");
        for wrong in ["", "Api", "2api", "-a", "a_b", "a b", "a/b", "..", &"a".repeat(65)] {
            let why = wrong.parse::<ProjectName>().unwrap_err().to_string();
            assert!(why.contains("is no name of a plugin"), "{wrong}: {why}");
        }
    }

    #[test]
    fn a_project_is_the_shared_template_the_languages_and_its_kit_filled_in() {
        let (_sdk, sdk) = sdk(&[
            ("template/gitignore.tmpl", "{{name}}.wasm\n"),
            ("template/cases/a.toml", "# {{name}}"),
            ("wit/check.wit", "package a:b; // {{name}}"),
            ("zig/template/{{snake}}.zig", "const T = \"{{camel}}\";"),
            ("zig/template/build.sh", "#!/bin/sh\n"),
            ("zig/template/.tools/zig", "left by a tool"),
            ("zig/kit/go.mod.tmpl", "module {{name}}"),
        ]);
        let place = tempfile::tempdir().unwrap();
        let written = new_project(Language::Zig, &name("two-words"), place.path(), &sdk).unwrap();
        let folder = place.path().join("two-words");
        let below: Vec<_> = written.iter().map(|path| path.strip_prefix(&folder).unwrap().to_str().unwrap()).collect();
        assert_eq!(
            below,
            [".gitignore", "build.sh", "cases/a.toml", "kit/go.mod", "kit/wit/check.wit", "two_words.zig"]
        );
        let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
        assert_eq!(read("two_words.zig"), "const T = \"TwoWords\";");
        assert_eq!(read("kit/wit/check.wit"), "package a:b; // {{name}}");
        assert_eq!(fs::metadata(folder.join("build.sh")).unwrap().permissions().mode() & 0o777, 0o755);

        let again = new_project(Language::Zig, &name("two-words"), place.path(), &sdk).unwrap_err().to_string();
        assert!(again.ends_with("two-words is there already; nothing was written: take another name, or move it away"));
        let other = new_project(Language::Go, &name("a"), place.path(), &sdk).unwrap_err().to_string();
        assert!(other.contains("has no template for go") && !place.path().join("a").exists(), "{other}");
    }

    #[test]
    fn the_kit_of_rust_is_its_crates_to_the_byte() {
        let (_sdk, sdk) = sdk(&[
            ("rust/template/Cargo.toml.tmpl", "name = \"{{name}}\""),
            ("rust/src/lib.rs", "format!(\"{{name}}\")"),
            ("rust/Cargo.toml", "[package]"),
            ("contract/src/lib.rs", ""),
            ("cases/src/lib.rs", ""),
        ]);
        let files = files(Language::Rust, &name("a"), &sdk).unwrap();
        let paths: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "Cargo.toml",
                "kit/cases/src/lib.rs",
                "kit/contract/src/lib.rs",
                "kit/rust/Cargo.toml",
                "kit/rust/src/lib.rs"
            ]
        );
        assert_eq!(files["kit/rust/src/lib.rs"], b"format!(\"{{name}}\")");
        assert_eq!(files["Cargo.toml"], b"name = \"a\"");
    }

    #[test]
    fn projects_in_c_and_go_have_the_bindings_of_the_contract() {
        let (_sdk, sdk) = sdk(&[("c/template/check.c", ""), ("go/template/check.go", "")]);
        let c = files(Language::C, &name("a"), &sdk).unwrap();
        assert!(c.contains_key("kit/bindings/check.h") && c.contains_key("kit/bindings/check_component_type.o"));
        let go = files(Language::Go, &name("a"), &sdk).unwrap();
        assert!(go.contains_key("kit/bindings/go.mod") && go.contains_key("kit/bindings/wit_exports.go"));
    }
}
