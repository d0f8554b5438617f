//! What is refused and how it is told; what is accepted and what it becomes.

mod accepted;
mod asked;
mod credentials;
mod monitoring;
mod mutations;
mod plugin_schemas;
mod refused;
mod schema;

use std::{fs, path::Path};

use super::{Diagnostics, Loaded, files_of, load_in};

/// A folder with files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What is accepted is right by the schema, too.
    fn load(&self) -> Result<Loaded, Diagnostics> {
        let main = self.path().join("evidenced.toml");
        let loaded = load_in(&main, None)?;
        for path in files_of(&main) {
            schema::assert_right(&fs::read_to_string(&path).unwrap(), &path.display().to_string());
        }
        Ok(loaded)
    }

    /// Text in which this folder is named, as if it were the current one.
    fn plain(&self, text: impl ToString) -> String {
        text.to_string().replace(&format!("{}/", self.path().display()), "")
    }
}
