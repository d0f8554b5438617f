//! What a plugin costs: compiling, loading, starting, running on a recorded case.

use std::{path::Path, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{AuthorError, Target, workbench};
use crate::{
    clock::stopwatch,
    runner::{CASE_WALL, case_files, play, read_case},
    sandbox::{CompileWhere, Plugin, Sandbox},
};

/// Medians, but for memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// From the bytes to a plugin that has described itself.
    pub compile: Duration,
    /// The same from code that was compiled before.
    pub load: Duration,
    pub instantiate: Duration,
    /// On the recorded case; an instance of its own in it.
    pub run: Option<Run>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub case: String,
    pub took: Duration,
    /// Bytes of all linear memories together, at their most.
    pub peak_memory: u64,
}

/// So often each is done. Compiling takes an interpreter seconds.
const COMPILED: usize = 3;
const LOADED: usize = 5;
const STARTED: usize = 100;
const RAN: usize = 50;

/// Measures a plugin; of its cases the one that is named, else the first.
pub async fn measure(compile: &CompileWhere, target: &Target, case: Option<&str>) -> Result<Measured, AuthorError> {
    let bytes = target.bytes()?;
    let unmeasured = |why: String| AuthorError::Unread { path: target.file.clone(), why };
    let load = |sandbox: &Arc<Sandbox>| -> Result<(Plugin, Duration), AuthorError> {
        let began = stopwatch();
        let plugin = sandbox.load(&bytes).map_err(|error| unmeasured(error.to_string()))?;
        Ok((plugin, began.elapsed()))
    };
    let mut compiled = Vec::with_capacity(COMPILED);
    for _ in 0..COMPILED {
        compiled.push(load(&workbench(compile.clone(), None)?)?.1);
    }
    let kept = tempfile::tempdir().map_err(|error| unmeasured(error.to_string()))?;
    let with_cache = || workbench(compile.clone(), Some(kept.path().to_owned()));
    load(&with_cache()?)?;
    let mut loaded = Vec::with_capacity(LOADED);
    for _ in 0..LOADED {
        loaded.push(load(&with_cache()?)?.1);
    }
    let sandbox = with_cache()?;
    let (plugin, _) = load(&sandbox)?;
    let started = (0..STARTED).map(|_| sandbox.time_instance(&plugin)).collect::<Result<Vec<_>, _>>();
    let run = run(&sandbox, &plugin, &target.cases, case).await?;
    Ok(Measured {
        compile: median(compiled),
        load: median(loaded),
        instantiate: median(started.map_err(unmeasured)?),
        run,
    })
}

async fn run(
    sandbox: &Sandbox,
    plugin: &Plugin,
    folder: &Path,
    wanted: Option<&str>,
) -> Result<Option<Run>, AuthorError> {
    let wrong = |why: String| AuthorError::Cases { folder: folder.to_owned(), why };
    let files = case_files(folder).map_err(wrong)?;
    let is_wanted =
        |name: &str| wanted.is_none_or(|wanted| name == wanted || name.strip_suffix(".toml") == Some(wanted));
    let Some((name, bytes)) = files.into_iter().find(|(name, _)| is_wanted(name)) else {
        return match wanted {
            Some(wanted) => Err(AuthorError::NothingToMeasure(format!("`{wanted}`"))),
            None => Ok(None),
        };
    };
    let case = read_case(bytes).map_err(|why| wrong(format!("{name}: {why}")))?;
    let (mut took, mut peak_memory) = (Vec::with_capacity(RAN), 0);
    for _ in 0..RAN {
        let result = play(sandbox, plugin, &case, CASE_WALL, CancellationToken::new()).await.result;
        took.push(result.took);
        peak_memory = peak_memory.max(result.peak_memory);
    }
    Ok(Some(Run { case: name, took: median(took), peak_memory }))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
