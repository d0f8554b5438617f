//! A year of 60 controls under a virtual clock, with everything that happens to an installation between the first day
//! of a window and the last.
//!
//! In: a folder, and the plugins. Out: [`Lived`], what was told and what was kept, beside what should have been, which
//! the script says happening by happening and the schedules slot by slot; nothing of it is asked of the daemon.
//!
//! The company's systems and its mail server are simulated on loopback. Schedules, runs, judgements, ledger, mails and
//! the people's commands are the daemon's own, driven turn by turn ([`evidenced::service::Turns`]).

mod access;
mod accounts;
mod company;
mod configuration;
mod life;
mod mails;
mod script;
mod slots;
mod table;
mod time;
mod troubles;

pub use life::{Lived, Row, live};
pub use mails::{Compared, Expected, Received};
pub use script::{Happening, script};
pub use slots::{SlotsOf, slots};
pub use table::table;
