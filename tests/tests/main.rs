//! All end-to-end tests, a module a theme.

mod outbox_smtp;
