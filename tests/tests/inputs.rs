//! Inputs that the host asks databases for: PostgreSQL, MariaDB and a file of SQLite, all of them real. What is written
//! is refused by the server, what cannot be had is an error and never a pass, and no secret is told.

use std::{fs, path::Path, process::Command, time::Instant};

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    fixture,
    targets::{Mariadb, Postgres, script, succeed},
};
use serde_json::Value;

use crate::smtp::smtp_python;

pub(crate) const MAIL: &str = "
[mail]
transport = \"directory\"
directory = \"mail\"
from      = \"evidenced@example.com\"
";

/// A control that tells the rows of its one input, `origin`; none of them passes, so that all are told.
pub(crate) fn asking(id: &str, origin: &str, subject: &str, more: &str) -> String {
    format!(
        "\n[[control]]\nid = \"{id}\"\ntitle = \"{id}\"\nfamily = \"security\"\nowner = \"platform\"\nplugin = \"rows\"\n\
         schedule = \"0 4 1 1 *\"\nconfig = {{ subject = \"{subject}\", good = \"/good\"{more} }}\n\
         limits = {{ wall = \"20s\" }}\n\
         [[control.input]]\nname = \"rows\"\n{origin}\n"
    )
}

#[track_caller]
pub(crate) fn check(daemon: &Daemon, control: &str) -> Value {
    let mut answer = daemon.ask(&["check", control]);
    assert_eq!(answer.lines.len(), 1, "{answer:?}");
    answer.lines.remove(0)
}

/// The rows that were told, as the host wrote them.
#[track_caller]
pub(crate) fn rows(found: &Value) -> Vec<Value> {
    assert_eq!(found["outcome"], "fail", "{found}");
    let findings = found["findings"].as_array().unwrap();
    findings.iter().map(|finding| serde_json::from_str(finding[2].as_str().unwrap()).unwrap()).collect()
}

/// Why nothing could be told.
#[track_caller]
pub(crate) fn refused(daemon: &Daemon, control: &str) -> String {
    let found = check(daemon, control);
    assert_eq!(found["outcome"], "error", "{control}: {found}");
    found["words"].as_str().unwrap().to_owned()
}

/// A throw-away authority, and a certificate from it for this machine.
pub(crate) fn certificates(place: &Path) {
    succeed(Command::new(smtp_python()).arg(script("make_ca.py")).arg(place), "look at its message");
}

fn assert_ends(daemon: &mut Daemon) {
    assert_eq!(daemon.terminate().code(), Some(0));
    // Without any server: all that was seen is kept.
    daemon.ask(&["verify", "--deep"]).done();
    daemon.ask(&["replay", "--all"]).done();
}

fn postgres_sources(port: u16) -> String {
    format!(
        "[[credential]]\nid = \"warehouse\"\nkind = \"password\"\nsecret = {{ file = \"password\" }}\n\
         [[credential]]\nid = \"superuser\"\nkind = \"basic\"\nsecret = {{ file = \"superuser\" }}\n\
         [[source]]\nid = \"warehouse\"\npostgres = \"host=127.0.0.1 port={port} dbname=ml user=auditor sslmode=disable\"\n\
         credential = \"warehouse\"\naddresses = [\"127.0.0.1\"]\n\
         [[source]]\nid = \"as-superuser\"\npostgres = \"postgres://127.0.0.1:{port}/ml?sslmode=disable\"\n\
         credential = \"superuser\"\naddresses = [\"127.0.0.1\"]\n\
         [[source]]\nid = \"by-tls\"\npostgres = \"host=127.0.0.1 port={port} dbname=ml user=auditor\"\n\
         credential = \"warehouse\"\naddresses = [\"127.0.0.1\"]\n\
         [[source]]\nid = \"not-granted\"\npostgres = \"host=127.0.0.1 port={port} dbname=ml user=auditor sslmode=disable\"\n\
         credential = \"warehouse\"\n"
    )
}

const TYPES: &str =
    "create table public.types(name text, n2 smallint, n8 bigint, big bigint, exact numeric, half real, nan \
double precision, yes boolean, bytes bytea, at timestamptz, local timestamp, day date, doc jsonb, nothing text);
insert into public.types values ('a \"quoted\"', 7, 42, 9223372036854775807, 10.50, 0.5, 'NaN', true, '\\x00ff', \
'2026-01-31 13:00:00.25+01', '2026-01-31 12:00:00', '2026-01-31', '{\"a\": 1}', null);
grant select on public.types to auditor;
create sequence public.s;
";

