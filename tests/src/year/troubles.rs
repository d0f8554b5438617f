//! What goes wrong with the company's systems, and when.

use evidenced::domain::Timestamp;

use super::time::at;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// One more subject, and it is as it should not be; once it is over, the subject is as it should be.
    Bad(&'static str),
    /// The same, in every other hour only.
    EveryOtherHour(&'static str),
    /// A key that was made so many days before.
    KeyOfAge(i64),
    /// The API answers with this status.
    Status(u16),
    /// A page for people, with status 200.
    LoginPage,
    /// One request a second, and the others are told to come again.
    Throttled,
}

/// Of the system that stands behind one control, or behind all whose ids begin so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) control: &'static str,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) what: What,
}

impl Trouble {
    pub(super) fn concerns(&self, control: &str) -> bool {
        self.control.strip_suffix('*').map_or(self.control == control, |start| control.starts_with(start))
    }

    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// All of them.
pub(super) fn troubles() -> Vec<Trouble> {
    use What::{Bad, EveryOtherHour, KeyOfAge, LoginPage, Status, Throttled};
    let all = [
        ("SEC-01/research", "2023-12-01 09:00", "01-05 11:00", Bad("AKIARESEARCH0000OLD")),
        ("SEC-05/h3", "01-10 20:00", "01-15 12:00", Bad("h3.example.com:443")),
        ("AVL-01/vision", "01-20 12:00", "01-21 04:00", Bad("replica-2")),
        ("CHG-01/*", "02-01 05:30", "02-03 12:00", Status(502)),
        ("AVL-02", "02-14 08:30", "02-15 20:30", EveryOtherHour("pool-a100")),
        ("AVL-01/speech", "03-13 09:00", "03-13 22:00", Bad("replica-0")),
        ("SEC-05/h5", "03-16 02:00", "03-17 18:00", Bad("h5.example.com:443")),
        ("SEC-05/h7", "04-03 00:00", "05-01 15:00", Bad("legacy-1")),
        ("CHG-01/*", "05-08 00:00", "05-09 00:00", Throttled),
        ("CHG-01/r4", "05-10 00:00", "05-11 00:00", Status(429)),
        ("SEC-01/*", "05-15 00:30", "05-15 12:00", Bad("AKIASHARED0000000001")),
        ("SEC-05/*", "05-15 00:30", "05-15 12:00", Bad("shared-issuer")),
        ("SEC-09", "05-15 05:30", "05-15 06:30", Bad("admin-console")),
        ("SEC-01/billing", "05-22 10:00", "06-03 10:00", Bad("AKIABILLING000000001")),
        ("AVL-02", "07-20 22:30", "07-21 04:30", Status(502)),
        ("FAR-01/ranker", "07-20 00:00", "08-29 12:00", Bad("cohort-7")),
        ("SEC-09", "09-11 08:30", "09-11 10:15", Bad("break-glass-account")),
        ("GOV-01/models", "09-18 00:00", "09-20 12:00", LoginPage),
        ("CNF-01/b2", "09-29 00:00", "10-05 12:00", Bad("exports/")),
        ("SEC-01/lab", "10-16 00:00", "10-16 12:00", KeyOfAge(70)),
        ("AVL-01/iris", "10-20 01:30", "10-20 02:30", Bad("replica-1")),
        ("PRV-02/chats", "11-02 00:00", "11-04 12:00", Bad("shard-003")),
        ("PRV-02/chats", "11-03 00:00", "11-04 12:00", Bad("shard-004")),
    ];
    let trouble = |(control, from, until, what)| Trouble { control, from: at(from), until: at(until), what };
    all.map(trouble).into()
}
