use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    hours::{Hours, Zone},
    pattern::{self, Network, Pattern},
};

/// Who may read what, when, from where. Fields mean what the schema says.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Given")]
pub struct Config {
    pub(crate) format: Format,
    pub(crate) datasets: Vec<Dataset>,
    pub(crate) zone: Zone,
    pub(crate) hours: Vec<Hours>,
    pub(crate) outside_hours: Consequence,
    pub(crate) refused: Consequence,
    pub(crate) refused_logins_max: u64,
    pub(crate) amount: Amount,
    pub(crate) false_alarm_rate: f64,
    pub(crate) min_days: usize,
    pub(crate) floor: u64,
    pub(crate) without_baseline_max: Option<u64>,
    pub(crate) superusers: Vec<Pattern>,
    pub(crate) silent_sessions: Silent,
    pub(crate) silent_after_s: u32,
    /// Minutes east of UTC.
    pub(crate) zone_abbreviations: BTreeMap<String, i32>,
    pub(crate) read_events: Vec<String>,
    pub(crate) fields: Option<Fields>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    PgauditCsv,
    PgauditJson,
    Cloudtrail,
    JsonLines,
}

/// What a read is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Amount {
    Rows,
    Bytes,
    Reads,
}

/// What a breach makes of its finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Consequence {
    #[default]
    Fail,
    Attention,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Silent {
    #[default]
    Fail,
    Attention,
    Ignore,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dataset {
    pub name: String,
    pub objects: Vec<Pattern>,
    /// Of PostgreSQL; none = any.
    #[serde(default)]
    pub databases: Vec<Pattern>,
    pub allow: Vec<Pattern>,
    /// None = from anywhere.
    #[serde(default)]
    pub networks: Vec<Network>,
    /// Who may read in ways whose amount the log does not count.
    pub bulk: Option<Vec<Pattern>>,
}

impl Dataset {
    pub(crate) fn is_in(&self, database: &str) -> bool {
        self.databases.is_empty() || pattern::any(&self.databases, database)
    }
}

/// Where in each line of JSON the facts are: JSON Pointers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    pub time: String,
    pub principal: String,
    /// One pointer, or several whose values are joined by `/`.
    pub object: OneOrMore,
    pub action: Option<String>,
    /// Values of `action` that are reads; without them every line is.
    #[serde(default)]
    pub reads: Vec<String>,
    pub outcome: Option<String>,
    /// Values of `outcome` that mean that access was refused.
    #[serde(default)]
    pub refused: Vec<String>,
    pub amount: Option<String>,
    pub id: Option<String>,
    pub address: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    format: Format,
    datasets: Vec<Dataset>,
    zone: Option<Zone>,
    #[serde(default)]
    hours: Vec<Hours>,
    #[serde(default)]
    outside_hours: Consequence,
    #[serde(default)]
    refused: Consequence,
    refused_logins_max: Option<u64>,
    amount: Option<Amount>,
    false_alarm_rate: Option<f64>,
    min_days: Option<usize>,
    floor: Option<u64>,
    without_baseline_max: Option<u64>,
    superusers: Option<Vec<Pattern>>,
    #[serde(default)]
    silent_sessions: Silent,
    silent_after_s: Option<u32>,
    #[serde(default)]
    zone_abbreviations: BTreeMap<String, Offset>,
    read_events: Option<Vec<String>>,
    fields: Option<Fields>,
}

impl TryFrom<Given> for Config {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, String> {
        let has_amount = given.fields.as_ref().is_some_and(|fields| fields.amount.is_some());
        if given.format == Format::JsonLines && has_amount && given.amount.is_none() {
            return Err("`fields.amount` is named: say with `amount` whether it counts `rows` or `bytes`".to_owned());
        }
        let amount = given.amount.unwrap_or(match given.format {
            Format::PgauditCsv | Format::PgauditJson => Amount::Rows,
            Format::Cloudtrail => Amount::Bytes,
            Format::JsonLines => Amount::Reads,
        });
        let floor = given.floor.unwrap_or(match amount {
            Amount::Rows => 100,
            Amount::Bytes => 1 << 20,
            Amount::Reads => 20,
        });
        let config = Self {
            format: given.format,
            datasets: given.datasets,
            zone: given.zone.unwrap_or_else(Zone::utc),
            hours: given.hours,
            outside_hours: given.outside_hours,
            refused: given.refused,
            refused_logins_max: given.refused_logins_max.unwrap_or(4),
            amount,
            false_alarm_rate: given.false_alarm_rate.unwrap_or(1e-4),
            min_days: given.min_days.unwrap_or(7),
            floor,
            without_baseline_max: given.without_baseline_max,
            superusers: given.superusers.unwrap_or_else(|| vec![Pattern::from("postgres")]),
            silent_sessions: given.silent_sessions,
            silent_after_s: given.silent_after_s.unwrap_or(60),
            zone_abbreviations: given.zone_abbreviations.into_iter().map(|(name, offset)| (name, offset.0)).collect(),
            read_events: given.read_events.unwrap_or_else(|| READ_EVENTS.map(str::to_owned).to_vec()),
            fields: given.fields,
        };
        config.check()?;
        Ok(config)
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        if self.datasets.is_empty() || self.datasets.len() > DATASETS_MAX {
            return Err(format!("there are 1 to {DATASETS_MAX} `datasets`"));
        }
        for (at, dataset) in self.datasets.iter().enumerate() {
            if dataset.name.is_empty() || dataset.name.len() > 128 || dataset.name.starts_with('(') {
                return Err("the name of a dataset has 1 to 128 bytes and does not begin with (".to_owned());
            }
            if dataset.objects.is_empty() {
                return Err(format!("the dataset `{}` has no `objects`", dataset.name));
            }
            if self.datasets[..at].iter().any(|other| other.name == dataset.name) {
                return Err(format!("two datasets are called `{}`", dataset.name));
            }
        }
        if !(1e-9..=0.1).contains(&self.false_alarm_rate) || !(3..=28).contains(&self.min_days) {
            return Err("`false_alarm_rate` is 1e-9 to 0.1, and `min_days` are 3 to 28".to_owned());
        }
        if (self.format == Format::JsonLines) != self.fields.is_some() {
            return Err("`fields` belong to the format `json-lines`, which needs them".to_owned());
        }
        if let Some(fields) = &self.fields {
            let given = [&fields.action, &fields.outcome, &fields.amount, &fields.id, &fields.address];
            let mut pointers = [&fields.time, &fields.principal]
                .into_iter()
                .chain(fields.object.all())
                .chain(given.into_iter().flatten());
            if let Some(wrong) = pointers.find(|pointer| !pointer.starts_with('/')) {
                return Err(format!("`{wrong}` is no JSON Pointer: it begins with /"));
            }
            if fields.object.all().is_empty() {
                return Err("`fields.object` names no member".to_owned());
            }
        }
        Ok(())
    }
}

/// `+01:00`: minutes east of UTC.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Offset(i32);

impl TryFrom<String> for Offset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        offset_minutes(&text).map(Self).ok_or_else(|| format!("`{text}` is no distance from UTC: write +01:00"))
    }
}

/// `+01`, `+0530`, `-03:30`.
pub(crate) fn offset_minutes(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|char| *char != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse().ok())?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

/// Events of CloudTrail that hand out what an object holds.
const READ_EVENTS: [&str; 5] = ["GetObject", "GetObjectTorrent", "SelectObjectContent", "CopyObject", "UploadPartCopy"];

const DATASETS_MAX: usize = 200;
