//! In-memory hosts for native tests.
