//! Every statistic against what numpy, scipy, statsmodels and ruptures say: `tests/golden/README.md`.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use evidenced_statistics::{
    Categories, Edges, KolmogorovSmirnov, Poisson, Sample, Scale, Table, Undefined, Values, cusum, ewma, js_distance,
    js_noise_floor, mean_shifts, mmd, psi, psi_floored, psi_noise_floor, robust_z, seasonal_z, total_variation,
    wasserstein, wilson,
};
use serde_json::Value;

fn golden(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden", path].iter().collect()
}

fn cases(kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(golden("cases.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let cases: Vec<Value> = document["cases"].as_array().unwrap().clone();
    cases.into_iter().filter(|case| case["kind"] == kind).collect()
}

/// One column of a file without quotes; an empty field is missing.
fn column(input: &Value) -> Vec<Option<String>> {
    let text = fs::read_to_string(golden(input["file"].as_str().unwrap())).unwrap();
    let mut lines = text.lines();
    let at = lines.next().unwrap().split(',').position(|name| name == input["column"]).unwrap();
    lines.map(|line| line.split(',').nth(at).filter(|field| !field.is_empty()).map(str::to_owned)).collect()
}

fn numbers(input: &Value) -> Vec<Option<f64>> {
    if input.get("file").is_some() {
        return column(input).into_iter().map(|field| field.map(|field| field.parse().unwrap())).collect();
    }
    if input.get("generator").is_some() {
        return irwin_hall(input).into_iter().map(Some).collect();
    }
    input["values"].as_array().unwrap().iter().map(number).collect()
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
}

/// Sums of twelve uniform numbers of SplitMix64, less 6.
fn irwin_hall(input: &Value) -> Vec<f64> {
    let mut state = input["seed"].as_u64().unwrap();
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * 2f64.powi(-53)
    };
    let (scale, shift) = (input["scale"].as_f64().unwrap(), input["shift"].as_f64().unwrap());
    (0..input["n"].as_u64().unwrap()).map(|_| ((0..12).map(|_| uniform()).sum::<f64>() - 6.0) * scale + shift).collect()
}

fn categories(input: &Value) -> Categories {
    let rows = if input.get("file").is_some() {
        column(input)
    } else {
        input["values"].as_array().unwrap().iter().map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let mut categories = Categories::new();
    categories.extend(rows.iter().map(Option::as_deref));
    categories
}

/// Collects what differs, so that one run shows all of it.
#[derive(Default)]
struct Judge {
    wrong: Vec<String>,
    compared: usize,
}

impl Judge {
    /// A statistic: equal to 1e-9, or to 1e-12 near zero. `None` is a value that is not defined.
    fn statistic(&mut self, what: &str, came: Option<f64>, expected: &Value) {
        self.compare(what, came, expected, |came, expected| {
            (came - expected).abs() <= 1e-9 * expected.abs() || (came - expected).abs() <= 1e-12
        });
    }

    /// A p-value: equal to 1e-6; those below 1e-12 to the order of magnitude.
    fn p(&mut self, what: &str, came: Option<f64>, expected: &Value) {
        self.compare(what, came, expected, |came, expected| {
            if expected >= 1e-12 {
                (came - expected).abs() <= 1e-6 * expected
            } else if expected == 0.0 {
                came < 1e-300
            } else {
                (came.log10() - expected.log10()).abs() <= 1.0
            }
        });
    }

    fn compare(&mut self, what: &str, came: Option<f64>, expected: &Value, equal: impl Fn(f64, f64) -> bool) {
        self.compared += 1;
        let good = match (came, number(expected)) {
            (Some(came), Some(expected)) => came == expected || equal(came, expected),
            (came, expected) => came.is_none() == expected.is_none(),
        };
        if !good {
            self.wrong.push(format!("{what}: {came:?} instead of {expected}"));
        }
    }

    fn all(&mut self, what: &str, came: &[f64], expected: &Value) {
        let expected = expected.as_array().unwrap();
        self.exactly(&format!("{what}: length"), &came.len(), &expected.len());
        for (at, (came, expected)) in came.iter().zip(expected).enumerate() {
            self.statistic(&format!("{what}[{at}]"), Some(*came), expected);
        }
    }

    fn exactly<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, came: &T, expected: &T) {
        self.compared += 1;
        if came != expected {
            self.wrong.push(format!("{what}: {came:?} instead of {expected:?}"));
        }
    }

    fn counts(&mut self, what: &str, came: &[u64], expected: &Value) {
        let expected: Vec<u64> = expected.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        self.exactly(what, &came.to_vec(), &expected);
    }

    fn indices(&mut self, what: &str, came: &[usize], expected: &Value) {
        let came: Vec<u64> = came.iter().map(|index| *index as u64).collect();
        self.counts(what, &came, expected);
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.compared > 0, "nothing was compared");
            assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.compared, self.wrong.join("\n"));
        }
    }
}

