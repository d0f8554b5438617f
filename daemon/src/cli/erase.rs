use std::{fs, io, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, ask::write};
use crate::desk::Question;

/// Propose that a subject is erased from the evidence, such as a person's name. The log still verifies, and says what was
/// erased.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced erase alice@example.com --reason 'request 2026-17, GDPR article 17'\n  evidenced erase \
                  --subject-file - --reason 'request 2026-17' < subject.txt\n\nIt has no effect until another person approves it. \
                  Whatever holds the text is erased whole: reports, what was seen, mails. Of lists of subjects the others \
                  stay. Tests that it is taken from cannot be performed again. Not reached: mails that were sent, backups, \
                  and the source itself."
)]
pub(super) struct EraseArguments {
    /// The text, as it stands in the evidence; at least 4 bytes.
    #[arg(required_unless_present = "subject_file")]
    subject: Option<String>,
    /// Read it from a file, or from standard input with `-`, so that it is in no shell's history.
    #[arg(long, value_name = "FILE", conflicts_with = "subject")]
    subject_file: Option<PathBuf>,
    /// Why, without the text itself; your name is added.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl EraseArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let subject = match (self.subject, self.subject_file) {
            (Some(subject), _) => subject,
            (None, Some(file)) if file.as_os_str() == "-" => {
                io::read_to_string(io::stdin()).context("cannot read the subject from standard input")?
            }
            (None, Some(file)) => {
                fs::read_to_string(&file).with_context(|| format!("cannot read the subject from {}", file.display()))?
            }
            (None, None) => String::new(),
        };
        let subject = subject.trim_end_matches(['\r', '\n']).to_owned();
        write(context, Question::Erase { subject, words: self.reason })
    }
}
