//! slapd, OpenLDAP's server: people, a group of those who may change weights, and an auditor who may read both.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{debian_program, free_port, listens, succeed};
use crate::daemon::wait_for;

/// A server of its own; stopped when dropped.
pub struct Slapd {
    server: Child,
    /// Without TLS.
    pub port: u16,
    /// With TLS from the start.
    pub tls_port: u16,
    _place: tempfile::TempDir,
}

impl Slapd {
    /// A directory `dc=example,dc=org` with `people` further people. `uid=auditor,ou=people,…`, whose password is
    /// `audit-password`, may read all but passwords; nobody else may read anything. It gives the auditor at most 700
    /// entries a page and has no limit for all pages. Its certificate and key are `server.pem` and `server.key` of the
    /// folder `certificates`.
    ///
    /// # Panics
    /// If it cannot be installed or started; the message says why.
    pub fn start(people: u32, certificates: &Path) -> Self {
        let program = debian_program("/usr/sbin/slapd", &["slapd", "ldap-utils"]);
        let place = tempfile::tempdir().expect("a folder for the server");
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("data")).expect("a folder for the server");
        let configuration = CONFIGURATION.replace("@DIR@", &place.path().display().to_string());
        let configuration = configuration.replace("@CERTIFICATES@", &certificates.display().to_string());
        fs::write(at("slapd.conf"), configuration).expect("a file for the server");
        let further = |number| {
            format!(
                "\ndn: uid=p{number},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: P\nsn: P\n"
            )
        };
        let seed = SEED.to_owned() + &(0..people).map(further).collect::<String>();
        fs::write(at("seed.ldif"), seed).expect("a file for the server");
        let (port, tls_port) = (free_port(), free_port());
        let mut server = Command::new(program);
        server.arg("-f").arg(at("slapd.conf")).args(["-d", "0"]);
        server.arg("-h").arg(format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"));
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap_or_else(|error| panic!("cannot start {server:?}: {error}"));
        let slapd = Self { server, port, tls_port, _place: place };
        wait_for("slapd to take connections", || (listens(port) && listens(tls_port)).then_some(()));
        // Over the wire: only so the overlay keeps `memberOf`.
        let mut add = Command::new("ldapadd");
        add.args(["-x", "-H", &format!("ldap://127.0.0.1:{port}"), "-D", "cn=admin,dc=example,dc=org", "-w", "admin"]);
        succeed(add.arg("-f").arg(slapd._place.path().join("seed.ldif")), "look at its message");
        slapd
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

const CONFIGURATION: &str = "
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile @DIR@/slapd.pid
TLSCertificateFile @CERTIFICATES@/server.pem
TLSCertificateKeyFile @CERTIFICATES@/server.key
sizelimit size.soft=700 size.hard=700 size.pr=700 size.prtotal=unlimited
database mdb
suffix \"dc=example,dc=org\"
rootdn \"cn=admin,dc=example,dc=org\"
rootpw admin
directory @DIR@/data
maxsize 67108864
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn=\"uid=auditor,ou=people,dc=example,dc=org\" read by * none
";

const SEED: &str = "dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B
mail: bob@example.org
mail: b@example.org
employeeType: terminated
userPassword: b

dn: uid=alice,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
employeeType: active
userPassword: a
jpegPhoto:: /9j/4A==

dn: uid=auditor,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: auditor
cn: Auditor
sn: X
userPassword: audit-password

dn: cn=weights-admins,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: weights-admins
member: uid=alice,ou=people,dc=example,dc=org
member: uid=bob,ou=people,dc=example,dc=org
";
