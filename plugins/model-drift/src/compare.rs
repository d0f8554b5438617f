//! One feature of both samples: what the statistics are, and what they come to.

use evidenced_plugin::{Failure, FailureKind, FindingDraft, Verdict, unit};
use evidenced_statistics::{
    Categories, Edges, KolmogorovSmirnov, Table as Cells, Values, js_distance, js_noise_floor, psi, psi_noise_floor,
    wasserstein,
};

use crate::{
    config::{Binning, Config, TooFew},
    table::{CATEGORIES_MAX, Column, Data},
};

/// What two samples of one feature have between them.
pub(crate) struct Compared {
    n: (u64, u64),
    missing: (u64, u64),
    distribution: Distances,
    /// Of the two cells "there" and "missing"; none when nothing is missing anywhere.
    presence: Option<Distances>,
    of_kind: OfKind,
    /// Of the test of this kind; `None` where there is none (one category only).
    pub p: Option<f64>,
}

enum OfKind {
    Numeric { ks_d: f64, wasserstein: f64, wasserstein_sd: Option<f64> },
    Categorical { new_categories: usize, new_share: f64 },
}

#[derive(Clone, Copy)]
struct Distances {
    psi: f64,
    psi_floor: f64,
    js: f64,
    js_floor: f64,
}

/// Why a feature has no statistics.
pub(crate) enum NotCompared {
    TooFew { reference: u64, current: u64 },
    Failed(Failure),
}

pub(crate) fn compare(config: &Config, reference: Column, current: Column) -> Result<Compared, NotCompared> {
    for (name, column) in [("reference", &reference), ("current", &current)] {
        if !column.is_there {
            return Err(bad(format!("`{name}` has no such column or member")));
        }
        if let Some((count, row)) = column.odd {
            let values = if count == 1 { "value" } else { "values" };
            return Err(bad(format!("{count} {values} of `{name}` of another kind, the first in row {row}")));
        }
    }
    let n = (reference.data.present(), current.data.present());
    let missing = (reference.data.missing(), current.data.missing());
    if n.0 < config.min_n || n.1 < config.min_n {
        return Err(NotCompared::TooFew { reference: n.0, current: n.1 });
    }
    let presence = (missing != (0, 0)).then(|| Distances::of(&[n.0, missing.0], &[n.1, missing.1]));
    let (distribution, of_kind, p) = match (reference.data, current.data) {
        (Data::Numeric(reference), Data::Numeric(current)) => numeric(config, reference, current)?,
        (Data::Categorical(reference), Data::Categorical(current)) => categorical(&reference, &current)?,
        // Both columns are made from one configuration.
        (Data::Numeric(_), Data::Categorical(_)) | (Data::Categorical(_), Data::Numeric(_)) => {
            return Err(bad("the samples are of two kinds".to_owned()));
        }
    };
    Ok(Compared { n, missing, distribution, presence, of_kind, p })
}

fn numeric(
    config: &Config,
    reference: Values,
    current: Values,
) -> Result<(Distances, OfKind, Option<f64>), NotCompared> {
    let sample = |name: &str, values: Values| values.into_sample().map_err(|why| bad(format!("`{name}`: {why}")));
    let (reference, current) = (sample("reference", reference)?, sample("current", current)?);
    let edges = match config.binning {
        Binning::Quantile => Edges::quantile(&reference, config.bins),
        Binning::Width => Edges::width(&reference, config.bins),
    };
    let distribution = Distances::of(&edges.counts(&reference), &edges.counts(&current));
    let ks = KolmogorovSmirnov::of(&reference, &current);
    let distance = wasserstein(&reference, &current);
    let sd = reference.sd_population();
    let of_kind =
        OfKind::Numeric { ks_d: ks.d(), wasserstein: distance, wasserstein_sd: (sd > 0.0).then(|| distance / sd) };
    Ok((distribution, of_kind, ks.p()))
}

fn categorical(reference: &Categories, current: &Categories) -> Result<(Distances, OfKind, Option<f64>), NotCompared> {
    if reference.len() > CATEGORIES_MAX || current.len() > CATEGORIES_MAX {
        let why = format!("there are more than {CATEGORIES_MAX} categories; an identifier has no distribution");
        return Err(bad(why));
    }
    let beside = reference.beside(current);
    let (here, there): (Vec<u64>, Vec<u64>) = beside.iter().map(|(_, here, there)| (*here, *there)).unzip();
    let (new_categories, rows) = reference.unseen(current);
    let p = Cells::of(here.iter().copied().zip(there.iter().copied())).ok().map(|cells| cells.chi_square().p);
    let of_kind = OfKind::Categorical { new_categories, new_share: share(rows, current.present()) };
    Ok((Distances::of(&here, &there), of_kind, p))
}

impl Distances {
    fn of(reference: &[u64], current: &[u64]) -> Self {
        let (n, m) = (reference.iter().sum(), current.iter().sum());
        Self {
            psi: psi(reference, current),
            psi_floor: psi_noise_floor(reference.len(), n, m),
            js: js_distance(reference, current),
            js_floor: js_noise_floor(reference.len(), n, m),
        }
    }

