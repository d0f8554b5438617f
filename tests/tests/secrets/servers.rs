//! The servers of that company: what they answer, and what is told to real ones before they are asked.

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evidenced_tests::{
    daemon::wait_for,
    planted::Planted,
    targets::{Mariadb, Postgres, Slapd, succeed},
};

pub(super) const AUDITOR: &str = "uid=auditor,ou=people,dc=example,dc=org";

/// OpenSSL's own server, which wants a certificate of who asks, and tells about the connection.
pub(super) struct Mutual(Child);

impl Mutual {
    pub(super) fn start(folder: &Path, port: u16) -> Self {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{port}"), "-Verify", "1"]);
        command.args(["-cert", "server.pem", "-key", "server-key.pem", "-CAfile", "ca.pem"]).current_dir(folder);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(command.spawn().unwrap());
        wait_for("openssl s_server", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }
}

impl Drop for Mutual {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// STS, and the metadata of an instance, as their answers are documented.
pub(super) fn of_aws(planted: &mut Planted) -> Vec<(String, String)> {
    let mut key = |who: &str| {
        let (secret, token) = (format!("{who} secret key"), format!("{who} session token"));
        (planted.plant(&secret, "q/{}+="), planted.plant(&token, "q/{}+="))
    };
    let (secret, token) = key("AWS role");
    let sts = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIAOFTHEROLE</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    let (secret, token) = key("AWS instance");
    let instance = serde_json::json!({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAOFTHEINSTANCE", "SecretAccessKey": secret, "Token": token,
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let path = "/latest/meta-data/iam/security-credentials/";
    vec![
        ("/sts".to_owned(), sts),
        ("/latest/api/token".to_owned(), planted.plant("AWS metadata session", "{}")),
        (format!("{path}audit"), instance.to_string()),
        (path.to_owned(), "audit".to_owned()),
    ]
}

/// A token for whoever asks, another one each time.
pub(super) fn of_idp(planted: &mut Planted) -> Vec<(String, String)> {
    let mut bearer = |name: &str| {
        let token = planted.plant(name, "q/{}+=&%41.{count}");
        serde_json::json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }).to_string()
    };
    let (basic, post) = (bearer("OAuth token (basic)"), bearer("OAuth token (post)"));
    let google = bearer("Google token");
    let installation = planted.plant("GitHub installation token", "ghs_{}.{count}");
    let installation = serde_json::json!({ "token": installation, "expires_at": "2099-01-01T00:00:00Z" }).to_string();
    vec![
        ("/token".to_owned(), basic),
        ("/post".to_owned(), post),
        ("/google".to_owned(), google),
        ("/app/installations/7/access_tokens".to_owned(), installation),
    ]
}

/// A server with the auditor's password in a table that the auditor may read.
pub(super) fn postgres(password: &str) -> Postgres {
    let server = Postgres::start();
    server.sql(
        "postgres",
        &format!(
            "create table public.told(name text);\ninsert into public.told values ('{password}');\n\
             grant select on public.told to auditor;\nalter role auditor password '{password}';\n"
        ),
    );
    server
}

pub(super) fn mariadb(password: &str, certificates: &Path) -> Mariadb {
    let seed = format!(
        "create database ml;\ncreate table ml.told(name text) charset=utf8mb4;\ninsert into ml.told values ('{password}');\n\
         create user auditor@'127.0.0.1' identified by '{password}';\ngrant select, execute on ml.* to auditor@'127.0.0.1';\n\
         create function ml.tell() returns int deterministic signal sqlstate '45000' set message_text = 'you logged in with {password}';\n"
    );
    Mariadb::start(&seed, certificates)
}

pub(super) fn slapd(password: &str, certificates: &Path) -> Slapd {
    let server = Slapd::start(0, certificates);
    let url = format!("ldap://127.0.0.1:{}", server.port);
    let admin = ["-x", "-H", &url, "-D", "cn=admin,dc=example,dc=org", "-w", "admin"];
    succeed(Command::new("ldappasswd").args(admin).args(["-s", password, AUDITOR]), "look at its message");
    let mut modify =
        Command::new("ldapmodify").args(admin).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let change = format!(
        "dn: uid=bob,ou=people,dc=example,dc=org\nchangetype: modify\nadd: description\ndescription: knows {password}\n\
         description: {}\n",
        STANDARD.encode(password)
    );
    modify.stdin.take().unwrap().write_all(change.as_bytes()).unwrap();
    assert!(modify.wait().unwrap().success());
    server
}
