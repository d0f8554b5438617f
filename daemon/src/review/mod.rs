//! Gathers what a period's summary is made of: rows of closed and open days, exceptions, controls.
//!
//! In: the ledger and a period. Out: a [`summary::Summary`](crate::summary::Summary), and the same as the facts of a
//! letter.
//! Must not know: runs; who reads the summary.

mod gather;
mod letter;

pub use gather::{Gathered, ReviewError, known_windows, summarize_period};
pub use letter::{Noted, letter};
