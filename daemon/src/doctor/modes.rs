//! Who may change what the daemon goes by.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use super::{Aspect, Observation};

/// A file, or the folder that it lies in, that everybody may change. What cannot be looked at is told by whoever must
/// read it.
pub(super) fn open_to_all(aspect: Aspect, file: &Path) -> Option<Observation> {
    [Some(file), file.parent()].into_iter().flatten().find_map(|path| {
        let found = fs::metadata(path).ok()?;
        // In a folder with the sticky bit nobody replaces the files of others.
        let is_open = found.mode() & 0o002 != 0 && !(found.is_dir() && found.mode() & 0o1000 != 0);
        is_open.then(|| {
            let words = format!("everybody may change it (mode {:04o})", found.mode() & 0o7777);
            let advice = format!("chmod o-w {}, and see that it still says what it should", path.display());
            Observation::bad(aspect, path.display(), words, advice)
        })
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_everybody_may_change_or_replace_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidenced.toml");
        fs::write(&path, "").unwrap();
        let look = |of_folder: u32, of_file: u32| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(of_folder)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(of_file)).unwrap();
            open_to_all(Aspect::Configuration, &path).map(|seen| seen.about)
        };
        assert_eq!(look(0o755, 0o664), None);
        assert_eq!(look(0o755, 0o666), Some(path.display().to_string()));
        assert_eq!(look(0o777, 0o644), Some(folder.path().display().to_string()));
        assert_eq!(look(0o1777, 0o644), None);
    }
}
