//! Inputs that the host asks other systems for: Prometheus, a store of objects, a directory; and its own ledger.

use std::{fs, process::Command};

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    fixture,
    targets::{Prometheus, Slapd, Target, python, script},
};
use serde_json::{Value, json};

use crate::inputs::{MAIL, asking, certificates, check, refused, rows};

#[track_caller]
fn ends(mut daemon: Daemon) {
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
    daemon.ask(&["replay", "--all"]).done();
}

#[test]
fn what_prometheus_answers_is_evidence_and_a_bad_query_is_an_error() {
    fixture("rows");
    let prometheus = Prometheus::start();
    let mut daemon = Daemon::new();
    let source = format!(
        "[[source]]\nid = \"metrics\"\nurls = [\"http://127.0.0.1:{}\"]\naddresses = [\"127.0.0.1\"]\n",
        prometheus.port()
    );
    let ask = |id: &str, query: &str, more: &str| {
        let origin = format!("prometheus = {{ source = \"metrics\", query = '''{query}'''{more} }}");
        asking(id, &origin, "/metric/job", ", list = \"/result\"")
    };
    let up = "up{job=\"itself\"}";
    let controls = [
        ask("PROM-NOW", up, ""),
        ask("PROM-RANGE", up, ", range = \"1m\", step = \"1s\""),
        ask("PROM-NONE", "no_such_metric", ""),
        ask("PROM-BAD", "sum(", ""),
    ];
    daemon.configure(&(MAIL.to_owned() + &source + &controls.concat()));
    daemon.start();
    let found = wait_for("the first scrape", || {
        let found = check(&daemon, "PROM-NOW");
        (found["outcome"] == "fail" && rows(&found)[0]["value"][1] == "1").then_some(found)
    });
    assert_eq!(rows(&found)[0]["metric"]["job"], "itself", "{found}");
    let words = found["words"].as_str().unwrap();
    let told = format!("1 rows of prometheus:http://127.0.0.1:{}/api/v1/query: {up}\n# at 20", prometheus.port());
    assert!(words.starts_with(&told), "{words}");
    let found = check(&daemon, "PROM-RANGE");
    assert!(!rows(&found)[0]["values"].as_array().unwrap().is_empty(), "{found}");
    // Nothing was assessed, which is no pass.
    assert_eq!(check(&daemon, "PROM-NONE")["outcome"], "error");
    let words = refused(&daemon, "PROM-BAD");
    assert!(words.contains("the query is refused: bad_data: "), "{words}");
    drop(prometheus);
    let words = refused(&daemon, "PROM-NOW");
    assert!(words.contains("connection refused"), "{words}");
    ends(daemon);
}

