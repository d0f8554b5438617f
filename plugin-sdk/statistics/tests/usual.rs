//! The stated rate of false alarms, measured: baselines are drawn, and the probability that the true distribution exceeds
//! their limit is computed and averaged.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

use evidenced_statistics::Usual;

/// SplitMix64: uniform numbers above 0 and below 1, the same on every machine.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) * 2f64.powi(-53)
    }

    /// Gamma of a whole shape and mean 1.
    fn gamma(&mut self, shape: u32) -> f64 {
        (0..shape).map(|_| -self.next().ln()).sum::<f64>() / f64::from(shape)
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.next().ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.next(), 0.0);
        while product > limit {
            product *= self.next();
            count += 1.0;
        }
        count
    }
}

/// How often a day exceeds the limit of `days` earlier ones that are drawn alike. `upper` is the true probability that
/// one exceeds an amount.
fn false_alarms(days: usize, seed: u64, mut draw: impl FnMut(&mut Uniform) -> f64, upper: impl Fn(f64) -> f64) -> f64 {
    const BASELINES: u32 = 1_500;
    let mut uniform = Uniform(seed);
    let mut total = 0.0;
    for _ in 0..BASELINES {
        let baseline: Vec<u64> = (0..days).map(|_| draw(&mut uniform) as u64).collect();
        total += upper(Usual::of(&baseline).unwrap().limit(RATE));
    }
    total / f64::from(BASELINES)
}

const RATE: f64 = 1e-3;

/// P(X > x) of a gamma variable of a whole shape and mean 1.
fn gamma_upper(shape: u32, x: f64) -> f64 {
    let x = x * f64::from(shape);
    let terms = (0..shape).scan(1.0, |term, k| {
        let now = *term;
        *term *= x / f64::from(k + 1);
        Some(now)
    });
    (-x).exp() * terms.sum::<f64>()
}

/// P(X > x) of Poisson counts around gamma rates of a whole shape and this mean.
fn counts_upper(shape: u32, mean: f64, x: f64) -> f64 {
    let (shape, p) = (f64::from(shape), mean / (mean + f64::from(shape)));
    let mut term = (1.0 - p).powf(shape);
    let mut lower = 0.0;
    let mut k = 0.0;
    while k <= x {
        lower += term;
        term *= p * (k + shape) / (k + 1.0);
        k += 1.0;
    }
    1.0 - lower
}

/// P(X > x) of the normal distribution, by the continued fraction of its tail; for x above 0.
fn normal_upper(x: f64) -> f64 {
    let fraction = (1..200).rev().fold(x, |below, k| x + f64::from(k) / below);
    (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt() / fraction
}

#[test]
fn the_stated_rate_of_false_alarms_holds_for_days_as_the_model_says() {
    for days in [7, 14, 28] {
        let steady = false_alarms(days, 1, |uniform| uniform.gamma(4) * 1e4, |x| gamma_upper(4, x / 1e4));
        let exponential = false_alarms(days, 2, |uniform| uniform.gamma(1) * 1e5, |x| gamma_upper(1, x / 1e5));
        let counts = |uniform: &mut Uniform| {
            let rate = uniform.gamma(2) * 20.0;
            uniform.poisson(rate)
        };
        let counted = false_alarms(days, 3, counts, |x| counts_upper(2, 20.0, x));
        for (name, alarms) in [("gamma", steady), ("exponential", exponential), ("negative binomial", counted)] {
            assert!((RATE / 3.0..RATE * 1.6).contains(&alarms), "{name}, {days} days: {alarms}");
        }
    }
}

#[test]
fn steadier_days_make_fewer_false_alarms_and_a_heavy_tail_up_to_ten_times_as_many() {
    for days in [7, 28] {
        let near =
            false_alarms(days, 5, |uniform| 1000.0 + 50.0 * uniform.normal(), |x| normal_upper((x - 1000.0) / 50.0));
        assert!(near < RATE / 1000.0, "{near}");
        let heavy = false_alarms(
            days,
            6,
            |uniform| 1000.0 * (0.5 * uniform.normal()).exp(),
            |x| normal_upper((x / 1000.0).ln() / 0.5),
        );
        assert!((RATE..RATE * 10.0).contains(&heavy), "{heavy}");
    }
}

#[test]
fn probabilities_are_those_of_scipy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/usual.json");
    let document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 25);
    for case in cases {
        let days: Vec<u64> = case["days"].as_array().unwrap().iter().map(|day| day.as_u64().unwrap()).collect();
        let upper = Usual::of(&days).unwrap().upper(case["amount"].as_f64().unwrap());
        let expected = case["upper"].as_f64().unwrap();
        assert!((upper / expected - 1.0).abs() < 1e-6, "{case}: {upper}");
    }
}

#[test]
fn ten_times_a_steady_job_is_far_above_it_after_a_week() {
    let job = Usual::of(&[1000, 1010, 990, 1003, 1000, 995, 1001]).unwrap();
    let limit = job.limit(1e-4);
    assert!((2_500.0..3_500.0).contains(&limit), "{limit}");
    assert!(job.upper(10_000.0) < 1e-6);
    assert!(job.upper(1_200.0) > 0.1);
}

#[test]
fn the_limit_is_where_the_probability_is_the_rate() {
    for days in [&[1, 1, 1, 1][..], &[5, 90, 1, 1000, 3], &[1_000_000; 28], &[u64::MAX / 4; 3]] {
        let usual = Usual::of(days).unwrap();
        for rate in [0.01, 1e-4, 1e-6] {
            let limit = usual.limit(rate);
            let upper = usual.upper(limit);
            assert!(limit.is_finite() && (upper / rate - 1.0).abs() < 1e-6, "{days:?} at {rate}: {limit}, {upper}");
        }
    }
    assert_eq!(Usual::of(&[]), None);
}