#[test]
fn numeric_drift() {
    let mut judge = Judge::default();
    for case in cases("drift-numeric") {
        let (id, golden) = (case["id"].as_str().unwrap(), &case["golden"]);
        let values = |side: &str| numbers(&case[side]).into_iter().collect::<Values>();
        let (reference, current) = (values("reference"), values("current"));
        for (name, side) in [("reference", &reference), ("current", &current)] {
            judge.exactly(id, &side.present(), &golden[format!("n_{name}")].as_u64().unwrap());
            judge.exactly(id, &side.missing(), &golden[format!("missing_{name}")].as_u64().unwrap());
        }
        let (reference, current) = match (reference.into_sample(), current.into_sample()) {
            (Ok(reference), Ok(current)) => (reference, current),
            (reference, current) => {
                let why = reference.err().or(current.err()).unwrap();
                judge.exactly(id, &why.to_string().as_str(), &golden["undefined"].as_str().unwrap_or_default());
                continue;
            }
        };
        let bins = case["params"]["bins"].as_u64().unwrap_or(10) as u32;
        binned(
            &mut judge,
            &format!("{id}: quantile"),
            &Edges::quantile(&reference, bins),
            &reference,
            &current,
            &golden["quantile"],
        );
        binned(
            &mut judge,
            &format!("{id}: width"),
            &Edges::width(&reference, bins),
            &reference,
            &current,
            &golden["width"],
        );

        let ks = KolmogorovSmirnov::of(&reference, &current);
        judge.statistic(&format!("{id}: D"), Some(ks.d()), &golden["ks"]["d"]);
        judge.p(&format!("{id}: p"), ks.p(), &golden["ks"]["p_kstwo"]);
        judge.p(&format!("{id}: p limit"), Some(ks.p_limit()), &golden["ks"]["p_kolmogorov_limit"]);
        if let Some(exact) = golden["ks"].get("p_exact") {
            judge.p(&format!("{id}: p exact"), Some(ks.p_exact()), exact);
        }
        let distance = wasserstein(&reference, &current);
        judge.statistic(&format!("{id}: Wasserstein"), Some(distance), &golden["wasserstein1"]);
        let sd = Some(reference.sd_population()).filter(|sd| *sd > 0.0);
        judge.statistic(
            &format!("{id}: Wasserstein / sd"),
            sd.map(|sd| distance / sd),
            &golden["wasserstein1_over_sd0"],
        );
        judge.statistic(&format!("{id}: mean"), Some(reference.mean()), &golden["mean_reference"]);
        judge.statistic(&format!("{id}: mean"), Some(current.mean()), &golden["mean_current"]);
        judge.statistic(&format!("{id}: sd"), reference.sd(), &golden["sd1_reference"]);
        if let Some(expected) = golden.get("mmd_rbf_median") {
            let mmd = mmd(&reference, &current);
            judge.statistic(&format!("{id}: bandwidth"), mmd.map(|mmd| mmd.bandwidth), &expected["bandwidth"]);
            judge.statistic(&format!("{id}: MMD²"), mmd.map(|mmd| mmd.biased), &expected["mmd2_biased"]);
            judge.statistic(&format!("{id}: MMD²"), mmd.map(|mmd| mmd.unbiased), &expected["mmd2_unbiased"]);
        }
    }
}

