use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, registry::RegistryArguments};
use crate::{
    cli::run::runtime,
    config,
    domain::Digest,
    registry::{Artefact, Pin, Reference, RegistryError, pull},
    trust::{Installation, Lock},
};

/// Fetch a plugin from an OCI registry, with its signature and recorded cases.
///
/// It is pinned: by the digest in REF, or, of a tag, by the lock, which must name the plugin with the bytes that the tag still has.
/// Nothing is taken up by a daemon, and no signature is looked at: `evidenced plugin update` does both.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 it is there; 1 the registry has another one than is wanted; 3 it could not be fetched.\n\n\
                  Example:\n  evidenced plugin pull registry.example.com/checks/key-rotation@sha256:4c1f…"
)]
pub(super) struct PullArguments {
    /// Where from: HOST/PATH@sha256:…, or HOST/PATH:TAG, or both.
    reference: Reference,
    /// The folder that it is written to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// The lock that says what a tag must be [default: that of the configuration].
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
}

impl PullArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let lock = match &self.lock {
            Some(path) => Some(Lock::read(path)?),
            None => {
                config::load(&context.config).ok().and_then(|loaded| loaded.config.plugins.lock).map(|lock| lock.lock)
            }
        };
        let pinned = |name: &str| Some(lock.as_ref()?.plugins.get(&name.parse().ok()?)?.digest);
        let Some((Artefact { name, version, package }, digest)) =
            fetch(context, &self.registry, &self.reference, pinned(self.reference.name()))?
        else {
            return Ok(ExitStatus::No);
        };
        let file = self.to.join(format!("{name}.wasm"));
        // What lay there before is no part of this one.
        let beside = [crate::trust::signature_path(&file), file.with_extension("cases")];
        let plugin = Digest::of(&package.bytes);
        Installation::plain(&package, &file).perform()?;
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({
                "written": file, "plugin": name, "version": version, "digest": plugin,
                "reference": Reference { digest: Some(digest), ..self.reference }.to_string(),
                "signed": package.signature.is_some(), "cases": package.cases.len(),
            }))?;
        } else {
            context.printer.file(&file)?;
            for path in beside.iter().filter(|path| path.exists()) {
                context.printer.file(path)?;
            }
            context.printer.talk(format_args!("{name} {version}, {plugin}, by the manifest {digest}"));
        }
        Ok(ExitStatus::Done)
    }
}

/// `None`: the registry has something else than is wanted, and that was said.
pub(super) fn fetch(
    context: &Context,
    registry: &RegistryArguments,
    reference: &Reference,
    locked: Option<Digest>,
) -> anyhow::Result<Option<(Artefact, Digest)>> {
    let mut registry = registry.open(context, reference)?;
    match runtime()?.block_on(pull(&mut registry, reference, Pin { plugin: locked })) {
        Ok(pulled) => Ok(Some(pulled)),
        Err(error @ (RegistryError::OtherDigest { .. } | RegistryError::Unpinned { .. })) => {
            context.printer.talk(format_args!("error: {error}"));
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot pull {reference}")),
    }
}

/// Whether words name a file, and no registry.
pub(super) fn is_file(words: &str) -> bool {
    words.ends_with(".wasm") || Path::new(words).is_file()
}
