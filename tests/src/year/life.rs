//! The year itself: the daemon lives through the script, and what it kept and told is gathered.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use evidenced::{
    clock::{Clock, SettableClock, VirtualClock, stopwatch},
    config,
    demo::Mailbox,
    desk::{Line, Question, SlotLine},
    domain::{ClockState, ControlPattern, Entry, Silence, Timestamp},
    ledger::Store as _,
    recorder::Author,
    sandbox::CompileWhere,
    service::{Options, Service, Supervisor, Turns},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    access::Access,
    company::Company,
    configuration::{Places, Settings, configuration},
    mails::{self, Compared, Received},
    script::{Act, Happening, Who, script, summaries},
    slots::slots,
    time::{at, begin, end},
};

/// A happening, and what came of it.
#[derive(Debug)]
pub struct Row {
    pub happening: Happening,
    /// Kinds of entries, and how many.
    pub entries: BTreeMap<String, u64>,
    pub mails: Vec<Received>,
}

/// More are read by nobody.
const MAILS_MAX: usize = 400;

/// A year that has passed.
#[derive(Debug)]
pub struct Lived {
    pub rows: Vec<Row>,
    pub mails: Vec<Received>,
    pub compared: Compared,
    /// Each slot that did not end as the calendar and the script say, in words.
    pub unaccounted: Vec<String>,
    pub slots: u64,
    pub controls: usize,
    pub runs: u64,
    pub late: u64,
    /// Missed slots by reason.
    pub missed: BTreeMap<String, u64>,
    pub entries: u64,
    pub took: Duration,
    pub config_file: PathBuf,
}

impl Lived {
    /// Whatever is not as it should be, in words; none, if the year went well.
    pub fn problems(&self) -> Vec<String> {
        let Compared { missing, unexpected, twice, .. } = &self.compared;
        let words = |what: &str, mail: &Received| {
            format!("{what}: {} to {}: {} ({})", super::time::local(mail.at), mail.reader, mail.subject, mail.file)
        };
        let mut problems: Vec<_> = missing.iter().map(|mail| format!("a mail did not come: {mail}")).collect();
        problems.extend(unexpected.iter().map(|mail| words("nobody expected this mail", mail)));
        problems.extend(twice.iter().map(|mail| words("a mail came twice", mail)));
        problems.extend(self.unaccounted.iter().cloned());
        if self.mails.len() >= MAILS_MAX {
            problems.push(format!("{} mails in a year are more than people read", self.mails.len()));
        }
        problems
    }

    /// In a few lines.
    pub fn counts(&self) -> String {
        let mut text = format!(
            "{} controls, {} slots: {} run in time, {} late, {} missed",
            self.controls,
            self.slots,
            self.runs,
            self.late,
            self.missed.values().sum::<u64>()
        );
        for (reason, count) in &self.missed {
            let _infallible = write!(text, ", {count} {reason}");
        }
        let summaries = self.mails.iter().filter(|mail| is_summary(mail)).count();
        let _infallible = write!(
            text,
            "\n{} entries; {} mails, {summaries} of them summaries; missing {}, unexpected {}, twice {}\n{:.1} s\n",
            self.entries,
            self.mails.len(),
            self.compared.missing.len(),
            self.compared.unexpected.len(),
            self.compared.twice.len(),
            self.took.as_secs_f64()
        );
        text
    }
}

fn is_summary(mail: &Received) -> bool {
    ["Week ", "Month ", "Window "].iter().any(|kind| mail.subject.starts_with(kind))
}

/// Lets the year pass in an empty folder; `standard` and `rows` are compiled plugins.
pub fn live(dir: &Path, standard: &Path, rows: &Path) -> Result<Lived> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Life::new(dir, standard, rows)?.pass())
}

struct Life {
    dir: PathBuf,
    /// Where each plugin comes from.
    sources: BTreeMap<&'static str, PathBuf>,
    clock: Arc<SettableClock>,
    settings: Settings,
    places: Option<Places>,
    running: Option<(Service, Turns)>,
    access: Access,
    /// What was proposed last.
    proposal: Option<u64>,
}

