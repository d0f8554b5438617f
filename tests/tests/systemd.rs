//! The package on a Debian that systemd has booted: installed, configured, started, reloaded, stopped, purged.
//!
//! The first time it fetches a small Debian, which takes most of its time. Where no container can be booted it says so,
//! and why, at the end of `make test` too (`.config/nextest.toml`).

use std::{
    fs,
    io::Write as _,
    time::{Duration, Instant},
};

use evidenced_tests::{
    daemon::{self, PATIENCE},
    machine::Machine,
    package,
    plugins::{self, Layout},
};

use crate::smtp::{Server, header};

/// The unit may be so exposed by the measure of `systemd-analyze security`, in tenths.
const EXPOSURE_MAX: u32 = 15;

#[test]
fn the_package_is_installed_run_reloaded_stopped_and_purged() {
    let layout = Layout::of_this_checkout();
    let mut machine = match Machine::boot(&layout) {
        Ok(machine) => machine,
        Err(why) => return announce(&format!("the package was NOT tested in a booted Debian: {why:#}")),
    };
    plugins::build(&layout).unwrap();
    let package = package::build(&layout, daemon::binary()).unwrap();
    let mail = Server::start("starttls");
    let story = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        install(&mut machine, &package);
        configure(&mut machine, &mail);
        run(&mut machine, &mail);
        people(&mut machine);
        reload(&mut machine);
        restart(&mut machine);
        harden(&mut machine);
        remove(&mut machine);
    }));
    let file = layout.target.join("package/terminal.txt");
    fs::write(&file, machine.terminal()).unwrap();
    if let Err(panic) = story {
        announce(machine.terminal());
        std::panic::resume_unwind(panic);
    }
    announce(&format!("the package was tested in a booted Debian; what was typed there is in {}", file.display()));
}

/// Says it past the test runner, which keeps what tests that pass have printed to itself.
fn announce(words: &str) {
    std::io::stderr().write_all(format!("{words}\n").as_bytes()).unwrap();
}

fn install(machine: &mut Machine, package: &std::path::Path) {
    machine.remark("A fresh Debian: install the package.");
    machine.copy(package, "/root/evidenced.deb");
    let said = machine.run("dpkg --install /root/evidenced.deb").done();
    assert!(said.contains("installed and not started"), "{said}");
    assert_eq!(machine.run("systemctl is-active evidenced").text.trim(), "inactive");
    machine.run("evidenced --version").done();
    machine.run("ls -l /etc/evidenced /usr/lib/evidenced/plugins").done();
    machine.run("evidenced check-config").done();
}

fn configure(machine: &mut Machine, mail: &Server) {
    machine.remark("One control, a mail server, and its password as a credential.");
    let ca = fs::read_to_string(mail.place.path().join("ca/ca.pem")).unwrap();
    let password = fs::read_to_string(mail.place.path().join("password")).unwrap();
    machine.write("/etc/evidenced/ca.pem", &ca, 0o644);
    machine.write("/etc/evidenced/credentials/smtp-password", &password, 0o600);
    machine.write(
        "/srv/inventory/keys.json",
        r#"[{ "id": "AKIA0001", "owner": "ci", "active": true, "created": "2020-01-01T00:00:00Z", "last_used": null }]"#,
        0o644,
    );
    let port = mail.port;
    machine.write(
        "/etc/evidenced/evidenced.toml",
        &format!(
            r#"organization = "Example AI"
instance     = "prod"
timezone     = "Europe/Berlin"
socket       = "/run/evidenced/evidenced.sock"
free_space_floor = "1MiB"

[network]
ca = ["/etc/evidenced/ca.pem"]

[mail]
transport = "smtp"
server    = "127.0.0.1:{port}"
from      = "evidenced@example.com"
username  = "evidenced"
password  = {{ credential = "smtp-password" }}

[[recipient]]
id       = "compliance"
email    = ["compliance@example.com"]
families = ["*"]
severity = "low"
"#
        ),
        0o644,
    );
    machine.write(
        "/etc/evidenced/conf.d/controls.toml",
        r#"[[control]]
id       = "SEC-01"
title    = "Access keys are rotated at least every 90 days"
family   = "security"
owner    = "platform"
severity = "critical"
plugin   = "key-rotation"
every    = "5s"
config   = { max_age_days = 90 }

[[control.input]]
name = "inventory"
file = "/srv/inventory/keys.json"
"#,
        0o644,
    );
    machine.run("evidenced check-config").done();
}