#[test]
fn an_object_of_a_store_is_read_in_the_version_that_is_named() {
    fixture("rows");
    let python = python("moto", &["moto[server]==5.2.5", "boto3"]);
    let place = tempfile::tempdir().unwrap();
    let target = Target::start(Command::new(python).arg(script("moto_target.py")).arg(place.path()));
    let keys: Value = serde_json::from_str(&fs::read_to_string(place.path().join("keys.json")).unwrap()).unwrap();
    let key = |user: &str| {
        let text = |name: &str| keys[user][name].as_str().unwrap().to_owned();
        format!("{}:{}", text("id"), text("secret"))
    };
    let first = keys["versions"][0].as_str().unwrap();
    let mut daemon = Daemon::new();
    daemon.write("aws", &key("evidenced"));
    let source = format!(
        "[[credential]]\nid = \"aws\"\nkind = \"aws-sigv4\"\nsecret = {{ file = \"aws\" }}\n\
         [[source]]\nid = \"evidence\"\nurls = [\"http://127.0.0.1:{}\"]\ncredential = \"aws\"\nregion = \"us-east-1\"\n\
         addresses = [\"127.0.0.1\"]\n",
        target.port
    );
    let ask = |id: &str, key: &str, more: &str| {
        let origin = format!("s3 = {{ source = \"evidence\", bucket = \"evidence\", key = \"{key}\"{more} }}");
        asking(id, &origin, "/subject", "")
    };
    let object = "reviews/Q1 + Q2/access.json";
    let controls = [
        ask("S3-NEWEST", object, ""),
        ask("S3-FIRST", object, &format!(", version = \"{first}\"")),
        ask("S3-NONE", "reviews/none.json", ""),
    ];
    daemon.configure(&(MAIL.to_owned() + &source + &controls.concat()));
    daemon.start();
    let found = check(&daemon, "S3-NEWEST");
    assert_eq!(rows(&found), [json!({ "subject": "weights", "reviewed": true })]);
    let words = found["words"].as_str().unwrap();
    assert!(words.contains("s3://evidence/reviews/Q1 + Q2/access.json: etag \""), "{words}");
    let found = check(&daemon, "S3-FIRST");
    assert_eq!(rows(&found), [json!({ "subject": "weights", "reviewed": false })]);
    assert!(found["words"].as_str().unwrap().contains(&format!("version {first}")), "{found}");
    let words = refused(&daemon, "S3-NONE");
    assert!(words.contains("status 404 (NoSuchKey)") || words.contains("status 403 (AccessDenied)"), "{words}");
    daemon.write("aws", &key("guest"));
    let words = refused(&daemon, "S3-NEWEST");
    assert!(words.contains("status 403 (AccessDenied)"), "{words}");
    ends(daemon);
}

#[test]
fn a_directory_is_read_page_by_page_and_what_it_hides_is_an_error() {
    fixture("rows");
    let mut daemon = Daemon::new();
    certificates(&daemon.path("ca"));
    let slapd = Slapd::start(1_200, &daemon.path("ca"));
    daemon.write("password", "audit-password");
    daemon.write("bob", "b");
    let auditor = "uid=auditor,ou=people,dc=example,dc=org";
    let source = |id: &str, url: &str, credential: &str| {
        format!(
            "[[source]]\nid = \"{id}\"\nldap = \"{url}\"\ncredential = \"{credential}\"\naddresses = [\"127.0.0.0/8\", \"::1\"]\n"
        )
    };
    let (port, tls_port, ca) = (slapd.port, slapd.tls_port, daemon.path("ca/ca.pem"));
    let sources = [
        format!("[network]\nca = [{ca:?}]\n"),
        format!(
            "[[credential]]\nid = \"auditor\"\nkind = \"basic\"\nusername = \"{auditor}\"\nsecret = {{ file = \"password\" }}\n"
        ),
        "[[credential]]\nid = \"bob\"\nkind = \"password\"\nsecret = { file = \"bob\" }\n".to_owned(),
        source("directory", &format!("ldaps://localhost:{tls_port}"), "auditor"),
        source("plain", &format!("ldap://127.0.0.1:{port}"), "auditor"),
        source("as-bob", &format!("ldap://127.0.0.1:{port}"), "bob")
            + "bind = \"uid=bob,ou=people,dc=example,dc=org\"\n",
    ];
    let ask = |id: &str, source: &str, filter: &str, attributes: &str, more: &str| {
        let base = "base = \"ou=people,dc=example,dc=org\"";
        let origin = format!(
            "ldap = {{ source = \"{source}\", {base}, filter = \"{filter}\", attributes = [{attributes}]{more} }}"
        );
        asking(id, &origin, "/dn", "")
    };
    let admins = "(memberOf=cn=weights-admins,ou=groups,dc=example,dc=org)";
    let attributes = "\"uid\", \"EMPLOYEETYPE\", \"mail\", \"jpegPhoto\"";
    let controls = [
        ask("LDAP-TLS", "directory", admins, attributes, ""),
        ask("LDAP-PLAIN", "plain", "(uid=alice)", "\"uid\"", ""),
        ask("LDAP-ALL", "directory", "(objectClass=inetOrgPerson)", "\"uid\"", ""),
        ask("LDAP-MANY", "directory", "(objectClass=inetOrgPerson)", "\"uid\"", ", max_entries = 1202"),
        ask("LDAP-HIDDEN", "as-bob", "(uid=alice)", "\"uid\"", ""),
        ask("LDAP-BAD", "plain", "(uid=alice", "\"uid\"", ""),
    ];
    daemon.configure(&(MAIL.to_owned() + &sources.concat() + &controls.concat()));
    daemon.start();
    let found = check(&daemon, "LDAP-TLS");
    let alice = json!({
        "dn": "uid=alice,ou=people,dc=example,dc=org",
        "attributes": { "uid": ["alice"], "EMPLOYEETYPE": ["active"], "mail": [] },
        "binary": { "jpegPhoto": ["/9j/4A=="] },
    });
    let bob = json!({
        "dn": "uid=bob,ou=people,dc=example,dc=org",
        "attributes": { "uid": ["bob"], "EMPLOYEETYPE": ["terminated"], "mail": ["b@example.org", "bob@example.org"] },
        "binary": { "jpegPhoto": [] },
    });
    assert_eq!(rows(&found), [alice, bob]);
    let told = format!("2 rows of ldap:directory ({auditor} at localhost:{tls_port}): {{\"attributes\":");
    assert!(found["words"].as_str().unwrap().starts_with(&told), "{found}");
    assert_eq!(rows(&check(&daemon, "LDAP-PLAIN")).len(), 1);
    assert_eq!(check(&daemon, "LDAP-ALL")["population"], 1_203);
    for (control, why) in [
        ("LDAP-MANY", "more than 1202 entries: narrow the filter, or raise `max_entries`"),
        ("LDAP-HIDDEN", "may not see it: result 32"),
        ("LDAP-BAD", "`filter` is no filter of LDAP"),
    ] {
        let words = refused(&daemon, control);
        assert!(words.contains(why), "{control}: {words}");
    }
    daemon.write("password", "s3cret-of-nobody");
    let words = refused(&daemon, "LDAP-TLS");
    assert!(words.contains("the login is refused: result 49"), "{words}");
    assert!(!daemon.log().contains("s3cret") && !words.contains("s3cret"));
    drop(slapd);
    let words = refused(&daemon, "LDAP-PLAIN");
    assert!(words.contains("connection refused"), "{words}");
    ends(daemon);
}

