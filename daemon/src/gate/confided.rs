//! What each server was told in confidence.
//!
//! A server may repeat more than the request that it answers: the token before this one in its explanation of a 401, what
//! another request has shown in a list of the latest ones. So its answers are cleaned of all that it was told of late, and not
//! only of what stood on the request. What another server was told is no matter of this one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::{cleaning::Cleaning, request::Target};
use crate::secret::Secret;

/// As many as several credentials and their latest tokens are, which one server may give and be shown. Of more the oldest are
/// forgotten.
const SECRETS_MAX: usize = 32;

/// A shorter one occurs by chance in what has nothing to do with it. Of the answer to its own request it is taken out anyway.
const SECRET_BYTES_MIN: usize = 8;

/// Far more servers than a configuration names; when there are more all is forgotten, but what stands on a request.
const SERVERS_MAX: usize = 4_096;

/// Of all servers, under one configuration after the other.
#[derive(Default)]
pub(super) struct Confided(Mutex<HashMap<String, Known>>);

/// Of one server.
#[derive(Default)]
struct Known {
    /// The newest last.
    secrets: VecDeque<Secret>,
    /// Of these secrets, once an answer came: to make it takes longer than to use it.
    cleaning: Option<Arc<Cleaning>>,
}

impl Confided {
    /// The server is about to be told these, or has told them.
    pub(super) fn note(&self, target: &Target, secrets: &[Secret]) {
        let mut secrets = secrets.iter().filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN).peekable();
        if secrets.peek().is_none() {
            return;
        }
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = place(target);
        if servers.len() >= SERVERS_MAX && !servers.contains_key(&name) {
            servers.clear();
        }
        let known = servers.entry(name).or_default();
        for secret in secrets {
            match known.secrets.iter().position(|other| other == secret) {
                Some(at) => drop(known.secrets.remove(at)),
                None => known.cleaning = None,
            }
            if known.secrets.len() == SECRETS_MAX {
                known.secrets.pop_front();
            }
            known.secrets.push_back(secret.clone());
        }
    }

    /// What answers of the server are cleaned of, because of what it was told so far. `None`: it was told nothing.
    pub(super) fn cleaning(&self, target: &Target) -> Option<Arc<Cleaning>> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { secrets, cleaning } = servers.get_mut(&place(target))?;
        let cleaning = cleaning.get_or_insert_with(|| Arc::new(Cleaning::of(secrets.iter().cloned().collect())));
        Some(Arc::clone(cleaning))
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

    #[track_caller]
    fn check(confided: &Confided, target: &Target, known: &[&str], unknown: &[&str]) {
        let cleaning = confided.cleaning(target);
        let knows = |text: &&&str| cleaning.as_ref().is_some_and(|cleaning| cleaning.knows(&secret(text)));
        assert_eq!(known.iter().filter(knows).count(), known.len());
        assert_eq!(unknown.iter().filter(knows).count(), 0);
    }

    #[test]
    fn a_server_is_known_by_host_and_port_and_the_oldest_secrets_are_forgotten() {
        let confided = Confided::default();
        let (one, other) = (target("https://a.example.com/x"), target("https://b.example.com"));
        confided.note(&one, &[secret("the first"), secret("the second"), secret("short")]);
        confided.note(&target("http://a.example.com:443"), &[secret("the first")]);
        confided.note(&target("https://a.example.com:8443"), &[secret("the third")]);
        check(&confided, &one, &["the first", "the second"], &["short", "the third"]);
        assert!(confided.cleaning(&other).is_none());
        for number in 0..SECRETS_MAX - 1 {
            confided.note(&one, &[secret(&format!("secret {number}"))]);
        }
        check(&confided, &one, &["the first", "secret 0", "secret 6"], &["the second"]);
    }

    #[test]
    fn what_answers_are_cleaned_of_is_made_anew_for_a_new_secret_alone() {
        let (confided, one) = (Confided::default(), target("https://a.example.com/x"));
        confided.note(&one, &[secret("the first"), secret("the second")]);
        let made = confided.cleaning(&one).unwrap();
        confided.note(&one, &[secret("the second"), secret("the first")]);
        assert!(Arc::ptr_eq(&made, &confided.cleaning(&one).unwrap()));
        confided.note(&one, &[secret("the third")]);
        assert!(!Arc::ptr_eq(&made, &confided.cleaning(&one).unwrap()));
        check(&confided, &one, &["the first", "the second", "the third"], &[]);
    }
}
