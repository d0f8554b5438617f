//! Tests of the whole room.

mod conformance;
mod fixture;
mod journal;
mod sealing;
mod view;
