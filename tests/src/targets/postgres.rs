//! PostgreSQL with pgaudit, as a company would run it that logs who reads its training data: a table of persons, and
//! roles that may read it or not.

use std::{
    cell::Cell,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{as_user, free_port, give_to, succeed};
use crate::{daemon::wait_for, plugins::debian};

/// Its package's.
const USER: &str = "postgres";

const DEBIAN_PACKAGES: [&str; 2] = ["postgresql-15", "postgresql-15-pgaudit"];

/// What Debian's packages put below this, each version in a folder of its own.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A server of its own; stopped when dropped.
pub struct Postgres {
    server: Child,
    port: u16,
    place: tempfile::TempDir,
    /// Sessions that began and ended.
    sessions: Cell<usize>,
}

impl Postgres {
    /// A server whose database `ml` has 1,000 rows in `training.patients`. Its roles: `trainer`, `nightly` and
    /// `contractor` may read them, `intern` may not, `auditor` may read what the database says about itself; passwords
    /// are their names. It writes `csvlog`; what has an audit line is all that reads, writes, grants and changes.
    ///
    /// # Panics
    /// If it cannot be installed or started; the message says why.
    pub fn start() -> Self {
        let binaries = binaries();
        let place = tempfile::tempdir().expect("a folder for the server");
        let data = place.path().join("data");
        fs::write(place.path().join("password"), "postgres").expect("a file for the server");
        // It refuses to be run by root.
        give_to(USER, place.path());
        let mut initdb = as_user(USER, &binaries.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "scram-sha-256", "--no-sync"]);
        succeed(initdb.arg("--pwfile").arg(place.path().join("password")), "initdb makes a cluster in a new folder");
        let port = free_port();
        let configuration =
            format!("{CONFIGURATION}port = {port}\nunix_socket_directories = '{}'\n", place.path().display());
        let file = data.join("postgresql.conf");
        let defaults = fs::read_to_string(&file).expect("initdb writes postgresql.conf");
        fs::write(&file, defaults + &configuration).expect("a file of the server");

        let mut server = as_user(USER, &binaries.join("postgres"));
        server.arg("-D").arg(&data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap_or_else(|error| panic!("cannot start {server:?}: {error}"));
        let postgres = Self { server, port, place, sessions: Cell::new(0) };
        wait_for("PostgreSQL to take connections", || {
            let mut ready = Command::new(binaries.join("pg_isready"));
            let ready = ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            ready.is_ok_and(|status| status.success()).then_some(())
        });
        postgres.sql_in("postgres", "postgres", "create database ml");
        postgres.sql("postgres", SEED);
        postgres
    }

    /// Runs statements in the database `ml` as a role, in one session. What they answer, and what they fail with, are the
    /// test's to look for in the log.
    ///
    /// # Panics
    /// If psql cannot be run.
    pub fn sql(&self, role: &str, statements: &str) {
        self.sql_in("ml", role, statements);
    }

    /// The same in another database.
    ///
    /// # Panics
    /// If psql cannot be run.
    pub fn sql_in(&self, database: &str, role: &str, statements: &str) {
        self.psql(database, role).args(statements_of(statements)).output().expect("psql");
    }

    /// What a query of the database `ml` answers as a list of JSON objects, asked by the auditor.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn rows(&self, query: &str) -> String {
        let json = format!("select coalesce(json_agg(row), '[]') from ({query}) row");
        let output = self.psql("ml", "auditor").args(["-c", &json]).output().expect("psql");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("PostgreSQL answers in UTF-8")
    }

    /// It speaks TLS from now on, with `server.pem` and `server.key` of that folder.
    ///
    /// # Panics
    /// If the files cannot be copied.
    pub fn use_certificates(&self, folder: &Path) {
        let data = self.place.path().join("data");
        for name in ["server.pem", "server.key"] {
            let path = data.join(name);
            fs::copy(folder.join(name), &path).expect("a file for the server");
            // It reads no key that others may read.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file of the server");
            give_to(USER, &path);
        }
        self.sql(
            "postgres",
            "alter system set ssl_cert_file = 'server.pem';\nalter system set ssl_key_file = 'server.key';\n\
             alter system set ssl = on;\nselect pg_reload_conf();\n",
        );
    }

    /// Where it listens, on the loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What `csvlog` wrote of all sessions until now: it does so a moment after they end.
    ///
    /// # Panics
    /// If it does not.
    pub fn log(&self) -> String {
        wait_for("the log of the server", || {
            let log = fs::read_to_string(self.log_file()).ok()?;
            // Sessions of the daemon are no matter of those who wait.
            let is_ours = |line: &&str| line.contains("\"disconnection: ") && line.contains("\"psql\"");
            (log.lines().filter(is_ours).count() >= self.sessions.get()).then_some(log)
        })
    }

    /// Where it lies.
    pub fn log_file(&self) -> PathBuf {
        self.place.path().join("data/log/pg.csv")
    }

    fn psql(&self, database: &str, role: &str) -> Command {
        self.sessions.set(self.sessions.get() + 1);
        let mut psql = Command::new("psql");
        psql.env("PGPASSWORD", role).env("PGCONNECT_TIMEOUT", "20").stdin(Stdio::null());
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            role,
            "-d",
            database,
        ]);
        psql
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, without waiting for sessions: what it holds is thrown away.
        let _ = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

/// Each statement (a line, or several up to one that ends with a semicolon) as one `-c` of psql: they share a session, and
/// one that fails does not stop the others.
fn statements_of(text: &str) -> Vec<String> {
    let statements = text.split_inclusive(";\n").map(str::trim).filter(|statement| !statement.is_empty());
    statements.flat_map(|statement| ["-c".to_owned(), statement.trim_end_matches(';').to_owned()]).collect()
}

fn binaries() -> PathBuf {
    found().unwrap_or_else(|| {
        debian::install(&DEBIAN_PACKAGES).unwrap_or_else(|error| panic!("PostgreSQL cannot be installed: {error:#}"));
        found().unwrap_or_else(|| {
            panic!("{} are installed, and there is no pgaudit below {VERSIONS}", DEBIAN_PACKAGES.join(" and "))
        })
    })
}

/// The programs of a version that has pgaudit.
fn found() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.flatten().map(|entry| entry.path());
    let mut with_pgaudit: Vec<_> = versions
        .filter(|version| version.join("lib/pgaudit.so").exists() && version.join("bin/initdb").exists())
        .collect();
    with_pgaudit.sort();
    Some(with_pgaudit.pop()?.join("bin"))
}

const CONFIGURATION: &str = "
listen_addresses = '127.0.0.1'
fsync = off
shared_preload_libraries = 'pgaudit'
logging_collector = on
log_destination = 'csvlog'
log_filename = 'pg'
log_timezone = 'UTC'
log_connections = on
log_disconnections = on
pgaudit.log = 'read,write,role,ddl'
pgaudit.log_catalog = off
pgaudit.log_relation = on
pgaudit.log_parameter = on
pgaudit.log_rows = on
";

const SEED: &str = "
create role trainer login password 'trainer';
create role nightly login password 'nightly';
create role contractor login password 'contractor';
create role intern login password 'intern';
create role auditor login password 'auditor';
create schema training;
create table training.patients(id int primary key, name text, email text, label int);
insert into training.patients select g, 'p' || g, 'p' || g || '@example.org', g % 2 from generate_series(1, 1000) g;
grant usage on schema training to trainer, nightly, contractor, intern;
grant select on training.patients to trainer, nightly, contractor;
alter role auditor set default_transaction_read_only = on;
";
