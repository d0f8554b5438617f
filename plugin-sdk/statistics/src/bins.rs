use crate::Sample;
use crate::sum::{count, float};

/// Where bins end. Bins are closed on the right, so a value on an edge is in the lower bin; the outer two are open. With
/// k edges there are k + 1 bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Edges(Vec<f64>);

impl Edges {
    /// Edges that part the reference into `bins` of about the same count. Equal edges are one.
    pub fn quantile(reference: &Sample, bins: u32) -> Self {
        Self::merged((1..bins).map(|k| reference.quantile(f64::from(k) / f64::from(bins))))
    }

    /// Edges that part the range of the reference into `bins` of the same width. Equal edges are one.
    pub fn width(reference: &Sample, bins: u32) -> Self {
        let (least, greatest) = (reference.least(), reference.greatest());
        Self::merged((1..bins).map(|k| least + (greatest - least) * f64::from(k) / f64::from(bins)))
    }

    fn merged(edges: impl Iterator<Item = f64>) -> Self {
        let mut edges: Vec<f64> = edges.collect();
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup_by(|one, other| one == other);
        Self(edges)
    }

    /// Ascending.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// How many values fall into each bin.
    pub fn counts(&self, sample: &Sample) -> Vec<u64> {
        let mut below = 0;
        let mut counts = Vec::with_capacity(self.0.len() + 1);
        for edge in &self.0 {
            let at_most = sample.at_most(*edge);
            counts.push(at_most - below);
            below = at_most;
        }
        counts.push(sample.count() - below);
        counts
    }
}

/// Shares of counts, whose sum is 1 unless all are zero.
pub(crate) fn shares(counts: &[u64]) -> Vec<f64> {
    let total = float(counts.iter().sum());
    counts.iter().map(|count| float(*count) / total).collect()
}

/// The same with half a count added to every cell, so that none is empty.
pub(crate) fn shares_half_count(counts: &[u64]) -> Vec<f64> {
    let total = float(counts.iter().sum()) + 0.5 * float(count(counts.len()));
    counts.iter().map(|count| (float(*count) + 0.5) / total).collect()
}
