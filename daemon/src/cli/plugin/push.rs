use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, registry::RegistryArguments, sandbox};
use crate::{
    cli::run::runtime,
    registry::{Artefact, Reference, push},
    trust::Package,
};

/// Bring a plugin to an OCI registry, with its signature and recorded cases.
///
/// FILE.sig and NAME.cases travel with it. What is printed pins all of it: whoever pulls by it gets these bytes or none.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced plugin push key-rotation.wasm registry.example.com/checks/key-rotation:1.0.0 --credentials \
                  ~/.docker/config.json"
)]
pub(super) struct PushArguments {
    /// The plugin.
    file: PathBuf,
    /// Where to: HOST/PATH:TAG.
    reference: Reference,
    #[command(flatten)]
    registry: RegistryArguments,
}

impl PushArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let file = self.file.display();
        let package =
            Package::read(&self.file).with_context(|| format!("cannot read {file}, or what belongs to it"))?;
        let plugin = sandbox()?.load(&package.bytes).with_context(|| format!("{file} is no plugin"))?;
        let description = plugin.description();
        let name = description.name.parse().with_context(|| format!("{file} has no name"))?;
        let artefact = Artefact { name, version: description.version.clone(), package };
        let Self { reference, registry, .. } = self;
        let mut registry = registry.open(context, &reference)?;
        let pushed = runtime()?.block_on(push(&mut registry, &reference, &artefact))?;
        let pinned = Reference { digest: Some(pushed), ..reference };
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({
                "reference": pinned.to_string(), "digest": pushed, "plugin": artefact.name, "version": artefact.version,
                "signed": artefact.package.signature.is_some(), "cases": artefact.package.cases.len(),
            }))?;
        } else {
            context.printer.line(&pinned)?;
            let signed = if artefact.package.signature.is_some() { "signed" } else { "not signed" };
            let cases = artefact.package.cases.len();
            context
                .printer
                .talk(format_args!("{} {}, {signed}, with {cases} recorded cases", artefact.name, artefact.version));
        }
        Ok(ExitStatus::Done)
    }
}