fn binned(judge: &mut Judge, what: &str, edges: &Edges, reference: &Sample, current: &Sample, golden: &Value) {
    judge.all(&format!("{what} edges"), edges.values(), &golden["edges"]);
    let (reference, current) = (edges.counts(reference), edges.counts(current));
    judge.counts(&format!("{what} counts"), &reference, &golden["counts_reference"]);
    judge.counts(&format!("{what} counts"), &current, &golden["counts_current"]);
    divergences(judge, what, &reference, &current, golden);
}

fn divergences(judge: &mut Judge, what: &str, reference: &[u64], current: &[u64], golden: &Value) {
    judge.statistic(
        &format!("{what}: PSI floored"),
        Some(psi_floored(reference, current, 1e-4)),
        &golden["psi_floor_1e-4"],
    );
    judge.statistic(&format!("{what}: PSI"), Some(psi(reference, current)), &golden["psi_half_count"]);
    judge.statistic(&format!("{what}: JS"), Some(js_distance(reference, current)), &golden["js_distance_base2"]);
}

#[test]
fn categorical_drift() {
    let mut judge = Judge::default();
    for case in cases("drift-categorical") {
        let (id, golden) = (case["id"].as_str().unwrap(), &case["golden"]);
        let (reference, current) = (categories(&case["reference"]), categories(&case["current"]));
        for (name, side) in [("reference", &reference), ("current", &current)] {
            judge.exactly(id, &side.present(), &golden[format!("n_{name}")].as_u64().unwrap());
            judge.exactly(id, &side.missing(), &golden[format!("missing_{name}")].as_u64().unwrap());
        }
        let beside = reference.beside(&current);
        let cells = || beside.iter().map(|(_, here, there)| (*here, *there));
        let table = Table::of(cells());
        if let Some(why) = golden.get("undefined") {
            judge.exactly(id, &table, &Err(Undefined::Empty));
            judge.exactly(id, &Undefined::Empty.to_string().as_str(), &why.as_str().unwrap());
            continue;
        }
        let names: Vec<&str> = beside.iter().map(|(category, ..)| *category).collect();
        let expected: Vec<&str> =
            golden["categories"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        judge.exactly(id, &names, &expected);
        let unseen = golden["unseen_in_reference"].as_array().unwrap().len();
        judge.exactly(&format!("{id}: unseen"), &reference.unseen(&current).0, &unseen);
        let (here, there): (Vec<u64>, Vec<u64>) = cells().unzip();
        judge.counts(id, &here, &golden["counts_reference"]);
        judge.counts(id, &there, &golden["counts_current"]);
        divergences(&mut judge, id, &here, &there, golden);
        judge.statistic(
            &format!("{id}: total variation"),
            Some(total_variation(&here, &there)),
            &golden["total_variation"],
        );
        let Ok(table) = table else {
            judge.exactly(id, &table, &Err(Undefined::OneCategory));
            judge.exactly(id, &golden["chi2"].get("undefined").is_some(), &true);
            continue;
        };
        for (name, test) in [("chi2", table.chi_square()), ("g_test", table.g())] {
            judge.statistic(&format!("{id}: {name}"), Some(test.statistic), &golden[name]["statistic"]);
            judge.exactly(id, &u64::from(test.degrees), &golden[name]["dof"].as_u64().unwrap());
            judge.p(&format!("{id}: p of {name}"), Some(test.p), &golden[name]["p"]);
        }
        judge.statistic(
            &format!("{id}: least expected"),
            Some(table.least_expected()),
            &golden["chi2"]["min_expected"],
        );
        judge.statistic(&format!("{id}: V"), Some(table.cramers_v()), &golden["chi2"]["cramers_v"]);
        judge.p(&format!("{id}: Fisher"), table.fisher_exact(), golden.get("fisher_exact_p").unwrap_or(&Value::Null));
    }
}

#[test]
fn counts_and_rates() {
    let mut judge = Judge::default();
    for case in cases("poisson") {
        let (id, golden, params) = (case["id"].as_str().unwrap(), &case["golden"], &case["params"]);
        let given = |name: &str| params[name].as_f64().unwrap();
        let counted = Poisson {
            count: params["k"].as_u64().unwrap(),
            exposure: given("exposure"),
            base_count: params["base_k"].as_u64().unwrap(),
            base_exposure: given("base_exposure"),
        };
        judge.statistic(&format!("{id}: expected"), Some(counted.expected()), &golden["expected"]);
        judge.p(&format!("{id}: upper"), Some(counted.upper_of_known_rate()), &golden["p_upper_known_rate"]);
        if let Some(lower) = golden.get("p_lower_known_rate") {
            judge.p(&format!("{id}: lower"), Some(counted.lower_of_known_rate()), lower);
        }
        let greater = golden.get("p_conditional_greater").unwrap_or(&Value::Null);
        judge.p(&format!("{id}: greater"), counted.upper(), greater);
        let two_sided = golden.get("p_conditional_two_sided").unwrap_or(&Value::Null);
        judge.p(&format!("{id}: two-sided"), counted.two_sided(), two_sided);
        judge.statistic(&format!("{id}: rate"), Some(counted.rate()), &golden["rate"]);
        let interval = counted.rate_interval(0.95);
        judge.all(&format!("{id}: Garwood"), &[interval.lower, interval.upper], &golden["rate_garwood95"]);
    }
}

/// Of the cases that compare groups, the intervals of shares are here; the rest has no code yet.
#[test]
fn intervals_of_shares() {
    let mut judge = Judge::default();
    let cases = cases("fairness");
    assert_eq!(cases.len(), 16);
    for case in cases {
        for (group, golden) in case["golden"]["groups"].as_object().unwrap() {
            let what = format!("{} {group}: Wilson", case["id"]);
            match wilson(golden["selected"].as_u64().unwrap(), golden["n"].as_u64().unwrap()) {
                Some(interval) => {
                    judge.all(&what, &[interval.lower, interval.upper], &golden["selection_rate_wilson95"])
                }
                None => judge.exactly(&what, &golden["selection_rate_wilson95"], &Value::Null),
            }
        }
    }
}

fn series(case: &Value) -> Vec<f64> {
    numbers(&case["series"]).into_iter().map(Option::unwrap).collect()
}

/// The series up to `baseline_points`, or all of it.
fn baseline<'a>(case: &Value, series: &'a [f64]) -> &'a [f64] {
    case["params"]["baseline_points"].as_u64().map_or(series, |points| &series[..points as usize])
}

