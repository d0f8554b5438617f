use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, ExitStatus};
use crate::author::{Language, ProjectName, Sdk, new_project};

/// Start a plugin: a small project that works, with tests, in a new folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced plugin new --lang python api-keys\n  cd api-keys && make && evidenced plugin test .\n\nThe \
                  project stands alone: it needs this program and the language's own tools, which its Makefile fetches."
)]
pub(super) struct NewArguments {
    /// rust, go, python, javascript, typescript, c, cpp, zig, assemblyscript or wat.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// The plugin's name and folder: letters from a to z, digits and `-`.
    name: ProjectName,
    /// Take kits and templates from this folder instead of from this program; for who works on them.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

impl NewArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let sdk = self.sdk.map_or(Sdk::BuiltIn, Sdk::Folder);
        for path in new_project(self.lang, &self.name, Path::new(""), &sdk)? {
            context.printer.file(&path)?;
        }
        let name = self.name.as_str();
        context
            .printer
            .talk(format_args!("Next: cd {name} && make && evidenced plugin test .  ({name}/README.md has more)"));
        Ok(ExitStatus::Done)
    }
}
