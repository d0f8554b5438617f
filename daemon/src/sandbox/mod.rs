//! Runs plugins that are not trusted, and can run them again.
//!
//! In: a plugin, a request, inputs, a world to ask (live, or a transcript). Out: how the run ended, and everything it saw.
//! Must not know: schedules, control states, the ledger, mail.
