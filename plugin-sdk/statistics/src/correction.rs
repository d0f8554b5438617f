/// p-values that stay honest when several are looked at together, in the order they came (Holm's step-down): at most one
/// in 1/α looks like a drift by chance when all of them are held against α.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut worst: f64 = 0.0;
    for (rank, at) in order.iter().enumerate() {
        let looked_at = crate::sum::float((p_values.len() - rank) as u64);
        worst = worst.max(p_values[*at] * looked_at).min(1.0);
        adjusted[*at] = worst;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, and by statsmodels' `multipletests(method="holm")`: 5 × 0.005, 4 × 0.01, 3 × 0.03; then 2 × 0.04 may not be
    /// below the one before.
    #[test]
    fn the_smallest_is_held_against_all_and_none_falls_below_the_one_before() {
        assert_eq!(holm(&[]), Vec::<f64>::new());
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]);
        for (came, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 0.9]) {
            assert!((came - expected).abs() < 1e-15, "{adjusted:?}");
        }
    }
}
