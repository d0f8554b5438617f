//! TOML files -> a validated configuration, or every error in them at once.
//!
//! In: `evidenced.toml` and `conf.d/*.toml`. Out: domain types with everything resolved (templates, defaults, sources),
//! and the file and line that each value came from.
//! Must not know: the ledger, the sandbox, a clock.

mod model;

pub use model::{
    Access, Config, CredentialKind, CredentialSpec, EmailAddress, Endpoint, Mail, MailLogin, MailTls, Network, Rate,
    Recipient, Runner, Smtp, Source, Transport,
};
