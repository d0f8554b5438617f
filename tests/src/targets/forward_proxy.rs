//! tinyproxy: a real forward proxy that asks for a login.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use super::{debian_program, free_port, listens};
use crate::daemon::wait_for;

/// Makes tunnels for `user:password`, wherever they lead. Ended when dropped.
pub struct ForwardProxy {
    child: Child,
    place: tempfile::TempDir,
    pub port: u16,
}

impl ForwardProxy {
    /// # Panics
    /// If it cannot be installed or does not start; the message says why.
    pub fn start(user: &str, password: &str) -> Self {
        let program = debian_program("/usr/bin/tinyproxy", &["tinyproxy-bin"]);
        let place = tempfile::tempdir().expect("a temporary folder");
        // It takes a number alone. That another process takes it meanwhile is unlikely.
        let port = free_port();
        let log = place.path().join("log");
        let settings = format!(
            "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nLogFile {log:?}\nLogLevel Info\n\
             BasicAuth {user} {password}\n"
        );
        let file = place.path().join("tinyproxy.conf");
        fs::write(&file, settings).expect("a file in a temporary folder");
        let mut command = Command::new(program);
        command.arg("-d").arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start tinyproxy: {error}"));
        wait_for("the proxy to listen", || listens(port).then_some(()));
        Self { child, place, port }
    }

    /// What it wrote about connections.
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
