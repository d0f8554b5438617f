//! Whether secrets can be read. What they are is not looked at, and never told.

use std::os::unix::fs::MetadataExt as _;

use super::{Aspect, Observation, Patient};
use crate::{
    config::{Config, CredentialSpec, Transport},
    domain::CredentialKind,
    secret::{SecretError, SecretSource},
};

pub(super) fn credentials(patient: &Patient) -> Vec<Observation> {
    let config = &patient.config;
    let mut all: Vec<_> =
        config.credentials.iter().filter_map(|one| Some(credential(one.id.as_str(), one.secret.as_ref()?))).collect();
    if let Transport::Smtp(smtp) = &config.mail.transport
        && let Some(login) = &smtp.login
    {
        all.push(credential("[mail] password", &login.password));
    }
    for recipient in &config.recipients {
        for ((name, _), webhook) in recipient.webhook_names().zip(&recipient.webhooks) {
            all.extend(webhook.url.secret().map(|url| credential(&format!("{name} url"), url)));
            all.extend(webhook.secret.as_ref().map(|secret| credential(&format!("{name} secret"), secret)));
        }
    }
    let heartbeat = config.heartbeat.as_ref().and_then(|heartbeat| heartbeat.url.secret());
    all.extend(heartbeat.map(|url| credential("[heartbeat] url", url)));
    if let Some(login) = &config.network.proxy_login {
        all.push(credential("[network] proxy_password", &login.password));
    }
    all
}

/// Whether the secret, its own or that of another one that it is got with, cannot be read, which is told of by [`credentials`].
pub(super) fn is_out_of_reach(config: &Config, one: &CredentialSpec) -> bool {
    let mut next = Some(one);
    // A chain of roles is never longer than the list of credentials.
    for _ in 0..=config.credentials.len() {
        let Some(one) = next else { return false };
        if one.secret.as_ref().is_some_and(|secret| secret.read().is_err()) {
            return true;
        }
        next = match &one.kind {
            CredentialKind::AwsAssumeRole(role) => config.credential(&role.from),
            _ => None,
        };
    }
    false
}

fn credential(about: &str, source: &SecretSource) -> Observation {
    match source.read() {
        Ok(_) => readable(about, source),
        // A command that a person types has no credentials of systemd; that says nothing of the service.
        Err(SecretError::NoDirectory(name)) => Observation::warn(
            Aspect::Credential,
            about,
            format!("`{name}` is given by systemd to the service alone, and cannot be looked at from here"),
            "ask again once the daemon runs: then it looks itself",
        ),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let advice = "what needs it cannot be done: mend the place that is named, or name another";
            Observation::bad(Aspect::Credential, about, format!("{error}{cause}"), advice)
        }
    }
}

fn readable(about: &str, source: &SecretSource) -> Observation {
    if let SecretSource::File(path) = source
        && std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o007 != 0)
    {
        let found = format!("{} can be read, and by everybody", path.display());
        return Observation::warn(Aspect::Credential, about, found, format!("chmod o= {}", path.display()));
    }
    Observation::ok(Aspect::Credential, about, "can be read")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_secret_is_readable_or_missing_or_open_to_all_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let source = SecretSource::File(path.clone());
        let look = |level: Level| {
            let seen = credential("github", &source);
            assert_eq!(seen.level, level, "{seen:?}");
            assert!(!format!("{seen:?}").contains("hunter2"));
            assert_eq!(seen.advice.is_none(), level == Level::Ok);
        };
        look(Level::Bad);
        fs::write(&path, "hunter2").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        look(Level::Warn);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        look(Level::Ok);
        fs::write(&path, "").unwrap();
        look(Level::Bad);
    }
}
