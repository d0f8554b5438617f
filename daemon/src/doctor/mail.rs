//! Whether a mail would go out, and whether it would reach anybody.

use std::{io::Write as _, path::Path};

use tokio::sync::mpsc;

use super::{Aspect, MailWay, Observation, Patient};
use crate::{
    config::{Config, MailTls},
    domain::AlertCause,
    mail::words::count,
    outbox::{Problem, SmtpTransport, Stopped},
};

pub(super) async fn mail(patient: &Patient, seen: &mpsc::Sender<Observation>) {
    let way = match &patient.mail {
        MailWay::Files(folder) => files(folder),
        MailWay::Server { name, transport: Err(why), .. } => {
            Observation::bad(Aspect::Mail, name, why, "mend `[mail]` or `[network]`: no mail can go out")
        }
        MailWay::Server { name, tls, has_login, transport: Ok(transport) } => {
            server(name, *tls, *has_login, transport).await
        }
    };
    // Whoever listened may have gone.
    if seen.send(way).await.is_ok() {
        let _ = seen.send(recipients(&patient.config)).await;
    }
}

async fn server(name: &str, tls: MailTls, has_login: bool, transport: &SmtpTransport) -> Observation {
    if let Err(Stopped { problem, why }) = transport.greet().await {
        let advice = match problem {
            Problem::Unreachable => {
                "see whether host and port are right, and what stands between; mails wait meanwhile"
            }
            Problem::Tls => {
                "the certificate must be for this name, and its root among the system's or in `[network] ca`"
            }
            Problem::NoStarttls => "name the port that offers it (often 587), or `tls = \"implicit\"` for port 465",
            Problem::Login => "mend `username` and `password` of `[mail]`; mails wait meanwhile",
            Problem::Sender => "the server must allow this login to send as `from` of `[mail]`",
            Problem::Directory => "make the folder writable",
            Problem::Busy | Problem::Secret => "see what the server says",
        };
        return Observation::bad(Aspect::Mail, name, why, advice);
    }
    let protected = match tls {
        MailTls::Starttls => "greets, encrypts by STARTTLS",
        MailTls::Implicit => "greets by TLS",
        MailTls::None => "greets, without TLS on this machine",
    };
    let login = if has_login { "takes the login" } else { "asks for no login" };
    Observation::ok(Aspect::Mail, name, format!("{protected}, {login} and the sender; nothing was sent"))
}

fn files(folder: &Path) -> Observation {
    let about = folder.display();
    if !folder.exists() {
        let found = "mails become files here; the first one makes the folder";
        return Observation::warn(
            Aspect::Mail,
            about,
            found,
            "name a mail server in `[mail]`, so that people are told",
        );
    }
    let written = tempfile::Builder::new().prefix(".doctor-").tempfile_in(folder);
    match written.and_then(|mut file| file.write_all(b"ok")) {
        Ok(()) => {
            let found = "mails become files here: nobody is told who does not look";
            Observation::warn(Aspect::Mail, about, found, "name a mail server in `[mail]`, so that people are told")
        }
        Err(error) => {
            Observation::bad(Aspect::Mail, about, format!("cannot be written: {error}"), "make the folder writable")
        }
    }
}

fn recipients(config: &Config) -> Observation {
    if config.recipients.is_empty() {
        let advice = "add a [[recipient]]: nobody is told of anything";
        return Observation::bad(Aspect::Recipient, RECIPIENT, "there is none", advice);
    }
    let enabled = config.controls.iter().filter(|control| control.enabled);
    let alone: Vec<_> = enabled
        .filter(|control| config.recipients_for(control, AlertCause::Failed, false).is_empty())
        .map(|control| control.id.as_str())
        .collect();
    match *alone {
        [] => Observation::ok(Aspect::Recipient, RECIPIENT, "whichever enabled control fails, somebody is told"),
        [first, ..] => {
            let alone = count(alone.len() as u64, "enabled control");
            let found = format!("of {alone} nobody is told when it fails; the first is {first}");
            let advice = "let a [[recipient]] with `alerts = \"all\"` follow its family, severity and owner";
            Observation::warn(Aspect::Recipient, RECIPIENT, found, advice)
        }
    }
}

const RECIPIENT: &str = "[[recipient]]";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[track_caller]
    fn check(recipient: &str, level: Level) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidenced.toml");
        let text = format!(
            "organization = \"Example AI\"\ninstance = \"test\"\ntimezone = \"UTC\"\nstate_dir = \"state\"\n{recipient}\n\
             [[control]]\nid = \"SEC-01\"\ntitle = \"Keys are rotated\"\nfamily = \"security\"\nowner = \"platform\"\n\
             severity = \"low\"\nplugin = \"key-rotation\"\nevery = \"1h\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let loaded = crate::config::load(&file).unwrap_or_else(|refused| panic!("{refused}"));
        let seen = recipients(&loaded.config);
        assert_eq!(seen.level, level, "{seen:?}");
        assert_eq!(seen.advice.is_none(), level == Level::Ok);
    }

    #[test]
    fn a_control_that_fails_unheard_is_told() {
        let who = "[[recipient]]\nid = \"compliance\"\nemail = [\"compliance@example.com\"]\nfamilies = [\"*\"]\n";
        check("", Level::Bad);
        check(&format!("{who}severity = \"low\""), Level::Ok);
        check(&format!("{who}severity = \"high\""), Level::Warn);
        check(&format!("{who}severity = \"low\"\nalerts = \"escalations\""), Level::Warn);
    }
}
