use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::Line;

/// Of what takes long only every thousandth part is told, so that a progress bar moves and nothing else is held up.
#[derive(Debug, Default)]
pub(super) struct Steps {
    told: AtomicU64,
}

impl Steps {
    pub(super) fn tell(&self, done: u64, of: u64, lines: &mpsc::Sender<Line>) {
        // The first is told at once: it says how many there are.
        let step = 1 + u64::try_from(u128::from(done) * STEPS / u128::from(of.max(1))).unwrap_or(u64::MAX);
        if self.told.fetch_max(step, Ordering::Relaxed) < step {
            // Not waited for: whoever reads slowly must not hold up what is looked at.
            let _ = lines.try_send(Line::Progress { done, of });
        }
    }
}

const STEPS: u128 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_things_are_told_in_a_thousand_steps() {
        let (lines, mut told) = mpsc::channel(2000);
        let steps = Steps::default();
        (0..=1_000_000).for_each(|done| steps.tell(done, 1_000_000, &lines));
        drop(lines);
        let first = told.try_recv();
        assert_eq!(first, Ok(Line::Progress { done: 0, of: 1_000_000 }));
        let mut last = None;
        let mut count = 1;
        while let Ok(line) = told.try_recv() {
            (last, count) = (Some(line), count + 1);
        }
        assert_eq!((count, last), (1001, Some(Line::Progress { done: 1_000_000, of: 1_000_000 })));
    }

    #[test]
    fn nobody_waits_for_who_does_not_read() {
        let (lines, _unread) = mpsc::channel(1);
        let steps = Steps::default();
        (0..=10).for_each(|done| steps.tell(done, 10, &lines));
    }
}
