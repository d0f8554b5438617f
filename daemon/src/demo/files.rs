//! The demo's folder: configuration, secrets, an inventory.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{DemoError, company::Addresses, story};

/// Makes the folder, or takes an empty one; its absolute path.
pub(super) fn claim(dir: &Path) -> Result<PathBuf, DemoError> {
    let write = |error| DemoError::Write(dir.to_owned(), error);
    fs::create_dir_all(dir).map_err(write)?;
    let is_empty = fs::read_dir(dir).map_err(write)?.next().is_none();
    if !is_empty {
        return Err(DemoError::NotEmpty(dir.to_owned()));
    }
    dir.canonicalize().map_err(write)
}

/// Writes everything that the daemon is given; the path of the configuration.
pub(super) fn write(dir: &Path, company: &Addresses, smtp: SocketAddr, plugins: &Path) -> Result<PathBuf, DemoError> {
    let put = |name: &str, text: &str| {
        let path = dir.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map(|()| path.clone()).map_err(|error| DemoError::Write(path, error))
    };
    let secret = put("secrets/aws-audit", "AKIADEMOAUDITOR00001:demo-secret-of-a-simulated-account\n")?;
    restrict(&secret).map_err(|error| DemoError::Write(secret.clone(), error))?;
    put("evidenced.toml", &configuration(company, smtp, plugins))
}

fn restrict(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

fn configuration(company: &Addresses, smtp: SocketAddr, plugins: &Path) -> String {
    CONFIGURATION
        .replace("@ZONE@", story::ZONE)
        .replace("@SMTP@", &smtp.to_string())
        .replace("@PLUGINS@", &plugins.display().to_string())
        .replace("@IAM@", &format!("http://{}", company.iam))
        .replace("@RESEARCH@", &format!("http://{}", company.research_iam))
        .replace("@INFERENCE@", &format!("http://{}", company.inference))
}

const CONFIGURATION: &str = include_str!("evidenced.toml");
