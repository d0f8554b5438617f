//! All end-to-end tests, a module a theme.

#![expect(clippy::disallowed_methods, reason = "real servers and processes run in real time")]
#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod author;
mod clients;
mod compile_limits;
mod contract;
mod crash;
mod credentials;
mod demo;
mod doctor;
mod editors;
mod full_disk;
mod grants;
mod hostile;
mod input_systems;
mod inputs;
mod monitoring;
mod one_check;
mod outbox_smtp;
mod people;
mod plugin_trust;
mod polyglot;
mod real_servers;
mod secrets;
mod signals;
mod small_disk;
mod smtp;
mod supervisor;
mod systemd;
mod training_data;
mod webhooks;
mod year;
