use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, moment, run, table::table};
use crate::{
    domain::{LocalDay, Timestamp},
    recorder::zone,
    simulate::{History, Past, Sent, Simulated, Story, simulate},
};

/// What the configuration would schedule and tell, with a history that is made up or was recorded.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced simulate --from 2026-01-01 --to 2026-04-01 --story story.toml --mails ./mails\n  evidenced \
                  simulate --from 2026-01-01 --to 2026-02-01 --recorded --config changed.toml\n\nNothing is run and nobody is told. A \
                  story says what happens; everything else passes:\n\n  [[happening]]\n  controls = [\"SEC-*\"]\n  from     = \
                  \"2026-02-03\"\n  to       = \"2026-02-05T12:00\"\n  result   = \"fail\"      # or error, not-applicable, missed, pass; \
                  down: the daemon\n  subjects = [\"key-1\"]\n\n  [[person]]\n  at           = \"2026-02-03T09:00\"\n  acknowledges = \
                  \"SEC-*\"     # or silences = [\"SEC-*\"], until = \"…\""
)]
pub(super) struct SimulateArguments {
    /// The first day, or a moment.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Up to here.
    #[arg(long, value_name = "TIME")]
    to: String,
    /// What happens.
    #[arg(long, value_name = "FILE")]
    story: Option<PathBuf>,
    /// Results are those of the ledger in `state_dir`, at the slots of this configuration.
    #[arg(long, conflicts_with = "story")]
    recorded: bool,
    /// Write each mail into this folder, as text.
    #[arg(long, value_name = "DIR")]
    mails: Option<PathBuf>,
}

impl SimulateArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(loaded) = context.load()? else { return Ok(ExitStatus::Usage) };
        let config = loaded.config;
        let home = zone(&config.timezone);
        let (from, to) = (moment::parse(&self.from, &home, "--from")?, moment::parse(&self.to, &home, "--to")?);
        anyhow::ensure!(from < to, "--to {} is not later than --from {}", self.to, self.from);
        let mut history: Box<dyn History> = match self.story {
            Some(file) => {
                let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                match Story::parse(&text, &home) {
                    Ok(story) => Box::new(story),
                    Err(error) => {
                        context.printer.talk(format_args!("error: {}: {error}", file.display()));
                        return Ok(ExitStatus::Usage);
                    }
                }
            }
            None if self.recorded => {
                let past = Past::read(Arc::new(run::open_for_reading(&config)?), from, to)?;
                if past.is_empty() {
                    context.printer.talk("no run is recorded in this time: every slot counts as missed");
                }
                Box::new(past)
            }
            None => Box::new(Story::quiet()),
        };
        let simulated = simulate(&config, history.as_mut(), from, to, &mut |_| ())?;
        if let Some(folder) = self.mails {
            write_mails(&folder, &simulated.mails)?;
        }
        if context.printer.is_json() {
            simulated.mails.iter().try_for_each(|sent| context.printer.object(&object(sent)))?;
        } else {
            context.printer.text(&words(&simulated, &home, from, to))?;
        }
        Ok(ExitStatus::Done)
    }
}

fn write_mails(folder: &std::path::Path, mails: &[Sent]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write mails into {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    for (number, sent) in mails.iter().enumerate() {
        let mail = &sent.mail;
        let text =
            format!("Date: {}\nTo: {}\nSubject: {}\n\n{}", mail.date, mail.to.join(", "), mail.subject, mail.text);
        fs::write(folder.join(format!("{:04}.txt", number + 1)), text).with_context(cannot)?;
    }
    Ok(())
}

fn object(sent: &Sent) -> serde_json::Value {
    serde_json::json!({
        "at": sent.at,
        "cause": sent.cause,
        "control": sent.control,
        "to": sent.mail.to,
        "subject": sent.mail.subject,
    })
}

fn words(simulated: &Simulated, home: &jiff::tz::TimeZone, from: Timestamp, to: Timestamp) -> String {
    let day = |at: Timestamp| LocalDay::of(at, home);
    let mut text = format!("{} to {}: what would have been\n\n", day(from), day(to));
    let mails: Vec<_> = simulated
        .mails
        .iter()
        .map(|sent| {
            let at = sent.at.to_jiff().to_zoned_datetime(home.clone()).strftime("%Y-%m-%d %H:%M").to_string();
            vec![at, sent.mail.to.len().to_string(), sent.mail.subject.clone()]
        })
        .collect();
    text.push_str(&table(&["mail at", "to", "subject"], &mails));
    text.push('\n');
    let slots: Vec<_> = simulated
        .slots
        .iter()
        .map(|(control, slots)| {
            let numbers = [slots.pass, slots.fail, slots.error, slots.not_applicable, slots.missed];
            std::iter::once(control.to_string()).chain(numbers.iter().map(ToString::to_string)).collect::<Vec<_>>()
        })
        .collect();
    text.push_str(&table(&["control", "pass", "fail", "error", "not applicable", "missed"], &slots));
    let mut by_address: BTreeMap<&str, u64> = BTreeMap::new();
    for address in simulated.mails.iter().flat_map(|sent| &sent.mail.to) {
        *by_address.entry(address).or_default() += 1;
    }
    text.push('\n');
    let addresses: Vec<_> =
        by_address.into_iter().map(|(address, mails)| vec![address.to_owned(), mails.to_string()]).collect();
    text.push_str(&table(&["address", "mails"], &addresses));
    text.push_str(&format!(
        "\n{} mails, {} alerts withheld, {} entries\n",
        simulated.mails.len(),
        simulated.withheld,
        simulated.entries
    ));
    text
}
