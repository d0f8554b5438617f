//! The script: what happens, what people do about it, and which mails that must make. Written by hand from the rules of
//! the documentation, never from what the daemon did.

use evidenced::domain::{ClockState, Timestamp};
use jiff::{
    SignedDuration, ToSpan as _,
    civil::{Weekday, date},
};

use super::{configuration::Settings, mails::Expected, time::at};

/// One of the two people who do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Alice,
    Bob,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Start,
    /// As systemd stops it.
    Stop,
    /// As the power goes.
    Kill,
    /// Everything that can be folded again is deleted, while it does not run.
    DeleteView,
    /// The configuration is changed, and read again.
    Edit(fn(&mut Settings)),
    /// A plugin's file is replaced by another build of it, by garbage, or by what it was; and read again.
    Replace(&'static str),
    Damage(&'static str),
    Restore(&'static str),
    /// The wall clock is set so far ahead of the truth, and the kernel says this of it.
    Clock(SignedDuration, ClockState),
    Acknowledge {
        who: Who,
        control: &'static str,
        until: &'static str,
    },
    Attest {
        who: Who,
        until: &'static str,
    },
    Silence {
        who: Who,
        controls: &'static str,
        until: &'static str,
    },
    AcceptClock(Who),
    /// The newest exception of a control, with root cause and response.
    Close {
        who: Who,
        control: &'static str,
    },
    Erase {
        who: Who,
        subject: &'static str,
    },
    /// What was proposed last.
    Approve(Who),
    ResetState {
        who: Who,
        control: &'static str,
    },
    CheckNow {
        who: Who,
        control: &'static str,
    },
}

/// One thing that happens.
#[derive(Debug)]
pub struct Happening {
    pub what: &'static str,
    /// The controls whose entries stand beside it, `*` for any text; empty: those of no control.
    pub about: &'static str,
    /// When it begins and ends, with all that follows from it.
    pub from: Timestamp,
    pub until: Timestamp,
    pub mails: Vec<Expected>,
    pub(super) acts: Vec<(Timestamp, Act)>,
}

type Acts<'a> = &'a [(&'static str, Act)];
type Mails<'a> = &'a [(&'static str, &'static str, &'static str)];

fn happens(what: &'static str, about: &'static str, span: (&str, &str), acts: Acts<'_>, mails: Mails<'_>) -> Happening {
    let acts = acts.iter().map(|(when, act)| (at(when), *act)).collect();
    let mails = mails.iter().map(|(when, readers, subject)| Expected::new(at(when), readers, subject)).collect();
    Happening { what, about, from: at(span.0), until: at(span.1), mails, acts }
}

/// Everything that happens, in order, but for the summaries.
pub fn script() -> Vec<Happening> {
    use Act::*;
    use Who::*;
    let hours = SignedDuration::from_hours;
    let synchronised = |ahead| Clock(hours(ahead), ClockState::Synchronised);
    // Readers: C compliance, S the team that serves, X the CISO, A the auditor.
    let mut all = vec![
        happens(
            "the daemon starts",
            "",
            ("01-01 00:00", "01-02 00:15"),
            &[("01-01 00:00", Start)],
            &[("01-02 00:00", "C", "First results: ")],
        ),
        happens(
            "nobody has attested MON-02; alice does",
            "MON-02",
            ("01-01 00:00", "01-03 10:15"),
            &[("01-03 10:00", Attest { who: Alice, until: "04-02 10:00" })],
            &[("01-01 00:05", "C", "NOT ATTESTED MON-02"), ("01-03 10:00", "C", "TESTED AGAIN MON-02")],
        ),
        happens(
            "an old key is there from the first day on",
            "SEC-01/research",
            ("01-01 05:00", "01-06 06:00"),
            &[],
            &[
                ("01-01 05:50", "C", "ALREADY FAILING SEC-01/research"),
                ("01-02 08:05", "C", "REMINDER SEC-01/research"),
                ("01-04 08:05", "CX", "REMINDER SEC-01/research"),
                ("01-06 05:50", "C", "RECOVERED SEC-01/research"),
            ],
        ),
        happens(
            "a certificate; bob promises a date, and nobody is reminded before",
            "SEC-05/h3",
            ("01-11 05:00", "01-16 06:00"),
            &[("01-11 09:00", Acknowledge { who: Bob, control: "SEC-05/h3", until: "01-16 00:00" })],
            &[("01-11 05:57", "C", "FAILED SEC-05/h3"), ("01-16 05:57", "C", "RECOVERED SEC-05/h3")],
        ),
        happens(
            "the mail server is down for two days, a model for half of one",
            "AVL-01/vision",
            ("01-20 12:00", "01-22 12:30"),
            &[],
            &[("01-20 19:00", "CS", "FAILED AVL-01/vision"), ("01-21 07:00", "CS", "RECOVERED AVL-01/vision")],
        ),
        happens(
            "the forge is down for three mornings: one mail for ten controls",
            "CHG-01/*",
            ("02-01 06:00", "02-04 07:30"),
            &[],
            &[
                ("02-02 07:05", "C", "10 alerts: 10 NOT TESTED"),
                ("02-04 07:00", "C", "TESTED AGAIN CHG-01/"),
                ("02-04 07:05", "C", "9 alerts: 9 TESTED AGAIN"),
            ],
        ),
        happens(
            "the power goes for 5 h 30 min of a night",
            "",
            ("02-10 01:20", "02-10 07:00"),
            &[("02-10 01:20", Kill), ("02-10 06:50", Start)],
            &[("02-10 06:50", "C", "Monitoring gap 5 h ")],
        ),
        happens(
            "a pool flaps for 35 hours; who sleeps hears of its end in the morning",
            "AVL-02",
            ("02-14 08:30", "02-17 07:15"),
            &[],
            &[
                ("02-14 09:00", "CS", "FAILED AVL-02"),
                ("02-14 10:00", "CS", "RECOVERED AVL-02"),
                ("02-14 11:00", "CS", "FAILED AVL-02"),
                ("02-14 12:00", "CS", "RECOVERED AVL-02"),
                ("02-14 13:00", "CS", "FAILED AVL-02"),
                ("02-14 14:00", "CS", "FLAPPING AVL-02"),
                ("02-16 20:05", "C", "STEADY AVL-02"),
                ("02-17 07:00", "S", "STEADY AVL-02"),
            ],
        ),
        happens("the leap day: the one slot of GOV-05", "GOV-05", ("02-29 00:00", "03-01 00:00"), &[], &[]),
        happens(
            "the plugin of 48 controls is built anew",
            "*",
            ("03-06 12:00", "03-06 12:30"),
            &[("03-06 12:00", Replace("rows"))],
            &[],
        ),
        happens(
            "a line of the configuration is wrong; an hour later it is not",
            "",
            ("03-08 09:00", "03-08 10:30"),
            &[
                ("03-08 09:00", Edit(|settings| settings.is_broken = true)),
                ("03-08 10:00", Edit(|settings| settings.is_broken = false)),
            ],
            &[("03-08 09:00", "C", "CONFIGURATION REFUSED ")],
        ),
        happens(
            "planned work, silenced for 22 h: what comes and goes in it is not told",
            "AVL-01/speech",
            ("03-13 08:00", "03-14 06:15"),
            &[("03-13 08:00", Silence { who: Alice, controls: "AVL-01/*", until: "03-14 06:00" })],
            &[],
        ),
        happens(
            "a silence of two days needs bob; what fails still at its end is told then",
            "SEC-05/h5",
            ("03-15 09:00", "03-18 06:00"),
            &[
                ("03-15 09:00", Silence { who: Alice, controls: "SEC-05/*", until: "03-17 12:00" }),
                ("03-15 10:00", Approve(Bob)),
            ],
            &[
                ("03-15 09:00", "C", "APPROVAL WANTED to silence SEC-05/* for 2 days 3 h"),
                ("03-17 12:00", "C", "ALREADY FAILING SEC-05/h5"),
                ("03-18 05:57", "C", "RECOVERED SEC-05/h5"),
            ],
        ),
        happens(
            "summer time: 02:30 is run once at 03:00, PIN-03 four times and not six",
            "PIN-03",
            ("03-31 00:00", "04-01 00:00"),
            &[],
            &[],
        ),
        happens(
            "a host is excluded until the end of April, and fails in May",
            "SEC-05/h7",
            ("04-01 09:00", "05-02 06:00"),
            &[("04-01 09:00", Edit(|settings| settings.excluded = Some(("legacy-*", "2024-04-30"))))],
            &[
                ("04-16 08:05", "C", "EXCLUSION ENDS SEC-05/h7"),
                ("05-01 05:57", "C", "FAILED SEC-05/h7"),
                ("05-02 05:57", "C", "RECOVERED SEC-05/h7"),
            ],
        ),
        happens(
            "the attestation runs out, which was told before; alice attests anew",
            "MON-02",
            ("03-19 08:00", "04-03 09:15"),
            &[("04-03 09:00", Attest { who: Alice, until: "07-01 09:00" })],
            &[
                ("03-19 08:05", "C", "EXPIRES SOON MON-02"),
                ("03-30 08:05", "C", "EXPIRES SOON MON-02"),
                ("04-02 10:05", "C", "NOT ATTESTED MON-02"),
                ("04-03 09:00", "C", "TESTED AGAIN MON-02"),
            ],
        ),
        happens(
            "the wall clock leaps two hours forward, and six hours later back",
            "",
            ("04-12 10:00", "04-12 18:30"),
            &[("04-12 10:00", synchronised(2)), ("04-12 16:00", synchronised(0))],
            &[
                ("04-12 10:00", "C", "CLOCK IN DOUBT "),
                ("04-12 12:05", "C", "CLOCK BELIEVED AGAIN "),
                ("04-12 18:00", "C", "CLOCK IN DOUBT "),
                ("04-12 16:05", "C", "CLOCK BELIEVED AGAIN "),
            ],
        ),
        happens(
            "it leaps without a time server: alice and bob accept it; the next day it is right",
            "",
            ("04-20 09:00", "04-21 10:30"),
            &[
                ("04-20 09:00", Clock(hours(1), ClockState::Unsynchronised)),
                ("04-20 09:30", AcceptClock(Alice)),
                ("04-20 09:40", Approve(Bob)),
                ("04-21 09:00", synchronised(0)),
            ],
            &[
                ("04-20 09:00", "C", "CLOCK IN DOUBT "),
                ("04-20 09:30", "C", "APPROVAL WANTED "),
                ("04-20 10:40", "C", "CLOCK BELIEVED AGAIN "),
                ("04-21 10:00", "C", "CLOCK IN DOUBT "),
                ("04-21 09:05", "C", "CLOCK BELIEVED AGAIN "),
            ],
        ),
        happens(
            "the forge throttles: ten controls wait for their turn",
            "CHG-01/*",
            ("05-08 00:00", "05-09 00:00"),
            &[],
            &[],
        ),
        happens(
            "it turns one of them away, however often it asks: one slot is an error",
            "CHG-01/r4",
            ("05-10 00:00", "05-11 08:00"),
            &[],
            &[],
        ),
    ];
    all.extend(second_half());
    all.sort_by_key(|happening| happening.from);
    all
}

fn second_half() -> Vec<Happening> {
    use Act::*;
    use Who::*;
    vec![
        happens(
            "a shared key and a shared issuer: 20 controls fail within minutes, one more is critical",
            "SEC-0*",
            ("05-15 05:30", "05-16 06:30"),
            &[],
            &[
                ("05-15 05:50", "C", "FAILED SEC-01/"),
                ("05-15 05:55", "C", "9 alerts: 9 FAILED"),
                ("05-15 06:00", "C", "FAILED SEC-09"),
                ("05-15 06:07", "C", "10 alerts: 10 FAILED"),
                ("05-15 07:00", "C", "RECOVERED SEC-09"),
                ("05-16 05:50", "C", "RECOVERED SEC-01/"),
                ("05-16 05:55", "C", "9 alerts: 9 RECOVERED"),
                ("05-16 06:07", "C", "10 alerts: 10 RECOVERED"),
            ],
        ),
        happens(
            "nobody answers for a key; after it is rotated alice closes the case, and bob agrees",
            "SEC-01/billing",
            ("05-23 05:00", "06-11 09:15"),
            &[("06-10 11:00", Close { who: Alice, control: "SEC-01/billing" }), ("06-11 09:00", Approve(Bob))],
            &[
                ("05-23 05:50", "C", "FAILED SEC-01/billing"),
                ("05-24 08:05", "C", "REMINDER SEC-01/billing"),
                ("05-26 08:05", "CX", "REMINDER SEC-01/billing"),
                ("05-30 05:50", "CX", "OVERDUE SEC-01/billing"),
                ("06-04 05:50", "C", "RECOVERED SEC-01/billing"),
                ("06-10 11:00", "C", "APPROVAL WANTED "),
            ],
        ),
        happens(
            "a plugin's file is garbage for a day: the one before goes on, one mail",
            "SEC-01/*",
            ("06-05 12:00", "06-07 06:00"),
            &[("06-05 12:00", Damage("key-rotation")), ("06-06 09:00", Restore("key-rotation"))],
            &[("06-05 12:00", "C", "PLUGIN REFUSED key-rotation")],
        ),
        happens(
            "the schedule of GOV-01 becomes half an hour earlier",
            "GOV-01/*",
            ("06-12 12:00", "06-12 12:15"),
            &[("06-12 12:00", Edit(|settings| settings.governance = "30 8 * * 1-5"))],
            &[],
        ),
        happens(
            "a bucket leaves the configuration, and comes back",
            "CNF-01/b8",
            ("06-13 12:00", "07-17 12:15"),
            &[
                ("06-13 12:00", Edit(|settings| settings.has_last_bucket = false)),
                ("07-17 12:00", Edit(|settings| settings.has_last_bucket = true)),
            ],
            &[],
        ),
        happens(
            "a model is disabled for a week",
            "AVL-01/chat",
            ("06-20 10:00", "06-27 14:15"),
            &[
                ("06-20 10:00", Edit(|settings| settings.is_chat_enabled = false)),
                ("06-27 10:00", Edit(|settings| settings.is_chat_enabled = true)),
            ],
            &[],
        ),
        happens(
            "alice attests in time, three times, when she is told that it expires",
            "MON-02",
            ("06-17 08:00", "12-12 09:15"),
            &[
                ("06-28 09:00", Attest { who: Alice, until: "09-25 09:00" }),
                ("09-20 09:00", Attest { who: Alice, until: "12-18 09:00" }),
                ("12-12 09:00", Attest { who: Alice, until: "2025-03-10 09:00" }),
            ],
            &[
                ("06-17 08:05", "C", "EXPIRES SOON MON-02"),
                ("06-28 08:05", "C", "EXPIRES SOON MON-02"),
                ("09-11 08:05", "C", "EXPIRES SOON MON-02"),
                ("12-04 08:05", "C", "EXPIRES SOON MON-02"),
            ],
        ),
        happens(
            "the disk is full for an hour",
            "",
            ("07-03 12:30", "07-03 14:45"),
            &[
                ("07-03 12:30", Edit(|settings| settings.free_space_floor = "900TiB")),
                ("07-03 13:30", Edit(|settings| settings.free_space_floor = "1MiB")),
            ],
            &[("07-03 12:30", "C", "DISK FULL "), ("07-03 14:30", "C", "DISK HAS ROOM AGAIN ")],
        ),
        happens(
            "a system is down before, in and after a time without the daemon: that is told after it",
            "AVL-02",
            ("07-20 22:30", "07-21 07:15"),
            &[("07-20 23:10", Kill), ("07-21 03:15", Start)],
            &[
                ("07-21 03:15", "C", "Monitoring gap "),
                ("07-21 04:05", "C", "NOT TESTED AVL-02"),
                ("07-21 05:00", "C", "TESTED AGAIN AVL-02"),
                ("07-21 07:00", "S", "2 alerts: NOT TESTED AVL-02, TESTED AGAIN AVL-02"),
            ],
        ),
        happens(
            "the daemon is stopped for an update of the machine",
            "",
            ("07-15 09:10", "07-15 11:30"),
            &[("07-15 09:10", Stop), ("07-15 11:10", Start)],
            &[("07-15 11:10", "C", "Monitoring gap 2 h ")],
        ),
        happens(
            "a cohort fails in the monthly test; bob promises the end of the month",
            "FAR-01/ranker",
            ("08-01 04:00", "09-01 04:15"),
            &[("08-02 10:00", Acknowledge { who: Bob, control: "FAR-01/ranker", until: "08-31 00:00" })],
            &[
                ("08-01 04:00", "C", "FAILED FAR-01/ranker"),
                ("08-02 08:05", "C", "REMINDER FAR-01/ranker"),
                ("08-08 04:00", "CX", "OVERDUE FAR-01/ranker"),
                ("08-31 08:05", "CX", "REMINDER FAR-01/ranker"),
                ("09-01 04:00", "C", "RECOVERED FAR-01/ranker"),
            ],
        ),
        happens(
            "an intern tries to read training data",
            "CNF-03",
            ("08-10 14:00", "08-12 05:30"),
            &[],
            &[("08-11 05:15", "C", "FAILED CNF-03"), ("08-12 05:15", "C", "RECOVERED CNF-03")],
        ),
        happens(
            "the nightly job reads ten times its usual rows",
            "CNF-03",
            ("08-20 02:00", "08-22 05:30"),
            &[],
            &[("08-20 05:15", "C", "FAILED CNF-03"), ("08-21 05:15", "C", "RECOVERED CNF-03")],
        ),
        happens(
            "mail is down, a critical control fails, the power goes: all is told in order",
            "SEC-09",
            ("09-11 08:00", "09-11 20:30"),
            &[("09-11 09:30", Kill), ("09-11 11:10", Start)],
            &[
                ("09-11 09:00", "C", "FAILED SEC-09"),
                ("09-11 11:10", "C", "Monitoring gap "),
                ("09-11 11:10", "C", "RECOVERED SEC-09"),
            ],
        ),
        happens(
            "a registry answers with a login page over a weekend",
            "GOV-01/models",
            ("09-18 08:00", "09-23 09:00"),
            &[],
            &[("09-19 08:35", "C", "NOT TESTED GOV-01/models"), ("09-23 08:30", "C", "TESTED AGAIN GOV-01/models")],
        ),
        happens(
            "an open bucket: three business days, one of them a holiday",
            "CNF-01/b2",
            ("09-30 05:00", "10-07 05:15"),
            &[],
            &[
                ("09-30 05:00", "C", "FAILED CNF-01/b2"),
                ("10-01 08:05", "C", "REMINDER CNF-01/b2"),
                ("10-03 08:05", "C", "REMINDER CNF-01/b2"),
                ("10-05 00:00", "C", "OVERDUE CNF-01/b2"),
                ("10-07 05:00", "C", "RECOVERED CNF-01/b2"),
            ],
        ),
        happens(
            "the promise of one account becomes 60 days",
            "SEC-01/lab",
            ("10-15 12:00", "10-17 06:00"),
            &[("10-15 12:00", Edit(|settings| settings.lab_max_age_days = 60))],
            &[("10-16 05:50", "C", "ALREADY FAILING SEC-01/lab"), ("10-17 05:50", "C", "RECOVERED SEC-01/lab")],
        ),
        happens(
            "one failing test that the next does not confirm",
            "AVL-01/iris",
            ("10-20 01:30", "10-20 09:00"),
            &[],
            &[],
        ),
        happens(
            "winter time: 02:30 is run once, PIN-03 eight times",
            "PIN-03",
            ("10-27 00:00", "10-28 00:00"),
            &[],
            &[],
        ),
        happens(
            "a second subject joins an open exception",
            "PRV-02/chats",
            ("11-02 02:00", "11-05 02:45"),
            &[],
            &[
                ("11-02 02:30", "C", "FAILED PRV-02/chats"),
                ("11-03 02:35", "C", "MORE FAILING PRV-02/chats"),
                ("11-03 08:05", "C", "REMINDER PRV-02/chats"),
                ("11-05 02:30", "C", "RECOVERED PRV-02/chats"),
            ],
        ),
        happens(
            "a subject is erased from the evidence; it needs bob",
            "",
            ("11-08 10:00", "11-08 11:15"),
            &[("11-08 10:00", Erase { who: Alice, subject: "legacy-1" }), ("11-08 11:00", Approve(Bob))],
            &[("11-08 10:00", "C", "APPROVAL WANTED ")],
        ),
        happens(
            "the view is deleted and folded anew, between two slots",
            "",
            ("11-12 03:05", "11-12 03:30"),
            &[("11-12 03:05", Stop), ("11-12 03:10", DeleteView), ("11-12 03:15", Start)],
            &[],
        ),
        happens(
            "the state of a plugin is reset",
            "CNF-03",
            ("11-20 12:00", "11-20 12:15"),
            &[("11-20 12:00", ResetState { who: Alice, control: "CNF-03" })],
            &[],
        ),
        happens(
            "somebody runs a check by hand",
            "SEC-05/h1",
            ("11-27 12:00", "11-27 12:15"),
            &[("11-27 12:00", CheckNow { who: Bob, control: "SEC-05/h1" })],
            &[],
        ),
    ]
}

/// The summaries of the year: each Monday, each first day of a month, and of the window.
pub(super) fn summaries() -> Vec<Expected> {
    let mut expected = Vec::new();
    for day in date(2024, 1, 2).series(1.day()).take_while(|day| *day <= date(2025, 1, 1)) {
        let morning = at(&format!("{day} 08:00"));
        if day.weekday() == Weekday::Monday {
            expected.push(Expected::new(morning, "C", "Week 2024-W"));
        }
        if day.day() == 1 {
            expected.push(Expected::new(morning, "CA", "Month 2024-"));
            if [1, 4, 7, 10].contains(&day.month()) {
                expected.push(Expected::new(morning, "C", "Quarter 2024-Q"));
            }
        }
    }
    expected.push(Expected::new(at("2025-01-01 08:00"), "CA", "Window 2024: "));
    expected
}
