//! The JSON form of the contract as JSON Schema, generated from the Rust types.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use evidenced_contract::schema;
use serde_json::Value;

/// Writes one file for each document of the contract, and returns their paths.
pub fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let documents: [(&str, Value); 3] =
        [("request", schema::request()), ("output", schema::output()), ("description", schema::description())];
    let mut files = Vec::new();
    for (name, document) in documents {
        let path = folder.join(format!("{name}.schema.json"));
        fs::write(&path, format!("{document:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
        files.push(path);
    }
    Ok(files)
}
