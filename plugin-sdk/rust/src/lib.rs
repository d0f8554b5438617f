//! Write a check for `evidenced`: a struct for its configuration and one function.
//!
//! ```
//! use evidenced_plugin::{Check, Description, Failure, Findings, Report, Run, Verdict, description, unit};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     max_age_days: f64,
//! }
//!
//! struct BackupAge;
//!
//! impl Check for BackupAge {
//!     type Config = Config;
//!
//!     fn describe() -> Description {
//!         description!()
//!     }
//!
//!     fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
//!         let backups: Vec<(String, String)> = run.read_json("backups")?;
//!         let mut findings = Findings::of("every row of the input `backups`");
//!         for (name, made) in backups {
//!             findings.subject(&name, |finding| {
//!                 let age = run.now().days_since(made.parse()?);
//!                 let good = finding.at_most("age", age, unit::DAY, config.max_age_days);
//!                 Ok(Verdict::pass_if(good, format!("made {age:.1} days ago")))
//!             });
//!         }
//!         Ok(findings.finish("backups were looked at"))
//!     }
//! }
//!
//! evidenced_plugin::export!(BackupAge);
//! # fn main() {}
//! ```
//!
//! What the outside world answers comes through [`Run`]; natively a test gives it a [`testing::ScriptedHost`].
//! An error inside [`Findings::subject`] becomes an `error` finding of that subject, and an error outside of it
//! the [`Failure`] of the run: what was not looked at never passes by accident.

mod call;
mod check;
mod findings;
mod host;
mod pages;
mod records;
mod run;
mod time;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod glue;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use call::{Call, CallError, Response};
pub use check::{Check, Description, Needs};
pub use findings::{FindingDraft, Findings, Verdict, unit};
pub use host::{Host, InputError, InputReader, Level, StateError};
pub use pages::{NextPage, Pages, aws_marker, by_link_header, by_token};
pub use records::{Csv, Fields, Lines, csv_fields};
pub use run::{Facts, Run, State};
pub use time::{NotAnInstant, Timestamp};

pub use evidenced_contract::{
    Auth, Certificate, Exchange, Failure, FailureKind, Finding, HistoryError, HistoryPoint, HttpError, HttpRequest,
    HttpResponse, Input, InputNeed, Interval, Limits, Listing, Measurement, Peer, Report, SlotCounts, Status, Timings,
};

/// Makes a plugin out of a [`Check`]: once in each plugin's crate. Natively it only proves that the type is a check.
#[macro_export]
macro_rules! export {
    ($check:ty) => {
        #[cfg(target_family = "wasm")]
        $crate::__export_component!($check);
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            fn is_a_check<C: $crate::Check>() {}
            is_a_check::<$check>();
        };
    };
}

/// A [`Description`] with the name, version and description of the crate, any configuration and no needs;
/// or with the JSON Schema of the configuration in a file beside the source.
#[macro_export]
macro_rules! description {
    () => {
        $crate::Description {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            summary: env!("CARGO_PKG_DESCRIPTION"),
            config_schema: "",
            needs: $crate::Needs::default(),
        }
    };
    ($schema:literal) => {
        $crate::Description { config_schema: include_str!($schema), ..$crate::description!() }
    };
}