#[test]
fn what_postgresql_answers_is_evidence_and_what_it_refuses_is_an_error() {
    fixture("rows");
    let postgres = Postgres::start();
    postgres.sql("postgres", TYPES);
    let mut daemon = Daemon::new();
    daemon.write("password", "auditor");
    daemon.write("superuser", "postgres:postgres");
    daemon.write("types.sql", "-- every kind of value\nselect * from public.types;\n");
    let ask = |id: &str, source: &str, query: &str, more: &str| {
        let origin = format!("sql = {{ source = \"{source}\", query = \"\"\"{query}\"\"\"{more} }}");
        asking(id, &origin, "/name", "")
    };
    let gone = "with gone as (delete from training.patients returning name) select name from gone";
    let controls = [
        asking("PG-TYPES", "sql = { source = \"warehouse\", query_file = \"types.sql\" }", "/name", ""),
        ask(
            "PG-BOUND",
            "warehouse",
            "select $1 as name, $2::int + 1 as n, $3::boolean as yes",
            ", parameters = [\"x'; --\", 7, true]",
        ),
        ask("PG-UNBOUND", "warehouse", "select $1 as name", ""),
        ask("PG-DENIED", "warehouse", "select name from training.patients", ""),
        ask("PG-WRITE", "as-superuser", gone, ""),
        ask("PG-DELETE", "as-superuser", "delete from training.patients returning name", ""),
        ask("PG-TWO", "as-superuser", "select 'a' as name; drop table training.patients", ""),
        ask("PG-ESCAPE", "as-superuser", "select set_config('transaction_read_only', 'off', false) as name", ""),
        ask("PG-SEQUENCE", "as-superuser", "select nextval('public.s')::text as name", ""),
        ask("PG-MANY", "warehouse", "select n::text as name from generate_series(1, 11) n", ", max_rows = 10"),
        ask("PG-LONG", "warehouse", "select repeat('x', 40000000) as name", ""),
        ask("PG-TWICE", "warehouse", "select 'a' as name, 'b' as name", ""),
        ask("PG-SLOW", "warehouse", "select pg_sleep(60)::text as name", ""),
        ask("PG-TLS", "by-tls", "select 'a' as name", ""),
        ask("PG-ADDRESS", "not-granted", "select 'a' as name", ""),
        ask("PG-EMPTY", "warehouse", "select 'a' as name where false", ""),
        ask("PG-WHO", "as-superuser", "select 'a' as name", ""),
    ];
    let tables = MAIL.to_owned() + &postgres_sources(postgres.port()) + &controls.concat();
    let configure = |daemon: &Daemon, more: &str| daemon.configure(&(more.to_owned() + &tables));
    configure(&daemon, "");
    daemon.start();

    let found = check(&daemon, "PG-TYPES");
    let row = serde_json::json!({
        "name": "a \"quoted\"", "n2": 7, "n8": 42, "big": "9223372036854775807", "exact": "10.50", "half": 0.5, "nan": "NaN",
        "yes": true, "bytes": "AP8=", "at": "2026-01-31T12:00:00.25Z", "local": "2026-01-31T12:00:00", "day": "2026-01-31",
        "doc": "{\"a\": 1}", "nothing": null,
    });
    assert_eq!(rows(&found), [row]);
    let words = found["words"].as_str().unwrap();
    let told = format!("1 rows of postgres:warehouse (auditor at 127.0.0.1:{}/ml, PostgreSQL 15.", postgres.port());
    assert!(words.starts_with(&told), "{words}");
    assert!(words.contains("select * from public.types") && !words.contains("superuser"), "{words}");
    let found = check(&daemon, "PG-BOUND");
    assert_eq!(rows(&found), [serde_json::json!({ "name": "x'; --", "n": 8, "yes": true })]);
    assert!(found["words"].as_str().unwrap().ends_with("-- parameters: [\"x'; --\",7,true]"), "{found}");
    assert!(check(&daemon, "PG-WHO")["words"].as_str().unwrap().contains(", a superuser)"));

    for (control, why) in [
        ("PG-UNBOUND", "the query wants 1 parameters, and the input has 0"),
        ("PG-DENIED", "permission denied for schema training (42501)"),
        ("PG-WRITE", "DECLARE CURSOR must not contain data-modifying statements in WITH (0A000)"),
        ("PG-DELETE", "it must begin with `select`, `values`, `table` or `with`"),
        ("PG-TWO", "cannot insert multiple commands into a prepared statement (42601)"),
        ("PG-ESCAPE", "transaction read-write mode must be set before any query (25001)"),
        ("PG-SEQUENCE", "cannot execute nextval() in a read-only transaction (25006)"),
        ("PG-MANY", "more than 10 rows: narrow the query, or raise `max_rows`"),
        ("PG-LONG", "longer than the limit of 33554432 bytes"),
        ("PG-TWICE", "two columns are named `name`"),
        ("PG-TLS", "the server offers no TLS"),
        ("PG-ADDRESS", "is loopback: the source needs `addresses = [\"127.0.0.1/32\"]`"),
        ("PG-EMPTY", ""),
    ] {
        let words = refused(&daemon, control);
        assert!(words.contains(why), "{control}: {words}");
    }
    let count = "select count(*) from training.patients";
    postgres
        .sql("postgres", "grant select on training.patients to auditor; grant usage on schema training to auditor;\n");
    assert_eq!(postgres.rows(count).trim(), "[{\"count\":1000}]", "nothing was written");

    let began = Instant::now();
    let words = refused(&daemon, "PG-SLOW");
    assert!(words.contains("not answered within the time of the run"), "{words}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let asleep = "select count(*) from pg_stat_activity where state = 'active' and query like 'fetch%'";
    assert_eq!(postgres.rows(asleep).trim(), "[{\"count\":0}]", "the server has ended it");

    // As it is now, and from the next run on.
    daemon.write("password", "s3cret-of-nobody");
    let words = refused(&daemon, "PG-TYPES");
    assert!(words.contains("the login is refused: password authentication failed for user \"auditor\""), "{words}");
    let doctor = daemon.ask(&["doctor"]);
    let line = |about: &str| doctor.lines.iter().find(|line| line["about"] == about).cloned().unwrap_or_default();
    assert_eq!(line("warehouse (postgres)")["level"], "bad", "{doctor:?}");
    assert_eq!(line("as-superuser (postgres)")["level"], "warn", "{doctor:?}");
    assert!(!daemon.log().contains("s3cret") && !format!("{doctor:?}").contains("s3cret") && !words.contains("s3cret"));
    daemon.write("password", "auditor");
    certificates(&daemon.path("ca"));
    postgres.use_certificates(&daemon.path("ca"));
    wait_for("TLS, and an issuer that nobody trusts", || {
        refused(&daemon, "PG-TLS").contains("the certificate's issuer is not trusted").then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(0));
    configure(&daemon, &format!("[network]\nca = [{:?}]\n", daemon.path("ca/ca.pem")));
    daemon.start();
    assert_eq!(rows(&check(&daemon, "PG-TLS")), [serde_json::json!({ "name": "a" })]);
    drop(postgres);
    let words = refused(&daemon, "PG-WHO");
    assert!(words.contains("connection refused"), "{words}");
    assert_ends(&mut daemon);
}

#[test]
fn what_mariadb_answers_is_evidence_and_what_it_refuses_is_an_error() {
    fixture("rows");
    let mut daemon = Daemon::new();
    certificates(&daemon.path("ca"));
    let seed = "set names utf8mb4;\n\
        create database ml;\n\
        create table ml.types(name varchar(20), n bigint unsigned, exact decimal(6,2), half float, bytes varbinary(4), at timestamp(3), local datetime, day date, span time, nothing text) charset=utf8mb4;\n\
        set time_zone = '+01:00';\n\
        insert into ml.types values ('é', 18446744073709551615, 10.50, 0.1, x'00ff', '2026-01-31 13:00:00.250', '2026-01-31 12:00:00', '2026-01-31', '25:00:00', null);\n\
        create user auditor@'127.0.0.1' identified by 'audit-password';\n\
        grant select on ml.types to auditor@'127.0.0.1';\n\
        create user owner@'127.0.0.1' identified by 'owner';\n\
        grant all on *.* to owner@'127.0.0.1';\n";
    let mariadb = Mariadb::start(seed, &daemon.path("ca"));
    let port = mariadb.port();
    daemon.write("password", "audit-password");
    daemon.write("owner", "owner:owner");
    let ca = daemon.path("ca/ca.pem");
    let sources = format!(
        "[network]\nca = [{ca:?}]\n\
         [[credential]]\nid = \"warehouse\"\nkind = \"password\"\nsecret = {{ file = \"password\" }}\n\
         [[credential]]\nid = \"owner\"\nkind = \"basic\"\nsecret = {{ file = \"owner\" }}\n\
         [[source]]\nid = \"warehouse\"\nmysql = \"mysql://auditor@localhost:{port}/ml\"\ncredential = \"warehouse\"\n\
         addresses = [\"127.0.0.0/8\", \"::1\"]\n\
         [[source]]\nid = \"as-owner\"\nmysql = \"mysql://127.0.0.1:{port}/ml?sslmode=disable\"\ncredential = \"owner\"\n\
         addresses = [\"127.0.0.1\"]\n\
         [[source]]\nid = \"wrong-name\"\nmysql = \"mysql://auditor@127.0.0.2:{port}/ml\"\ncredential = \"warehouse\"\n\
         addresses = [\"127.0.0.0/8\"]\n"
    );
    let ask = |id: &str, source: &str, query: &str, more: &str| {
        let origin = format!("sql = {{ source = \"{source}\", query = \"\"\"{query}\"\"\"{more} }}");
        asking(id, &origin, "/name", "")
    };
    let file = format!("/tmp/evidenced-outfile-{port}");
    let outfile = format!("select 'a' as name into outfile '{file}'");
    let controls = [
        ask("MY-TYPES", "warehouse", "select * from types", ""),
        ask("MY-BOUND", "warehouse", "select ? as name, ? + 1 as n", ", parameters = [\"x'; --\", 7]"),
        ask("MY-DENIED", "warehouse", "select user as name from mysql.user", ""),
        ask("MY-INSERT", "as-owner", "insert into types(name) values ('b') returning name", ""),
        ask("MY-DELETE", "as-owner", "delete from types", ""),
        ask("MY-OUTFILE", "as-owner", &outfile, ""),
        ask("MY-TWO", "as-owner", "select 'a' as name; drop table types", ""),
        ask("MY-COUNT", "as-owner", "select count(*) as name from types", ""),
        ask(
            "MY-MANY",
            "warehouse",
            "with recursive c(n) as (select 1 union all select n + 1 from c where n < 11) select n as name from c",
            ", max_rows = 10",
        ),
        ask("MY-SLOW", "warehouse", "select benchmark(100000000000, sha2('x', 512)) as name", ""),
        ask("MY-NAME", "wrong-name", "select 'a' as name", ""),
    ];
    daemon.configure(&(MAIL.to_owned() + &sources + &controls.concat()));
    daemon.start();

    let found = check(&daemon, "MY-TYPES");
    let row = serde_json::json!({
        "name": "é", "n": "18446744073709551615", "exact": "10.50", "half": 0.1, "bytes": "AP8=",
        "at": "2026-01-31T12:00:00.250000Z", "local": "2026-01-31T12:00:00", "day": "2026-01-31", "span": "25:00:00",
        "nothing": null,
    });
    assert_eq!(rows(&found), [row]);
    let told = format!("1 rows of mysql:warehouse (auditor at localhost:{port}/ml, MariaDB ");
    assert!(found["words"].as_str().unwrap().starts_with(&told), "{found}");
    assert_eq!(rows(&check(&daemon, "MY-BOUND")), [serde_json::json!({ "name": "x'; --", "n": 8 })]);
    for (control, why) in [
        ("MY-DENIED", "SELECT command denied to user 'auditor'@'"),
        ("MY-INSERT", "Cannot execute statement in a READ ONLY transaction (25006)"),
        ("MY-DELETE", "Cannot execute statement in a READ ONLY transaction (25006)"),
        ("MY-OUTFILE", "the query gives no rows"),
        ("MY-TWO", "You have an error in your SQL syntax"),
        ("MY-MANY", "more than 10 rows"),
        ("MY-SLOW", "not answered within the time of the run"),
    ] {
        let words = refused(&daemon, control);
        assert!(words.contains(why), "{control}: {words}");
    }
    // Its server listens on one address alone, or its certificate is for another: either way nothing is asked.
    refused(&daemon, "MY-NAME");
    assert!(!Path::new(&file).exists());
    assert_eq!(rows(&check(&daemon, "MY-COUNT")), [serde_json::json!({ "name": 1 })], "nothing was written");
    daemon.write("password", "s3cret-of-nobody");
    let words = refused(&daemon, "MY-TYPES");
    assert!(words.contains("the login is refused: Access denied for user 'auditor'@'"), "{words}");
    assert!(!daemon.log().contains("s3cret") && !words.contains("s3cret"));
    drop(mariadb);
    let words = refused(&daemon, "MY-COUNT");
    assert!(words.contains("connection refused"), "{words}");
    assert_ends(&mut daemon);
}

#[test]
fn what_a_file_of_sqlite_holds_is_evidence_and_nothing_else_is_read_or_written() {
    fixture("rows");
    let mut daemon = Daemon::new();
    let file = daemon.path("data.db");
    let make = "import sqlite3, sys\nfor name in sys.argv[1:]:\n    db = sqlite3.connect(name)\n    \
                db.execute('create table t(name text, n integer, x real, b blob)')\n    \
                db.execute(\"insert into t values ('a', 9007199254740993, 0.5, x'00ff'), (null, 7, null, null)\")\n    db.commit()";
    succeed(Command::new("python3").args(["-c", make]).arg(&file).arg(daemon.path("other.db")), "install python3");
    let before = fs::read(&file).unwrap();
    let ask = |id: &str, query: &str, more: &str| {
        let origin = format!("sql = {{ source = \"file\", query = \"\"\"{query}\"\"\"{more} }}");
        asking(id, &origin, "/name", "")
    };
    let endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) as name from c";
    let controls = [
        ask("DB-ROWS", "select * from t where n > ? order by n", ", parameters = [0]"),
        ask("DB-WRITE", "delete from t returning name", ""),
        ask("DB-ATTACH", "attach database 'other.db' as other", ""),
        ask("DB-PRAGMA", "pragma query_only = off", ""),
        ask("DB-TWO", "select 'a' as name; select 'b' as name", ""),
        ask("DB-HIDDEN", "select 'a' as name; delete from t", ""),
        ask("DB-SCHEMA", "select name from pragma_table_info('t') where cid = 0", ""),
        ask("DB-MANY", "select name from t", ", max_rows = 1"),
        ask("DB-SLOW", endless, ""),
    ];
    let source = "[[source]]\nid = \"file\"\nsqlite = \"data.db\"\n";
    daemon.configure(&(MAIL.to_owned() + source + &controls.concat()));
    daemon.start();
    let found = check(&daemon, "DB-ROWS");
    let expected = [
        serde_json::json!({ "name": null, "n": 7, "x": null, "b": null }),
        serde_json::json!({ "name": "a", "n": "9007199254740993", "x": 0.5, "b": "AP8=" }),
    ];
    assert_eq!(rows(&found), expected);
    assert_eq!(rows(&check(&daemon, "DB-SCHEMA")), [serde_json::json!({ "name": "name" })]);
    for (control, why) in [
        ("DB-WRITE", "it may only read, and this file alone"),
        ("DB-ATTACH", "it may only read, and this file alone"),
        ("DB-PRAGMA", "it may only read, and this file alone"),
        ("DB-TWO", "it is more than one statement"),
        ("DB-HIDDEN", "it may only read, and this file alone"),
        ("DB-MANY", "more than 1 rows"),
        ("DB-SLOW", "not answered within the time of the run"),
    ] {
        let words = refused(&daemon, control);
        assert!(words.contains(why), "{control}: {words}");
    }
    assert_eq!(fs::read(&file).unwrap(), before, "nothing was written");
    fs::remove_file(&file).unwrap();
    let words = refused(&daemon, "DB-ROWS");
    assert!(words.contains("data.db: it is not there"), "{words}");
    assert_ends(&mut daemon);
}
