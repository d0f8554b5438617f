//! The append-only log of everything that happened, its evidence, and the view that is folded from it.
//!
//! In: batches of entries and parts. Out: receipts once they are durable; entries, parts, proofs, the folded state.
//! Only this room knows sled.
//! Must not know: what an entry means.
