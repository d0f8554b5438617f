//! Where the standard plugins lie, seen from this program.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where a package puts them: the configuration looks there by itself.
pub(super) const INSTALLED: &str = "/usr/lib/evidenced/plugins";

/// The first of the usual places that has them.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let places = places(program.parent().unwrap_or(&program));
    find_in(&places).with_context(|| {
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        format!("the standard plugins are in none of {}: build them with `make build`", places.join(", "))
    })
}

/// Beside the program, as it is built, as it is installed below a prefix, as it is packaged.
fn places(near: &Path) -> [PathBuf; 4] {
    [near.join("plugins"), near.join("../plugins"), near.join("../lib/evidenced/plugins"), INSTALLED.into()]
}

fn find_in(places: &[PathBuf]) -> Option<PathBuf> {
    let found = places.iter().find(|place| place.join("key-rotation.wasm").exists())?;
    // Written into a configuration, it must not lead through the folder of the program.
    Some(found.canonicalize().unwrap_or_else(|_| found.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_found_where_they_are_built_and_where_they_are_installed() {
        for (program, plugins) in [("target/release", "target/plugins"), ("opt/bin", "opt/lib/evidenced/plugins")] {
            let folder = tempfile::tempdir().unwrap();
            let near = folder.path().join(program);
            std::fs::create_dir_all(&near).unwrap();
            assert_eq!(find_in(&places(&near)[..3]), None);
            let plugins = folder.path().join(plugins);
            std::fs::create_dir_all(&plugins).unwrap();
            std::fs::write(plugins.join("key-rotation.wasm"), "").unwrap();
            assert_eq!(find_in(&places(&near)), Some(plugins.canonicalize().unwrap()));
        }
    }
}
