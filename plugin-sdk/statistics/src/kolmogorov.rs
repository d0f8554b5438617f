use core::f64::consts::PI;

use crate::Sample;
use crate::special::{ln_choose, ln_gamma};
use crate::sum::{float, sum};

/// The two-sample test of Kolmogorov and Smirnov: the largest distance of the two distribution functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KolmogorovSmirnov {
    /// |i m − j n| at the largest distance: the distance without rounding.
    steps: u64,
    n: u64,
    m: u64,
}

impl KolmogorovSmirnov {
    /// Functions are compared at every value of both samples, closed on the right, so that ties are one step.
    pub fn of(reference: &Sample, current: &Sample) -> Self {
        let (x, y) = (reference.sorted(), current.sorted());
        let (n, m) = (reference.count(), current.count());
        let (mut i, mut j, mut steps) = (0, 0, 0);
        while i < x.len() && j < y.len() {
            let value = x[i].min(y[j]);
            while i < x.len() && x[i] <= value {
                i += 1;
            }
            while j < y.len() && y[j] <= value {
                j += 1;
            }
            steps = steps.max((i as u64 * m).abs_diff(j as u64 * n));
        }
        Self { steps, n, m }
    }

    /// D, 0 to 1.
    pub fn d(&self) -> f64 {
        float(self.steps) / (float(self.n) * float(self.m))
    }

    /// p by the exact distribution of one sample of nm / (n + m) values, rounded to even: scipy's `ks_2samp`. `None` when
    /// that is no value at all.
    pub fn p(&self) -> Option<f64> {
        let effective = (float(self.n) * float(self.m) / float(self.n + self.m)).round_ties_even();
        (effective >= 1.0).then(|| one_sample_upper(effective, self.d()))
    }

    /// p by the limit for large samples: what most other software prints.
    pub fn p_limit(&self) -> f64 {
        limit_upper(libm::sqrt(float(self.n) * float(self.m) / float(self.n + self.m)) * self.d())
    }

    /// p over all orders of the values, as if there were no ties. Takes n × m steps: for some thousands of values.
    ///
    /// The share of lattice paths that ever leave the band, step by step: after i and j steps the last one came along
    /// the first axis with probability i / (i + j).
    pub fn p_exact(&self) -> f64 {
        if self.steps == 0 {
            return 1.0;
        }
        let outside = |i: u64, j: u64| (i * self.m).abs_diff(j * self.n) >= self.steps;
        let mut left = vec![0.0; usize::try_from(self.m + 1).unwrap_or(usize::MAX)];
        for j in 1..left.len() {
            left[j] = if outside(0, j as u64) { 1.0 } else { left[j - 1] };
        }
        for i in 1..=self.n {
            if outside(i, 0) {
                left[0] = 1.0;
            }
            for j in 1..left.len() {
                left[j] = if outside(i, j as u64) {
                    1.0
                } else {
                    let along = float(i) / float(i + j as u64);
                    along * left[j] + (1.0 - along) * left[j - 1]
                };
            }
        }
        left[left.len() - 1].min(1.0)
    }
}

/// P(Dₙ > x) for one sample of n values. Which of four formulas is exact enough where is Simard and L'Ecuyer's division
/// ("Computing the two-sided Kolmogorov–Smirnov distribution", 2011), as scipy makes it.
fn one_sample_upper(n: f64, x: f64) -> f64 {
    let t = n * x;
    if x >= 1.0 {
        return 0.0;
    }
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        return 1.0 - libm::exp(ln_gamma(n + 1.0) - n * libm::log(n) + n * libm::log(2.0 * t - 1.0));
    }
    if t >= n - 1.0 {
        return 2.0 * libm::pow(1.0 - x, n);
    }
    let square = t * x;
    let is_far = if n <= 140.0 { square > 4.0 } else { square >= 2.2 };
    if x >= 0.5 || is_far {
        return (2.0 * one_sided_upper(n, x)).min(1.0);
    }
    let below = if n <= 140.0 || (n <= 100_000.0 && n * libm::pow(x, 1.5) <= 1.4) {
        durbin_lower(n, x)
    } else {
        pelz_good_lower(n, x)
    };
    (1.0 - below).clamp(0.0, 1.0)
}

/// P(Dₙ⁺ > x): Birnbaum and Tingey's sum, whose terms are all positive.
fn one_sided_upper(n: f64, x: f64) -> f64 {
    let last = libm::floor(n * (1.0 - x));
    let terms = (0u32..).map(f64::from).take_while(|j| *j <= last).map(|j| {
        let (up, down) = (x + j / n, 1.0 - x - j / n);
        if down <= 0.0 {
            return 0.0;
        }
        libm::exp(ln_choose(n, j) + (j - 1.0) * libm::log(up) + (n - j) * libm::log(down))
    });
    x * sum(terms)
}