impl Life {
    fn new(dir: &Path, standard: &Path, rows: &Path) -> Result<Self> {
        let plugins = dir.join("plugins");
        fs::create_dir_all(&plugins).with_context(|| format!("cannot make {}", plugins.display()))?;
        let of = |name: &str| standard.join(format!("{name}.wasm"));
        let sources: BTreeMap<_, _> = [
            ("rows", rows.to_owned()),
            ("key-rotation", of("key-rotation")),
            ("training-data-access", of("training-data-access")),
        ]
        .into();
        for (name, source) in &sources {
            fs::copy(source, plugins.join(format!("{name}.wasm")))
                .with_context(|| format!("cannot copy {}", source.display()))?;
        }
        // Easter Monday and the Day of German Unity (RFC 5545).
        let days = [("20240401", "20240402"), ("20241003", "20241004")];
        let events = days.map(|(day, next)| {
            format!(
                "BEGIN:VEVENT\r\nUID:{day}@example.com\r\nDTSTAMP:20230101T000000Z\r\nDTSTART;VALUE=DATE:{day}\r\n\
                 DTEND;VALUE=DATE:{next}\r\nSUMMARY:Holiday\r\nEND:VEVENT\r\n"
            )
        });
        let calendar =
            format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\n{}END:VCALENDAR\r\n", events.concat());
        fs::write(dir.join("holidays.ics"), calendar)?;
        let clock = Arc::new(SettableClock::new(VirtualClock::new(begin()), ClockState::Synchronised));
        Ok(Self {
            access: Access::new(&dir.join("logs"))?,
            dir: dir.to_owned(),
            sources,
            clock,
            settings: Settings::default(),
            places: None,
            running: None,
            proposal: None,
        })
    }

    async fn pass(mut self) -> Result<Lived> {
        let watch = stopwatch();
        let truth = self.clock.truth().clone();
        let company = Company::bind(truth.clone()).await?;
        let mail = self.dir.join("mail");
        let mailbox = Mailbox::bind(&mail, Arc::new(truth), is_mail_down).await?;
        self.places =
            Some(Places { company: company.address()?, smtp: mailbox.address()?, plugins: self.dir.join("plugins") });
        let stop = CancellationToken::new();
        let mut servers = JoinSet::new();
        servers.spawn(company.serve(stop.clone()));
        servers.spawn(mailbox.serve(stop.clone()));
        self.configure()?;

        let mut acts: Vec<_> = script().iter().flat_map(|happening| happening.acts.clone()).collect();
        acts.sort_by_key(|(when, _)| *when);
        for (when, act) in acts {
            self.live_until(when).await?;
            self.act(act).await.with_context(|| format!("{}: {act:?}", super::time::local(when)))?;
        }
        self.live_until(end()).await?;
        let slots = self.slots().await?;
        let entries = self.entries()?;
        self.stop(true).await?;
        stop.cancel();
        while let Some(ended) = servers.join_next().await {
            ended??;
        }
        let took = watch.elapsed();
        gather(&mail, slots, &entries, took, self.file())
    }

    fn file(&self) -> PathBuf {
        self.dir.join("evidenced.toml")
    }

    fn configure(&self) -> Result<()> {
        let places = self.places.as_ref().context("the servers have addresses")?;
        fs::write(self.file(), configuration(places, &self.settings)).context("cannot write the configuration")
    }

    /// The daemon lives on, if it runs; the company does.
    async fn live_until(&mut self, when: Timestamp) -> Result<()> {
        let truth = self.clock.truth().clone();
        let access = &mut self.access;
        let mut failed = Ok(());
        let mut seen = |_| {
            let written = access.write_until(truth.now());
            failed = std::mem::replace(&mut failed, Ok(())).and(written);
        };
        match &mut self.running {
            Some((service, turns)) => turns.until(service, when, &mut seen).await?,
            None => self.clock.truth().advance_to(when),
        }
        failed
    }

