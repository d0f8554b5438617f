//! TOML files -> a validated configuration, or every error in them at once.
//!
//! In: `evidenced.toml` and `conf.d/*.toml`. Out: domain types with everything resolved (templates, defaults, sources),
//! and the file and line that each value came from.
//! Must not know: the ledger, the sandbox, a clock.
