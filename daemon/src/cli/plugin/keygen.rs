use std::path::PathBuf;

use clap::Args;

use super::{Context, ExitStatus};
use crate::trust::write_key;

/// Make a key pair to sign plugins with.
///
/// KEY is the private key: it is written so that its owner alone may read it, and never shown. KEY.pub is the verifier key, for
/// `signers` in `[plugins]`; it is printed too.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced plugin keygen ops.key --name ops@example.com")]
pub(super) struct KeygenArguments {
    /// The file of the private key; nothing is written over.
    key: PathBuf,
    /// What the key is called in signatures: no space, no plus sign.
    #[arg(long)]
    name: String,
}

impl KeygenArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let signer = write_key(&self.key, &self.name)?;
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({ "key": self.key, "signer": signer }))?;
        } else {
            context.printer.line(&signer)?;
            context.printer.talk(format_args!("{} is private: keep it from others", self.key.display()));
        }
        Ok(ExitStatus::Done)
    }
}
