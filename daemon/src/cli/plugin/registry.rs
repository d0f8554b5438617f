//! How a registry is reached, as `push`, `pull` and `update` are told.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::Context;
use crate::{
    caller::CallerSettings,
    clock::{Clock, SystemClock},
    config,
    registry::{Login, Reference, Registry},
    service,
};

#[derive(Debug, Args)]
pub(super) struct RegistryArguments {
    /// Log in to the registry as this user, with a password from --password-file or --password-stdin.
    #[arg(long, value_name = "USER")]
    username: Option<String>,
    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE", requires = "username", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Logins in the form of docker's config.json.
    #[arg(long, value_name = "FILE", conflicts_with = "username")]
    credentials: Option<PathBuf>,
    /// A PEM file of roots that are trusted besides the system's; may be given several times.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// HTTP without TLS, to a registry on this machine.
    #[arg(long)]
    plain_http: bool,
}

impl RegistryArguments {
    /// The proxy and the roots are those of the configuration, if there is one that is accepted.
    pub(super) fn open(&self, context: &Context, reference: &Reference) -> anyhow::Result<Registry> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut settings = match config::load(&context.config) {
            Ok(loaded) => service::caller_settings(&loaded.config, &clock),
            Err(_) => CallerSettings { proxy: None, ca: Vec::new(), now: Arc::new(move || clock.now()) },
        };
        settings.ca.extend(self.ca.iter().cloned());
        Ok(Registry::new(reference, settings, self.login(&reference.registry)?, self.plain_http)?)
    }

    fn login(&self, registry: &str) -> anyhow::Result<Option<Login>> {
        match (&self.username, &self.password_file, &self.credentials) {
            (Some(username), Some(path), _) => Ok(Some(Login::with_password_file(username.clone(), path)?)),
            (Some(username), None, _) if self.password_stdin => {
                Ok(Some(Login::with_password_from(username.clone(), std::io::stdin())?))
            }
            (Some(_), None, _) => anyhow::bail!("--username needs a password: --password-file or --password-stdin"),
            (None, _, Some(path)) => Ok(Login::of_file(path, registry)?),
            (None, _, None) => Ok(None),
        }
    }
}
