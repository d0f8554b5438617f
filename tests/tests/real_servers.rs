//! The main path against real servers: an AWS-compatible IAM that checks signatures, an inference server with a real
//! model, an SMTP server with STARTTLS and a login. A control fails, the mail arrives; it recovers, and the mail of
//! that is in the same thread and says how long it failed.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    plugin,
    targets::{Target, python, script, succeed},
};
use serde_json::Value;

use crate::smtp::{Server, header, header_of};

/// An IAM whose user `bob` has a key that is 120 days old.
struct Iam {
    target: Target,
    place: tempfile::TempDir,
}

impl Iam {
    fn start() -> Self {
        let python = python("moto", &["moto[server]==5.2.5", "boto3"]);
        let place = tempfile::tempdir().unwrap();
        let target = Target::start(Command::new(python).arg(script("moto_target.py")).arg(place.path()));
        Self { target, place }
    }

    fn key(&self, user: &str) -> (String, String) {
        let keys: Value =
            serde_json::from_str(&fs::read_to_string(self.place.path().join("keys.json")).unwrap()).unwrap();
        let text = |name: &str| keys[user][name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// An administrator deactivates the key of a user.
    fn deactivate(&self, user: &str) {
        let wish = self.place.path().join("deactivate");
        fs::write(self.place.path().join("wish"), user).unwrap();
        fs::rename(self.place.path().join("wish"), &wish).unwrap();
        wait_for("the key to be deactivated", || (!wish.exists()).then_some(()));
    }
}

/// What SEC-01 is asked of the IAM, with a credential that is read from a file of the folder.
fn rotation(iam: &Iam) -> String {
    plugin("key-rotation");
    let url = format!("http://127.0.0.1:{}", iam.target.port);
    format!(
        r#"
[[credential]]
id     = "aws-audit"
kind   = "aws-sigv4"
secret = {{ file = "aws-audit" }}

[[source]]
id         = "iam"
urls       = ["{url}"]
methods    = ["POST"]
credential = "aws-audit"
region     = "us-east-1"
service    = "iam"
addresses  = ["127.0.0.0/8"]

[[control]]
id       = "SEC-01"
title    = "Access keys are rotated at least every 90 days"
family   = "security"
criteria = ["CC6.1", "CC6.2"]
owner    = "platform"
severity = "high"
plugin   = "key-rotation"
every    = "1d"
config   = {{ endpoint = "{url}", max_age_days = 90 }}
sources  = ["iam"]
"#
    )
}

/// A mail of the thread that arrived, with its line breaks of transport undone.
fn arrived(mail: &Server, words: &str) -> String {
    let message = wait_for(words, || mail.mail(words));
    message.replace("=\r\n", "").replace("=\n", "")
}

#[track_caller]
fn assert_is_answer_to(answer: &str, first: &str) {
    let id = header(first, "Message-ID");
    assert_eq!(header(answer, "In-Reply-To"), id);
    assert_eq!(header(answer, "References"), id);
    assert_eq!(header_of(first, "In-Reply-To"), None);
}

/// What `check` finds, and its exit status.
#[track_caller]
fn check(daemon: &Daemon, control: &str) -> (i32, Value) {
    let mut answer = daemon.ask(&["check", control]);
    assert_eq!(answer.lines.len(), 1, "{answer:?}");
    (answer.code(), answer.lines.remove(0))
}

#[test]
fn an_old_key_in_a_real_iam_is_found_told_and_told_again_when_it_is_gone() {
    let (iam, mail) = (Iam::start(), Server::start("starttls"));
    let mut daemon = Daemon::new();
    let (id, secret) = iam.key("evidenced");
    daemon.write("aws-audit", &format!("{id}:{secret}"));
    // Its end is told when it comes, however short it was.
    daemon.configure(&(mail.tables() + "[alerts]\ngroup = \"0s\"\n" + &rotation(&iam)));
    // The server makes a stranger wait, as many do.
    mail.mode("greylist");
    daemon.start();

    let (code, found) = check(&daemon, "SEC-01");
    assert_eq!((code, &found["outcome"], &found["population"]), (1, &"fail".into(), &5.into()), "{found}");
    let findings = found["findings"].as_array().unwrap();
    let failing: Vec<_> = findings.iter().filter(|finding| finding[1] == "fail").collect();
    let (bob, _) = iam.key("bob");
    assert_eq!(failing.len(), 1, "{found}");
    assert_eq!(failing[0][0], bob.as_str(), "{found}");
    let failed = arrived(&mail, "ALREADY FAILING SEC-01");
    assert!(failed.contains(&bob) && failed.contains("120 days"), "{failed}");

    // A secret that is wrong, and then a user who may not look: neither is an answer.
    for (id, secret) in [(id.clone(), "x".repeat(40)), iam.key("guest")] {
        daemon.write("aws-audit", &format!("{id}:{secret}"));
        let (code, found) = check(&daemon, "SEC-01");
        assert_eq!((code, &found["outcome"], &found["reason"]), (3, &"error".into(), &"denied".into()), "{found}");
        assert!(!found.to_string().contains(&secret), "the secret is in what was found");
    }
    assert_eq!(daemon.state_of("SEC-01"), "failing");

    daemon.write("aws-audit", &format!("{id}:{secret}"));
    iam.deactivate("bob");
    let (code, found) = check(&daemon, "SEC-01");
    assert_eq!((code, &found["outcome"]), (0, &"pass".into()), "{found}");
    let recovered = arrived(&mail, "RECOVERED SEC-01");
    assert!(recovered.contains("It failed for"), "{recovered}");
    assert_is_answer_to(&recovered, &failed);

    let exceptions = daemon.exceptions();
    assert_eq!(exceptions.len(), 1, "{exceptions:?}");
    assert_eq!(exceptions[0]["state"], "recovered");
    let id = exceptions[0]["id"].as_str().unwrap();
    let unanswered = daemon.ask(&["exceptions", "close", id, "--root-cause", "nobody rotated it"]);
    assert_eq!(unanswered.code(), 2, "{unanswered:?}");
    assert!(unanswered.stderr.contains("root cause and the response"), "{unanswered:?}");
    let answers = ["--root-cause", "nobody rotated it", "--response", "it is rotated by a job now"];
    let closed = daemon.ask(&[&["exceptions", "close", id][..], &answers].concat()).done();
    assert!(closed[0]["proposal"].is_u64(), "{closed:?}");
    // It is closed when somebody else approves.
    assert_eq!(daemon.exceptions()[0]["state"], "recovered");
    assert_eq!(daemon.status()["proposals"], 1);
    assert_eq!(daemon.exceptions()[0]["notes"].as_array().unwrap().len(), 2);
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
    daemon.ask(&["replay", "--all"]).done();
}

/// MLServer with scikit-learn's iris model.
struct Inference {
    port: u16,
    program: PathBuf,
    place: tempfile::TempDir,
    child: Option<Child>,
}

impl Inference {
    fn start() -> Self {
        let python = python("mlserver", &["mlserver==1.7.1", "mlserver-sklearn==1.7.1"]);
        let place = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut make = Command::new(&python);
        make.arg(script("mlserver_target.py")).arg(place.path()).arg(port.to_string());
        succeed(&mut make, "look at its message");
        let mut server = Self { port, program: python.with_file_name("mlserver"), place, child: None };
        server.up();
        server
    }

    fn up(&mut self) {
        let log = fs::File::create(self.place.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("start").arg(self.place.path()).current_dir(self.place.path()).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.child = Some(child);
        wait_for("the inference server", || self.is_ready().then_some(()));
    }

    /// Its own word for it: the models are loaded.
    fn is_ready(&self) -> bool {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let request = "GET /v2/models/iris/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        asked.is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Inference {
    fn drop(&mut self) {
        self.down();
    }
}

fn uptime(inference: &Inference) -> String {
    plugin("inference-uptime");
    let url = format!("http://127.0.0.1:{}", inference.port);
    format!(
        r#"
[[source]]
id        = "inference"
urls      = ["{url}"]
methods   = ["POST"]
addresses = ["127.0.0.0/8"]

[[control]]
id            = "AVL-01"
title         = "Inference answers a real request"
family        = "availability"
criteria      = ["CC7.2", "A1.1"]
owner         = "serving"
severity      = "critical"
plugin        = "inference-uptime"
every         = "1s"
confirmations = 2
sources       = ["inference"]

[control.config]
endpoint = "{url}"
model    = "iris"
version  = "v1.2.0"
golden   = [{{ inputs = [{{ name = "predict", shape = [3, 4], datatype = "FP64", data = [5.1, 3.5, 1.4, 0.2, 7.0, 3.2, 4.7, 1.4, 6.3, 3.3, 6.0, 2.5] }}], outputs = [{{ name = "predict", data = [0, 1, 2] }}] }}]
"#
    )
}

#[test]
fn a_real_inference_server_that_goes_down_is_told_although_the_mail_server_is_down_too() {
    let (mut inference, mut mail) = (Inference::start(), Server::start("starttls"));
    let mut daemon = Daemon::new();
    daemon.configure(&(mail.tables() + &uptime(&inference)));
    daemon.start();
    wait_for("a test that passes", || (daemon.state_of("AVL-01") == "passing").then_some(()));
    assert_eq!(check(&daemon, "AVL-01").1["outcome"], "pass");

    mail.down();
    inference.down();
    let went_down = Instant::now();
    wait_for("the exception", || (daemon.state_of("AVL-01") == "failing").then_some(()));
    let exceptions = daemon.exceptions();
    assert_eq!((exceptions.len(), &exceptions[0]["state"]), (1, &"open".into()), "{exceptions:?}");
    // Two failing tests in a row were needed; both count, and the first is when it began.
    let failing: Vec<_> = daemon.results("AVL-01").into_iter().filter(|line| line["outcome"] == "fail").collect();
    assert!(failing.len() >= 2, "{failing:?}");
    assert_eq!(exceptions[0]["first_slot"], failing[0]["slot"]);
    assert!(daemon.status()["mails_waiting"].as_u64().unwrap() >= 1);

    inference.up();
    wait_for("it to recover", || (daemon.state_of("AVL-01") == "passing").then_some(()));
    let failed_for = went_down.elapsed();
    assert_eq!(mail.taken().len(), 0);
    // A server that is up again, and first does not take what it is given.
    mail.mode("temp-data");
    mail.up();
    wait_for("a try", || mail.commands().iter().any(|command| command == "DATA").then_some(()));
    mail.mode("ok");
    let failed = arrived(&mail, "FAILED AVL-01");
    let recovered = arrived(&mail, "RECOVERED AVL-01");
    assert_is_answer_to(&recovered, &failed);
    let seconds = told_seconds(&recovered);
    assert!(seconds <= failed_for + Duration::from_secs(2), "{failed_for:?}: {recovered}");
    wait_for("all mails", || (daemon.status()["mails_waiting"] == 0).then_some(()));
    assert_eq!(daemon.exceptions()[0]["state"], "recovered");
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}

/// `It failed for 12 s`, `It failed for 1 min 5 s`.
#[track_caller]
fn told_seconds(message: &str) -> Duration {
    let told = message.split("It failed for ").nth(1).unwrap_or_else(|| panic!("no length in {message}"));
    let told = told.split(", ").next().unwrap();
    let words: Vec<_> = told.split_whitespace().collect();
    let seconds = words.chunks(2).map(|pair| match pair {
        [count, "s"] => count.parse::<u64>().unwrap(),
        [count, "min"] => count.parse::<u64>().unwrap() * 60,
        _ => panic!("an outage of some seconds is told as {told}"),
    });
    Duration::from_secs(seconds.sum())
}
