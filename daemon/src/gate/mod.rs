//! The only way from a plugin to the network.
//!
//! In: a request, the grants of the control. Out: an answer with its facts, with secrets added on the way out and
//! masked on the way back. Own name resolution; every address is checked, and the checked one is connected to.
//! Must not know: wasmtime, the ledger, what the answer means.
