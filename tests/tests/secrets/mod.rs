//! No secret gets out: a company whose every secret is planted, servers that repeat all that they are sent, in many spellings,
//! a plugin that tells all that it sees and searches its own memory; and then a search of everything that is left of it.
//!
//! PostgreSQL, MariaDB, slapd, the SMTP server and the server behind mutual TLS are real; the servers of the web are scripted peers
//! that speak the shapes that are documented. What is promised is what the gate's mask says: a server that transforms a secret in
//! its own way (compresses, reverses, hashes it) is not asked here.

mod company;
mod servers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use evidenced::{
    fold::State,
    ledger::{self, Ledger, Store as _},
};
use evidenced_tests::{
    daemon::{Daemon, say, wait_for},
    planted::{Planted, Search, files},
};

use company::{Company, LATE};

/// What was searched, by the kind of place: a name and bytes each.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<&'static str, Vec<(String, Vec<u8>)>>);

impl Places {
    pub(crate) fn add(&mut self, kind: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.entry(kind).or_default().push((name.into(), bytes.into()));
    }

    /// Everything that has a text of the search, by kind; and where.
    pub(crate) fn find(&self, search: &Search) -> BTreeMap<(String, &'static str), Vec<String>> {
        let mut found = BTreeMap::<_, Vec<String>>::new();
        for (kind, places) in &self.0 {
            for (name, bytes) in places {
                for secret in search.find(bytes) {
                    found.entry((secret, *kind)).or_default().push(name.clone());
                }
            }
        }
        found
    }
}

/// Commands that read, without `--json`.
const READING: [&[&str]; 10] = [
    &["status"],
    &["exceptions"],
    &["results", "bearer"],
    &["results", "oauth-refused"],
    &["doctor"],
    &["check-config"],
    &["check-config", "--expanded"],
    &["proposals"],
    &["slots", "--control", "bearer"],
    &["simulate", "--recorded", "--from", "2026-01-01T00:00", "--to", "2026-01-01T00:10"],
];

/// Those that read all that there is.
const READING_ALL: [&[&str]; 5] = [
    &["verify", "--deep"],
    &["replay", "--all"],
    &["report", "--window", "all", "--format", "html"],
    &["report", "--window", "all", "--format", "json"],
    &["report", "--window", "all", "--format", "csv"],
];

/// A report of so many controls, and a page of them, have more than a head.
const REPORT_BYTES_MIN: usize = 2_000;
const PAGE_BYTES_MIN: usize = 200;

/// What a command prints, in both forms.
fn keep_answers(daemon: &Daemon, when: &str, commands: &[&[&str]], places: &mut Places) {
    for words in commands {
        for json in [&[][..], &["--json"]] {
            let mut command = daemon.command(words);
            let report = daemon.path(&format!("report-{}", places.0.values().map(Vec::len).sum::<usize>()));
            if words[0] == "report" {
                command.arg("-o").arg(&report);
            }
            let output = command.args(json).output().unwrap();
            let code = output.status.code();
            // Done, or the answer is no.
            assert!(matches!(code, Some(0 | 1)), "{when}: {words:?} {json:?} ended with {code:?}: {output:?}");
            if words[0] == "report" {
                let bytes = match report.is_dir() {
                    true => files(&report, &|_| false).iter().map(|(_, bytes)| bytes.len()).sum(),
                    false => fs::read(&report).unwrap().len(),
                };
                assert!(bytes > REPORT_BYTES_MIN, "{when}: {words:?} {json:?}: {bytes} bytes");
            }
            let told = [output.stdout, output.stderr].concat();
            places.add("command", format!("{when}: {words:?} {json:?}"), told);
        }
    }
}

/// What a control finds, which is kept in both forms.
fn check(daemon: &Daemon, control: &str, places: &mut Places) -> serde_json::Value {
    let plain = daemon.command(&["check", control]).output().unwrap();
    places.add("command", format!("check {control}, plain"), [plain.stdout, plain.stderr].concat());
    let answer = daemon.ask(&["check", control]);
    places.add("command", format!("check {control}"), format!("{:?}{}", answer.lines, answer.stderr));
    answer.lines.into_iter().next().unwrap_or_default()
}

