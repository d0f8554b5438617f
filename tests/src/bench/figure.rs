//! Measured numbers: how they are printed, and how they are written for others to read.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// One measured number.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Option<f64>,
    pub(crate) better: Better,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// All that were measured so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Where less is better.
    pub(crate) fn low(&mut self, name: &'static str, value: f64, unit: &'static str, goal: Option<f64>) {
        self.add(Figure { name, value, unit, goal, better: Better::Lower });
    }

    /// Where more is better.
    pub(crate) fn high(&mut self, name: &'static str, value: f64, unit: &'static str, goal: Option<f64>) {
        self.add(Figure { name, value, unit, goal, better: Better::Higher });
    }

    fn add(&mut self, figure: Figure) {
        let Figure { name, value, unit, goal, better } = &figure;
        let verdict = match goal {
            None => String::new(),
            Some(goal) => {
                let is_met = if *better == Better::Lower { value <= goal } else { value >= goal };
                format!("goal {} {}", number(*goal), if is_met { "met" } else { "MISSED" })
            }
        };
        println!("{name:<38} {:>12} {unit:<10} {verdict}", number(*value));
        self.0.push(figure);
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(&self.0)?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Three digits that count; whole numbers from a thousand up.
fn number(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// How long something took, many times.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// The value below which this share of the samples lies; zero when there are none.
    pub(crate) fn quantile(&mut self, share: f64) -> Duration {
        if self.0.is_empty() {
            return Duration::ZERO;
        }
        self.0.sort_unstable();
        let place = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[place]
    }

    /// Zero when there are none.
    pub(crate) fn mean(&self) -> Duration {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.iter().sum::<Duration>().checked_div(count).unwrap_or_default()
    }

    pub(crate) fn micros(&mut self, share: f64) -> f64 {
        self.quantile(share).as_secs_f64() * 1e6
    }

    pub(crate) fn millis(&mut self, share: f64) -> f64 {
        self.quantile(share).as_secs_f64() * 1e3
    }
}
