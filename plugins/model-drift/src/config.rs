use serde::Deserialize;

/// What is compared and from where on it fails. Fields mean what the schema says.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Given")]
pub struct Config {
    pub(crate) model: String,
    pub(crate) features: Vec<Feature>,
    pub(crate) format: Format,
    pub(crate) missing: Vec<String>,
    pub(crate) bins: u32,
    pub(crate) binning: Binning,
    pub(crate) min_n: u64,
    pub(crate) too_few: TooFew,
    pub(crate) fail_psi: f64,
    pub(crate) attention_psi: f64,
    pub(crate) fail_js_distance: f64,
    pub(crate) attention_new_share: f64,
    pub(crate) reference_digest: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    pub name: String,
    pub kind: Kind,
    pub pointer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Numeric,
    Categorical,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    #[default]
    Csv,
    JsonLines,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Binning {
    #[default]
    Quantile,
    Width,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TooFew {
    #[default]
    Error,
    NotApplicable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    model: String,
    features: Vec<Feature>,
    #[serde(default)]
    format: Format,
    missing: Option<Vec<String>>,
    bins: Option<u32>,
    #[serde(default)]
    binning: Binning,
    min_n: Option<u64>,
    #[serde(default)]
    too_few: TooFew,
    fail_psi: Option<f64>,
    attention_psi: Option<f64>,
    fail_js_distance: Option<f64>,
    attention_new_share: Option<f64>,
    reference_digest: Option<String>,
}

impl TryFrom<Given> for Config {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        let config = Self {
            model: given.model,
            features: given.features,
            format: given.format,
            missing: given.missing.unwrap_or_else(|| MISSING.map(str::to_owned).to_vec()),
            bins: given.bins.unwrap_or(10),
            binning: given.binning,
            min_n: given.min_n.unwrap_or(200),
            too_few: given.too_few,
            fail_psi: given.fail_psi.unwrap_or(0.25),
            attention_psi: given.attention_psi.unwrap_or(0.1),
            fail_js_distance: given.fail_js_distance.unwrap_or(0.2),
            attention_new_share: given.attention_new_share.unwrap_or(0.01),
            reference_digest: given.reference_digest,
        };
        config.check()?;
        Ok(config)
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        let is_name = |name: &str| (1..=128).contains(&name.chars().count());
        if !is_name(&self.model) || self.features.is_empty() || self.features.len() > 500 {
            return Err("`model` has 1 to 128 characters, and there are 1 to 500 `features`".to_owned());
        }
        let mut names: Vec<&str> = self.features.iter().map(|feature| feature.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two features are called `{}`", pair[0]));
        }
        for feature in &self.features {
            if !is_name(&feature.name) || feature.pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
                return Err("the name of a feature has 1 to 128 characters, and its `pointer` begins with /".to_owned());
            }
            if self.reference_digest.is_some() && feature.name == REFERENCE {
                return Err("with `reference_digest` no feature can be called `reference`".to_owned());
            }
        }
        let in_range = (2..=200).contains(&self.bins)
            && (20..=100_000_000).contains(&self.min_n)
            && [self.fail_psi, self.attention_psi].iter().all(|psi| *psi > 0.0 && *psi <= 100.0)
            && self.fail_js_distance > 0.0
            && self.fail_js_distance <= 1.0
            && (0.0..=1.0).contains(&self.attention_new_share);
        if !in_range {
            return Err(
                "`bins` are 2 to 200, `min_n` is at least 20, thresholds are above 0 and distances and shares up to 1"
                    .to_owned(),
            );
        }
        if self.reference_digest.as_ref().is_some_and(|digest| !is_digest(digest)) {
            return Err("`reference_digest` is sha256: and 64 lower-case hexadecimal digits".to_owned());
        }
        Ok(())
    }
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// The input to compare with, and the subject that says which one it was.
pub(crate) const REFERENCE: &str = "reference";

/// What common tools write for a value that is not there.
const MISSING: [&str; 5] = ["", "NA", "NaN", "nan", "null"];