fn run(machine: &mut Machine, mail: &Server) {
    machine.remark("Start it; a run on schedule, and a mail.");
    machine.run("time systemctl enable --now evidenced").done();
    wait_for(machine, "two runs", "evidenced results SEC-01 --json | grep -c '\"state\":\"run\"'", |text| {
        text.trim().parse::<u32>().is_ok_and(|runs| runs >= 2)
    });
    machine.run("systemctl status evidenced").done();
    machine.run("evidenced results SEC-01").done();
    let deadline = Instant::now() + PATIENCE;
    let letter = loop {
        if let Some(letter) = mail.mail("ALREADY FAILING SEC-01") {
            break letter;
        }
        assert!(Instant::now() < deadline, "no mail: {}", machine.run("journalctl -u evidenced").text);
    };
    machine.remark(&format!("At the mail server: {} (with STARTTLS and the login)", header(&letter, "Subject")));
    machine.remark("The daemon looks at itself, as its own user.");
    let seen = machine.run("evidenced doctor").done();
    assert!(seen.contains("takes the login and the sender; nothing was sent"), "{seen}");
    wait_for(machine, "how things stand", "systemctl show evidenced --property=StatusText", |text| {
        text.trim() == "StatusText=3 controls, 1 open exception"
    });
    machine.run("systemctl show evidenced --property=Type,StatusText,WatchdogUSec,User,DynamicUser").done();
    machine
        .run("ls -ld /var/lib/evidenced /var/lib/private/evidenced /run/evidenced /run/evidenced/evidenced.sock")
        .done();
}

/// A person of the group asks and writes; who they are is known, although the daemon's user is made up.
fn people(machine: &mut Machine) {
    machine.remark("Members of the group ask and answer; others may not.");
    machine.run("useradd --groups evidenced alice && useradd mallory").done();
    machine.run("runuser -u alice -- evidenced status").done();
    let refused = machine.run("runuser -u mallory -- evidenced status");
    assert_eq!(refused.code, 3, "{}", refused.text);
    let listed = machine.run_quietly("evidenced exceptions list --json").done();
    let listed: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap_or_default()).unwrap();
    let id = listed["id"].as_str().unwrap().to_owned();
    machine.run(&format!("runuser -u alice -- evidenced exceptions ack {id} 'rotating it today'")).done();
    let uid = machine.run_quietly("id -u alice").done();
    let shown = machine.run(&format!("runuser -u alice -- evidenced exceptions show {id}")).done();
    assert!(shown.contains(uid.trim()) || shown.contains("alice"), "{shown}");
    machine.remark("What one of them proposes, another approves; sudo hides nobody, and [access] names who may.");
    machine.run("useradd --groups evidenced bob && useradd --groups evidenced carol").done();
    machine.run("printf '[access]\\nresponders = [\"alice\"]\\napprovers  = [\"bob\"]\\n' > /etc/evidenced/conf.d/access.toml").done();
    machine.run("systemctl reload evidenced").done();
    let silence = "evidenced silence SEC-01 --for 48h --reason 'the keys are moved to the new account'";
    wait_for(machine, "the new rules", &format!("runuser -u carol -- {silence}"), |text| {
        text.contains("carol may not answer for what fails: `responders` in [access] does not name them")
    });
    let proposed = machine.run(&format!("runuser -u alice -- {silence}")).done();
    assert!(proposed.contains("evidenced approve 0"), "{proposed}");
    machine.run("runuser -u bob -- evidenced proposals").done();
    let own = machine.run("runuser -u alice -- evidenced approve 0 --reason 'I agree with myself'");
    assert_eq!(own.code, 2, "{}", own.text);
    machine.run("runuser -u bob -- evidenced approve 0 --reason 'agreed in the change meeting'").done();
    let listed = machine.run("runuser -u alice -- evidenced silence list").done();
    assert!(listed.contains("SEC-01") && listed.contains("alice"), "{listed}");
    let why = "--until 2099-06-30 --reason 'the key of a supplier that leaves in June'";
    machine.run(&format!("runuser -u alice -- evidenced exclude SEC-01 'AKIA*' {why}")).done();
    machine.run("runuser -u bob -- evidenced approve 1 --reason 'read the contract, it ends in June'").done();
    let listed = machine.run("runuser -u alice -- evidenced exclusions").done();
    assert!(listed.contains("by bob, wanted by alice"), "{listed}");
    machine.run("runuser -u alice -- evidenced exclude --end SEC-01 'AKIA*' --reason 'they have left'").done();
    machine.run("rm /etc/evidenced/conf.d/access.toml && systemctl reload evidenced").done();
}

