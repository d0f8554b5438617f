//! What people read: letters -> subject, text, HTML, Message-ID.
//!
//! In: facts, resolved to words. Out: a rendered mail that never changes afterwards. Pure.
//! Must not know: SMTP, the ledger, a clock.
