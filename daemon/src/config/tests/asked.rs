//! Inputs that others are asked for: what they become, and that what is printed of them can be read again.

use super::Folder;
use crate::{
    config::{Config, Loaded},
    domain::{DatabasePlace, InputOrigin, LdapScope, Server},
};

const HEAD: &str = r#"
organization = "Example AI"
[mail]
transport = "directory"
directory = "mail"
from = "evidenced@example.com"
[[credential]]
id = "password"
kind = "password"
secret = { credential = "password" }
[[credential]]
id = "aws"
kind = "aws-sigv4"
secret = { credential = "aws" }
[[source]]
id = "warehouse"
postgres = "host=DB.example.com user=auditor dbname=ml"
credential = "password"
addresses = ["10.0.0.0/8"]
rate = "1/s"
[[source]]
id = "other-warehouse"
postgres = "postgresql://audit%40or@[::1]:5433/ml?sslmode=disable"
credential = "password"
[[source]]
id = "shop"
mysql = "mysql://auditor@shop.example.com/shop"
credential = "password"
[[source]]
id = "file"
sqlite = "data/a.db"
[[source]]
id = "directory"
ldap = "ldap://127.0.0.1"
bind = "cn=auditor"
credential = "password"
[[source]]
id = "metrics"
urls = ["https://metrics.example.com"]
methods = ["GET", "POST"]
[[source]]
id = "evidence"
urls = ["https://store.example.com:9000"]
region = "eu-central-1"
credential = "aws"
"#;

fn control(inputs: &str) -> String {
    format!("\n[[control]]\nid = \"SEC-01\"\nowner = \"platform\"\nplugin = \"p\"\nevery = \"1h\"\n{inputs}")
}

const INPUTS: &str = r#"
[[control.input]]
name = "a"
sql = { source = "warehouse", query_file = "a.sql", parameters = ["x", 7, 0.5, true], max_rows = 10 }
[[control.input]]
name = "b"
sql = { source = "file", query = "select 1 as n" }
[[control.input]]
name = "c"
prometheus = { source = "metrics", query = "up", range = "1h", step = "15s", path = "/prometheus/" }
[[control.input]]
name = "d"
s3 = { source = "evidence", bucket = "audit", key = "a/b c.json" }
[[control.input]]
name = "e"
ldap = { source = "directory", base = "dc=example", attributes = ["uid", "UID", "memberOf"], scope = "one" }
[[control.input]]
name = "f"
ledger = { controls = ["SEC-*"] }
"#;

fn load(inputs: &str) -> Loaded {
    load_in(&Folder::with(&[("a.sql", "select 2\n")]), inputs)
}

fn load_in(folder: &Folder, inputs: &str) -> Loaded {
    folder.write("evidenced.toml", (HEAD.to_owned() + &control(inputs)).as_bytes());
    folder.load().unwrap_or_else(|refused| panic!("{refused}"))
}

fn origins(loaded: &Loaded) -> Vec<InputOrigin> {
    loaded.config.controls[0].check.inputs.iter().map(|input| input.origin.clone()).collect()
}

#[test]
fn servers_are_read_with_their_defaults() {
    let loaded = load("");
    let places: Vec<_> = loaded.config.databases.iter().map(|one| &one.database.place).collect();
    let server = |host: &str, port, tls, user: &str, database: Option<&str>| Server {
        host: host.to_owned(),
        port,
        tls,
        addresses: Vec::new(),
        user: Some(user.to_owned()),
        database: database.map(str::to_owned),
    };
    let granted = vec!["10.0.0.0/8".parse().unwrap()];
    let warehouse = Server { addresses: granted, ..server("db.example.com", 5432, true, "auditor", Some("ml")) };
    assert_eq!(places[0], &DatabasePlace::Postgres(warehouse));
    assert_eq!(places[1], &DatabasePlace::Postgres(server("::1", 5433, false, "audit@or", Some("ml"))));
    assert_eq!(places[2], &DatabasePlace::Mysql(server("shop.example.com", 3306, true, "auditor", Some("shop"))));
    assert!(matches!(places[3], DatabasePlace::Sqlite(path) if path.is_absolute() && path.ends_with("data/a.db")));
    assert_eq!(places[4], &DatabasePlace::Ldap(server("127.0.0.1", 389, false, "cn=auditor", None)));
    assert!(loaded.config.databases[0].rate.is_some());
    assert_eq!(Config::from_expanded_json(&loaded.config.expanded_json()).unwrap(), loaded.config);
}

#[test]
fn what_others_are_asked_is_read_as_it_is_meant() {
    let loaded = load(INPUTS);
    let [
        InputOrigin::Sql(a),
        InputOrigin::Sql(b),
        InputOrigin::Prometheus(c),
        InputOrigin::S3(d),
        InputOrigin::Ldap(e),
        InputOrigin::Ledger(f),
    ] = &origins(&loaded)[..]
    else {
        panic!("{loaded:?}");
    };
    assert_eq!((a.query.as_str(), a.max_rows), ("select 2", 10));
    assert_eq!(serde_json::json!(a.parameters), serde_json::json!(["x", 7, 0.5, true]));
    assert_eq!(b.max_rows, 100_000);
    assert_eq!((c.path.as_str(), c.grant.host.as_str()), ("/prometheus", "metrics.example.com"));
    assert_eq!(c.grant.methods, ["GET"], "an input does no more than look");
    assert_eq!((d.grant.service.as_deref(), d.grant.port), (Some("s3"), 9000));
    assert_eq!((e.attributes.len(), e.scope, e.filter.as_str()), (2, LdapScope::One, "(objectClass=*)"));
    assert_eq!(f.since.as_secs(), 30 * 86_400);
    assert!(loaded.config.controls[0].check.grants.is_empty(), "its plugin is granted none of it");
}

#[test]
fn what_is_printed_of_them_is_read_again_as_the_same() {
    let folder = Folder::with(&[("a.sql", "select 2\n")]);
    let loaded = load_in(&folder, INPUTS);
    let control = &loaded.config.controls[0];
    let line = loaded.expanded(control).iter().map(|value| value.to_toml()).find(|line| line.starts_with("input = "));
    assert_eq!(origins(&load_in(&folder, &line.unwrap())), origins(&loaded));
    assert_ne!(load("").config.controls[0].check.definition(), control.check.definition());
}
