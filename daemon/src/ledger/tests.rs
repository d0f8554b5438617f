//! Tests of the whole room.

mod conformance;
mod crash;
mod damage;
mod fixture;
mod golden;
mod journal;
mod named;
mod sealing;
mod sim;
mod slot_files;
mod slots;
mod view;
