use crate::sum::{count, float, sum};

/// Why a statistic has no value. There is no number that could stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// A sample is empty after missing values were dropped.
    Empty,
    /// A sample holds an infinite value.
    Infinite,
    /// All rows are of one category: there is nothing to compare.
    OneCategory,
}

impl std::fmt::Display for Undefined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "a sample is empty after missing values were dropped",
            Self::Infinite => "a sample holds an infinite value",
            Self::OneCategory => "there is one category only",
        })
    }
}

impl std::error::Error for Undefined {}

/// Numbers of one feature as they come: missing ones (and NaN) are counted and dropped, never filled in.
#[derive(Debug, Clone, Default)]
pub struct Values {
    present: Vec<f64>,
    missing: u64,
    infinite: u64,
}

impl Values {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, value: Option<f64>) {
        match value.filter(|value| !value.is_nan()) {
            Some(value) => {
                self.infinite += u64::from(value.is_infinite());
                self.present.push(value);
            }
            None => self.missing += 1,
        }
    }

    /// How many are not missing; infinite ones are among them.
    pub fn present(&self) -> u64 {
        count(self.present.len())
    }

    pub fn missing(&self) -> u64 {
        self.missing
    }

    pub fn into_sample(self) -> Result<Sample, Undefined> {
        if self.infinite > 0 {
            return Err(Undefined::Infinite);
        }
        if self.present.is_empty() {
            return Err(Undefined::Empty);
        }
        let mut sorted = self.present;
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Sample { sorted })
    }
}

impl Extend<Option<f64>> for Values {
    fn extend<T: IntoIterator<Item = Option<f64>>>(&mut self, values: T) {
        for value in values {
            self.push(value);
        }
    }
}

impl FromIterator<Option<f64>> for Values {
    fn from_iter<T: IntoIterator<Item = Option<f64>>>(values: T) -> Self {
        let mut collected = Self::new();
        collected.extend(values);
        collected
    }
}

/// At least one number, all of them finite, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    sorted: Vec<f64>,
}

impl Sample {
    /// Ascending; never empty.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    pub fn count(&self) -> u64 {
        count(self.sorted.len())
    }

    pub fn least(&self) -> f64 {
        self.sorted[0]
    }

    pub fn greatest(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }

    /// Type 7 ("linear"): between the two neighbours of `(n − 1) share`. `share` is within 0 and 1.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile_of(&self.sorted, share)
    }

    pub fn mean(&self) -> f64 {
        mean_of(&self.sorted)
    }

    /// Standard deviation of the sample itself, as of a whole population (divided by n).
    pub fn sd_population(&self) -> f64 {
        libm::sqrt(self.squares() / float(self.count()))
    }

    /// Standard deviation that estimates that of where the sample came from (divided by n − 1); none of one value.
    pub fn sd(&self) -> Option<f64> {
        (self.count() > 1).then(|| libm::sqrt(self.squares() / float(self.count() - 1)))
    }

    /// How many values are at most this one.
    pub fn at_most(&self, value: f64) -> u64 {
        count(self.sorted.partition_point(|other| *other <= value))
    }

    /// Sum of squared distances to the mean: in a second pass, so that a large common offset does no harm.
    fn squares(&self) -> f64 {
        let mean = self.mean();
        sum(self.sorted.iter().map(|value| (value - mean) * (value - mean)))
    }
}

pub(crate) fn mean_of(values: &[f64]) -> f64 {
    sum(values.iter().copied()) / float(count(values.len()))
}

/// Of sorted values; numpy's "linear", whose two formulas meet in the middle so that it is monotone.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position within the sample")]
pub(crate) fn quantile_of(sorted: &[f64], share: f64) -> f64 {
    let at = float(count(sorted.len() - 1)) * share;
    let below = (at as usize).min(sorted.len() - 1);
    let (a, b) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    let t = at - float(count(below));
    if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) }
}

/// The middle value, or the mean of the middle two. Not of nothing.
pub(crate) fn median_of(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}
