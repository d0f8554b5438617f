//! What a result means for its control: decide, then apply.
//!
//! In: the state of a control, the facts of a run (or of missed slots, or the passing of time), and its policy.
//! Out: entries, and with them the alerts that must go out. `decide` has the thresholds and may refuse; `apply` folds
//! entries, has none, and cannot fail. Pure.
//! Must not know: a clock, storage, mail, texts of plugins.
