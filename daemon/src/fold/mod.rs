//! The state of everything, folded from entries by one function.
//!
//! In: entries in order. Out: control states, exceptions, waiting alerts, open days, versions: what every reader asks.
//! Pure; can be dropped and folded anew at any time.
//! Must not know: a clock, thresholds, the configuration, storage.