#[test]
fn robust_scores() {
    let mut judge = Judge::default();
    for case in cases("robust-z") {
        let (id, golden, series) = (case["id"].as_str().unwrap(), &case["golden"], series(&case));
        let scores = robust_z(&series, baseline(&case, &series)).unwrap();
        judge.statistic(id, Some(scores.median), &golden["median"]);
        judge.statistic(id, Some(scores.mad), &golden["mad"]);
        let scale = BTreeMap::from([
            ("mad", Scale::Mad),
            ("mean-abs-dev", Scale::MeanDeviation),
            ("constant", Scale::Constant),
        ]);
        judge.exactly(id, &scores.scale, &scale[golden["scale"].as_str().unwrap()]);
        judge.all(id, &scores.z, &golden["z"]);
        let flagged: Vec<usize> = (0..scores.z.len()).filter(|at| scores.z[*at].abs() > 3.5).collect();
        judge.indices(id, &flagged, &golden["flagged_3.5"]);
    }
    for case in cases("seasonal-robust-z") {
        let (id, golden, series) = (case["id"].as_str().unwrap(), &case["golden"], series(&case));
        let param = |name: &str| case["params"][name].as_u64().unwrap() as usize;
        let seasonal = seasonal_z(&series, param("period"), param("train")).unwrap();
        judge.all(id, &seasonal.slot_medians, &golden["slot_medians"]);
        judge.statistic(id, Some(seasonal.pooled_mad), &golden["pooled_mad"]);
        judge.all(id, &seasonal.z, &golden["z"]);
        let flagged: Vec<usize> =
            (0..seasonal.z.len()).filter(|at| seasonal.z[*at].abs() > 6.0).map(|at| at + param("train")).collect();
        judge.indices(id, &flagged, &golden["flagged_6"]);
    }
}

