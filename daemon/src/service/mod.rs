//! Wires the rooms into a daemon: opens everything, accounts for the time that it was away, fires slots, reloads,
//! stops in order.
//!
//! In: a configuration file and a clock. Out: a daemon that runs until it is told to stop, or is driven turn by turn
//! under a virtual clock.
//! Must not know: how anything is decided, kept, drawn or printed.

mod backlog;
mod clock;
#[cfg(test)]
mod clock_tests;
mod disk;
mod examine;
#[cfg(test)]
mod exclusion_tests;
mod firing;
mod heartbeat;
mod history;
#[cfg(test)]
mod interval_tests;
mod live;
#[cfg(test)]
mod monitoring_tests;
mod notify;
mod open;
mod post;
mod reload;
mod slots_told;
#[cfg(test)]
mod tests;
mod turns;

pub use examine::patient;
pub use heartbeat::Pulse;
pub use history::LedgerHistory;
pub use live::{LiveError, Signals, Start, TICK, run};
pub use notify::Supervisor;
pub use open::{OpenError, Options, Service, gate_settings};
pub use post::caller_settings;
pub use turns::Turns;
