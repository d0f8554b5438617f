//! Which plugins run: locks, signatures, a real registry, and updates while the daemon runs. The server of tokens is a small
//! scripted peer that speaks the shapes of the distribution specification; Debian's docker-registry is the real one.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    thread,
};

use evidenced::domain::Digest;
use evidenced_tests::{
    daemon::{Answer, Daemon, wait_for},
    fixture,
    targets::{DockerRegistry, REGISTRY_PASSWORD, REGISTRY_USER},
};
use serde_json::Value;

use crate::inputs::{certificates, check};

/// No build of `noop` does this.
const NEVER: &str = "now = \"2026-03-02T06:00:00.000Z\"\n[expect]\ntext = \"\"\"\nnothing was found\npopulation: 1 by nothing\n\
                     fail nothing: nothing was done\n\"\"\"\n";
/// Every one does this.
const ALWAYS: &str = "now = \"2026-03-02T06:00:00.000Z\"\n[expect]\ntext = \"\"\"\nnothing was done\npopulation: 1 by nothing\n\
                      pass nothing: nothing was done\n\"\"\"\n";

/// The plugin `noop` with a section of no meaning behind it: another build, which does the same.
fn build(number: u8) -> Vec<u8> {
    let mut bytes = fs::read(fixture("noop")).unwrap();
    bytes.extend_from_slice(&[0, 3, 1, b'n', number]);
    bytes
}

fn digest(number: u8) -> String {
    Digest::of(&build(number)).to_string()
}

/// A daemon with two plugins of its own, `noop` and `other`, of build 1, and a control for each.
fn world(plugins: &str) -> Daemon {
    let daemon = Daemon::new();
    fs::create_dir(daemon.path("plugins")).unwrap();
    for name in ["noop", "other"] {
        fs::write(daemon.path(&format!("plugins/{name}.wasm")), build(1)).unwrap();
    }
    configure(&daemon, plugins);
    daemon
}

fn configure(daemon: &Daemon, plugins: &str) {
    let control = |id: &str, plugin: &str| {
        format!(
            "[[control]]\nid = \"{id}\"\ntitle = \"{id}\"\nfamily = \"security\"\nowner = \"platform\"\nseverity = \"low\"\n\
             plugin = \"{plugin}\"\nconfig = {{}}\nschedule = \"0 4 1 1 *\"\n"
        )
    };
    let text = [
        "organization = \"Example AI\"\ninstance = \"test\"\ntimezone = \"UTC\"\nstate_dir = \"state\"\n\
         socket = \"evidenced.sock\"\nplugin_dirs = [\"plugins\"]\nfree_space_floor = \"1MiB\"\nmonitoring.enabled = false\n",
        plugins,
        "[mail]\ntransport = \"directory\"\ndirectory = \"mail\"\nfrom = \"evidenced@example.com\"\n[alerts]\ngroup = \"0s\"\n\
         [[recipient]]\nid = \"all\"\nemail = [\"all@example.com\"]\nfamilies = [\"*\"]\nseverity = \"low\"\n",
        &control("NOOP", "noop"),
        &control("OTHER", "other"),
    ];
    daemon.write("evidenced.toml", &text.concat());
}

/// A new build outside of the daemon's folders, with one recorded case.
fn new_build(daemon: &Daemon, number: u8, case: &str) -> PathBuf {
    let folder = daemon.path(&format!("build-{number}"));
    fs::create_dir_all(folder.join("noop.cases")).unwrap();
    fs::write(folder.join("noop.wasm"), build(number)).unwrap();
    fs::write(folder.join("noop.cases/nothing.toml"), case).unwrap();
    folder.join("noop.wasm")
}

fn plugin(daemon: &Daemon, words: &[&str]) -> Answer {
    daemon.ask(&[&["plugin"], words].concat())
}

fn mails(daemon: &Daemon, words: &str) -> Vec<String> {
    let entries = fs::read_dir(daemon.path("mail")).into_iter().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
    texts.map(|text| text.replace("=\r\n", "").replace("\r\n ", " ")).filter(|text| text.contains(words)).collect()
}

/// The digests of the plugins of all runs, oldest first.
fn digests(daemon: &Daemon, control: &str) -> Vec<String> {
    let plugin = |line: &Value| line["plugin"]["digest"].as_str().map(str::to_owned);
    daemon.results(control).iter().filter_map(plugin).collect()
}