#[test]
fn the_ledger_tells_how_slots_of_other_controls_ended() {
    fixture("rows");
    fixture("noop");
    let mut daemon = Daemon::new();
    let origin = "ledger = { controls = [\"AVL-*\"], since = \"1h\" }";
    let monitored = "\n[[control]]\nid = \"AVL-01\"\ntitle = \"It is there\"\nfamily = \"availability\"\nowner = \"platform\"\n\
                     plugin = \"noop\"\nevery = \"1s\"\nconfig = {}\n";
    let watching = asking("MON-02", origin, "/control", ", list = \"/controls\"");
    daemon.configure(&(MAIL.to_owned() + monitored + &watching));
    daemon.start();
    let (found, told) = wait_for("a few slots", || {
        let found = check(&daemon, "MON-02");
        let told = rows(&found).remove(0);
        (told["counts"]["run"].as_u64()? >= 3).then_some((found, told))
    });
    assert_eq!((&told["control"], &told["enabled"], &told["retired"]), (&json!("AVL-01"), &json!(true), &Value::Null));
    assert!(told["known_since"].as_str().is_some(), "{told}");
    let counts = &told["counts"];
    let sum = |names: [&str; 2]| names.iter().map(|name| counts[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counts["due"], sum(["run", "missed"]), "{told}");
    assert_eq!(counts["run"], sum(["pass", "error"]), "{told}");
    let stretches = told["stretches"].as_array().unwrap();
    let slots: u64 = stretches.iter().map(|stretch| stretch["slots"].as_u64().unwrap()).sum();
    assert_eq!(counts["due"], slots, "{told}");
    assert!(stretches.iter().any(|stretch| stretch["state"] == "run" && stretch["outcome"] == "pass"), "{told}");
    assert!(found["words"].as_str().unwrap().contains(" rows of ledger: slots of AVL-* from 20"), "{found}");
    ends(daemon);
}

/// A directory that answers a login with more than any message of LDAP is. It is scripted: no real one does so.
fn hostile_directory(answer: Vec<u8>) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            // Who asks hangs up in the middle.
            let _ = stream.write_all(&answer);
            let _ = stream.read(&mut request);
        }
    });
    port
}

