//! What arrived, and what should have.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use evidenced::domain::Timestamp;

/// The letters by which the script calls the readers.
const READERS: [(char, &str); 4] = [
    ('C', "compliance@example.com"),
    ('S', "serving@example.com"),
    ('X', "ciso@example.com"),
    ('A', "auditor@audit.example"),
];

/// What time alone decides is decided this much later at the latest.
const LATE_MAX: Duration = Duration::from_secs(16 * 60);

/// A mail that must come, once to each of its readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub at: Timestamp,
    /// `CS`: to compliance and to the team that serves.
    pub readers: String,
    /// How its subject begins.
    pub subject: String,
}

impl Expected {
    pub(super) fn new(at: Timestamp, readers: &str, subject: &str) -> Self {
        Self { at, readers: readers.to_owned(), subject: subject.to_owned() }
    }

    fn is(&self, received: &Received) -> bool {
        let soon = self.at <= received.at && received.at.since(self.at) < LATE_MAX;
        soon && self.readers.contains(received.reader) && received.subject.starts_with(&self.subject)
    }
}

/// A mail that came, to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When it was written.
    pub at: Timestamp,
    /// Minutes that it waited for the mail server, as it says itself.
    pub delayed: Option<String>,
    pub reader: char,
    /// Without `[evidenced prod] `.
    pub subject: String,
    pub message_id: String,
    pub file: String,
}

/// All mails of a folder, in the order in which they came.
pub(super) fn received(folder: &Path) -> Result<Vec<Received>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.sort();
    files.iter().map(|file| one(file).with_context(|| format!("{}", file.display()))).collect()
}

fn one(file: &Path) -> Result<Received> {
    let text = String::from_utf8_lossy(&fs::read(file)?).replace("\r\n ", " ");
    let header = |name: &str| {
        let lines = text.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.strip_prefix(name)).next()
    };
    let subject = header("Subject: ").context("no subject")?;
    let to = header("To: ").context("no reader")?;
    let reader = READERS.iter().find(|(_, address)| to.contains(address)).context("a reader of no letter")?.0;
    let date = jiff::fmt::rfc2822::parse(header("Date: ").context("no date")?)?;
    Ok(Received {
        at: Timestamp::from_jiff(date.timestamp()),
        delayed: header("X-Evidenced-Delayed: ").map(str::to_owned),
        reader,
        subject: subject.strip_prefix("[evidenced prod] ").unwrap_or(subject).to_owned(),
        message_id: header("Message-ID: ").context("no id")?.to_owned(),
        file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    })
}

/// What became of the expectations of each happening.
#[derive(Debug, Default)]
pub struct Compared {
    /// Mails that came, by the expectation's place.
    pub came: BTreeMap<usize, Vec<Received>>,
    pub missing: Vec<String>,
    pub unexpected: Vec<Received>,
    pub twice: Vec<Received>,
}

/// Each mail fulfils one expectation of its reader, and each expectation is fulfilled once by each of its readers.
pub(super) fn compare(expected: &[Expected], received: &[Received]) -> Compared {
    let mut compared = Compared::default();
    let mut seen = BTreeMap::new();
    for mail in received {
        if seen.insert((&mail.message_id, mail.reader), ()).is_some() {
            compared.twice.push(mail.clone());
            continue;
        }
        let place = expected.iter().enumerate().find_map(|(place, one)| {
            let came = compared.came.get(&place);
            let is_open = came.is_none_or(|came| came.iter().all(|other| other.reader != mail.reader));
            (is_open && one.is(mail)).then_some(place)
        });
        match place {
            Some(place) => compared.came.entry(place).or_default().push(mail.clone()),
            None => compared.unexpected.push(mail.clone()),
        }
    }
    for (place, one) in expected.iter().enumerate() {
        for reader in one.readers.chars() {
            let came = compared.came.get(&place);
            if came.is_none_or(|came| came.iter().all(|mail| mail.reader != reader)) {
                compared.missing.push(format!("{} to {reader}: {}", super::time::local(one.at), one.subject));
            }
        }
    }
    compared
}
