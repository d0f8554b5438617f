use crate::special::{
    beta_lower, beta_upper, gamma_lower, gamma_lower_inverse, gamma_upper, gamma_upper_inverse, ln_choose,
};
use crate::sum::{float, sum};
use crate::table::TIES;

/// A count over some exposure (hours, days, requests), beside an earlier count over its own exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Poisson {
    pub count: u64,
    pub exposure: f64,
    pub base_count: u64,
    pub base_exposure: f64,
}

/// A rate lies within these bounds with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateInterval {
    pub lower: f64,
    pub upper: f64,
}

impl Poisson {
    /// What the earlier rate makes expect over this exposure.
    pub fn expected(&self) -> f64 {
        float(self.base_count) / self.base_exposure * self.exposure
    }

    /// Probability of at least this count, if the earlier rate were known exactly.
    pub fn upper_of_known_rate(&self) -> f64 {
        if self.count == 0 { 1.0 } else { gamma_lower(float(self.count), self.expected()) }
    }

    /// Probability of at most this count, if the earlier rate were known exactly.
    pub fn lower_of_known_rate(&self) -> f64 {
        gamma_upper(float(self.count) + 1.0, self.expected())
    }

    /// Probability of at least this share of both counts together, when both have the same rate: the earlier rate is not
    /// taken for known. `None` when nothing was counted at all.
    pub fn upper(&self) -> Option<f64> {
        (self.count + self.base_count > 0)
            .then(|| binomial_upper(self.count, self.count + self.base_count, self.share()))
    }

    /// The same to both sides: all counts that are at most as likely.
    pub fn two_sided(&self) -> Option<f64> {
        (self.count + self.base_count > 0)
            .then(|| binomial_two_sided(self.count, self.count + self.base_count, self.share()))
    }

    /// This count's rate by itself.
    pub fn rate(&self) -> f64 {
        float(self.count) / self.exposure
    }

    /// Garwood's exact interval of the rate; `confidence` as 0.95.
    pub fn rate_interval(&self, confidence: f64) -> RateInterval {
        let tail = (1.0 - confidence) / 2.0;
        let lower = if self.count == 0 { 0.0 } else { gamma_lower_inverse(float(self.count), tail) };
        let upper = gamma_upper_inverse(float(self.count) + 1.0, tail);
        RateInterval { lower: lower / self.exposure, upper: upper / self.exposure }
    }

    fn share(&self) -> f64 {
        self.exposure / (self.exposure + self.base_exposure)
    }
}

/// P(X ≥ k) of n trials.
fn binomial_upper(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 { 1.0 } else { beta_lower(float(k), float(n - k) + 1.0, p) }
}

/// P(X ≤ k) of n trials.
fn binomial_lower(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { beta_upper(float(k) + 1.0, float(n - k), p) }
}

/// All outcomes that are at most as likely as k.
fn binomial_two_sided(k: u64, n: u64, p: f64) -> f64 {
    let ln_p = |x: u64| ln_choose(float(n), float(x)) + float(x) * libm::log(p) + float(n - x) * libm::log1p(-p);
    let limit = ln_p(k) + libm::log1p(TIES);
    let mean = float(n) * p;
    // Probabilities fall on both sides of the mean, so the other tail begins where they are small enough: by halving.
    let both = if float(k) < mean {
        let first = first_where(k + 1, n + 1, |x| float(x) > mean && ln_p(x) <= limit);
        sum([binomial_lower(k, n, p), if first > n { 0.0 } else { binomial_upper(first, n, p) }])
    } else {
        let beyond = first_where(0, k, |x| float(x) >= mean || ln_p(x) > limit);
        sum([binomial_upper(k, n, p), if beyond == 0 { 0.0 } else { binomial_lower(beyond - 1, n, p) }])
    };
    both.min(1.0)
}

/// The first number in `low..high` for which it holds, if it holds for all after it; else `high`.
fn first_where(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Wilson's interval of a share, at 95 %, without continuity correction; none of no trials.
pub fn wilson(hits: u64, trials: u64) -> Option<RateInterval> {
    if trials == 0 {
        return None;
    }
    let (n, z2) = (float(trials), Z95 * Z95);
    let share = float(hits) / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * libm::sqrt(share * (1.0 - share) / n + z2 / (4.0 * n * n));
    Some(RateInterval { lower: (centre - half).max(0.0), upper: (centre + half).min(1.0) })
}

/// Of the normal distribution, 2.5 % lie above it.
const Z95: f64 = 1.959_963_984_540_054;