#[track_caller]
fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn what_differs_from_the_lock_does_not_run_both_digests_are_told_and_the_others_run() {
    let mut daemon = world("");
    let changes = plugin(&daemon, &["lock"]).done();
    let changes: Vec<_> = changes.iter().map(|line| line["change"].as_str().unwrap().to_owned()).collect();
    let one = digest(1);
    assert_eq!(changes, [format!("+ noop 0.1.0 {one} (not signed)"), format!("+ other 0.1.0 {one} (not signed)")]);
    assert_eq!(plugin(&daemon, &["lock", "--check"]).code(), 0);
    daemon.ask(&["check-config"]).done();

    let (lock, wrong) = (fs::read_to_string(daemon.path("plugins.lock")).unwrap(), digest(2));
    daemon.write("plugins.lock", &lock.replacen(&one, &wrong, 1));
    let told = daemon.ask(&["check-config"]);
    assert_eq!(told.code(), 2, "{told:?}");
    let fault = told.lines.iter().find(|line| line["code"] == "plugin-changed").unwrap();
    assert_has(&fault.to_string(), &[&one, &wrong, "NOOP cannot be tested", "plugins.lock"]);
    let text = fs::read_to_string(daemon.path("evidenced.toml")).unwrap();
    let line = text.lines().position(|line| line == "plugin = \"noop\"").unwrap() + 1;
    assert_eq!(fault["line"], line as u64, "{fault}");

    daemon.start();
    let found = check(&daemon, "NOOP");
    assert_eq!((&found["outcome"], &found["reason"]), (&"error".into(), &"plugin-changed".into()), "{found}");
    assert_has(found["words"].as_str().unwrap(), &[&one, &wrong]);
    assert_eq!(check(&daemon, "OTHER")["outcome"], "pass");
    let doctor = daemon.ask(&["doctor"]);
    let bad = doctor.lines.iter().find(|line| line["level"] == "bad" && line["about"] == "noop").unwrap();
    assert_has(bad["found"].as_str().unwrap(), &[&one, &wrong]);

    // Locked anew, it runs.
    let changes = plugin(&daemon, &["lock"]).done();
    assert_has(changes[0]["change"].as_str().unwrap(), &["~ noop", &format!("{wrong} (not signed) -> 0.1.0 {one}")]);
    daemon.signal("HUP");
    wait_for("a run that passes", || (check(&daemon, "NOOP")["outcome"] == "pass").then_some(()));
    // And a lock that names what is nowhere stops it at once, though the plugin did not change.
    daemon.write("plugins.lock", &lock.replacen(&one, &wrong, 1));
    daemon.signal("HUP");
    wait_for("a run that is an error", || (check(&daemon, "NOOP")["outcome"] == "error").then_some(()));
    assert_eq!(check(&daemon, "OTHER")["outcome"], "pass");
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn only_plugins_that_a_trusted_key_signed_run() {
    let daemon = world("");
    let key = |name: &str| daemon.path(name).display().to_string();
    let (ops, stranger) = (key("ops.key"), key("stranger.key"));
    let made = plugin(&daemon, &["keygen", &ops, "--name", "ops@example.com"]).done();
    let signer = made[0]["signer"].as_str().unwrap().to_owned();
    plugin(&daemon, &["keygen", &stranger, "--name", "ops@example.com"]).done();
    let secret = fs::read_to_string(&ops).unwrap();
    assert_eq!(fs::metadata(&ops).unwrap().permissions().mode() & 0o777, 0o600);
    configure(&daemon, &format!("plugins.signers = [{signer:?}]\n"));

    // `other` is a copy of `noop`: it can be signed as that, and as nothing else.
    let (noop, other) = (key("plugins/noop.wasm"), key("plugins/other.wasm"));
    let refused = plugin(&daemon, &["lock"]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert_has(&refused.stderr, &["`noop`", "`other`", "it is not signed; it must be signed by ops@example.com"]);
    assert!(!daemon.path("plugins.lock").exists());
    plugin(&daemon, &["sign", &noop, "--key", &stranger]).done();
    let unknown = daemon.ask(&["check-config"]);
    assert_eq!(unknown.code(), 2);
    let fault = unknown.lines.iter().find(|line| line["code"] == "plugin-unsigned").unwrap();
    assert_has(&fault.to_string(), &["by no key that is trusted", &digest(1)]);
    let found = check(&daemon, "NOOP");
    assert_eq!((&found["outcome"], &found["reason"]), (&"error".into(), &"plugin-unsigned".into()), "{found}");
    assert_eq!(plugin(&daemon, &["verify", &noop, "--key", &(ops.clone() + ".pub")]).code(), 1);

    plugin(&daemon, &["sign", &noop, "--key", &ops]).done();
    plugin(&daemon, &["verify", &noop, "--key", &signer]).done();
    assert_eq!(check(&daemon, "NOOP")["outcome"], "pass");
    fs::copy(noop.clone() + ".sig", other.clone() + ".sig").unwrap();
    let found = check(&daemon, "OTHER");
    assert_has(found["words"].as_str().unwrap(), &["it is signed as the plugin `noop`"]);
    // The signature of one build is none of another.
    fs::write(&noop, build(2)).unwrap();
    let of_another = plugin(&daemon, &["verify", &noop, "--key", &signer]);
    assert_eq!(of_another.code(), 1);
    assert_has(of_another.lines[0]["state"].as_str().unwrap(), &["of another file", &digest(1)]);

    // A key that others may read signs nothing, and nothing tells what it is.
    fs::set_permissions(&ops, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = plugin(&daemon, &["sign", &noop, "--key", &ops]);
    assert_eq!(refused.code(), 3);
    assert_has(&refused.stderr, &["others may read the private key"]);
    assert!(!refused.stderr.contains(secret.trim()) && !refused.stderr.contains("PRIVATE+KEY"));
}

#[test]
fn an_update_is_taken_up_between_runs_and_a_bad_one_leaves_the_old_plugin_in_use() {
    let mut daemon = world("");
    plugin(&daemon, &["lock"]).done();
    daemon.start();
    assert_eq!(check(&daemon, "NOOP")["outcome"], "pass");
    let two = new_build(&daemon, 2, ALWAYS).display().to_string();
    let told = plugin(&daemon, &["update", "noop", &two]).done();
    let (one, second) = (digest(1), digest(2));
    assert_eq!((&told[0]["digest"], &told[0]["before"]), (&second.clone().into(), &one.clone().into()), "{told:?}");
    assert_eq!((&told[0]["daemon"]["taken_up"], &told[0]["cases"]), (&true.into(), &1.into()), "{told:?}");
    assert_eq!(check(&daemon, "NOOP")["outcome"], "pass");
    // The ledger says which one made each result.
    assert_eq!(digests(&daemon, "NOOP"), [one, second.clone()]);

    // What fails its own cases is not put in place.
    let three = new_build(&daemon, 3, NEVER);
    let refused = plugin(&daemon, &["update", "noop", &three.display().to_string()]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert_has(&refused.stderr, &["1 of 1 recorded cases", "nothing was changed", &digest(3)]);
    // Nor does the daemon take it, when somebody puts it there by hand.
    let lock = fs::read_to_string(daemon.path("plugins.lock")).unwrap();
    fs::copy(&three, daemon.path("plugins/noop.wasm")).unwrap();
    fs::create_dir(daemon.path("plugins/noop.cases")).unwrap();
    fs::write(daemon.path("plugins/noop.cases/nothing.toml"), NEVER).unwrap();
    daemon.write("plugins.lock", &lock.replace(&second, &digest(3)));
    daemon.signal("HUP");
    let letter = wait_for("the mail", || mails(&daemon, "PLUGIN REFUSED noop").pop());
    assert_has(&letter, &[&second, &digest(3), "recorded cases"]);
    assert_eq!(check(&daemon, "NOOP")["outcome"], "pass");
    assert_eq!(digests(&daemon, "NOOP").last(), Some(&second));
    let doctor = daemon.ask(&["doctor"]);
    let bad = doctor.lines.iter().find(|line| line["level"] == "bad" && line["about"] == "noop").unwrap();
    assert_has(bad["found"].as_str().unwrap(), &[&second, "a newer file was refused"]);
    // It is told once. The command's reload is one that is waited for.
    let same = new_build(&daemon, 2, ALWAYS);
    let again = plugin(&daemon, &["update", "other", &same.display().to_string()]).done();
    assert_eq!(again[0]["daemon"]["taken_up"], true, "{again:?}");
    assert_eq!(mails(&daemon, "PLUGIN REFUSED noop").len(), 1);

    // After a restart there is no old one to go on with, and the words say so.
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.start();
    let found = check(&daemon, "NOOP");
    assert_eq!((&found["outcome"], &found["reason"]), (&"error".into(), &"cases-failed".into()), "{found}");
    assert_has(found["words"].as_str().unwrap(), &["was refused while the one before went on", &digest(3)]);
    assert_eq!(check(&daemon, "OTHER")["outcome"], "pass");
    // With a case that is right it is a plugin like any other.
    fs::write(daemon.path("plugins/noop.cases/nothing.toml"), ALWAYS).unwrap();
    daemon.signal("HUP");
    wait_for("a run that passes", || (check(&daemon, "NOOP")["outcome"] == "pass").then_some(()));
    assert_eq!(digests(&daemon, "NOOP").last(), Some(&digest(3)));
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
    daemon.ask(&["replay", "--all"]).done();
}

#[test]
fn a_tag_that_moved_in_the_registry_is_refused_with_both_digests() {
    let registry = DockerRegistry::start();
    let daemon = world("");
    let ops = daemon.path("ops.key").display().to_string();
    plugin(&daemon, &["keygen", &ops, "--name", "ops"]).done();
    let push = |number: u8| {
        let file = new_build(&daemon, number, ALWAYS).display().to_string();
        plugin(&daemon, &["sign", &file, "--key", &ops]).done();
        let to = format!("127.0.0.1:{}/checks/noop:1.0", registry.port());
        let pushed = plugin(&daemon, &["push", &file, &to, "--plain-http"]).done().remove(0);
        assert_eq!((&pushed["signed"], &pushed["cases"]), (&true.into(), &1.into()), "{pushed}");
        pushed["digest"].as_str().unwrap().to_owned()
    };
    let tag = format!("127.0.0.1:{}/checks/noop:1.0", registry.port());
    let pull = |reference: &str, to: &str| {
        let to = daemon.path(to);
        fs::create_dir_all(&to).unwrap();
        plugin(&daemon, &["pull", reference, "--to", &to.display().to_string(), "--plain-http"])
    };
    let first = push(1);
    assert_eq!(push(1), first, "the same plugin has the same digest");
    let by_digest = format!("127.0.0.1:{}/checks/noop@{first}", registry.port());
    pull(&by_digest, "a").done();
    assert_eq!(fs::read(daemon.path("a/noop.wasm")).unwrap(), build(1));
    assert_eq!(fs::read_to_string(daemon.path("a/noop.cases/nothing.toml")).unwrap(), ALWAYS);
    let pulled = daemon.path("a/noop.wasm").display().to_string();
    plugin(&daemon, &["verify", &pulled, "--key", &(ops.clone() + ".pub")]).done();

    // A tag alone pins nothing: the lock does.
    let unpinned = pull(&tag, "b");
    assert_eq!(unpinned.code(), 1, "{unpinned:?}");
    assert_has(&unpinned.stderr, &[&first, "may be another plugin tomorrow"]);
    plugin(&daemon, &["lock"]).done();
    pull(&tag, "b").done();

    // Somebody moves the tag.
    let second = push(2);
    assert_ne!(first, second);
    let moved = pull(&tag, "c");
    assert_eq!(moved.code(), 1, "{moved:?}");
    assert_has(&moved.stderr, &[&digest(1), &digest(2), "`1.0`"]);
    let moved = pull(&format!("{tag}@{first}"), "c");
    assert_eq!(moved.code(), 1, "{moved:?}");
    assert_has(&moved.stderr, &[&first, &second, "`1.0`"]);
    assert!(!daemon.path("c/noop.wasm").exists());
    pull(&by_digest, "c").done();
    assert_eq!(fs::read(daemon.path("c/noop.wasm")).unwrap(), build(1));
    let gone = pull(&by_digest.replace(&first, &digest(9)), "c");
    assert_eq!(gone.code(), 3);
    assert_has(&gone.stderr, &["does not have the manifest"]);

    // An update from the registry pins what it takes.
    let by_tag = plugin(&daemon, &["update", "noop", &tag, "--plain-http"]);
    assert_eq!(by_tag.code(), 1, "{by_tag:?}");
    let from = format!("{tag}@{second}");
    let told = plugin(&daemon, &["update", "noop", &from, "--plain-http"]).done();
    assert_eq!((&told[0]["digest"], &told[0]["daemon"]), (&digest(2).into(), &Value::Null), "{told:?}");
    assert_has(&fs::read_to_string(daemon.path("plugins.lock")).unwrap(), &[&digest(2)]);
    assert_eq!(check(&daemon, "NOOP")["outcome"], "pass");
    assert_eq!(digests(&daemon, "NOOP"), [digest(2)]);
    // In clear only on this machine.
    let away = pull(&format!("registry.example.com/checks/noop@{first}"), "c");
    assert_has(&away.stderr, &["this machine alone"]);
    assert_eq!(away.code(), 3);
}

#[test]
fn a_registry_with_tls_and_a_login_is_reached_and_no_password_is_told() {
    let place = tempfile::tempdir().unwrap();
    certificates(place.path());
    let registry = DockerRegistry::start_with_login(place.path());
    let daemon = world("");
    let file = |name: &str| daemon.path(name).display().to_string();
    let (to, ca) = (format!("localhost:{}/noop:1", registry.port()), place.path().join("ca.pem").display().to_string());
    let noop = file("plugins/noop.wasm");
    fs::write(file("password"), format!("{REGISTRY_PASSWORD}\n")).unwrap();
    fs::write(file("wrong"), "letmein0\n").unwrap();
    let push = |more: &[&str]| {
        let answer = plugin(&daemon, &[&["push", &noop, &to][..], more].concat());
        assert!(!format!("{answer:?}").contains(REGISTRY_PASSWORD), "{answer:?}");
        answer
    };
    let untrusted = push(&[]);
    assert_eq!(untrusted.code(), 3);
    assert_has(&untrusted.stderr, &["no trusted TLS"]);
    let anonymous = push(&["--ca", &ca]);
    assert_has(&anonymous.stderr, &["wants a login"]);
    let wrong = push(&["--ca", &ca, "--username", REGISTRY_USER, "--password-file", &file("wrong")]);
    assert_has(&wrong.stderr, &["refuses the login"]);
    assert!(!wrong.stderr.contains("letmein0"));
    let login = ["--ca", &ca, "--username", REGISTRY_USER, "--password-file", &file("password")];
    let pushed = push(&login).done().remove(0);

    // As docker keeps it: base64 of USER:PASSWORD.
    let auth = "b3BzOmh1bnRlcjI=";
    fs::write(
        file("config.json"),
        format!("{{\"auths\":{{\"localhost:{}\":{{\"auth\":\"{auth}\"}}}}}}", registry.port()),
    )
    .unwrap();
    let reference = pushed["reference"].as_str().unwrap();
    fs::create_dir(file("pulled")).unwrap();
    let words = ["pull", reference, "--to", &file("pulled"), "--ca", &ca, "--credentials", &file("config.json")];
    let pulled = plugin(&daemon, &words);
    assert!(!format!("{pulled:?}").contains(auth));
    pulled.done();
    assert_eq!(fs::read(file("pulled/noop.wasm")).unwrap(), build(1));
}

/// One answer a connection, in order; what was asked.
fn peer(answers: impl FnOnce(u16) -> Vec<String>) -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = answers(port);
    let serving = thread::spawn(move || {
        answers
            .into_iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let asked: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                stream.write_all(answer.as_bytes()).unwrap();
                asked.join("\n")
            })
            .collect()
    });
    (port, serving)
}

#[test]
fn a_token_is_got_for_the_login_and_the_registry_is_given_the_token_alone() {
    let (port, serving) = peer(|port| {
        let answer = |head: &str, body: &str| {
            format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        };
        let challenge = format!(
            "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"registry.test\",\
             scope=\"repository:noop:pull\""
        );
        vec![
            answer(&challenge, "{}"),
            answer("200 OK", "{\"token\":\"t0ken-hunter2\",\"expires_in\":300}"),
            answer("404 Not Found", "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"t0ken-hunter2\"}]}"),
        ]
    });
    let daemon = world("");
    fs::write(daemon.path("password"), "pass-hunter2").unwrap();
    let reference = format!("127.0.0.1:{port}/noop@{}", digest(1));
    let password = daemon.path("password").display().to_string();
    let words = ["pull", &reference, "--plain-http", "--username", "ops", "--password-file", &password];
    let answer = plugin(&daemon, &words);
    assert_eq!(answer.code(), 3, "{answer:?}");
    assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
    let asked = serving.join().unwrap();
    assert!(!asked[0].to_lowercase().contains("authorization"), "{asked:?}");
    assert_has(&asked[1], &["GET /token?service=registry.test&scope=repository%3Anoop%3Apull "]);
    assert_has(&asked[1].to_lowercase(), &["authorization: basic"]);
    assert_has(&asked[2].to_lowercase(), &["authorization: bearer t0ken-hunter2", "get /v2/noop/manifests/sha256:"]);
}
