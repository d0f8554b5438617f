use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, ask::write_by, moment};
use crate::{
    desk::{AttestedFile, Question},
    domain::ControlId,
    recorder::zone,
};

/// State how an attested control stands: one that a person looks after, not a check.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced attest MON-02 --pass --file review-2026-q1.pdf --reason 'access of the host reviewed \
                  with the platform team'\n  evidenced attest MON-02 --fail --reason 'two accounts of leavers are still there'\n\nIt \
                  holds as long as the control's `attested` says, or until the day that you name; then the control is not tested."
)]
pub(super) struct AttestArguments {
    control: ControlId,
    /// The promise is kept.
    #[arg(long, required_unless_present = "fail", conflicts_with = "fail")]
    pass: bool,
    /// It is not: an exception opens.
    #[arg(long)]
    fail: bool,
    /// What was looked at; kept with the statement. At most 4 MiB.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Until when it holds, if that is sooner than the control says.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// What was looked at, and what was found; your name is added.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A longer file is refused: the ledger keeps it for good.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl AttestArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(loaded) = context.load()? else { return Ok(ExitStatus::Usage) };
        let zone = zone(&loaded.config.timezone);
        let until = self.until.map(|text| moment::parse(&text, &zone, "--until")).transpose()?;
        let file = match self.file {
            None => None,
            Some(path) => {
                let cannot = || format!("cannot read {}", path.display());
                let length = fs::metadata(&path).with_context(cannot)?.len();
                anyhow::ensure!(
                    length <= FILE_BYTES_MAX,
                    "{} has {length} bytes; at most {FILE_BYTES_MAX} are kept: hand in an extract, and name the whole in --reason",
                    path.display()
                );
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Some(AttestedFile { name, content: fs::read(&path).with_context(cannot)? })
            }
        };
        let question = Question::Attest { control: self.control, passes: self.pass, until, file, words: self.reason };
        write_by(context, loaded, question)
    }
}
