//! The sandbox of an author's commands: that of the daemon, for one run at a time.

use std::{path::PathBuf, sync::Arc};

use super::AuthorError;
use crate::sandbox::{CompileWhere, Sandbox, SandboxSettings, cache_key};

/// A sandbox that compiles where `compile` says, and keeps compiled code in `cache` if it can: compiling takes a large
/// interpreter seconds, and an author tries often.
pub fn workbench(compile: CompileWhere, cache: Option<PathBuf>) -> Result<Arc<Sandbox>, AuthorError> {
    let settings = SandboxSettings { concurrency: 1, compile, ..SandboxSettings::default() };
    let kept = cache.and_then(|folder| {
        std::fs::create_dir_all(&folder).ok()?;
        let key = cache_key(&folder).ok()?;
        Some((folder, key))
    });
    let settings = match kept {
        Some((folder, cache_key)) => SandboxSettings { cache_dir: Some(folder), cache_key, ..settings },
        None => settings,
    };
    Sandbox::new(settings).map_err(AuthorError::Sandbox)
}
