//! Values of a series against its own past.

use crate::sample::{mean_of, median_of};
use crate::sum::{float, sum};

/// What a robust z is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Median absolute deviation from the median.
    Mad,
    /// Mean absolute deviation from the median: when more than half of the values are equal.
    MeanDeviation,
    /// All values of the baseline are equal: a z is 0 or infinite.
    Constant,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RobustZ {
    pub median: f64,
    pub mad: f64,
    pub scale: Scale,
    pub z: Vec<f64>,
}

/// How far each value lies from the median of the baseline, in standard deviations of a normal distribution. `None` of an
/// empty baseline.
pub fn robust_z(series: &[f64], baseline: &[f64]) -> Option<RobustZ> {
    if baseline.is_empty() {
        return None;
    }
    let median = median_of(baseline);
    let deviations: Vec<f64> = baseline.iter().map(|value| (value - median).abs()).collect();
    let (mad, mean_deviation) = (median_of(&deviations), mean_of(&deviations));
    let (scale, unit) = if mad > 0.0 {
        (Scale::Mad, mad / MAD_OF_NORMAL)
    } else if mean_deviation > 0.0 {
        (Scale::MeanDeviation, mean_deviation * SD_BY_MEAN_DEVIATION)
    } else {
        (Scale::Constant, 0.0)
    };
    let z = series.iter().map(|value| standardised(value - median, unit)).collect();
    Some(RobustZ { median, mad, scale, z })
}

fn standardised(deviation: f64, unit: f64) -> f64 {
    if deviation == 0.0 {
        0.0
    } else if unit > 0.0 {
        deviation / unit
    } else {
        f64::INFINITY.copysign(deviation)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ewma {
    pub smoothed: Vec<f64>,
    /// Places where the smoothed value is further from the mean than the limit there.
    pub alarms: Vec<usize>,
}

/// The exponentially weighted moving average, with the exact limits of each place. `weight` of the newest value is within
/// 0 and 1, `width` the limit in standard deviations.
pub fn ewma(series: &[f64], mean: f64, sd: f64, weight: f64, width: f64) -> Ewma {
    let mut smoothed = Vec::with_capacity(series.len());
    let mut alarms = Vec::new();
    let (mut now, mut forgotten) = (mean, 1.0);
    for (at, value) in series.iter().enumerate() {
        now = weight * value + (1.0 - weight) * now;
        forgotten *= (1.0 - weight) * (1.0 - weight);
        let limit = width * sd * libm::sqrt(weight / (2.0 - weight) * (1.0 - forgotten));
        if (now - mean).abs() > limit {
            alarms.push(at);
        }
        smoothed.push(now);
    }
    Ewma { smoothed, alarms }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Cusum {
    pub upper: Vec<f64>,
    pub lower: Vec<f64>,
    pub alarms: Vec<usize>,
}

/// Tabular cumulative sums in standard deviations, never reset: `slack` is what each value may be off, `limit` what the
/// sum may reach.
pub fn cusum(series: &[f64], mean: f64, sd: f64, slack: f64, limit: f64) -> Cusum {
    let mut sums = Cusum { upper: Vec::new(), lower: Vec::new(), alarms: Vec::new() };
    let (mut upper, mut lower) = (0.0f64, 0.0f64);
    for (at, value) in series.iter().enumerate() {
        let off = (value - mean) / sd;
        upper = (upper + off - slack).max(0.0);
        lower = (lower - off - slack).max(0.0);
        if upper > limit || lower > limit {
            sums.alarms.push(at);
        }
        sums.upper.push(upper);
        sums.lower.push(lower);
    }
    sums
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seasonal {
    /// Median of each slot of the period, over the training points.
    pub slot_medians: Vec<f64>,
    /// Median absolute deviation of what the slots leave over; used where a slot has none of its own.
    pub pooled_mad: f64,
    /// Of the points after training.
    pub z: Vec<f64>,
}

/// A robust z of each point after the first `train` ones, against the same slot of earlier periods. `None` when a slot has
/// no training point.
pub fn seasonal_z(series: &[f64], period: usize, train: usize) -> Option<Seasonal> {
    if period == 0 || train < period || train > series.len() {
        return None;
    }
    let slot = |at: usize| series[at..train].iter().step_by(period).copied().collect::<Vec<_>>();
    let slot_medians: Vec<f64> = (0..period).map(|at| median_of(&slot(at))).collect();
    let rest: Vec<f64> = series.iter().enumerate().map(|(at, value)| value - slot_medians[at % period]).collect();
    let centre = median_of(&rest[..train]);
    let pooled_mad = median_of(&rest[..train].iter().map(|value| (value - centre).abs()).collect::<Vec<_>>());
    let mads: Vec<f64> = (0..period)
        .map(|at| median_of(&slot(at).iter().map(|value| (value - slot_medians[at]).abs()).collect::<Vec<_>>()))
        .collect();
    let z = (train..series.len()).map(|at| {
        let mad = if mads[at % period] > 0.0 { mads[at % period] } else { pooled_mad };
        standardised(rest[at], mad / MAD_OF_NORMAL)
    });
    Some(Seasonal { z: z.collect(), slot_medians, pooled_mad })
}

/// Where the mean shifts: the `shifts` places that leave the least squared distance to the means of their segments, each
/// at least `segment_least` long. The first index of each new segment; `None` when the series is too short. Takes time in
/// the square of its length.
pub fn mean_shifts(series: &[f64], shifts: usize, segment_least: usize) -> Option<Vec<usize>> {
    let length = series.len();
    let segment_least = segment_least.max(1);
    if length < segment_least * (shifts + 1) {
        return None;
    }
    let offset = mean_of(series);
    let mut sums = vec![0.0];
    let mut squares = vec![0.0];
    for value in series {
        let value = value - offset;
        sums.push(sum([sums[sums.len() - 1], value]));
        squares.push(sum([squares[squares.len() - 1], value * value]));
    }
    let cost = |from: usize, until: usize| {
        let total = sums[until] - sums[from];
        squares[until] - squares[from] - total * total / float((until - from) as u64)
    };
    // Least cost of the values before `until` in one segment more than was allowed before, and where the last began.
    let mut least: Vec<f64> = (0..=length).map(|until| if until == 0 { 0.0 } else { cost(0, until) }).collect();
    let mut began: Vec<Vec<usize>> = Vec::new();
    for shift in 1..=shifts {
        let (mut next, mut from) = (vec![f64::INFINITY; length + 1], vec![0; length + 1]);
        for until in segment_least * (shift + 1)..=length {
            let last = segment_least * shift..=until - segment_least;
            let totals = last.map(|at| (least[at] + cost(at, until), at));
            if let Some(best) = totals.min_by(|one, other| one.0.total_cmp(&other.0)) {
                (next[until], from[until]) = best;
            }
        }
        least = next;
        began.push(from);
    }
    let mut places = Vec::with_capacity(shifts);
    let mut until = length;
    for from in began.iter().rev() {
        until = from[until];
        places.push(until);
    }
    places.reverse();
    Some(places)
}

/// The median absolute deviation of a normal distribution of standard deviation 1: its upper quartile.
const MAD_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

/// Standard deviation by mean absolute deviation of a normal distribution: √(π / 2).
const SD_BY_MEAN_DEVIATION: f64 = 1.253_314_137_315_5;
