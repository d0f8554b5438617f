use sha2::{Digest as _, Sha256};
use std::time::Duration;

use super::Key;

const FIRST: Duration = Duration::from_secs(5);
/// Jitter adds at most a fifth, and never leads past 15 minutes.
const LONGEST: Duration = Duration::from_secs(750);

/// How long to wait after the `failures`-th failure in a row: 5 s, doubling to at most 15 min, for ever.
///
/// Jitter is a function of the delivery and the count, so that a run under a virtual clock can be repeated. For
/// what concerns all deliveries, `key` is that of the one that was tried.
pub fn retry_delay(key: Key, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let base = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let digest = Sha256::digest(format!("{} {} {failures}", key.alert, key.delivery));
    let fraction = u32::from(u16::from_be_bytes([digest[0], digest[1]]));
    base + base * fraction / (5 * u32::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_retry_is_after_five_seconds_and_the_wait_doubles() {
        let key = Key { alert: 1, delivery: 0 };
        let waits: Vec<_> = (1..=9).map(|failures| retry_delay(key, failures).as_secs()).collect();
        for (at, wait) in waits.iter().enumerate() {
            let base = (5 << at).min(750);
            assert!((base..=base + base / 5).contains(wait), "{waits:?}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_never_over_15_minutes_nor_under_5_seconds(alert: u64, delivery: u32, failures: u32) {
            let key = Key { alert, delivery };
            let wait = retry_delay(key, failures);
            prop_assert!(wait >= FIRST && wait <= Duration::from_secs(900));
            prop_assert_eq!(wait, retry_delay(key, failures));
            prop_assert!(retry_delay(key, failures.saturating_add(1)) >= wait * 5 / 6);
        }
    }
}
