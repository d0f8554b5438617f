/// The sum in the given order, with what each addition loses carried along (Neumaier's variant of Kahan's).
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0, 0.0);
    for value in values {
        let next: f64 = total + value;
        lost += if f64::abs(total) >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    // Of infinities what is lost is not a number.
    if lost.is_finite() { total + lost } else { total }
}

/// A count as a float. Exact below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "a count of rows is far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A length as a count.
pub(crate) fn count(length: usize) -> u64 {
    length as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_additions_lose_is_not_lost() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum((0..10).map(|_| 0.1)), 1.0);
        assert_eq!(sum([]), 0.0);
        assert_eq!(sum([f64::INFINITY, 1.0]), f64::INFINITY);
    }
}
