use crate::Undefined;
use crate::special::{gamma_upper, ln_choose};
use crate::sum::{count, float, sum};

/// Rows of a reference and of what is compared with it, over the same categories: a table of two rows. Categories that
/// neither has are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    reference: Vec<u64>,
    current: Vec<u64>,
}

/// A statistic that is a chi-square when both rows come from the same distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    pub statistic: f64,
    pub degrees: u32,
    pub p: f64,
}

impl Table {
    pub fn of(cells: impl IntoIterator<Item = (u64, u64)>) -> Result<Self, Undefined> {
        let (reference, current): (Vec<_>, Vec<_>) = cells.into_iter().filter(|cell| *cell != (0, 0)).unzip();
        if reference.iter().sum::<u64>() == 0 || current.iter().sum::<u64>() == 0 {
            return Err(Undefined::Empty);
        }
        if reference.len() < 2 {
            return Err(Undefined::OneCategory);
        }
        Ok(Self { reference, current })
    }

    /// Pearson's chi-square without Yates' correction.
    pub fn chi_square(&self) -> Test {
        self.test(sum(self.cells().map(|(seen, expected)| (seen - expected) * (seen - expected) / expected)))
    }

    /// The likelihood-ratio test.
    pub fn g(&self) -> Test {
        let terms =
            self.cells().map(|(seen, expected)| if seen > 0.0 { seen * libm::log(seen / expected) } else { 0.0 });
        self.test((2.0 * sum(terms)).max(0.0))
    }

    /// The smallest expected count. Below 5 the p-values of both tests are not to be trusted.
    pub fn least_expected(&self) -> f64 {
        self.cells().map(|(_, expected)| expected).fold(f64::INFINITY, f64::min)
    }

    /// How strong the association is, whatever the number of rows: 0 to 1.
    pub fn cramers_v(&self) -> f64 {
        libm::sqrt(self.chi_square().statistic / self.total())
    }

    /// Of two categories: the probability of all tables with these margins that are at most as likely as this one.
    pub fn fisher_exact(&self) -> Option<f64> {
        let ([a, b], [c, d]) = (self.reference.as_slice(), self.current.as_slice()) else { return None };
        let (a, row, other, column) = (float(*a), float(a + b), float(c + d), float(a + c));
        let ln_p = |x: f64| ln_choose(row, x) + ln_choose(other, column - x) - ln_choose(row + other, column);
        let (least, greatest) = ((column - other).max(0.0), row.min(column));
        let limit = ln_p(a) + libm::log1p(TIES);
        let tables = (0u32..).map(|step| least + f64::from(step)).take_while(|x| *x <= greatest);
        Some(sum(tables.map(ln_p).filter(|ln_p| *ln_p <= limit).map(libm::exp)).min(1.0))
    }

    fn test(&self, statistic: f64) -> Test {
        let degrees = u32::try_from(self.reference.len() - 1).unwrap_or(u32::MAX);
        Test { statistic, degrees, p: gamma_upper(f64::from(degrees) / 2.0, statistic / 2.0) }
    }

    fn total(&self) -> f64 {
        float(self.reference.iter().chain(&self.current).sum())
    }

    /// What was seen in each cell, and what is expected if both rows come from one distribution.
    fn cells(&self) -> impl Iterator<Item = (f64, f64)> {
        let total = self.total();
        let rows = [&self.reference, &self.current];
        rows.into_iter().flat_map(move |row| {
            let row_total = float(row.iter().sum());
            (0..row.len()).map(move |at| {
                let column_total = float(self.reference[at] + self.current[at]);
                (float(row[at]), row_total * column_total / total)
            })
        })
    }

    /// How many categories.
    pub fn width(&self) -> u64 {
        count(self.reference.len())
    }
}

/// Tables whose probabilities differ by less than this are equally likely: what scipy allows for rounding.
pub(crate) const TIES: f64 = 1e-7;
