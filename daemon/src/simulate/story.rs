//! A history that is made up: a file in which stands what happens, and when.

use std::ops::Range;

use evidenced_contract::{Failure, FailureKind, Finding, Listing, Report, Status};
use jiff::{civil, tz::TimeZone};
use serde::Deserialize;

use super::{Came, History};
use crate::{
    domain::{Control, ControlPattern, MissedReason, Silence, SlotTime, Timestamp},
    evidence::EndedRecord,
    fold::State,
    judge::PersonDoes,
    recorder::{Acting, Author, Does, Fact},
};

/// What happens, in the order of the file. Where nothing is said, tests pass.
#[derive(Debug)]
pub struct Story {
    happenings: Vec<Happening>,
    acts: Vec<Act>,
}

#[derive(Debug)]
struct Happening {
    controls: Vec<ControlPattern>,
    span: Range<Timestamp>,
    result: Comes,
    subjects: Vec<String>,
    flip: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Comes {
    Pass,
    Fail,
    Error,
    NotApplicable,
    Missed,
    Down,
}

#[derive(Debug)]
struct Act {
    at: Timestamp,
    does: Doing,
    is_done: bool,
}

#[derive(Debug)]
enum Doing {
    Acknowledge { control: ControlPattern, until: Option<Timestamp> },
    Silence { controls: Vec<ControlPattern>, until: Timestamp },
}

/// Why a story cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    #[error("it is not written as a story: {0}")]
    Form(#[from] toml::de::Error),
    #[error("`{0}` is no time: write 2026-03-29, 2026-03-29T02:30 or 2026-03-29T02:30:00Z")]
    Time(String),
    #[error("a happening from {from} to {to} is over before it begins")]
    Span { from: String, to: String },
    #[error("`{0}` needs `controls`")]
    NoControls(&'static str),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    happening: Vec<WrittenHappening>,
    #[serde(default)]
    person: Vec<WrittenAct>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHappening {
    #[serde(default)]
    controls: Vec<ControlPattern>,
    from: String,
    to: String,
    result: Comes,
    /// That fail; without any, one of the control's own.
    #[serde(default)]
    subjects: Vec<String>,
    /// Every other test passes.
    #[serde(default)]
    every_other: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAct {
    at: String,
    #[serde(default)]
    acknowledges: Option<ControlPattern>,
    #[serde(default)]
    silences: Vec<ControlPattern>,
    #[serde(default)]
    until: Option<String>,
}

impl Story {
    /// A story without a happening: everything passes.
    pub const fn quiet() -> Self {
        Self { happenings: Vec::new(), acts: Vec::new() }
    }

    /// Reads a story; times without a zone are those of `zone`.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, StoryError> {
        let Written { happening, person } = toml::from_str(text)?;
        let mut happenings = Vec::new();
        for written in happening {
            let WrittenHappening { controls, from, to, result, subjects, every_other } = written;
            let span = time(&from, zone)?..time(&to, zone)?;
            if span.is_empty() {
                return Err(StoryError::Span { from, to });
            }
            if controls.is_empty() && result != Comes::Down {
                return Err(StoryError::NoControls("result"));
            }
            happenings.push(Happening { controls, span, result, subjects, flip: every_other });
        }
        let mut acts = Vec::new();
        for written in person {
            let WrittenAct { at, acknowledges, silences, until } = written;
            let (at, until) = (time(&at, zone)?, until.map(|until| time(&until, zone)).transpose()?);
            let does = match (acknowledges, silences) {
                (Some(control), _) => Doing::Acknowledge { control, until },
                (None, controls) if controls.is_empty() => return Err(StoryError::NoControls("person")),
                (None, controls) => {
                    Doing::Silence { controls, until: until.unwrap_or_else(|| at.plus(Silence::ALONE_MAX)) }
                }
            };
            acts.push(Act { at, does, is_done: false });
        }
        Ok(Self { happenings, acts })
    }
}

fn time(text: &str, zone: &TimeZone) -> Result<Timestamp, StoryError> {
    let wrong = || StoryError::Time(text.to_owned());
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil: civil::DateTime = text.parse().map_err(|_| wrong())?;
    zone.to_timestamp(civil).map(Timestamp::from_jiff).map_err(|_| wrong())
}

impl History for Story {
    fn came(&mut self, control: &Control, slot: SlotTime) -> Came {
        let about = |happening: &&Happening| {
            happening.span.contains(&slot.0) && happening.controls.iter().any(|pattern| pattern.covers(&control.id))
        };
        // The last that is written counts.
        let Some(happening) = self.happenings.iter().rev().find(about) else {
            return ended(report(control, &[], false));
        };
        let turn = slot.0.as_millis() / 60_000;
        match happening.result {
            _ if happening.flip && turn % 2 == 0 => ended(report(control, &[], false)),
            Comes::Pass => ended(report(control, &[], false)),
            Comes::Fail => ended(report(control, &happening.subjects, true)),
            Comes::NotApplicable => ended(not_applicable(control)),
            Comes::Error => ended(EndedRecord::Failure(Failure {
                kind: FailureKind::Unreachable,
                message: "made up: the source does not answer".to_owned(),
                source: None,
            })),
            Comes::Missed | Comes::Down => Came::Missed(MissedReason::Concurrency),
        }
    }

    fn is_down(&self, at: Timestamp) -> bool {
        self.happenings.iter().any(|happening| happening.result == Comes::Down && happening.span.contains(&at))
    }

    fn happens(&mut self, now: Timestamp, state: &State) -> Vec<Fact> {
        let mut facts = Vec::new();
        for act in self.acts.iter_mut().filter(|act| !act.is_done && act.at <= now) {
            act.is_done = true;
            let author = Author { uid: 0, login_uid: None, name: Some("somebody".to_owned()) };
            let words = "made up".to_owned();
            match &act.does {
                Doing::Acknowledge { control, until } => {
                    let open = state.controls().iter().filter(|(id, _)| control.covers(id));
                    let open = open.filter_map(|(_, record)| record.state.open_exception());
                    facts.extend(open.map(|open| Fact::Said {
                        exception: open.id,
                        does: PersonDoes::Acknowledge { until: *until },
                        author: author.clone(),
                        words: words.clone(),
                    }));
                }
                Doing::Silence { controls, until } => {
                    let silence = Silence { controls: controls.clone(), from: now, until: *until };
                    facts.push(Fact::Acted(Box::new(Acting { author, words, does: Does::Silence(silence) })));
                }
            }
        }
        facts
    }
}

fn ended(record: EndedRecord) -> Came {
    Came::Ended(Box::new(record))
}

/// On one subject that passes, or on those that fail.
fn report(control: &Control, subjects: &[String], fails: bool) -> EndedRecord {
    let own = [format!("{} as a whole", control.id)];
    let subjects = if subjects.is_empty() { &own[..] } else { subjects };
    let (status, message) =
        if fails { (Status::Fail, "made up: it fails") } else { (Status::Pass, "made up: it passes") };
    of(subjects, status, message)
}

fn not_applicable(control: &Control) -> EndedRecord {
    of(&[format!("{} as a whole", control.id)], Status::NotApplicable, "made up: it does not apply")
}

fn of(subjects: &[String], status: Status, message: &str) -> EndedRecord {
    let finding = |subject: &String| Finding {
        subject: subject.clone(),
        label: None,
        status,
        attention: false,
        message: message.to_owned(),
        measurements: Vec::new(),
        as_of: None,
        event: None,
        extensions: Default::default(),
    };
    EndedRecord::Report(Report {
        summary: message.to_owned(),
        population: u32::try_from(subjects.len()).unwrap_or(u32::MAX),
        source_total: None,
        population_query: "made up".to_owned(),
        listing: Listing::EverySubject,
        findings: subjects.iter().map(finding).collect(),
        incomplete: None,
        covered_until: None,
        attachments: Vec::new(),
        extensions: Default::default(),
    })
}