fn page(port: u16, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream.write_all(request.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    let shown = String::from_utf8_lossy(&answer);
    // What is wrong with the daemon itself is told by this status, too.
    let is_page = shown.starts_with("HTTP/1.1 200") || (path == "/health" && shown.starts_with("HTTP/1.1 503"));
    assert!(is_page && answer.len() > PAGE_BYTES_MIN, "{path}: {shown}");
    answer
}

/// Files with a secret where none should be: what is said of them is kept and mailed.
fn broken(planted: &mut Planted) -> Vec<String> {
    let wrong = [
        ("password in clear", "[mail]\npassword = \"{}\"\n"),
        ("token in clear", "[[credential]]\nid = \"x\"\nkind = \"bearer\"\nsecret = \"{}\"\n"),
        ("secret for its name", "[[credential]]\nid = \"x\"\nkind = \"bearer\"\nsecret = { credential = \"a/{}\" }\n"),
        ("secret in a table", "[[credential]]\nid = \"x\"\nkind = \"bearer\"\nsecret = { value = \"{}\" }\n"),
        ("login in a URL", "[[source]]\nid = \"x\"\nurls = [\"https://auditor:{}@example.com\"]\n"),
        ("login in no URL", "[[source]]\nid = \"x\"\nurls = [\"https://auditor:{}@example.com:port/\"]\n"),
        ("login in a proxy", "[network]\nproxy = \"http://evidenced:{}@proxy.example.com:3128\"\n"),
        ("login of no proxy", "[network]\nproxy = \"socks5://evidenced:{}@proxy.example.com:x\"\n"),
        ("login in a mail server", "[mail]\nserver = \"smtp://evidenced:{}@mail.example.com:587\"\n"),
        ("password of a database", "[[source]]\nid = \"x\"\npostgres = \"host=db user=auditor password={}\"\n"),
        ("password in its URL", "[[source]]\nid = \"x\"\npostgres = \"postgres://auditor:{}@db/ml\"\n"),
        ("password in no URL", "[[source]]\nid = \"x\"\nmysql = \"mysql://auditor:{}@db:port/ml\"\n"),
        ("password in its query", "[[source]]\nid = \"x\"\npostgres = \"postgres://auditor@db/ml?password={}\"\n"),
        (
            "token URL with a login",
            "[[credential]]\nid = \"x\"\nkind = \"oauth2-client\"\ntoken_url = \"https://a:{}@b:c/\"\n",
        ),
        (
            "webhook in clear",
            "[[recipient]]\nid = \"x\"\nwebhook = [{ kind = \"slack\", url = \"https://hooks.example.com/{}\" }]\n",
        ),
        ("webhook with a login", "[heartbeat]\nurl = \"https://a:{}@hooks.example.com/\"\n"),
        ("key that is unknown", "[mail]\npasswort = \"{}\"\n"),
        ("text without an end", "[mail]\npassword = \"{}\n"),
        ("no text at all", "[mail]\npassword = {}\n"),
        ("two values", "[mail]\npassword = \"{}\" \"{}\"\n"),
    ];
    wrong.into_iter().map(|(name, form)| planted.plant(&format!("configuration: {name}"), form)).collect()
}

/// The files are refused, once for each.
fn refuse_all(company: &mut Company, places: &mut Places) {
    for (number, text) in broken(&mut company.planted).into_iter().enumerate() {
        // What is wrong in it is in lines of its own, also where nothing is told but a line.
        let lines = 100 + 10 * number..110 + 10 * number;
        let mark = format!("refused = 1\n{}", "\n".repeat(lines.start));
        company.daemon.write("evidenced.toml", &(mark + &text));
        let output = company.daemon.command(&["check-config"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        places.add("command", format!("check-config: {text}"), [output.stdout, output.stderr].concat());
        company.daemon.signal("HUP");
        wait_for(&format!("the refusal of {text}"), || {
            let log = company.daemon.log();
            lines.clone().any(|line| log.contains(&format!("evidenced.toml:{line}:"))).then_some(())
        });
    }
    company.daemon.configure(&company.configuration);
    company.daemon.signal("HUP");
}

/// All that the ledger holds, read as everybody reads it.
pub(crate) fn keep_ledger(daemon: &Daemon, places: &mut Places) {
    let ledger = Ledger::<State>::open(&daemon.path("state"), ledger::Options::read_only("")).unwrap();
    for entry in ledger.entries(0..u64::MAX) {
        let (sequence, bytes) = entry.unwrap();
        places.add("entry", sequence.to_string(), bytes);
    }
    for digest in ledger.parts().unwrap().kept {
        let content = ledger.part(&digest).unwrap().unwrap();
        places.add("part", digest.to_string(), content);
    }
}

/// That each secret was where it belongs: else nothing is shown.
fn arrived(company: &Company, parts: &str) -> BTreeMap<&'static str, bool> {
    let Company { planted, web, aws, idp, hooks, proxy, .. } = company;
    let heard = |peer: &evidenced_tests::hostile_peer::HostilePeer, name: &str| {
        let text = planted.text(name);
        peer.heard(text.split(".{count}").next().unwrap_or(text))
    };
    // The wire has no spare for what is signed with a key: its signature must be there.
    let signed = |id: &str| aws.heard(&format!("Credential={id}/"));
    let certificate = fs::read_to_string(company.daemon.path("certificates/client.pem")).unwrap();
    let rows = |control: &str, mark: &str| parts.contains(&format!("canary-of-{control}")) || parts.contains(mark);
    BTreeMap::from([
        ("SMTP password", company.mail.spool().join("logged-in").exists()),
        ("header", heard(web, "header")),
        ("bearer token", heard(web, "bearer token")),
        ("another bearer token", heard(web, "another bearer token")),
        ("basic password", heard(web, "basic password")),
        ("proxy password", heard(proxy, "proxy password")),
        ("AWS secret key", signed("AKIAOFTHETEST")),
        ("AWS session token", heard(aws, "AWS session token")),
        ("AWS role secret key", signed("ASIAOFTHEROLE")),
        ("AWS role session token", heard(aws, "AWS role session token")),
        ("AWS instance secret key", signed("ASIAOFTHEINSTANCE")),
        ("AWS instance session token", heard(aws, "AWS instance session token")),
        ("AWS metadata session", heard(aws, "AWS metadata session")),
        ("OAuth client secret (basic)", heard(idp, "OAuth client secret (basic)")),
        ("OAuth client secret (post)", heard(idp, "OAuth client secret (post)")),
        ("OAuth token (basic)", heard(idp, "OAuth token (basic)")),
        ("OAuth token (post)", heard(idp, "OAuth token (post)")),
        ("Google key", idp.heard("eyJ") && heard(idp, "Google token")),
        ("Google token", heard(idp, "Google token")),
        ("GitHub key", idp.heard("Bearer eyJ") && heard(idp, "GitHub installation token")),
        ("GitHub installation token", heard(idp, "GitHub installation token")),
        // The server shows the certificate that it was shown; nothing else has these letters of it.
        ("client certificate key", parts.contains(certificate.lines().nth(3).unwrap())),
        ("Slack URL", heard(hooks, "Slack URL")),
        ("Teams URL", heard(hooks, "Teams URL")),
        ("heartbeat URL", heard(hooks, "heartbeat URL")),
        ("PagerDuty key", heard(hooks, "PagerDuty key")),
        ("webhook secret", hooks.heard("v1,")),
        ("PostgreSQL password", rows("postgres", "PostgreSQL 1")),
        ("MariaDB password", rows("mariadb", "MariaDB 1")),
        ("LDAP password", rows("ldap", "uid=bob,ou=people,dc=example,dc=org")),
        ("signing key of the ledger", true),
    ])
}

#[test]
fn no_secret_gets_out() {
    let mut company = Company::new();
    let mut places = Places::default();
    // As much as can be asked for, of everything.
    company.daemon.set("EVIDENCED_LOG", "trace,hyper_util=trace,reqwest=trace,rustls=trace,hyper=trace,lettre=trace");
    company.mail.mode("tell-auth");
    company.daemon.start();
    let key = fs::read_to_string(company.daemon.path("state/key")).unwrap();
    let last = key.trim().splitn(5, '+').nth(4).unwrap();
    company.planted.add("signing key of the ledger", &key, vec![last.to_owned()]);

    let mut results = BTreeMap::new();
    for control in company.controls.iter().filter(|control| *control != LATE) {
        results.insert(control.clone(), check(&company.daemon, control, &mut places));
    }
    say("the checks have run");
    wait_for("the refused login", || company.daemon.log().contains("was not taken: ").then_some(()));
    keep_answers(&company.daemon, "while the login is refused", &READING, &mut places);
    for path in ["/", "/api/status", "/api/exceptions", "/exceptions", "/controls/bearer", "/metrics", "/health"] {
        places.add("page", path, page(company.page, path));
    }
    let of_pages = |company: &Company, places: &mut Places, when: &str| {
        for path in ["/", "/api/status", "/metrics"] {
            places.add("page", format!("{when}: {path}"), page(company.page, path));
        }
    };
    // By name of the configuration that it is read from anew, mail is tried at once.
    company.mail.mode("tell-rcpt");
    company.daemon.signal("HUP");
    wait_for("a mail that is refused", || company.daemon.log().contains("you logged in with").then_some(()));
    of_pages(&company, &mut places, "with a dead letter");
    company.mail.mode("ok");
    refuse_all(&mut company, &mut places);
    say("the broken files were refused");
    wait_for("mail", || company.mail.mail("CONFIGURATION REFUSED"));
    results.insert(LATE.to_owned(), check(&company.daemon, LATE, &mut places));
    let canary = Search::of(&company.planted.canary);
    wait_for("mail of a control that fails", || {
        company.mail.taken().iter().any(|(_, mail)| !canary.find(mail.as_bytes()).is_empty()).then_some(())
    });
    keep_answers(&company.daemon, "while all is well", &[&READING[..], &READING_ALL[2..]].concat(), &mut places);
    of_pages(&company, &mut places, "at the end");
    company.daemon.kill();
    // What a process was told is gone with it.
    for peer in [&company.web, &company.aws, &company.idp, &company.hooks, &company.proxy] {
        peer.forget();
    }
    company.daemon.start();
    company.daemon.ask(&["check", "bearer"]);
    assert_eq!(company.daemon.terminate().code(), Some(0));
    say("the daemon is gone");
    keep_answers(&company.daemon, "without a daemon", &[&READING[..], &READING_ALL].concat(), &mut places);

    keep_ledger(&company.daemon, &mut places);
    let daemon = &company.daemon;
    let is_of_its_own = [daemon.path("secrets"), daemon.path("state/key"), daemon.path("certificates")];
    for (path, bytes) in files(&daemon.path(""), &|path| is_of_its_own.iter().any(|own| path.starts_with(own))) {
        let name = path.strip_prefix(daemon.path("")).unwrap().display().to_string();
        let kind = match name.split('/').next().unwrap_or_default() {
            "state" => "file of the state",
            name if name.starts_with("report-") => "report",
            name if name.ends_with(".log") => "log",
            _ => "other file",
        };
        places.add(kind, name, bytes);
    }
    for (path, bytes) in files(&company.mail.spool(), &|_| false) {
        places.add("mail", path.display().to_string(), bytes);
    }
    for (path, body) in company.hooks.bodies() {
        // The key of a pager is its login, and has its place in the body.
        let body = body.replace(company.planted.text("PagerDuty key"), "");
        places.add("webhook", path.chars().take(8).collect::<String>(), body);
    }

    tell(&company, &places);
    let memories = memories(&company, &results);
    assert!(memories.is_empty(), "{memories:#?}");
    let parts = places.0.get("part").into_iter().flatten().map(|(_, bytes)| String::from_utf8_lossy(bytes));
    let parts: String = parts.collect::<Vec<_>>().join("\n");
    let arrived = arrived(&company, &parts);
    let missing: Vec<_> = arrived.iter().filter(|(_, is_there)| !**is_there).map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "never used: {missing:?}");
    let unknown: Vec<_> = company.planted.secrets.iter().map(|secret| secret.name.as_str()).collect();
    let unknown: Vec<_> = unknown
        .into_iter()
        .filter(|name| !arrived.contains_key(name) && !name.starts_with("configuration: "))
        .collect();
    assert!(unknown.is_empty(), "planted, and nobody knows whether it was used: {unknown:?}");
    assert!(arrived.len() >= 20);

    // What is no secret is where a secret would have been: the search works.
    let canary = places.find(&Search::of(&company.planted.canary));
    let told: BTreeSet<_> = canary.keys().map(|(_, kind)| *kind).collect();
    say(&format!("what is no secret was found in: {told:?}"));
    for kind in ["part", "mail", "log", "command"] {
        assert!(told.contains(kind), "the canary is not in a {kind}: {told:?}");
    }
    let found = places.find(&Search::new(&company.planted));
    assert!(found.is_empty(), "{found:#?}");
}

/// No plugin had a secret in its memory, and each had what is none, in every spelling: where that is not so.
fn memories(company: &Company, results: &BTreeMap<String, serde_json::Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    for control in &company.controls {
        let told = results[control]["words"].as_str().unwrap_or_default();
        let nothing = "in memory planted: 0 spelled, 0 hexadecimal, 0 0 0 base64; canary: ";
        let counts = told.split(nothing).nth(1).unwrap_or_default().split([' ', ',']);
        let counts: Vec<u64> = counts.filter_map(|count| count.parse().ok()).collect();
        // Those who were shown it by a server of the web.
        let is_echo = results[control].to_string().contains("x-echo-0");
        if counts.len() != 5 || (is_echo && counts.contains(&0)) {
            wrong.push(format!("{control}: {told}"));
        }
    }
    wrong
}

/// The table: where each secret was found, of how many places.
fn tell(company: &Company, places: &Places) {
    let found = places.find(&Search::new(&company.planted));
    let mut table = String::new();
    for (kind, places) in &places.0 {
        let bytes: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
        let _ = writeln!(table, "searched: {:>6} of the kind {kind}, {bytes} bytes", places.len());
    }
    let names = company.planted.secrets.iter().map(|secret| secret.name.as_str()).chain(["(marker)"]);
    for name in names {
        let hits: Vec<_> = found.iter().filter(|((secret, _), _)| secret == name).collect();
        let _ = writeln!(table, "{name:<40} {} hits", hits.iter().map(|(_, places)| places.len()).sum::<usize>());
        for ((_, kind), places) in hits {
            let _ = writeln!(table, "    {kind}: {:?}", &places[..places.len().min(4)]);
        }
    }
    say(&table);
}
