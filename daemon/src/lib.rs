//! `evidenced`: tests, all year long, whether an AI company's controls work, and keeps the evidence.
//!
//! ARCHITECTURE.md is the map. Modules stand in the order in which data passes through them.

pub mod domain;

pub mod clock;
pub mod secret;

pub mod config;
pub mod schedule;

pub mod gate;
pub mod sandbox;

pub mod fold;
pub mod judge;
pub mod ledger;
pub mod recorder;

pub mod mail;
pub mod outbox;
pub mod summary;

pub mod cli;
pub mod demo;
pub mod web;
