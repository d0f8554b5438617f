use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, sandbox};
use crate::{
    domain::Digest,
    trust::{Statement, name_of, read_key, signature_path},
};

/// Sign a plugin: FILE.sig says which plugin, version and bytes it is, and who says so.
///
/// Name and version are what the plugin says of itself; it is loaded to be asked, and not run.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced plugin sign key-rotation.wasm --key ops.key")]
pub(super) struct SignArguments {
    /// The plugin.
    file: PathBuf,
    /// A private key that `evidenced plugin keygen` made.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl SignArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        // Before what takes long.
        let key = read_key(&self.key)?;
        let file = self.file.display();
        let bytes = std::fs::read(&self.file).with_context(|| format!("cannot read {file}"))?;
        let plugin = sandbox()?.load(&bytes).with_context(|| format!("{file} cannot be signed"))?;
        let description = plugin.description();
        let name = description.name.parse().with_context(|| format!("{file} cannot be signed"))?;
        let digest = Digest::of(&bytes);
        let statement = Statement::new(name, &description.version, digest)
            .with_context(|| format!("{file} cannot be signed: its version is no line of text"))?;
        let path = signature_path(&self.file);
        std::fs::write(&path, statement.sign(&key)).with_context(|| format!("cannot write {}", path.display()))?;
        if name_of(&self.file).as_ref() != Some(&statement.plugin) {
            let name = &statement.plugin;
            context.printer.talk(format_args!(
                "the plugin calls itself `{name}`: the signature is good for it where it lies as {name}.wasm"
            ));
        }
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({
                "written": path, "plugin": statement.plugin, "version": statement.version, "digest": digest,
                "signer": key.name(),
            }))?;
        } else {
            context.printer.line(format_args!("{}: {statement}, signed by {}", path.display(), key.name()))?;
        }
        Ok(ExitStatus::Done)
    }
}
