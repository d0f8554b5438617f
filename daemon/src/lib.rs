//! `evidenced`: tests, all year long, whether an AI company's controls work, and keeps the evidence.
//!
//! ARCHITECTURE.md is the map. Modules stand in the order in which data passes through them.

pub mod clock;
pub mod domain;

pub mod secret;
pub mod trust;

pub mod config;
pub mod schedule;

pub mod caller;
pub mod gate;
pub mod monitoring;
pub mod query;
pub mod registry;
pub mod runner;
pub mod sandbox;

pub mod evidence;
pub mod fold;
pub mod judge;
pub mod ledger;
pub mod recorder;

pub mod mail;
pub mod outbox;
pub mod routing;
pub mod summary;

pub mod access;
pub mod author;
pub mod desk;
pub mod doctor;
pub mod replay;
pub mod review;
pub mod service;
pub mod simulate;
pub mod web;

pub mod cli;
pub mod demo;
