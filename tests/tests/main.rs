//! All end-to-end tests, a module a theme.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod one_check;
mod outbox_smtp;
mod signals;
mod smtp;