fn reload(machine: &mut Machine) {
    machine.remark("A file that is written wrong: the reload fails and says why, the daemon goes on as before.");
    machine.run("sed -i 's/^every /evry  /' /etc/evidenced/conf.d/controls.toml").done();
    let refused = machine.run("systemctl reload evidenced");
    assert_ne!(refused.code, 0, "{}", refused.text);
    assert_eq!(machine.run("systemctl is-active evidenced").text.trim(), "active");
    let log = machine.run("journalctl -u evidenced --no-hostname -o cat -n 12").done();
    assert!(log.contains("evry") && log.contains("controls.toml:8"), "{log}");
    wait_for(machine, "the refusal", "systemctl show evidenced --property=StatusText", |text| text.contains("refused"));
    machine.run("systemctl show evidenced --property=StatusText").done();
    machine.run("sed -i 's/^evry  /every /' /etc/evidenced/conf.d/controls.toml").done();
    machine.run("systemctl reload evidenced").done();
    wait_for(machine, "the old words", "systemctl show evidenced --property=StatusText", |text| {
        !text.contains("refused")
    });
    machine.run("systemctl show evidenced --property=StatusText").done();
}

fn restart(machine: &mut Machine) {
    machine.remark("Stopped in under ten seconds; the view deleted and folded anew within the start limit.");
    let stopped = machine.run("time systemctl stop evidenced");
    assert!(stopped.took < Duration::from_secs(10), "{}", stopped.text);
    stopped.done();
    machine.run("rm -r /var/lib/evidenced/view && time systemctl start evidenced").done();
    machine.run("ls /var/lib/evidenced").done();
    machine.run("journalctl -u evidenced --no-hostname -o cat -n 3").done();
    machine.run("systemctl show evidenced --property=TimeoutStartUSec,NRestarts,Result").done();
    machine.run("systemctl kill --signal=KILL evidenced").done();
    let standing = "systemctl show evidenced --property=NRestarts,ActiveState";
    wait_for(machine, "the restart", standing, |text| text.contains("NRestarts=1") && text.contains("=active"));
    machine.run(standing).done();
    machine.run("evidenced verify --deep").done();
}

fn harden(machine: &mut Machine) {
    machine.remark("How far the unit is exposed.");
    let said = machine.run("systemd-analyze security evidenced.service | grep -v '^✓'").done();
    let measure = said.split("exposure level for evidenced.service: ").nth(1).unwrap_or_else(|| panic!("{said}"));
    let (whole, tenth) = measure.split_whitespace().next().and_then(|number| number.split_once('.')).unwrap();
    let exposure = whole.parse::<u32>().unwrap() * 10 + tenth.parse::<u32>().unwrap();
    assert!(exposure <= EXPOSURE_MAX, "{said}");
}

fn remove(machine: &mut Machine) {
    machine.remark("Removed: configuration and evidence stay. Purged: nothing is left.");
    machine.run("dpkg --remove evidenced").done();
    machine.run("ls /etc/evidenced /var/lib/private/evidenced").done();
    assert_ne!(machine.run("systemctl is-active evidenced").code, 0);
    machine.run("dpkg --purge evidenced").done();
    let left = machine
        .run("ls -d /etc/evidenced /var/lib/evidenced /var/lib/private/evidenced /var/cache/evidenced /run/evidenced");
    assert_eq!(left.text.matches("No such file").count(), 5, "{}", left.text);
    let left = machine
        .run("find / -xdev -iname '*evidenced*' -not -path '/root/*' -not -path '/proc/*'; getent group evidenced");
    assert_eq!(left.text, "");
}

/// Looks every now and then whether a command says what is wanted.
#[track_caller]
fn wait_for(machine: &mut Machine, what: &str, line: &str, is_it: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = machine.run_quietly(line);
        if is_it(&said.text) {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}: {}", said.text);
    }
}