#[test]
fn a_directory_that_nests_without_end_or_never_ends_is_an_error_and_harms_nobody() {
    fixture("rows");
    // So many values of BER, each in the next one: the library that reads them would need as much of a stack.
    let nested = (0..5_000_u32).fold(Vec::new(), |inner: Vec<u8>, _| {
        let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
        [&[0x30, 0x84][..], &length, &inner].concat()
    });
    // One text that is longer than an input may be.
    let endless =
        [&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xf0, 0x04, 0x84, 0x7f, 0xff, 0xff, 0xe0][..], &vec![b'x'; 4 << 20]].concat();
    let mut daemon = Daemon::new();
    daemon.write("password", "audit-password");
    let source = |id: &str, port: u16| {
        format!(
            "[[source]]\nid = \"{id}\"\nldap = \"ldap://127.0.0.1:{port}\"\nbind = \"cn=auditor\"\ncredential = \"auditor\"\n\
             addresses = [\"127.0.0.0/8\"]\n"
        )
    };
    let ask = |id: &str| {
        let origin = format!("ldap = {{ source = \"{id}\", base = \"dc=example\", attributes = [\"uid\"] }}");
        asking(id, &origin, "/dn", "").replace("wall = \"20s\"", "wall = \"20s\", input = \"1MiB\"")
    };
    let credential = "[[credential]]\nid = \"auditor\"\nkind = \"password\"\nsecret = { file = \"password\" }\n";
    daemon.configure(
        &[
            MAIL,
            credential,
            &source("nested", hostile_directory(nested)),
            &source("endless", hostile_directory(endless)),
            &ask("nested"),
            &ask("endless"),
        ]
        .concat(),
    );
    daemon.start();
    let words = refused(&daemon, "nested");
    assert!(words.contains("the server does not speak LDAP as is expected"), "{words}");
    let words = refused(&daemon, "endless");
    assert!(words.contains("longer than the limit of 1048576 bytes"), "{words}");
    ends(daemon);
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// What a MySQL says first (protocol 10), but for how it wants to be shown a password.
const MYSQL_GREETING: &[u8] =
    b"\x0a8.0.0\0\x01\0\0\0scramble\0\x08\xa2\x21\x02\0\x08\0\x15\0\0\0\0\0\0\0\0\0\0twelve-bytes\0";

/// A MySQL that says these one after the other, each after a word of who asks. It is scripted: no real one says so.
fn scripted_mysql(said: Vec<Vec<u8>>) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            for words in &said {
                let _ = stream.write_all(words);
                let _ = stream.read(&mut request);
            }
        }
    });
    port
}

