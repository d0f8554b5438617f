//! The log of who reads the training data: written as things happen, with a new file each month.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use evidenced::domain::Timestamp;
use serde_json::{Value, json};

use super::time::{at, begin, local};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) struct Access {
    folder: PathBuf,
    written: Timestamp,
}

impl Access {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let access = Self { folder: folder.to_owned(), written: begin() };
        fs::write(access.current(), "")?;
        Ok(access)
    }

    fn current(&self) -> PathBuf {
        self.folder.join("access.jsonl")
    }

    /// Writes what has happened up to now.
    pub(super) fn write_until(&mut self, now: Timestamp) -> Result<()> {
        let month = |at: Timestamp| local(at)[..7].to_owned();
        if month(self.written) != month(now) {
            fs::rename(self.current(), self.folder.join(format!("access-{}.jsonl", month(self.written))))?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(self.current())?;
        // Days of 24 hours from the first midnight on: what is read at 02:30 in winter is read at 03:30 in summer.
        let mut midnight = begin();
        while midnight <= now {
            for (after, event) in events(midnight) {
                let when = midnight.plus(after);
                if self.written < when && when <= now {
                    writeln!(file, "{}", event_line(when, event))?;
                }
            }
            midnight = midnight.plus(DAY);
        }
        self.written = now;
        Ok(())
    }
}

fn event_line(when: Timestamp, mut event: Value) -> Value {
    if let Some(event) = event.as_object_mut() {
        event.insert("id".to_owned(), json!(format!("read-{}", when.as_millis())));
        event.insert("time".to_owned(), json!(when));
    }
    event
}

/// What is read in the day that begins then, and how long after.
fn events(midnight: Timestamp) -> Vec<(Duration, Value)> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    // Steady, but for a few rows.
    let some = u64::try_from(midnight.as_millis().div_euclid(86_400_000)).unwrap_or(0) % 7;
    let is_on = |day: &str| local(midnight).starts_with(day) || local(midnight.plus(minutes(120))).starts_with(day);
    let rows = if is_on("2024-08-20") { 20_000 } else { 2_000 + 10 * some };
    let read =
        |who: &str, rows: u64| json!({ "who": who, "what": "training/patients/2024", "outcome": "ok", "rows": rows });
    let mut events = vec![(minutes(90), read("nightly", rows)), (minutes(605), read("trainer", 500 + some))];
    if midnight <= at("08-10 14:00") && at("08-10 14:00") < midnight.plus(DAY) {
        let denied = json!({ "who": "intern", "what": "training/patients/2024", "outcome": "denied", "rows": 0 });
        events.push((at("08-10 14:00").since(midnight), denied));
    }
    events
}
