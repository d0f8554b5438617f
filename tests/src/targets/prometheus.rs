//! Prometheus that scrapes itself.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use super::{debian_program, free_port, listens};
use crate::daemon::wait_for;

const CONFIGURATION: &str = "
global: { scrape_interval: 1s }
scrape_configs:
- job_name: itself
  static_configs: [{ targets: ['127.0.0.1:PORT'] }]
";

/// A server of its own; stopped when dropped.
pub struct Prometheus {
    server: Child,
    port: u16,
    _place: tempfile::TempDir,
}

impl Prometheus {
    /// # Panics
    /// If it cannot be installed or started; the message says why.
    pub fn start() -> Self {
        let program = debian_program("/usr/bin/prometheus", &["prometheus"]);
        let place = tempfile::tempdir().expect("a folder for the server");
        let (port, file) = (free_port(), place.path().join("prometheus.yml"));
        fs::write(&file, CONFIGURATION.replace("PORT", &port.to_string())).expect("a file for the server");
        let mut server = Command::new(program);
        server.arg(format!("--config.file={}", file.display()));
        server.arg(format!("--storage.tsdb.path={}", place.path().join("data").display()));
        server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap_or_else(|error| panic!("cannot start {server:?}: {error}"));
        let prometheus = Self { server, port, _place: place };
        wait_for("Prometheus to take connections", || listens(port).then_some(()));
        prometheus
    }

    /// Where it listens, on the loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
