//! All end-to-end tests, a module a theme.

mod one_check;
mod outbox_smtp;
