//! Delivers what waits, for as long as it takes.
//!
//! In: rendered mails with one delivery per address. Out: delivered, to be tried again, or refused for good.
//! Must not know: why a mail was written.