    /// Words of what fails; empty when nothing does.
    fn failures(&self, config: &Config) -> Vec<String> {
        let mut failures = Vec::new();
        if self.psi >= self.psi_limit(config) {
            failures.push(format!("PSI {} (fails from {})", told(self.psi), told(self.psi_limit(config))));
        }
        if self.js >= self.js_limit(config) {
            failures.push(format!("JS distance {} (fails from {})", told(self.js), told(self.js_limit(config))));
        }
        failures
    }

    fn needs_attention(&self, config: &Config) -> bool {
        self.psi >= config.attention_psi.max(2.0 * self.psi_floor)
    }

    /// From here on the index fails: never within twice what chance makes of it.
    fn psi_limit(&self, config: &Config) -> f64 {
        config.fail_psi.max(2.0 * self.psi_floor)
    }

    /// The same of the distance: twice in its square, which is what the index goes with.
    fn js_limit(&self, config: &Config) -> f64 {
        config.fail_js_distance.max(core::f64::consts::SQRT_2 * self.js_floor)
    }
}

impl Compared {
    /// Records all statistics and judges. `p_adjusted` is the p-value after correction for all features; it is shown, and
    /// never decides.
    pub(crate) fn judge(&self, config: &Config, p_adjusted: Option<f64>, finding: &mut FindingDraft) -> Verdict {
        let of = &self.distribution;
        finding.at_most("psi", of.psi, unit::ONE, of.psi_limit(config));
        finding.at_most("js_distance", of.js, unit::ONE, of.js_limit(config));
        finding.measure("psi_noise_floor", of.psi_floor, unit::ONE);
        finding.measure("n_reference", float(self.n.0), unit::ONE);
        finding.measure("n_current", float(self.n.1), unit::ONE);
        let missing =
            (share(self.missing.0, self.n.0 + self.missing.0), share(self.missing.1, self.n.1 + self.missing.1));
        finding.measure("missing_reference", missing.0 * 100.0, unit::PERCENT);
        finding.measure("missing_current", missing.1 * 100.0, unit::PERCENT);
        if let Some(presence) = &self.presence {
            finding.at_most("missing_psi", presence.psi, unit::ONE, presence.psi_limit(config));
        }
        self.measure_kind(p_adjusted, finding);

        let mut failures = of.failures(config);
        if let Some(presence) = self.presence.as_ref().filter(|presence| !presence.failures(config).is_empty()) {
            let why =
                format!("{} missing, were {}: PSI {}", percent(missing.1), percent(missing.0), told(presence.psi));
            failures.push(why);
        }
        if !failures.is_empty() {
            return Verdict::fail(failures.join("; "));
        }
        let mut words = vec![format!("PSI {}, JS distance {}", told(of.psi), told(of.js))];
        let mut attention = of.needs_attention(config);
        if let Some(presence) = self.presence.as_ref().filter(|presence| presence.needs_attention(config)) {
            attention = true;
            words.push(format!(
                "{} missing, were {}: PSI {}",
                percent(missing.1),
                percent(missing.0),
                told(presence.psi)
            ));
        }
        if let OfKind::Categorical { new_categories, new_share } = self.of_kind
            && new_categories > 0
        {
            attention |= new_share >= config.attention_new_share;
            words.push(format!(
                "{new_categories} categories that the reference does not have, {} of rows",
                percent(new_share)
            ));
        }
        Verdict::pass(words.join("; ")).with_attention_if(attention)
    }

    fn measure_kind(&self, p_adjusted: Option<f64>, finding: &mut FindingDraft) {
        let p_name = match self.of_kind {
            OfKind::Numeric { ks_d, wasserstein, wasserstein_sd } => {
                finding.measure("wasserstein", wasserstein, unit::ONE);
                if let Some(in_sd) = wasserstein_sd {
                    finding.measure("wasserstein_sd", in_sd, unit::ONE);
                }
                finding.measure("ks_d", ks_d, unit::ONE);
                "ks_p_adjusted"
            }
            OfKind::Categorical { new_categories, new_share } => {
                finding.measure("new_categories", float(new_categories as u64), unit::ONE);
                finding.measure("new_share", new_share * 100.0, unit::PERCENT);
                "chi_square_p_adjusted"
            }
        };
        if let Some(p) = p_adjusted {
            finding.measure(p_name, p, unit::ONE);
        }
    }
}

impl NotCompared {
    pub(crate) fn judge(self, config: &Config, finding: &mut FindingDraft) -> Result<Verdict, Failure> {
        match self {
            Self::TooFew { reference, current } => {
                finding.measure("n_reference", float(reference), unit::ONE);
                finding.measure("n_current", float(current), unit::ONE);
                let why = format!("too few rows (n={reference} and n={current}), needed are {} a side", config.min_n);
                match config.too_few {
                    TooFew::Error => Err(failure(why)),
                    TooFew::NotApplicable => Ok(Verdict::not_applicable(why)),
                }
            }
            Self::Failed(failure) => Err(failure),
        }
    }
}

fn bad(message: String) -> NotCompared {
    NotCompared::Failed(failure(message))
}

fn failure(message: String) -> Failure {
    Failure { kind: FailureKind::BadInput, message, source: None }
}

/// Three digits that matter, and no more than three places.
fn told(value: f64) -> String {
    let text = format!("{value:.3}");
    if text == "0.000" && value > 0.0 { "under 0.001".to_owned() } else { text }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { float(part) / float(of) }
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows is far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
