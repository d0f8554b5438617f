use crate::Sample;
use crate::sample::median_of;
use crate::sum::{count, float, sum};

/// Wasserstein-1 distance: the area between the two distribution functions, in the unit of the values.
pub fn wasserstein(reference: &Sample, current: &Sample) -> f64 {
    let (x, y) = (reference.sorted(), current.sorted());
    let mut all: Vec<f64> = x.iter().chain(y).copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let (n, m) = (float(reference.count()), float(current.count()));
    let (mut i, mut j) = (0, 0);
    sum(all.windows(2).map(|pair| {
        while i < x.len() && x[i] <= pair[0] {
            i += 1;
        }
        while j < y.len() && y[j] <= pair[0] {
            j += 1;
        }
        (float(count(i)) / n - float(count(j)) / m).abs() * (pair[1] - pair[0])
    }))
}

/// Squared maximum mean discrepancy with the kernel exp(−d² / 2h²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mmd {
    /// h: the median of all distances of the pooled sample.
    pub bandwidth: f64,
    /// Never negative; on average above zero also when nothing drifted.
    pub biased: f64,
    /// Zero on average when nothing drifted, and so at times below.
    pub unbiased: f64,
}

/// Takes time and memory in the square of the number of values: for some hundreds. `None` of fewer than two values a
/// side, or when most of the values are the same (the median distance is then 0).
pub fn mmd(reference: &Sample, current: &Sample) -> Option<Mmd> {
    let (x, y) = (reference.sorted(), current.sorted());
    if x.len() < 2 || y.len() < 2 {
        return None;
    }
    let all: Vec<f64> = x.iter().chain(y).copied().collect();
    let distances: Vec<f64> = (0..all.len())
        .flat_map(|i| all[i + 1..].iter().map(move |b| (i, *b)))
        .map(|(i, b)| (all[i] - b).abs())
        .collect();
    let bandwidth = median_of(&distances);
    if bandwidth <= BANDWIDTH_LEAST {
        return None;
    }
    let gamma = 1.0 / (2.0 * bandwidth * bandwidth);
    let kernel_sum = |one: &[f64], other: &[f64]| {
        sum(one.iter().flat_map(|a| other.iter().map(move |b| libm::exp(-gamma * (a - b) * (a - b)))))
    };
    let (n, m) = (float(count(x.len())), float(count(y.len())));
    let (within_x, within_y, between) = (kernel_sum(x, x), kernel_sum(y, y), kernel_sum(x, y) / (n * m));
    Some(Mmd {
        bandwidth,
        biased: within_x / (n * n) + within_y / (m * m) - 2.0 * between,
        unbiased: (within_x - n) / (n * (n - 1.0)) + (within_y - m) / (m * (m - 1.0)) - 2.0 * between,
    })
}

/// Below it the square of the bandwidth is no normal number any more.
const BANDWIDTH_LEAST: f64 = 1e-150;
