//! What each server was told in confidence.
//!
//! A server may repeat more than the request that it answers: the token before this one in its explanation of a 401, what
//! another request has shown in a list of the latest ones. So its answers are cleaned of all that it was told of late, and not
//! only of what stood on the request. What another server was told is no matter of this one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use super::request::Target;
use crate::secret::Secret;

/// As many as a few credentials and their latest tokens are. Of more the oldest are forgotten.
const SECRETS_MAX: usize = 32;

/// Far more servers than a configuration names; when there are more all is forgotten, but what stands on a request.
const SERVERS_MAX: usize = 4_096;

/// Of all servers, under one configuration after the other.
#[derive(Default)]
pub(super) struct Confided(Mutex<HashMap<String, VecDeque<Secret>>>);

impl Confided {
    /// The server is about to be told these.
    pub(super) fn note(&self, target: &Target, secrets: &[Secret]) {
        if secrets.is_empty() {
            return;
        }
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = place(target);
        if servers.len() >= SERVERS_MAX && !servers.contains_key(&name) {
            servers.clear();
        }
        let known = servers.entry(name).or_default();
        for secret in secrets {
            known.retain(|other| other != secret);
            if known.len() == SECRETS_MAX {
                known.pop_front();
            }
            known.push_back(secret.clone());
        }
    }

    /// All that the server was told, in no order.
    pub(super) fn of(&self, target: &Target) -> Vec<Secret> {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.get(&place(target)).map(|known| known.iter().cloned().collect()).unwrap_or_default()
    }
}

/// Of one that speaks http and https it makes no difference by which it was told.
fn place(target: &Target) -> String {
    format!("{}:{}", target.host, target.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::of(&url.parse().unwrap()).unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_server_is_known_by_host_and_port_and_the_oldest_secrets_are_forgotten() {
        let confided = Confided::default();
        let (one, other) = (target("https://a.example.com/x"), target("https://b.example.com"));
        confided.note(&one, &[secret("first"), secret("second")]);
        confided.note(&target("http://a.example.com:443"), &[secret("first")]);
        confided.note(&target("https://a.example.com:8443"), &[secret("third")]);
        assert_eq!(confided.of(&one), [secret("second"), secret("first")]);
        assert!(confided.of(&other).is_empty());
        for number in 0..SECRETS_MAX {
            confided.note(&one, &[secret(&number.to_string())]);
        }
        let known = confided.of(&one);
        assert_eq!(known.len(), SECRETS_MAX);
        assert!(!known.contains(&secret("first")));
    }
}