#[test]
fn control_charts_and_mean_shifts() {
    let mut judge = Judge::default();
    for case in cases("ewma") {
        let (id, golden, series) = (case["id"].as_str().unwrap(), &case["golden"], series(&case));
        let past = sample(baseline(&case, &series));
        let (mean, sd) = (past.mean(), past.sd().unwrap());
        judge.statistic(id, Some(sd), &golden["sigma"]);
        let chart = ewma(&series, mean, sd, golden["lambda"].as_f64().unwrap(), golden["L"].as_f64().unwrap());
        judge.all(id, &chart.smoothed, &golden["z"]);
        judge.indices(id, &chart.alarms, &golden["alarms"]);
    }
    for case in cases("cusum") {
        let (id, golden, series) = (case["id"].as_str().unwrap(), &case["golden"], series(&case));
        let past = sample(baseline(&case, &series));
        let chart = cusum(
            &series,
            past.mean(),
            past.sd().unwrap(),
            golden["k"].as_f64().unwrap(),
            golden["h"].as_f64().unwrap(),
        );
        judge.all(id, &chart.upper, &golden["upper"]);
        judge.all(id, &chart.lower, &golden["lower"]);
        judge.indices(id, &chart.alarms, &golden["alarms"]);
    }
    for case in cases("change-point") {
        let param = |name: &str| case["params"][name].as_u64().unwrap() as usize;
        let places = mean_shifts(&series(&case), param("n_breakpoints"), param("min_size")).unwrap();
        judge.indices(case["id"].as_str().unwrap(), &places, &case["golden"]["breakpoints"]);
    }
}

fn sample(values: &[f64]) -> Sample {
    values.iter().copied().map(Some).collect::<Values>().into_sample().unwrap()
}

#[test]
fn every_kind_of_case_is_known_here() {
    let text = fs::read_to_string(golden("cases.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for case in document["cases"].as_array().unwrap() {
        *kinds.entry(case["kind"].as_str().unwrap()).or_default() += 1;
    }
    let known = [
        ("change-point", 1),
        ("cusum", 1),
        ("drift-categorical", 14),
        ("drift-numeric", 33),
        ("ewma", 1),
        ("fairness", 16),
        ("poisson", 9),
        ("robust-z", 8),
        ("seasonal-robust-z", 2),
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), known);
}

/// What chance alone makes of the distances, measured on samples of one distribution, is what the noise floors say.
#[test]
fn noise_floors_are_what_equal_distributions_come_to() {
    for (n, m, bins) in [(200, 200, 10), (1000, 300, 20)] {
        let rounds = 60;
        let (mut index, mut divergence, mut cells) = (0.0, 0.0, 0);
        for seed in 0..rounds {
            let drawn = |seed: u64, n: u64| {
                sample(&irwin_hall(&serde_json::json!({"seed": seed, "n": n, "scale": 1.0, "shift": 0.0})))
            };
            let (reference, current) = (drawn(1000 + seed, n), drawn(5000 + seed, m));
            let edges = Edges::width(&sample(&[-2.0, 2.0]), bins);
            let (here, there) = (edges.counts(&reference), edges.counts(&current));
            cells = here.len();
            index += psi(&here, &there) / rounds as f64;
            divergence += js_distance(&here, &there).powi(2) / rounds as f64;
        }
        let (floor, js_floor) = (psi_noise_floor(cells, n, m), js_noise_floor(cells, n, m));
        assert!((index / floor - 1.0).abs() < 0.15, "PSI {index}, floor {floor}");
        assert!((divergence / js_floor.powi(2) - 1.0).abs() < 0.15, "JS² {divergence}, floor {js_floor}");
    }
}
