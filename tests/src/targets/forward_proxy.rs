//! tinyproxy: a real forward proxy that asks for a login.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use crate::{daemon::wait_for, plugins::debian};

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
        if Command::new("tinyproxy").arg("-v").output().is_err() {
            debian::install(&["tinyproxy-bin"]).unwrap_or_else(|error| panic!("no tinyproxy: {error:#}"));
        }
        let place = tempfile::tempdir().expect("a temporary folder");
        // It takes a number alone. That another process takes it meanwhile is unlikely.
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let log = place.path().join("log");
        let settings = format!(
            "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nLogFile {log:?}\nLogLevel Info\n\
             BasicAuth {user} {password}\n"
        );
        let file = place.path().join("tinyproxy.conf");
        fs::write(&file, settings).expect("a file in a temporary folder");
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start tinyproxy: {error}"));
        wait_for("the proxy to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
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
