//! The statistics that checks judge by: how far two samples lie apart, whether a count is too large, where a series breaks.
//!
//! In come numbers and counts; out go numbers, or [`Undefined`] with the reason where there is no answer. Nothing here
//! reads or writes anything, knows a threshold, or decides what passes.
//!
//! **The same bits everywhere.** A report must come out equal when it is made again on another machine, so sums have a
//! fixed order and are compensated ([Neumaier]), and logarithms, exponentials and gamma functions are those of `libm`,
//! compiled in, never those of the platform.
//!
//! **Right by outside judgement.** `tests/golden.rs` compares each function with what numpy, scipy, statsmodels and
//! ruptures say (`tests/golden/README.md`): statistics to 1e-9, p-values to 1e-6, counts and indices exactly.
//!
//! | what | where |
//! | --- | --- |
//! | a feature's numbers, missing ones counted | [`Values`], [`Sample`] |
//! | bins, and how many values fall into each | [`Edges`] |
//! | population stability index, Jensen–Shannon distance, total variation, and what chance alone makes of them | [`psi`] … |
//! | Kolmogorov–Smirnov, Wasserstein, maximum mean discrepancy | [`KolmogorovSmirnov`], [`wasserstein`], [`mmd`] |
//! | categories, chi-square, G, Fisher's exact test | [`Categories`], [`Table`] |
//! | many p-values at once | [`holm`] |
//! | counts and rates: Poisson, binomial, Wilson | [`Poisson`], [`wilson`] |
//! | an amount against one's own days | [`Usual`] |
//! | robust z, EWMA, CUSUM, seasonal, mean shifts | [`robust_z`], [`ewma`], [`cusum`], [`seasonal_z`], [`mean_shifts`] |
//!
//! Not here yet: what compares groups (parity, odds, disparate impact). The golden cases of that kind lie beside the
//! others and are counted by the test, so that nobody takes them for covered.
//!
//! [Neumaier]: https://en.wikipedia.org/wiki/Kahan_summation_algorithm

mod bins;
mod categories;
mod correction;
mod counts;
mod distance;
mod divergence;
mod kolmogorov;
mod sample;
mod series;
mod special;
mod sum;
mod table;
mod usual;

pub use bins::Edges;
pub use categories::Categories;
pub use correction::holm;
pub use counts::{Poisson, RateInterval, wilson};
pub use distance::{Mmd, mmd, wasserstein};
pub use divergence::{js_distance, js_noise_floor, psi, psi_floored, psi_noise_floor, total_variation};
pub use kolmogorov::KolmogorovSmirnov;
pub use sample::{Sample, Undefined, Values};
pub use series::{Cusum, Ewma, RobustZ, Scale, Seasonal, cusum, ewma, mean_shifts, robust_z, seasonal_z};
pub use table::{Table, Test};
pub use usual::Usual;