/// What a driver does not bear ends one question, and not the daemon.
#[test]
fn a_database_that_says_what_no_driver_bears_is_an_error_and_harms_nobody() {
    fixture("rows");
    let mut daemon = Daemon::new();
    daemon.write("password", "audit-password");
    let greeting = |plugin: &[u8]| packet(0, &[MYSQL_GREETING, plugin].concat());
    let no_key = scripted_mysql(vec![
        greeting(b"caching_sha2_password\0"),
        packet(2, b"\x01\x04"),
        packet(4, b"\x01no-key-at-all"),
    ]);
    let column = b"\x03def\0\0\0\x07version\0\x0c\x21\0\0\0\0\x01\xfd\0\0\0\0\0";
    let end = b"\xfe\0\0\x02\0";
    let no_version = scripted_mysql(vec![
        greeting(b"mysql_native_password\0"),
        packet(2, &[0, 0, 0, 2, 0, 0, 0]),
        [packet(1, b"\x01"), packet(2, column), packet(3, end), packet(4, b"\xfb"), packet(5, end)].concat(),
        packet(1, b"\xff\x28\x04#42000no-more-of-it"),
    ]);
    let mut tables =
        MAIL.to_owned() + "[[credential]]\nid = \"auditor\"\nkind = \"password\"\nsecret = { file = \"password\" }\n";
    for (id, port) in [("no-key", no_key), ("no-version", no_version)] {
        tables += &format!(
            "[[source]]\nid = \"{id}\"\nmysql = \"mysql://auditor@127.0.0.1:{port}/ml?sslmode=disable\"\n\
             credential = \"auditor\"\naddresses = [\"127.0.0.0/8\"]\n"
        );
    }
    for id in ["no-key", "no-version"] {
        tables += &asking(id, &format!("sql = {{ source = \"{id}\", query = \"select 1 as name\" }}"), "/name", "");
    }
    daemon.configure(&tables);
    daemon.start();
    let words = refused(&daemon, "no-key");
    assert!(words.contains("the server does not speak its protocol as is expected"), "{words}");
    assert!(daemon.log().contains("panicked at"), "{}", daemon.log());
    let words = refused(&daemon, "no-version");
    assert!(words.contains("no-more-of-it (42000)"), "{words}");
    assert!(!daemon.log().contains("valid PEM") && !daemon.log().contains("no-key-at-all"), "{}", daemon.log());
    ends(daemon);
}

/// A MySQL that lets everybody in, and answers the first question with columns without end (protocol 4.1). It is scripted: no real
/// one does so.
fn hostile_mysql() -> u16 {
    use std::io::{Read as _, Write as _};
    let greeting = [MYSQL_GREETING, b"mysql_native_password\0"];
    let name = [&[0xfd, 0x00, 0x00, 0x01][..], &vec![b'x'; 1 << 16]].concat();
    let column = [&b"\x03def\0\0\0"[..], &name, b"\0\x0c\x21\0\0\0\0\x01\xfd\0\0\0\0\0"].concat();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            // Who asks hangs up in the middle.
            let _ = stream.write_all(&packet(0, &greeting.concat()));
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&packet(2, &[0, 0, 0, 2, 0, 0, 0]));
            let _ = stream.read(&mut request);
            let mut sent = stream.write_all(&packet(1, &[0xfc, 0xff, 0xff]));
            for number in (0..=u8::MAX).cycle().skip(2) {
                if sent.is_err() {
                    break;
                }
                sent = stream.write_all(&packet(number, &column));
            }
        }
    });
    port
}

#[test]
fn a_database_that_never_ends_is_an_error() {
    fixture("rows");
    let mut daemon = Daemon::new();
    daemon.write("password", "audit-password");
    let port = hostile_mysql();
    let tables = format!(
        "[[credential]]\nid = \"auditor\"\nkind = \"password\"\nsecret = {{ file = \"password\" }}\n\
         [[source]]\nid = \"endless\"\nmysql = \"mysql://auditor@127.0.0.1:{port}/ml?sslmode=disable\"\ncredential = \"auditor\"\n\
         addresses = [\"127.0.0.0/8\"]\n"
    );
    let asked = asking("endless", "sql = { source = \"endless\", query = \"select 1 as name\" }", "/name", "");
    let asked = asked.replace("wall = \"20s\"", "wall = \"20s\", input = \"1MiB\"");
    daemon.configure(&(MAIL.to_owned() + &tables + &asked));
    daemon.start();
    let words = refused(&daemon, "endless");
    assert!(words.contains("longer than the limit of 1048576 bytes"), "{words}");
    ends(daemon);
}
