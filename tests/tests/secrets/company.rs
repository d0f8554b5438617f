//! A company whose every secret is planted: who was given which, its servers, and the configuration that names them.

use std::{fs, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evidenced_tests::{
    daemon::Daemon,
    fixture,
    hostile_peer::HostilePeer,
    planted::Planted,
    targets::{Mariadb, Postgres, Slapd},
};

use super::servers::{AUDITOR, Mutual, mariadb, of_aws, of_idp, postgres, slapd};
use crate::{credentials::make_certificates, smtp::Server};

/// With whatever is special in a header, in base64, in URLs, in JSON and in XML.
const ANY: &str = "q\"\\/{}+=&%41<x";
/// Without what is special in a literal of SQL.
const PLAIN: &str = "q/{}+=&%41";
/// Letters alone.
const WORD: &str = "{}";

/// Paths that every web server is asked for: its answer as it is, as an error, as a redirect, and without a credential.
const PATHS: &str = "[\"/200\", \"/500\", \"/401\", \"/302\", \"/400\", \"/200?anonymous\"]";

/// A control whose first run is when mail is taken.
pub(super) const LATE: &str = "late";

pub(super) struct Company {
    pub planted: Planted,
    pub daemon: Daemon,
    pub mail: Server,
    /// Of requests with a secret of their own.
    pub web: HostilePeer,
    pub aws: HostilePeer,
    pub idp: HostilePeer,
    pub hooks: HostilePeer,
    pub proxy: HostilePeer,
    pub postgres: Postgres,
    pub controls: Vec<String>,
    pub configuration: String,
    pub page: u16,
    _mariadb: Mariadb,
    _slapd: Slapd,
    _mutual: Mutual,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn rsa_key() -> String {
    let made =
        Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output();
    String::from_utf8(made.unwrap().stdout).unwrap()
}

impl Company {
    pub(super) fn new() -> Self {
        fixture("hoarder");
        let mut planted = Planted::new();
        let daemon = Daemon::new();
        fs::create_dir(daemon.path("secrets")).unwrap();
        let keep = |name: &str, text: &str| fs::write(daemon.path("secrets").join(name), text).unwrap();

        let mail = Server::with_password("starttls", &planted.plant("SMTP password", ANY));
        for (name, file, form) in
            [("header", "header", ANY), ("bearer token", "bearer", ANY), ("another bearer token", "other", ANY)]
        {
            keep(file, &planted.plant(name, form));
        }
        keep("basic", &format!("auditor:{}", planted.plant("basic password", ANY)));
        keep("proxy", &planted.plant("proxy password", ANY));
        let (key, token) = (planted.plant("AWS secret key", PLAIN), planted.plant("AWS session token", PLAIN));
        keep("aws", &format!("AKIAOFTHETEST:{key}:{token}"));
        keep("oauth-basic", &planted.plant("OAuth client secret (basic)", ANY));
        keep("oauth-post", &planted.plant("OAuth client secret (post)", ANY));

        let certificates = daemon.path("certificates");
        fs::create_dir(&certificates).unwrap();
        make_certificates(&certificates);
        let client = fs::read_to_string(certificates.join("client-key.pem")).unwrap();
        fs::remove_file(certificates.join("client-key.pem")).unwrap();
        planted.add_key("client certificate key", &client);
        keep("client-key.pem", &client);
        for (name, file) in [("Google key", "google-key"), ("GitHub key", "github.pem")] {
            let pem = rsa_key();
            planted.add_key(name, &pem);
            keep(file, &pem);
        }
        let page = free_port();

        let canary = planted.canary.clone();
        let web = HostilePeer::start(&canary, Vec::new());
        let proxy = HostilePeer::start(&canary, Vec::new());
        let hooks = HostilePeer::start(&canary, Vec::new());
        let aws = HostilePeer::start(&canary, of_aws(&mut planted));
        let idp = HostilePeer::start(&canary, of_idp(&mut planted));
        let google = serde_json::json!({
            "client_email": "audit@example.iam.gserviceaccount.com", "private_key_id": "1",
            "private_key": planted.text("Google key"), "token_uri": idp.url("/google"),
        });
        keep("google.json", &google.to_string());
        fs::remove_file(daemon.path("secrets/google-key")).unwrap();

        for (name, file) in [("Slack URL", "slack"), ("Teams URL", "teams")] {
            let path = planted.plant(name, "/services/T00/{}");
            keep(file, &hooks.url(&path));
        }
        keep("beat", &hooks.url(&planted.plant("heartbeat URL", "/200/beat/{}")));
        keep("pager", &planted.plant("PagerDuty key", WORD));
        let signing = planted.plant("webhook secret", WORD);
        keep("signing", &format!("whsec_{}", STANDARD.encode(signing)));

        let ca = mail.place.path().join("ca");
        let postgres = postgres(&planted.plant("PostgreSQL password", "q\"\\/{}+=&%41<x"));
        keep("postgres", planted.text("PostgreSQL password"));
        let mariadb = mariadb(&planted.plant("MariaDB password", PLAIN), &ca);
        keep("mariadb", planted.text("MariaDB password"));
        let slapd = slapd(&planted.plant("LDAP password", PLAIN), &ca);
        keep("ldap", planted.text("LDAP password"));
        let mutual_port = free_port();
        let mutual = Mutual::start(&certificates, mutual_port);

        let mut company = Self {
            planted,
            daemon,
            mail,
            web,
            aws,
            idp,
            hooks,
            proxy,
            postgres,
            controls: Vec::new(),
            configuration: String::new(),
            page,
            _mariadb: mariadb,
            _slapd: slapd,
            _mutual: mutual,
        };
        company.configure(company._mariadb.port(), company._slapd.port, mutual_port);
        company
    }

    fn configure(&mut self, mariadb: u16, slapd: u16, mutual: u16) {
        let mut text = self.alerts();
        let secret = |file: &str| format!("secret = {{ file = \"secrets/{file}\" }}");
        let (web, aws, idp) = (self.web.url(""), self.aws.url(""), self.idp.url(""));
        let here = "addresses = [\"127.0.0.0/8\", \"::1\"]";
        let of_aws = "region = \"eu-central-1\"\nservice = \"iam\"";
        for (id, kind, more, url) in [
            ("header", "header", "header = \"X-Api-Key\"\n".to_owned() + &secret("header"), &web),
            ("bearer", "bearer", secret("bearer"), &web),
            ("other", "bearer", secret("other"), &web),
            ("basic", "basic", secret("basic"), &web),
            ("aws", "aws-sigv4", secret("aws"), &aws),
            (
                "role",
                "aws-assume-role",
                format!(
                    "from = \"aws\"\nrole_arn = \"arn:aws:iam::123456789012:role/audit\"\nregion = \"eu-central-1\"\nsts_url = \"{aws}/sts\"\n{here}"
                ),
                &aws,
            ),
            ("machine", "aws-instance", format!("metadata_url = \"{aws}\"\n{here}"), &aws),
            (
                "oauth-basic",
                "oauth2-client",
                format!("token_url = \"{idp}/token\"\nclient_id = \"evidenced\"\n{here}\n{}", secret("oauth-basic")),
                &idp,
            ),
            (
                "oauth-post",
                "oauth2-client",
                format!(
                    "token_url = \"{idp}/post\"\nclient_id = \"evidenced\"\nclient_auth = \"post\"\n{here}\n{}",
                    secret("oauth-post")
                ),
                &idp,
            ),
            (
                "oauth-refused",
                "oauth2-client",
                format!(
                    "token_url = \"{idp}/400/token\"\nclient_id = \"evidenced\"\n{here}\n{}",
                    secret("oauth-basic")
                ),
                &idp,
            ),
            (
                "google",
                "google-service-account",
                format!(
                    "scopes = [\"https://www.googleapis.com/auth/cloud-platform.read-only\"]\n{here}\n{}",
                    secret("google.json")
                ),
                &idp,
            ),
            (
                "github",
                "github-app",
                format!("app_id = 1\ninstallation_id = 7\napi_url = \"{idp}\"\n{here}\n{}", secret("github.pem")),
                &idp,
            ),
        ] {
            text += &format!("\n[[credential]]\nid = \"{id}\"\nkind = \"{kind}\"\n{more}\n");
            let service = if kind.starts_with("aws") { of_aws } else { "" };
            let named = if id == "bearer" { "named_credentials = [\"other\"]" } else { "" };
            text += &format!(
                "\n[[source]]\nid = \"{id}\"\nurls = [\"{url}\"]\ncredential = \"{id}\"\n{service}\n{named}\n{here}\n"
            );
            let paths = if id == "bearer" { PATHS.replace(']', ", \"/200?named=other\"]") } else { PATHS.to_owned() };
            text += &self.control(
                id,
                &format!("sources = [\"{id}\"]"),
                &format!("base = \"{url}\", paths = {paths}, "),
                "",
            );
        }
        text += &format!(
            "\n[[credential]]\nid = \"mutual\"\nkind = \"client-certificate\"\ncertificate = \"certificates/client.pem\"\n{}\n\
             [[source]]\nid = \"mutual\"\nurls = [\"https://localhost:{mutual}\"]\ncredential = \"mutual\"\n\
             ca = [\"certificates/ca.pem\"]\n{here}\n\
             [[source]]\nid = \"proxied\"\nurls = [\"http://plain.example.com\"]\n",
            secret("client-key.pem")
        );
        let base = format!("base = \"https://localhost:{mutual}\", paths = [\"/\"], ");
        text += &self.control("mutual", "sources = [\"mutual\"]", &base, "");
        let base = "base = \"http://plain.example.com\", paths = [\"/200\", \"/500\"], ";
        text += &self.control("proxied", "sources = [\"proxied\"]", base, "");
        text += &self.databases(mariadb, slapd, here);
        text += &self.control(LATE, "sources = [\"header\"]", &format!("base = \"{web}\", paths = {PATHS}, "), "");
        self.configuration = text;
        self.daemon.configure(&self.configuration);
    }

    /// Mail, webhooks, the heartbeat, the proxy, the page.
    fn alerts(&self) -> String {
        let file = |name: &str| format!("{{ file = \"secrets/{name}\" }}");
        let network = format!(
            "[network]\nproxy = \"http://127.0.0.1:{}\"\nproxy_username = \"evidenced\"\nproxy_password = {}\n",
            self.proxy.port,
            file("proxy")
        );
        let webhooks = format!(
            "webhook = [\n{{ kind = \"slack\", url = {} }},\n{{ kind = \"teams\", url = {} }},\n\
             {{ kind = \"pagerduty\", url = \"{}\", secret = {} }},\n{{ kind = \"generic\", url = \"{}\", secret = {} }},\n]\n",
            file("slack"),
            file("teams"),
            self.hooks.url("/400/pager"),
            file("pager"),
            self.hooks.url("/401/generic"),
            file("signing"),
        );
        let alerts = format!(
            "[alerts]\ngroup = \"0s\"\n\n[heartbeat]\nurl = {}\nevery = \"15s\"\n\n[web]\nlisten = \"127.0.0.1:{}\"\n\n\
             [[window]]\nid = \"all\"\nstart = \"2026-01-01\"\nend = \"2030-12-31\"\n",
            file("beat"),
            self.page
        );
        self.mail.tables().replacen("[network]\n", &network, 1) + &webhooks + "\n" + &alerts
    }

    fn databases(&mut self, mariadb: u16, slapd: u16, here: &str) -> String {
        let postgres = self.postgres.port();
        let mut text = format!(
            "\n[[source]]\nid = \"postgres\"\npostgres = \"host=127.0.0.1 port={postgres} dbname=ml user=auditor sslmode=disable\"\n\
             credential = \"postgres\"\n{here}\n\
             [[source]]\nid = \"mariadb\"\nmysql = \"mysql://auditor@localhost:{mariadb}/ml\"\ncredential = \"mariadb\"\n{here}\n\
             [[source]]\nid = \"ldap\"\nldap = \"ldap://127.0.0.1:{slapd}\"\nbind = \"{AUDITOR}\"\ncredential = \"ldap\"\n{here}\n"
        );
        for id in ["postgres", "mariadb", "ldap"] {
            text += &format!(
                "\n[[credential]]\nid = \"{id}\"\nkind = \"password\"\nsecret = {{ file = \"secrets/{id}\" }}\n"
            );
        }
        let spelled = "select name, encode(convert_to(name, 'utf8'), 'base64') as b, encode(convert_to(name, 'utf8'), 'hex') as h, \
                       convert_to('ab' || name || 'x', 'utf8') as bytes, to_json(name) as j from public.told";
        let input = |origin: String| format!("\n[[control.input]]\nname = \"rows\"\n{origin}\n");
        let sql = |source: &str, query: &str| {
            input(format!("sql = {{ source = \"{source}\", query = \"\"\"{query}\"\"\" }}"))
        };
        text += &self.control("postgres-rows", "", "", &sql("postgres", spelled));
        text += &self.control("postgres-error", "", "", &sql("postgres", "select name::int from public.told"));
        let spelled = "select name, to_base64(name) as b, hex(name) as h, json_quote(name) as j from told";
        text += &self.control("mariadb-rows", "", "", &sql("mariadb", spelled));
        text += &self.control("mariadb-error", "", "", &sql("mariadb", "select tell()"));
        let search = "ldap = { source = \"ldap\", base = \"ou=people,dc=example,dc=org\", filter = \"(uid=bob)\", attributes = [\"uid\", \"description\"] }";
        text += &self.control("ldap-rows", "", "", &input(search.to_owned()));
        text
    }

    fn control(&mut self, id: &str, sources: &str, base: &str, input: &str) -> String {
        let every =
            if self.controls.len() % 5 == 1 && id != LATE { "every = \"30s\"" } else { "schedule = \"0 4 29 2 *\"" };
        self.controls.push(id.to_owned());
        let (planted, canary) = (Planted::halves(&self.planted.marker), Planted::halves(&self.planted.canary));
        format!(
            "\n[[control]]\nid = \"{id}\"\ntitle = \"{id}\"\nfamily = \"security\"\nowner = \"platform\"\nseverity = \"high\"\n\
             plugin = \"hoarder\"\n{every}\n{sources}\nlimits = {{ wall = \"60s\" }}\n\
             config = {{ {base}planted = {planted}, canary = {canary} }}\n{input}"
        )
    }
}
