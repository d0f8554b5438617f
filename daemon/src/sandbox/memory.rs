//! Memory of one run, and of all runs together.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use wasmtime::ResourceLimiter;

use super::{ended::Limit, host::Halt};

/// The sum over all linear memories of all runs.
#[derive(Debug)]
pub(super) struct MemoryTotal {
    used: AtomicU64,
    limit: u64,
}

impl MemoryTotal {
    pub(super) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> Result<(), Limit> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => Err(Limit::MemoryTotal(self.limit)),
        }
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one run holds. Dropping it gives everything back to the total.
///
/// A memory that may not grow ends the run at once: a plugin's allocator would only turn the refusal into a trap, which
/// says less.
#[derive(Debug)]
pub(super) struct Meter {
    total: Arc<MemoryTotal>,
    memory_limit: u64,
    used: u64,
    peak: u64,
    table_elements: u64,
    /// The last growth, in case that it fails after it was allowed.
    last_growth: u64,
    pub(super) met: Option<Limit>,
}

impl Meter {
    /// Elements of all tables of a run together: more than the largest language runtimes need (CPython: 10,000).
    pub(super) const TABLE_ELEMENTS: u64 = 100_000;
    /// Handles that a run may hold at once, of the host's resources and of its own: far more than a language needs whose
    /// collector is late. They lie in tables of the host.
    pub(super) const HANDLES: usize = 10_000;

    pub(super) const fn new(total: Arc<MemoryTotal>, memory_limit: u64) -> Self {
        Self { total, memory_limit, used: 0, peak: 0, table_elements: 0, last_growth: 0, met: None }
    }

    pub(super) const fn peak(&self) -> u64 {
        self.peak
    }

    /// An instance is gone, and its memory with it; the next round of a command starts with none.
    pub(super) fn instance_gone(&mut self) {
        self.total.give_back(self.used);
        self.used = 0;
        self.last_growth = 0;
        self.table_elements = 0;
    }

    fn halt(&mut self, limit: Limit) -> wasmtime::Result<bool> {
        self.met = Some(limit);
        Err(Halt.into())
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        if self.used.saturating_add(growth) > self.memory_limit {
            return self.halt(Limit::Memory(self.memory_limit));
        }
        if let Err(limit) = self.total.take(growth) {
            return self.halt(limit);
        }
        self.used += growth;
        self.peak = self.peak.max(self.used);
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        // The plugin's own maximum, or the system: it sees -1, as in every host.
        self.total.give_back(self.last_growth);
        self.used -= self.last_growth;
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.table_elements = self.table_elements.saturating_add(desired.saturating_sub(current) as u64);
        if self.table_elements > Self::TABLE_ELEMENTS {
            return self.halt(Limit::Tables(Self::TABLE_ELEMENTS));
        }
        Ok(true)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.total.give_back(self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_a_run_and_all_runs_are_summed() {
        let total = Arc::new(MemoryTotal::new(100));
        let mut first = Meter::new(Arc::clone(&total), 70);
        assert!(first.memory_growing(0, 30, None).unwrap());
        assert!(first.memory_growing(0, 30, None).unwrap());
        assert!(first.memory_growing(30, 41, None).is_err());
        assert_eq!(first.met, Some(Limit::Memory(70)));
        let mut second = Meter::new(Arc::clone(&total), 70);
        assert!(second.memory_growing(0, 41, None).is_err());
        assert_eq!(second.met, Some(Limit::MemoryTotal(100)));
        drop(first);
        assert!(second.memory_growing(0, 41, None).unwrap());
        second.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert_eq!((second.used, second.peak, total.used()), (0, 41, 0));
    }

    #[test]
    fn table_elements_are_summed() {
        let mut meter = Meter::new(Arc::new(MemoryTotal::new(0)), 0);
        assert!(meter.table_growing(0, 60_000, None).unwrap());
        assert!(meter.table_growing(0, 60_000, None).is_err());
        assert_eq!(meter.met, Some(Limit::Tables(100_000)));
    }
}
