//! Who reads the training data, told by the log of a real PostgreSQL with pgaudit: ten quiet days, and then one on which
//! everything happens that such a log is kept for.

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    plugin,
    targets::Postgres,
};
use serde_json::Value;

use crate::smtp::{Server, header};

/// CNF-03 on the server's log, and on the log of the days before.
fn access(postgres: &Postgres) -> String {
    plugin("training-data-access");
    let (log, port) = (postgres.log_file(), postgres.port());
    format!(
        r#"
[[control]]
id       = "CNF-03"
title    = "Training data is read only by those who may, in usual amounts"
family   = "confidentiality"
criteria = ["C1.1", "CC6.1", "CC7.2"]
owner    = "data"
severity = "high"
plugin   = "training-data-access"
every    = "1d"
interval = {{ lag = "0s", lookback = "11d", max_interval = "1d" }}

[control.config]
format   = "pgaudit-csv"
datasets = [{{ name = "patients", objects = ["training.*"], databases = ["ml"], allow = ["trainer", "nightly"] }}]

[[control.input]]
name   = "events"
events = {{ glob = ["before.csv", {log:?}], format = "csv", time = 1 }}

[[control.input]]
name = "pg_settings"
sql  = {{ source = "warehouse", query = "select name, setting from pg_settings order by name" }}

[[control.input]]
name = "pg_db_role_setting"
sql  = {{ source = "warehouse", query = "{SETTINGS_OF_ROLES}" }}

[[credential]]
id     = "warehouse"
kind   = "password"
secret = {{ file = "auditor" }}

[[source]]
id         = "warehouse"
postgres   = "host=127.0.0.1 port={port} dbname=ml user=auditor sslmode=disable"
credential = "warehouse"
addresses  = ["127.0.0.1"]
"#
    )
}

/// What happens on any day.
fn quiet_day(postgres: &Postgres) {
    postgres.sql("nightly", "select * from training.patients limit 100;\n");
    postgres.sql("trainer", "select count(*) from training.patients where label = 1;\nselect now();\n");
}

/// The log of a quiet day as that of each of the ten days before it.
fn ten_days_before(postgres: &Postgres) -> String {
    let log = postgres.log();
    let reads: Vec<&str> = log.lines().filter(|line| line.contains(",READ,")).collect();
    assert_eq!(reads.len(), 3, "{log}");
    let (today, _) = reads[0].split_once(' ').unwrap();
    let days = format!("select date '{today}' - number as day from generate_series(1, 10) number");
    let days: Vec<Value> = serde_json::from_str(&postgres.rows(&days)).unwrap();
    let on = |day: &Value| reads.iter().map(|line| line.replace(today, day["day"].as_str().unwrap()) + "\n").collect();
    days.iter().map(on).collect::<Vec<String>>().concat()
}

/// What the server is asked about itself, in each run.
const SETTINGS_OF_ROLES: &str = "select d.datname as database, r.rolname as role, unnest(s.setconfig) as setting \
    from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase left join pg_roles r on r.oid = s.setrole \
    order by 1, 2, 3";

#[track_caller]
fn check(daemon: &Daemon) -> (i32, Value) {
    let mut answer = daemon.ask(&["check", "CNF-03"]);
    (answer.code(), answer.lines.remove(0))
}

#[test]
fn whoever_reads_training_data_otherwise_than_on_quiet_days_is_found_and_told() {
    let (postgres, mail) = (Postgres::start(), Server::start("starttls"));
    let mut daemon = Daemon::new();
    quiet_day(&postgres);
    daemon.write("before.csv", &ten_days_before(&postgres));
    daemon.write("auditor", "auditor");
    daemon.configure(&(mail.tables() + "[alerts]\ngroup = \"0s\"\n" + &access(&postgres)));
    daemon.start();

    // Each is asked about one day; the last of them has just begun.
    for day in 0..12 {
        let (code, found) = check(&daemon);
        assert_eq!((code, &found["outcome"]), (0, &"pass".into()), "day {day}: {found}");
    }
    assert_eq!(mail.taken().len(), 0);

    postgres.sql("intern", "select * from training.patients limit 3;\n");
    postgres
        .sql("contractor", "prepare one(int) as select email from training.patients where id = $1;\nexecute one(7);\n");
    postgres.sql("nightly", "select * from training.patients;\n");
    postgres.sql("postgres", "copy training.patients to stdout;\n");
    postgres.sql("postgres", "set pgaudit.log = 'none';\nselect * from training.patients;\n");
    // Settings of roles can be changed from any database.
    postgres.sql_in("postgres", "postgres", "alter role intern set pgaudit.log = 'none';\n");
    postgres.log();

    let (code, found) = check(&daemon);
    assert_eq!((code, &found["outcome"]), (1, &"fail".into()), "{found}");
    let findings: Vec<(String, String, String)> = serde_json::from_value(found["findings"].clone()).unwrap();
    let told = |subject: &str| {
        let of_subject = findings.iter().find(|(name, ..)| name == subject);
        let (_, status, message) = of_subject.unwrap_or_else(|| panic!("no {subject}: {found}"));
        assert_eq!(status, "fail", "{found}");
        message.as_str()
    };
    assert_eq!(told("intern on patients"), "access refused once");
    assert_eq!(told("contractor on patients"), "1 read by somebody who is not on the allow list");
    assert_eq!(
        told("postgres on patients"),
        "1 read by somebody who is not on the allow list; 1 read in bulk whose amount is not in the log"
    );
    assert_eq!(
        told("postgres on (audit log)"),
        "switched off or weakened once; 1 session without any line in the audit log"
    );
    assert_eq!(told("settings of intern in every database"), "pgaudit.log is off or without reads");
    // Ten times what it reads on other days, and today's quiet run, unless midnight lies between the two.
    let job = told("nightly on patients");
    assert!(["1,100 rows on ", "1,000 rows on "].iter().any(|sum| job.starts_with(sum)), "{found}");
    assert!(job.contains("(usually 100, 1") && job.ends_with(" days; one false alarm in 10,000 days)"), "{found}");
    assert_eq!(findings.len(), 6, "{found}");

    let failed = wait_for("the mail", || mail.mail("FAILED CNF-03")).replace("=\r\n", "").replace("=\n", "");
    for (subject, _, message) in &findings {
        // As text the mail breaks long lines, as HTML it does not.
        assert!(failed.contains(subject.as_str()) && failed.contains(message.as_str()), "{subject}: {failed}");
    }
    assert!(!failed.contains("select") && !failed.contains("example.org"), "{failed}");

    // The job's day is over its limit: another read of it would fail today.
    postgres.sql("trainer", "select count(*) from training.patients;\n");
    postgres.sql_in("postgres", "postgres", "alter role intern reset pgaudit.log;\n");
    postgres.log();
    let (code, found) = check(&daemon);
    assert_eq!((code, &found["outcome"]), (0, &"pass".into()), "{found}");
    let recovered = wait_for("the mail", || mail.mail("RECOVERED CNF-03"));
    assert_eq!(header(&recovered, "In-Reply-To"), header(&failed, "Message-ID"));
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
    daemon.ask(&["replay", "--all"]).done();
}
