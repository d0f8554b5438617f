//! The status page, JSON, metrics and health.
//!
//! In: reading access to the folded state. Out: HTTP on a loopback address or a unix socket.
//! Must not know: how anything is decided.
