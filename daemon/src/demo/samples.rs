//! What the company's pipelines leave behind every night: who read the training data on the day before, and what a model
//! got and predicted on it.

use std::{fmt::Write as _, fs, io, path::Path};

use super::{DemoError, story};
use crate::domain::Timestamp;

const DAY_MS: i64 = 86_400_000;
/// Flowers that the model sees in a day.
const ROWS: u64 = 1_000;

/// Writes them as they stand at `now`.
pub(super) fn export(dir: &Path, now: Timestamp) -> Result<(), DemoError> {
    let today = now.as_millis().div_euclid(DAY_MS);
    let access = dir.join("access");
    let drift = dir.join("drift");
    let put = || -> io::Result<()> {
        fs::create_dir_all(&access)?;
        fs::create_dir_all(&drift)?;
        for day in story::begin().as_millis().div_euclid(DAY_MS)..today {
            let file = access.join(format!("{}.jsonl", &Timestamp::from_millis(day * DAY_MS).to_string()[..10]));
            // Nothing is written twice: also not after a time without the daemon.
            if !file.exists() {
                fs::write(&file, reads(day))?;
            }
        }
        let reference = drift.join("reference.csv");
        if !reference.exists() {
            fs::write(reference, flowers(0, false))?;
        }
        let yesterday = Timestamp::from_millis((today - 1) * DAY_MS);
        fs::write(drift.join("current.csv"), flowers(today.unsigned_abs(), story::drift().contains(yesterday)))
    };
    put().map_err(|error| DemoError::Write(dir.to_owned(), error))
}

/// Of one day: the nightly job, the trainer, and once somebody else.
fn reads(day: i64) -> String {
    let at = |minutes: i64| Timestamp::from_millis(day * DAY_MS + minutes * 60_000);
    let mut lines = vec![
        (at(150), "nightly", "ok", 40_000 + noise(day.unsigned_abs()) % 900),
        (at(605), "trainer", "ok", 5_000 + noise(day.unsigned_abs() + 1) % 300),
    ];
    if story::intruder().contains(at(785)) {
        lines.push((at(785), "intern", "denied", 0));
    }
    let mut text = String::new();
    for (time, who, outcome, rows) in lines {
        let line = serde_json::json!({
            "time": time, "who": who, "what": "training/flowers/v3", "outcome": outcome, "rows": rows,
            "id": format!("{who}-{}", time.as_millis()),
        });
        let _infallible = writeln!(text, "{line}");
    }
    text
}

/// Petals in centimetres, and what the model takes them for. After a change of the camera they seem to be longer.
fn flowers(seed: u64, is_drifted: bool) -> String {
    let mut text = "petal_length,prediction\n".to_owned();
    for row in 0..ROWS {
        let millimetres = 10 + noise(seed * ROWS + row) % 60 + if is_drifted { 15 } else { 0 };
        let species = match millimetres {
            0..25 => "setosa",
            25..50 => "versicolor",
            _ => "virginica",
        };
        let _infallible = writeln!(text, "{}.{},{species}", millimetres / 10, millimetres % 10);
    }
    text
}

/// The same numbers in each demo (splitmix64, by Steele, Lea and Flood, 2014).
const fn noise(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