    async fn start(&mut self) -> Result<()> {
        let config = config::load(&self.file()).map_err(|refused| anyhow!("{refused}"))?.config;
        let options = Options {
            cache_dir: Some(self.dir.join("cache")),
            compile: CompileWhere::InProcess,
            supervisor: Supervisor::default(),
        };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let service = Service::open(Arc::new(config), &options, clock).await?;
        let turns = Turns::new(&service, self.clock.truth());
        self.running = Some((service, turns));
        Ok(())
    }

    /// In order, or as when the power goes: then nothing more is recorded.
    async fn stop(&mut self, is_in_order: bool) -> Result<()> {
        let (service, turns) = self.running.take().context("no daemon runs")?;
        turns.stop().await?;
        if is_in_order {
            service.close().await?;
        } else {
            tokio::task::spawn_blocking(|| service.close_quietly()).await??;
        }
        Ok(())
    }

    async fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Start => self.start().await,
            Act::Stop => self.stop(true).await,
            Act::Kill => self.stop(false).await,
            Act::DeleteView => fs::remove_dir_all(self.dir.join("state/view")).context("cannot delete the view"),
            Act::Edit(edit) => {
                edit(&mut self.settings);
                self.configure()?;
                self.reload().await
            }
            Act::Replace(plugin) => {
                let mut bytes = fs::read(self.source(plugin)?)?;
                // A custom section of its own: another file, and the same code.
                bytes.extend(b"\x00\x06\x05built");
                self.install(plugin, &bytes).await
            }
            Act::Damage(plugin) => self.install(plugin, b"no plugin").await,
            Act::Restore(plugin) => {
                let bytes = fs::read(self.source(plugin)?)?;
                self.install(plugin, &bytes).await
            }
            Act::Clock(ahead, kernel) => {
                self.clock.set_kernel_state(kernel);
                self.clock.set_wall(ahead);
                Ok(())
            }
            Act::Acknowledge { who, control, until } => {
                let id = self.exception(control).await?;
                let words = "the owner is at it".to_owned();
                self.say(who, Question::Acknowledge { id, until: Some(at(until)), words }).await
            }
            Act::Attest { who, until } => {
                let words = "went through the list of those with access".to_owned();
                let until = Some(at(until));
                self.say(who, Question::Attest { control: "MON-02".parse()?, passes: true, until, file: None, words })
                    .await
            }
            Act::Silence { who, controls, until } => {
                let controls = vec![controls.parse::<ControlPattern>()?];
                let what = Silence { controls, from: self.clock.now(), until: at(until) };
                self.say(who, Question::Silence { what, words: "planned work on the machines".to_owned() }).await
            }
            Act::AcceptClock(who) => {
                self.say(who, Question::AcceptClock { reason: "compared with two other clocks".to_owned() }).await
            }
            Act::Close { who, control } => {
                let id = self.exception(control).await?;
                let root_cause = Some("nobody was named for this account's keys".to_owned());
                let response = Some("every account has an owner now, and a reminder at 80 days".to_owned());
                let words = "the new key was looked at".to_owned();
                self.say(who, Question::Close { id, root_cause, response, words }).await
            }
            Act::Erase { who, subject } => {
                let words = "asked for by the person whom it names".to_owned();
                self.say(who, Question::Erase { subject: subject.to_owned(), words }).await
            }
            Act::Approve(who) => {
                let proposal = self.proposal.take().context("nothing was proposed")?;
                self.say(who, Question::Approve { proposal, words: "agreed".to_owned() }).await
            }
            Act::ResetState { who, control } => {
                let words = "the baseline was learnt from a broken log".to_owned();
                self.say(who, Question::ResetState { control: control.parse()?, words }).await
            }
            Act::CheckNow { who, control } => self.say(who, Question::Check { control: control.parse()? }).await,
        }
    }

    fn source(&self, plugin: &str) -> Result<&PathBuf> {
        self.sources.get(plugin).with_context(|| format!("no plugin {plugin}"))
    }

    async fn install(&mut self, plugin: &str, bytes: &[u8]) -> Result<()> {
        fs::write(self.dir.join("plugins").join(format!("{plugin}.wasm")), bytes)?;
        self.reload().await
    }

    async fn reload(&mut self) -> Result<()> {
        let file = self.file();
        let (service, turns) = self.running.as_mut().context("no daemon runs")?;
        Ok(turns.reload(service, &file).await?)
    }

    async fn ask(&mut self, who: Who, question: Question) -> Result<Vec<Line>> {
        let uid = match who {
            Who::Alice => 1001,
            Who::Bob => 1002,
        };
        let author = Author { uid, login_uid: Some(uid), name: Some(format!("{who:?}").to_lowercase()) };
        let (service, turns) = self.running.as_mut().context("no daemon runs")?;
        Ok(turns.ask(service, &author, question).await?)
    }

    /// Asks for what is done, or proposed.
    async fn say(&mut self, who: Who, question: Question) -> Result<()> {
        let lines = self.ask(who, question).await?;
        for line in &lines {
            match line {
                Line::Recorded { proposal: Some(proposal), .. } => self.proposal = Some(*proposal),
                Line::Refused { message, .. } => bail!("refused: {message}"),
                _ => {}
            }
        }
        if lines.is_empty() { Err(anyhow!("no answer")) } else { Ok(()) }
    }

    /// The newest exception of a control.
    async fn exception(&mut self, control: &str) -> Result<evidenced::domain::ExceptionId> {
        let lines = self.ask(Who::Alice, Question::Exceptions { only: None }).await?;
        let newest = lines.into_iter().filter_map(|line| match line {
            Line::Exception(line) if line.control.as_str() == control => Some(line.id),
            _ => None,
        });
        newest.last().with_context(|| format!("{control} has no exception"))
    }

    async fn slots(&mut self) -> Result<Vec<SlotLine>> {
        let mut all = Vec::new();
        for of in slots() {
            let control = of.control.parse()?;
            for line in self.ask(Who::Alice, Question::Results { control, from: None, to: None }).await? {
                match line {
                    Line::Slot(line) => all.push(*line),
                    Line::Refused { message, .. } => bail!("refused: {message}"),
                    _ => {}
                }
            }
        }
        Ok(all)
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        let (service, _) = self.running.as_ref().context("no daemon runs")?;
        let ledger = service.ledger();
        ledger.entries(0..ledger.head().size).map(|entry| Ok(Entry::from_bytes(&entry?.1)?)).collect()
    }
}

