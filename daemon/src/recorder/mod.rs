//! The one writer: judge, mail and ledger in one batch.
//!
//! In: results of runs, missed slots, deliveries, words of people. Out: acknowledgements once a batch is durable.
//! Must not know: how a run came about, how a mail is delivered.
