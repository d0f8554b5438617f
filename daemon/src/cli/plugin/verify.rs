use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus};
use crate::trust::{SignatureState, read_signer, signature_of};

/// Verify the signature FILE.sig of a plugin.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 it is signed by one of the keys; 1 it is not; 3 it could not be looked at.\n\n\
                  Example:\n  evidenced plugin verify key-rotation.wasm --key ops.key.pub")]
pub(super) struct VerifyArguments {
    /// The plugin.
    file: PathBuf,
    /// A verifier key, or the file of one; may be given several times.
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<String>,
}

impl VerifyArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let keys = self.key.iter().map(|key| read_signer(key)).collect::<Result<Vec<_>, _>>()?;
        let file = self.file.display();
        let state = signature_of(&self.file, &keys).with_context(|| format!("cannot read {file}, or its signature"))?;
        let is_good = matches!(state, SignatureState::Good { .. });
        if context.printer.is_json() {
            let (signer, statement) = match &state {
                SignatureState::Good { signer, statement } => (Some(signer), Some(statement)),
                _ => (None, None),
            };
            context.printer.object(&serde_json::json!({
                "file": self.file, "verified": is_good, "signer": signer,
                "plugin": statement.map(|statement| &statement.plugin),
                "version": statement.map(|statement| &statement.version),
                "digest": statement.map(|statement| statement.digest),
                "state": state.to_string(),
            }))?;
        } else {
            context.printer.line(format_args!("{file}: {state}"))?;
        }
        Ok(if is_good { ExitStatus::Done } else { ExitStatus::No })
    }
}