/// Two days in January, and one in September.
fn is_mail_down(now: Timestamp) -> bool {
    let spans = [("01-20 12:00", "01-22 12:00"), ("09-11 08:00", "09-11 20:00")];
    spans.iter().any(|(from, until)| at(from) <= now && now < at(until))
}

fn gather(
    mail: &Path,
    slot_lines: Vec<SlotLine>,
    entries: &[Entry],
    took: Duration,
    config_file: PathBuf,
) -> Result<Lived> {
    let happenings = script();
    let expected: Vec<_> = happenings.iter().flat_map(|happening| happening.mails.clone()).chain(summaries()).collect();
    let mails = mails::received(mail)?;
    let compared = mails::compare(&expected, &mails);
    let mut place = 0;
    let mut rows = Vec::new();
    for happening in happenings {
        let its = place..place + happening.mails.len();
        place = its.end;
        let mails = its.filter_map(|place| compared.came.get(&place)).flatten().cloned().collect();
        let entries = super::accounts::entries_of(&happening, entries)?;
        rows.push(Row { happening, entries, mails });
    }
    let mut lived = Lived {
        rows,
        mails,
        compared,
        unaccounted: Vec::new(),
        slots: 0,
        controls: 0,
        runs: 0,
        late: 0,
        missed: BTreeMap::new(),
        entries: entries.len() as u64,
        took,
        config_file,
    };
    super::accounts::account(&mut lived, slot_lines);
    Ok(lived)
}