/// P(Dₙ ≤ x) by the n-th power of a matrix of 2⌈nx⌉ − 1 rows: exact (Durbin; Marsaglia, Tsang and Wang).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "n and nx are small here")]
fn durbin_lower(n: f64, x: f64) -> f64 {
    let k = libm::ceil(n * x) as usize;
    let size = 2 * k - 1;
    let h = k as f64 - n * x;
    let mut matrix = Matrix::zero(size);
    for i in 0..size {
        for j in 0..size {
            matrix.cells[i * size + j] = if i + 1 >= j { 1.0 } else { 0.0 };
        }
    }
    for i in 0..size {
        matrix.cells[i * size] -= libm::pow(h, (i + 1) as f64);
        matrix.cells[(size - 1) * size + i] -= libm::pow(h, (size - i) as f64);
    }
    if 2.0 * h - 1.0 > 0.0 {
        matrix.cells[(size - 1) * size] += libm::pow(2.0 * h - 1.0, size as f64);
    }
    for i in 0..size {
        for j in 0..size {
            for divisor in 1..=(i + 1).saturating_sub(j) {
                matrix.cells[i * size + j] /= divisor as f64;
            }
        }
    }
    let powered = matrix.power(n as u64);
    let logarithm = libm::log(powered.cells[(k - 1) * size + k - 1]) + powered.exponent;
    libm::exp(logarithm + ln_gamma(n + 1.0) - n * libm::log(n))
}

/// A square matrix times e to the `exponent`, so that powers neither overflow nor vanish.
#[derive(Clone)]
struct Matrix {
    size: usize,
    cells: Vec<f64>,
    exponent: f64,
}

impl Matrix {
    fn zero(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size], exponent: 0.0 }
    }

    fn one(size: usize) -> Self {
        let mut one = Self::zero(size);
        for i in 0..size {
            one.cells[i * size + i] = 1.0;
        }
        one
    }

    fn times(&self, other: &Self) -> Self {
        let size = self.size;
        let mut product = Self::zero(size);
        for i in 0..size {
            for k in 0..size {
                let left = self.cells[i * size + k];
                for j in 0..size {
                    product.cells[i * size + j] += left * other.cells[k * size + j];
                }
            }
        }
        product.exponent = self.exponent + other.exponent;
        let middle = product.cells[(size / 2) * size + size / 2];
        if middle > 1e140 {
            product.cells.iter_mut().for_each(|cell| *cell /= middle);
            product.exponent += libm::log(middle);
        }
        product
    }

    fn power(&self, mut exponent: u64) -> Self {
        let (mut base, mut result) = (self.clone(), Self::one(self.size));
        while exponent > 0 {
            if exponent % 2 == 1 {
                result = result.times(&base);
            }
            exponent /= 2;
            if exponent > 0 {
                base = base.times(&base);
            }
        }
        result
    }
}

/// P(Dₙ ≤ x) for large n: the limit law and three corrections in powers of 1/√n (Pelz and Good, 1976), each a sum over
/// odd numbers, and of two of them another over all.
fn pelz_good_lower(n: f64, x: f64) -> f64 {
    let z = libm::sqrt(n) * x;
    let power = |exponent: i32| (0..exponent).fold(1.0, |product, _| product * z);
    let (z2, z4, z6, z8) = (power(2), power(4), power(6), power(8));
    let (pi2, pi4, pi6) = (PI * PI, PI * PI * PI * PI, PI * PI * PI * PI * PI * PI);
    let last = libm::ceil(16.0 * z / PI);
    let upwards = || (1u32..).map(f64::from).take_while(move |k| *k <= last);

    let (mut k0, mut k1, mut k2, mut k3) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for k in upwards().chain([last + 1.0]) {
        let m2 = (2.0 * k - 1.0) * (2.0 * k - 1.0);
        let (m4, m6) = (m2 * m2, m2 * m2 * m2);
        let weight = libm::exp(-pi2 * m2 / (8.0 * z2));
        k0.push(weight);
        k1.push(weight * (-z2 + pi2 / 4.0 * m2));
        k2.push(
            weight
                * (6.0 * z6 + 2.0 * z4 + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2 + pi4 * (1.0 - 2.0 * z2) / 16.0 * m4),
        );
        k3.push(
            weight
                * (-30.0 * z6 - 90.0 * z8
                    + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                    + pi4 * (-60.0 * z2 + 212.0 * z4) / 16.0 * m4
                    + pi6 * (5.0 - 30.0 * z2) / 64.0 * m6),
        );
    }
    let root = libm::sqrt(2.0 * PI);
    let weight = |k: f64| libm::exp(-pi2 * k * k / (2.0 * z2));
    let more2 = sum(upwards().map(|k| k * k * weight(k)));
    let more3 = sum(upwards().map(|k| (3.0 * z2 - pi2 * k * k) * k * k * weight(k)));
    let k0 = root * sum(k0) / z;
    let k1 = root * sum(k1) / (6.0 * z4);
    let k2 = root * sum(k2) / (72.0 * power(7)) - pi2 * root / (36.0 * power(3)) * more2;
    let k3 = root * sum(k3) / (6480.0 * power(10)) + pi2 * root / (216.0 * z6) * more3;
    k0 + k1 / libm::sqrt(n) + k2 / n + k3 / (n * libm::sqrt(n))
}

/// P(K > x) of the limit law: the sum that converges fast on this side of x.
fn limit_upper(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < 0.82 {
        let terms = (0..10u32).map(|k| {
            let odd = f64::from(2 * k + 1);
            libm::exp(-odd * odd * PI * PI / (8.0 * x * x))
        });
        return 1.0 - libm::sqrt(2.0 * PI) / x * sum(terms);
    }
    let terms = (1..30u32).map(|k| {
        let k_squared = f64::from(k) * f64::from(k);
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * libm::exp(-2.0 * k_squared * x * x)
    });
    (2.0 * sum(terms)).clamp(0.0, 1.0)
}
