//! How far apart two rows of counts over the same cells lie: bins of a number, or categories.

use crate::bins::{shares, shares_half_count};
use crate::sum::{float, sum};

/// Population stability index, Σ (q − p) ln(q / p), with half a count added to every cell: the form to judge by, since
/// one empty cell of a small sample does not look like a catastrophe in it. 0 when equal; without an upper bound.
pub fn psi(reference: &[u64], current: &[u64]) -> f64 {
    index(&shares_half_count(reference), &shares_half_count(current))
}

/// The same with shares below `floor` raised to it, and not made to sum to 1 again: what other tools print.
pub fn psi_floored(reference: &[u64], current: &[u64], floor: f64) -> f64 {
    let raised = |counts| shares(counts).into_iter().map(|share| f64::max(share, floor)).collect::<Vec<_>>();
    index(&raised(reference), &raised(current))
}

fn index(p: &[f64], q: &[f64]) -> f64 {
    sum(p.iter().zip(q).map(|(p, q)| (q - p) * libm::log(q / p)))
}

/// What [`psi`] is on average when nothing drifted: (cells − 1) (1/n + 1/m). It is what the sizes of the samples alone
/// make of it (2 n PSI is about a chi-square).
pub fn psi_noise_floor(cells: usize, n: u64, m: u64) -> f64 {
    float(cells.saturating_sub(1) as u64) * (1.0 / float(n) + 1.0 / float(m))
}

/// Square root of the Jensen–Shannon divergence to base 2: 0 when equal, 1 when nothing is shared.
pub fn js_distance(reference: &[u64], current: &[u64]) -> f64 {
    let entropy = |p: f64, middle: f64| if p > 0.0 { p * libm::log2(p / middle) } else { 0.0 };
    let (p, q) = (shares(reference), shares(current));
    let divergence = sum(p.iter().zip(&q).map(|(p, q)| {
        let middle = (p + q) / 2.0;
        entropy(*p, middle) + entropy(*q, middle)
    })) / 2.0;
    libm::sqrt(divergence.clamp(0.0, 1.0))
}

/// The distance that [`js_distance`] has when its square is what it is on average without drift: near equality the
/// divergence is PSI / (8 ln 2).
pub fn js_noise_floor(cells: usize, n: u64, m: u64) -> f64 {
    libm::sqrt(psi_noise_floor(cells, n, m) / (8.0 * core::f64::consts::LN_2))
}

/// Half the sum of the differences of shares: the share of rows that would have to change cells. 0 to 1.
pub fn total_variation(reference: &[u64], current: &[u64]) -> f64 {
    sum(shares(reference).iter().zip(shares(current)).map(|(p, q)| (p - q).abs())) / 2.0
}
