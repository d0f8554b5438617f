use std::path::{Path, PathBuf};

/// Where the state lies, if a file that is refused still says so: `$STATE_DIRECTORY`, or the one line of it that sets
/// `state_dir`. Enough to find the last accepted configuration.
pub fn state_dir_of(path: &Path) -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("STATE_DIRECTORY") {
        return Some(directory.into());
    }
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.trim_start().starts_with("state_dir"))?;
    let table: toml::Table = line.parse().ok()?;
    let directory = Path::new(table.get("state_dir")?.as_str()?);
    Some(path.parent().unwrap_or(Path::new(".")).join(directory))
}
