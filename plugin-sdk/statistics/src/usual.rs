use crate::sample::{mean_of, median_of};
use crate::special::{beta_upper, bisect, ln_gamma};
use crate::sum::{count, float, sum};

/// What somebody's days usually amount to: rows, reads or bytes of each earlier day on which there were any.
///
/// The model is an over-dispersed Poisson (a gamma–Poisson, which is a negative binomial): each day has a rate of its
/// own, drawn from a gamma distribution, and counts around it. Neither its mean nor its dispersion is known, so neither
/// is estimated and then believed: the mean is integrated out (the new day's share of all days together is a beta
/// variable), and dispersions are weighed by how well they explain the days (relative variances from 0.04 to 4, all
/// equally likely beforehand on a logarithmic scale). So few days make a wide limit, and many days a close one: of
/// steady days, about 3 times the mean after 7 and twice after 28, at one false alarm in 10,000 days.
///
/// The probabilities are honest when days are as the model says: `tests/usual.rs` measures them. Days of a heavier tail
/// (log-normal) exceed a limit of 1 in 1,000 some 4 to 10 times as often.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    days: f64,
    total: f64,
    median: f64,
    /// Shapes of the gamma distribution and how much each is believed; the weights sum to 1.
    shapes: Vec<(f64, f64)>,
}

impl Usual {
    /// `None` of no days. A day of nothing counts as 1: the model is of days on which there was something.
    pub fn of(days: &[u64]) -> Option<Self> {
        if days.is_empty() {
            return None;
        }
        let amounts: Vec<f64> = days.iter().map(|amount| float((*amount).max(1))).collect();
        let total = sum(amounts.iter().copied());
        let logarithms = sum(amounts.iter().map(|amount| libm::log(*amount)));
        let n = float(count(amounts.len()));
        // Counts vary by themselves: no shape may promise less than a Poisson's variance.
        let shape_max = mean_of(&amounts);
        let candidates: Vec<(f64, f64)> = (0..CANDIDATES)
            .map(|step| {
                let variance = VARIANCE_LEAST * libm::pow(VARIANCE_SPAN, f64::from(step) / f64::from(CANDIDATES - 1));
                let shape = 1.0 / variance;
                // The density of the days' shares of their total, whatever the mean: Dirichlet's.
                let likelihood = ln_gamma(n * shape) - n * ln_gamma(shape) + (shape - 1.0) * logarithms
                    - n * shape * libm::log(total);
                (shape.min(shape_max), likelihood)
            })
            .collect();
        let greatest = candidates.iter().map(|(_, likelihood)| *likelihood).fold(f64::NEG_INFINITY, f64::max);
        let weights = candidates.iter().map(|(shape, likelihood)| (*shape, libm::exp(likelihood - greatest)));
        let all = sum(weights.clone().map(|(_, weight)| weight));
        let shapes = weights.map(|(shape, weight)| (shape, weight / all)).collect();
        Some(Self { days: n, total, median: median_of(&amounts), shapes })
    }

    /// The middle day.
    pub fn median(&self) -> f64 {
        self.median
    }

    /// Probability that a day as usual amounts to this much or more.
    pub fn upper(&self, amount: f64) -> f64 {
        self.upper_of_share(amount / (amount + self.total))
    }

    /// The amount that a day as usual exceeds with this probability: between 0 and 1, both excluded.
    pub fn limit(&self, probability: f64) -> f64 {
        let share = bisect(0.0, 1.0, |share| self.upper_of_share(share) > probability);
        // A share of 1 is an amount without bound; the nearest below it is bound enough.
        let share = share.min(1.0 - f64::EPSILON);
        self.total * share / (1.0 - share)
    }

    fn upper_of_share(&self, share: f64) -> f64 {
        sum(self.shapes.iter().map(|(shape, weight)| weight * beta_upper(*shape, self.days * shape, share)))
    }
}

/// Relative variance of the steadiest days that are believed: 20 % up or down. Steadier days would make limits that a
/// table's ordinary growth crosses.
const VARIANCE_LEAST: f64 = 0.04;

/// From the least to the greatest relative variance, 4.
const VARIANCE_SPAN: f64 = 100.0;

const CANDIDATES: u32 = 20;
