//! The wording of everything that can be wrong in a configuration, in one file.
//!
//! Callers say what is wrong and where; what it is called and what a person is told to type is said here.

use std::{borrow::Cow, collections::HashSet, io, path::Path};

use super::{
    diagnostic::{Diagnostic, Diagnostics, Level},
    files::Files,
    tree::Place,
};
use crate::{
    domain::{Timestamp, escaped, escaped_lines, nearest},
    trust::LockError,
};

/// What was found so far. Each thing is told once for each place, however many controls a template makes of it.
#[derive(Debug, Default)]
pub(super) struct Errors {
    found: Vec<Found>,
    told: HashSet<(Place, &'static str)>,
    /// A file could not be read at all, or is no TOML: what it would have said is unknown.
    unreadable: bool,
    /// Files that could not be opened; they have no place.
    unopened: Vec<Diagnostic>,
    /// What will be worth a warning from that time on.
    endings: Vec<(Timestamp, Found)>,
}

/// What is said about a configuration that is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    pub warnings: Vec<Diagnostic>,
    pub endings: Vec<(Timestamp, Diagnostic)>,
}

#[derive(Debug)]
struct Found {
    at: Place,
    level: Level,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Found {
    fn locate(self, files: &Files) -> Diagnostic {
        Diagnostic {
            level: self.level,
            code: self.code,
            message: self.message,
            file: files.path(self.at).to_path_buf(),
            position: Some(files.position(self.at)),
            hint: self.hint,
        }
    }
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Text,
    Texts,
    WholeNumber,
    Number,
    TrueOrFalse,
    Duration,
    Size,
    Table,
    /// Named as they are written, such as `[[control]]`.
    Tables(&'static str),
    Rows,
    Cell,
    Parameters,
}

impl Expected {
    fn words(self) -> (String, String) {
        let (expected, hint) = match self {
            Self::Text => ("text", "write \"…\""),
            Self::Texts => ("a list of text", "write [\"…\", \"…\"]"),
            Self::WholeNumber => ("a whole number", "write digits, without quotes"),
            Self::Number => ("a number", "write digits, without quotes"),
            Self::TrueOrFalse => ("true or false", "write true or false, without quotes"),
            Self::Duration => ("a duration", "write it as text, such as \"30s\""),
            Self::Size => ("a size", "write it as text, such as \"128MiB\""),
            Self::Table => ("a table", "write { key = value }, or a [table] of its own"),
            Self::Tables(name) => {
                return (format!("a list of tables, {name}"), "put each between [[ and ]]".to_owned());
            }
            Self::Rows => ("rows", "write [{ model = \"iris\" }, { model = \"ranker\" }]"),
            Self::Parameters => ("a list of text, numbers and true or false", "write [\"a\", 7, true]"),
            Self::Cell => ("text, a number or true or false", "write one value; a list of them is a row each"),
        };
        (expected.to_owned(), hint.to_owned())
    }
}

/// What a reference names, and how such a thing is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Control,
    Credential,
    Recipient,
    Source,
    Template,
    Window,
    Input,
    Webhook,
}

impl Named {
    const fn noun(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Credential => "credential",
            Self::Recipient => "recipient",
            Self::Source => "source",
            Self::Template => "template",
            Self::Window => "window",
            Self::Input => "input",
            Self::Webhook => "webhook",
        }
    }

    const fn unknown(self) -> &'static str {
        match self {
            Self::Control => "unknown-control",
            Self::Credential => "unknown-credential",
            Self::Recipient => "unknown-recipient",
            Self::Source => "unknown-source",
            Self::Template => "unknown-template",
            Self::Window => "unknown-window",
            Self::Input => "unknown-input",
            Self::Webhook => "unknown-webhook",
        }
    }
}

impl Errors {
    /// Whether there is no point in looking further.
    pub(super) const fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Whether there is an error so far.
    pub(super) fn is_refused(&self) -> bool {
        self.unreadable || self.found.iter().any(|found| found.level == Level::Error)
    }

    /// Everything, in the order of the files; `Err` if there is an error among it.
    pub(super) fn finish(self, files: &Files) -> Result<Remarks, Diagnostics> {
        let mut found = self.found;
        found.sort_by_key(|found| found.at);
        let located = found.into_iter().map(|found| found.locate(files));
        let all: Vec<_> = self.unopened.into_iter().chain(located).collect();
        if all.iter().any(|diagnostic| diagnostic.level == Level::Error) {
            return Err(Diagnostics(all));
        }
        let endings = self.endings.into_iter().map(|(until, found)| (until, found.locate(files))).collect();
        Ok(Remarks { warnings: all, endings })
    }

    fn error(&mut self, code: &'static str, at: Place, message: String, hint: impl Into<Option<String>>) {
        self.add(Level::Error, code, at, message, hint.into());
    }

    fn warn(&mut self, code: &'static str, at: Place, message: String, hint: impl Into<Option<String>>) {
        self.add(Level::Warning, code, at, message, hint.into());
    }

    fn add(&mut self, level: Level, code: &'static str, at: Place, message: String, hint: Option<String>) {
        self.add_told((at, code), level, code, message, hint);
    }

    /// `what` is what may be told once at its place: several keys may be missing at one.
    fn add_told(
        &mut self,
        what: (Place, &'static str),
        level: Level,
        code: &'static str,
        message: String,
        hint: Option<String>,
    ) {
        if self.told.insert(what) {
            self.found.push(Found { at: what.0, level, code, message, hint });
        }
    }
}

/// Files.
impl Errors {
    pub(super) fn add_unreadable_file(&mut self, path: &Path, why: &io::Error) {
        self.unreadable = true;
        let hint = match why.kind() {
            io::ErrorKind::NotFound => {
                "name the file with --config FILE, or write a first one with `evidenced init DIR`"
            }
            io::ErrorKind::PermissionDenied => "let the user that evidenced runs as read it",
            _ => "it must be a file of TOML",
        };
        self.unopened.push(Diagnostic {
            level: Level::Error,
            code: "unreadable-file",
            message: format!("the file cannot be read: {}", escaped(&why.to_string())),
            file: path.to_owned(),
            position: None,
            hint: Some(hint.to_owned()),
        });
    }

    pub(super) fn add_not_utf8(&mut self, at: Place) {
        self.unreadable = true;
        self.error("not-utf8", at, "the file is not UTF-8 from here on".into(), "save it as UTF-8".to_owned());
    }

    pub(super) fn add_syntax(&mut self, at: Place, why: &str) {
        if why == "duplicate key" {
            let hint = "keep one of the two; a table that comes more than once is written [[name]]".to_owned();
            return self.error("set-twice", at, "this key is set already".into(), hint);
        }
        self.unreadable = true;
        self.error("syntax", at, format!("not TOML: {}", escaped(why)), syntax_hint(why).to_owned());
    }

    pub(super) fn add_set_twice(&mut self, at: Place, key: &str, first: &Path, line: u32) {
        let message = format!("{} is set already in {}:{line}", quoted(key), escaped(&first.display().to_string()));
        self.error("set-twice", at, message, "keep one of the two".to_owned());
    }

    pub(super) fn add_number_too_long(&mut self, at: Place) {
        let message = "this number is out of range: a whole number has 64 bits".to_owned();
        self.error("number-out-of-range", at, message, "write it as text, or shorter".to_owned());
    }

    pub(super) fn add_not_finite(&mut self, at: Place) {
        let hint = "write a finite number, or text".to_owned();
        self.error("not-finite", at, "a plugin cannot be given a number that is not finite".into(), hint);
    }
}

/// Keys and their values.
impl Errors {
    pub(super) fn add_not_exact(&mut self, at: Place) {
        let message = "a plugin cannot be given a whole number beyond 2^53 - 1: JSON is not exact there".to_owned();
        self.error("number-out-of-range", at, message, "write it as text".to_owned());
    }

    pub(super) fn add_unknown_key(&mut self, at: Place, key: &str, section: &str, known: &[&str]) {
        let hint = match nearest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.error("unknown-key", at, format!("{section} has no key {}", quoted(key)), hint);
    }

    pub(super) fn add_missing_key(&mut self, at: Place, key: &'static str, section: &str, example: &str) {
        let message = format!("{section} needs `{key}`");
        self.add_told((at, key), Level::Error, "missing-key", message, Some(format!("add {example}")));
    }

    pub(super) fn add_wrong_type(&mut self, at: Place, key: &str, expected: Expected, found: &str) {
        let (expected, hint) = expected.words();
        self.error("wrong-type", at, format!("{} takes {expected}, and this is {found}", quoted(key)), hint);
    }

    pub(super) fn add_empty(&mut self, at: Place, key: &str, example: &str) {
        self.error("empty-value", at, format!("{} is empty", quoted(key)), format!("write {example}"));
    }

    pub(super) fn add_unknown_value(&mut self, at: Place, key: &str, value: &str, known: &[&str]) {
        let all = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let hint = match nearest(value, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? possible are {all}"),
            None => format!("possible are {all}"),
        };
        self.error("unknown-value", at, format!("{} cannot be {}", quoted(key), quoted(value)), hint);
    }

    pub(super) fn add_out_of_range(&mut self, at: Place, key: &str, range: &str) {
        let message = format!("{} is out of range", quoted(key));
        self.error("number-out-of-range", at, message, format!("write {range}"));
    }

    /// Text that has a form of its own, such as a duration.
    pub(super) fn add_malformed(
        &mut self,
        at: Place,
        code: &'static str,
        value: &str,
        what: &str,
        hint: impl Into<String>,
    ) {
        // What is no server was meant as one.
        let quoted = if code == "bad-server" { quoted_url(value) } else { quoted(value) };
        self.error(code, at, format!("{quoted} is not {what}"), hint.into());
    }

    pub(super) fn add_unknown_zone(&mut self, at: Place, name: &str, nearest: Option<String>) {
        let hint = match nearest {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write an IANA name such as `Europe/Berlin`, or `UTC`".to_owned(),
        };
        self.error("unknown-zone", at, format!("no time zone is named {}", quoted(name)), hint);
    }
}

/// Names.
impl Errors {
    pub(super) fn add_bad_id(&mut self, at: Place, named: Named, value: &str) {
        let message = format!("{} cannot be the id of a {}", quoted(value), named.noun());
        let hint = "use 1 to 64 of A-Z a-z 0-9 . _ - and /, the first a letter or a digit".to_owned();
        self.error("bad-id", at, message, hint);
    }

    pub(super) fn add_duplicate_id(&mut self, at: Place, named: Named, id: &str, from_row: bool) {
        let article = if named == Named::Input { "an" } else { "a" };
        let message = format!("there is {article} {} named {} already", named.noun(), quoted(id));
        let hint = if from_row {
            "put a placeholder of each row of `for_each` into the id, such as `AVL-01/{model}`"
        } else {
            "give each its own id"
        };
        self.error("duplicate-id", at, message, hint.to_owned());
    }

    pub(super) fn add_reserved_id(&mut self, at: Place, id: &str) {
        let message = format!("{} is built in: evidenced tests itself under this name", quoted(id));
        let hint = "give the control another id; what is to be otherwise in that one, `[monitoring]` says".to_owned();
        self.error("reserved-id", at, message, hint);
    }

    pub(super) fn add_reserved_plugin(&mut self, at: Place, name: &str) {
        let message = format!("{} is the name of a check that is built in, and of no plugin", quoted(name));
        self.error("reserved-plugin", at, message, "call the plugin's file otherwise".to_owned());
    }

    pub(super) fn add_monitoring_off(&mut self, at: Place) {
        let message =
            "evidenced does not test itself: nobody is told when controls are not tested as scheduled, or when a \
                       plugin can no longer fail"
                .to_owned();
        self.warn("monitoring-off", at, message, "take out `enabled = false`".to_owned());
    }

    pub(super) fn add_unknown<'k>(
        &mut self,
        at: Place,
        named: Named,
        id: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let noun = named.noun();
        let declared = format!("{noun}s are declared as [[{noun}]]");
        let hint = match nearest(id, known) {
            Some(meant) => format!("did you mean `{meant}`? {declared}"),
            None => declared,
        };
        self.error(named.unknown(), at, format!("no {noun} named {}", quoted(id)), hint);
    }

    pub(super) fn add_template_cycle(&mut self, at: Place, path: &[&str]) {
        let message = format!("the template leads back to itself: {}", escaped(&path.join(" → ")));
        self.error("template-cycle", at, message, "take `template` out of one of them".to_owned());
    }

    pub(super) fn add_unknown_placeholder(&mut self, at: Place, name: &str, known: &[&str]) {
        let hint = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{{{meant}}}`? `{{{{{name}}}}}` stands for itself"),
            None => format!("the row has {}; `{{{{{name}}}}}` stands for itself", known.join(", ")),
        };
        let message = format!("a row of `for_each` has no {}", quoted(name));
        self.error("unknown-placeholder", at, message, hint);
    }

    pub(super) fn add_bad_plugin(&mut self, at: Place, name: &str) {
        let hint = "write a name such as `key-rotation` (NAME.wasm in plugin_dirs), or the path of a .wasm file";
        self.error("bad-plugin-name", at, format!("{} is not the name of a plugin", quoted(name)), hint.to_owned());
    }

    pub(super) fn add_plugin_named_twice(&mut self, at: Place, name: &str, other: &str) {
        let message = format!("two plugins would be called `{name}`: the other one is {}", escaped(other));
        self.error("plugin-named-twice", at, message, "rename one of the two files".to_owned());
    }
}

/// Times and schedules.
impl Errors {
    pub(super) fn add_bad_schedule(&mut self, at: Place, why: &str, is_cron: bool) {
        let hint = if is_cron {
            "write one such as `0 6 * * *`; see when it fires with `evidenced slots --schedule '…'`"
        } else {
            "write one such as `5m`"
        };
        self.error("bad-schedule", at, escaped(why), hint.to_owned());
    }

    pub(super) fn add_two_schedules(&mut self, at: Place) {
        let message = "a control has either `schedule` or `every`".to_owned();
        self.error("two-schedules", at, message, "take one of them out".to_owned());
    }

    pub(super) fn add_window_ends_early(&mut self, at: Place, start: &str, end: &str) {
        let message = format!("the window ends before it starts: {start} to {end}");
        self.error("window-ends-early", at, message, "both days are inclusive; `end` comes last".to_owned());
    }

    /// Becomes a warning when the time has come.
    pub(super) fn add_end_of_exclusion(&mut self, at: Place, subject: &str, control: &str, until: Timestamp) {
        let message = format!("the exclusion of {} from {control} ended at {until}", quoted(subject));
        let hint = "the subject is tested again: take the exclusion out, or renew it".to_owned();
        let found = Found { at, level: Level::Warning, code: "expired-exclusion", message, hint: Some(hint) };
        // The rows of one control share the line.
        if self.told.insert((at, found.code)) {
            self.endings.push((until, found));
        }
    }

    pub(super) fn add_holidays_missing(&mut self, at: Place, path: &Path, why: &io::Error, needed: bool) {
        let message = format!(
            "the calendar {} cannot be read: {}",
            escaped(&path.display().to_string()),
            escaped(&why.to_string())
        );
        if needed {
            let hint = "a control counts business days: put an iCalendar file there, or take `holidays` out";
            self.error("unreadable-holidays", at, message, hint.to_owned());
        } else {
            let hint = "no control counts business days yet: put an iCalendar file there, or take `holidays` out";
            self.warn("unreadable-holidays", at, message, hint.to_owned());
        }
    }

    pub(super) fn add_bad_holidays(&mut self, at: Place, line: usize, why: &str) {
        let message = format!("line {line} of the calendar: {why}");
        let hint = "write whole days: DTSTART;VALUE=DATE:20260101, alone or with RRULE:FREQ=YEARLY".to_owned();
        self.error("bad-holidays", at, message, hint);
    }
}

/// Which plugins may run.
impl Errors {
    pub(super) fn add_no_lock(&mut self, at: Place, path: &Path) {
        let path = escaped(&path.display().to_string());
        let message = format!("the lock {path} is not there: no plugin runs until it is");
        let hint = "`evidenced plugin lock` writes it, from the plugins that lie in `plugin_dirs`".to_owned();
        self.warn("no-lock", at, message, hint);
    }

    pub(super) fn add_bad_lock(&mut self, at: Place, why: &LockError) {
        let why = match why {
            LockError::Unreadable { source, .. } => format!("{why}: {source}"),
            LockError::Malformed { .. } => why.to_string(),
        };
        let hint = "put back the lock that was there; or remove it, and write a new one with `evidenced plugin lock`";
        self.error("bad-lock", at, escaped_lines(&why), hint.to_owned());
    }

    pub(super) fn add_bad_signer(&mut self, at: Place, why: &str) {
        let message = format!("this is no verifier key: {why}");
        let hint = "write the line of the `.pub` file that `evidenced plugin keygen` made: NAME+ID+BASE64".to_owned();
        self.error("bad-signer", at, message, hint);
    }

    pub(super) fn add_no_signers(&mut self, at: Place) {
        let message = "`signers` names nobody: then no plugin could be signed by one of them".to_owned();
        let hint = "name a verifier key, or take `signers` out: then plugins need no signature".to_owned();
        self.error("no-signers", at, message, hint);
    }
}

/// Reasons that a person owes.
impl Errors {
    pub(super) fn add_short_reason(&mut self, at: Place, least: usize) {
        let message = format!("the reason of an exclusion has at least {least} characters");
        let hint = "say why the subject is out of scope, for a reader who comes in a year".to_owned();
        self.error("short-reason", at, message, hint);
    }

    pub(super) fn add_no_reason_for_empty(&mut self, at: Place, value: &str) {
        let message = format!("`on_empty = \"{value}\"` needs a reason: nothing was looked at");
        self.error("missing-reason", at, message, "add on_empty_reason = \"…\"".to_owned());
    }
}

/// Secrets and ways to the network.
impl Errors {
    pub(super) fn add_plain_secret(&mut self, at: Place, key: &str) {
        let message = format!("{} must not hold the secret itself: the ledger keeps the configuration", quoted(key));
        let hint = format!(
            "write {key} = {{ credential = \"NAME\" }} (LoadCredential=NAME:… in the unit) or {key} = {{ file = \"PATH\" }}, and change the secret"
        );
        self.error("plain-secret", at, message, hint);
    }

    pub(super) fn add_secret_in_text(&mut self, at: Place, what: &str) {
        let message = format!("{what} must not hold a password: the ledger keeps the configuration");
        let hint = "declare a [[credential]] and name it with credential = \"…\"; change the password".to_owned();
        self.error("plain-secret", at, message, hint);
    }

    pub(super) fn add_looks_like_secret(&mut self, at: Place, key: &str) {
        let message = format!("{} looks like a secret, and a plugin must never be given one", quoted(key));
        let hint = "declare a [[credential]]: the host adds it to requests, and the ledger never sees it".to_owned();
        self.warn("looks-like-secret", at, message, hint);
    }

    /// Without the name: it may be the secret itself.
    pub(super) fn add_bad_credential_name(&mut self, at: Place) {
        let message = "this is not the name of a systemd credential; if it is the secret itself, change it".to_owned();
        let hint = "it is the name of a file in $CREDENTIALS_DIRECTORY: 1 to 255 bytes without `/` and `:`".to_owned();
        self.error("bad-credential-name", at, message, hint);
    }

    pub(super) fn add_no_secret_source(&mut self, at: Place, key: &str) {
        let message = format!("{} names exactly one place to read the secret from", quoted(key));
        let hint = format!("write {key} = {{ credential = \"NAME\" }} or {key} = {{ file = \"PATH\" }}");
        self.error("bad-secret-source", at, message, hint);
    }

    pub(super) fn add_bad_url(&mut self, at: Place, url: &str, why: &str) {
        let hint = "write scheme, host and port alone, such as `https://api.example.com:8443`".to_owned();
        self.error("bad-url", at, format!("{}: {}", quoted_url(url), escaped(why)), hint);
    }

    pub(super) fn add_credential_in_clear(&mut self, at: Place, url: &str, private: bool) {
        let message = format!("a credential would go to {} without encryption", quoted_url(url));
        if private {
            let hint = "`addresses` keeps it in your network: anybody who listens there can read it; use https";
            self.warn("credential-in-clear", at, message, hint.to_owned());
        } else {
            let hint = "use https, or list the private `addresses` that the host has";
            self.error("credential-in-clear", at, message, hint.to_owned());
        }
    }

    pub(super) fn add_tls_off(&mut self, at: Place, host: &str) {
        let message = format!("`tls = \"none\"` is for a server on the loopback, and {} is not", quoted(host));
        self.error("mail-without-tls", at, message, "use \"starttls\" or \"implicit\"".to_owned());
    }

    pub(super) fn add_half_login(&mut self, at: Place, there: &str, missing: &str) {
        let message = format!("`{there}` without `{missing}`");
        self.error("half-login", at, message, format!("a login has both: add `{missing}`"));
    }

    pub(super) fn add_key_of_other_kind(&mut self, at: Place, key: &str, kind: &str, kinds: &[&str]) {
        let message = format!("a credential of the kind `{kind}` has no key {}", quoted(key));
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let hint = format!("it belongs to {}: take it out, or change the kind", kinds.join(", "));
        self.error("key-of-other-kind", at, message, hint);
    }

    pub(super) fn add_bad_token_url(&mut self, at: Place, url: &str, why: &str) {
        let hint = "write the whole URL, such as `https://login.example.com/oauth2/token`".to_owned();
        self.error("bad-url", at, format!("{}: {}", quoted_url(url), escaped(why)), hint);
    }

    pub(super) fn add_role_from(&mut self, at: Place, id: &str, kind: &str) {
        let message = format!("a role cannot be assumed with {}, which is of the kind `{kind}`", quoted(id));
        let hint = "name one of the kind `aws-sigv4`, `aws-instance` or `aws-assume-role`".to_owned();
        self.error("bad-role", at, message, hint);
    }

    pub(super) fn add_role_circle(&mut self, at: Place, id: &str) {
        let message = format!("the role of {} would be assumed with itself in the end", quoted(id));
        let hint = "end the chain with an `aws-sigv4` or an `aws-instance`".to_owned();
        self.error("bad-role", at, message, hint);
    }

    pub(super) fn add_not_a_certificate(&mut self, at: Place, id: &str, kind: &str) {
        let message = format!("{} is of the kind `{kind}`, and shows no certificate", quoted(id));
        let hint = "name one of the kind `client-certificate`; any other goes into `credential`".to_owned();
        self.error("bad-client-certificate", at, message, hint);
    }

    pub(super) fn add_certificate_without_tls(&mut self, at: Place, url: &str) {
        let message = format!("a client certificate is shown in a TLS handshake, and {} has none", quoted_url(url));
        self.error("certificate-without-tls", at, message, "use https".to_owned());
    }

    pub(super) fn add_without_proxy(&mut self, at: Place, key: &str) {
        let message = format!("`{key}` without `proxy`");
        self.error("no-proxy-named", at, message, "add proxy = \"http://proxy.example.com:3128\"".to_owned());
    }

    pub(super) fn add_proxy_login_in_clear(&mut self, at: Place, proxy: &str) {
        let message = format!("the proxy's password goes to {} without encryption", quoted_url(proxy));
        let hint = "anybody who listens on the way can read it: give the proxy a user that is of use for nothing else";
        self.warn("credential-in-clear", at, message, hint.to_owned());
    }

    pub(super) fn add_web_not_local(&mut self, at: Place, address: &str) {
        let message = format!("everybody who reaches {address} can read the status page");
        let hint = "listen on 127.0.0.1 and put a proxy that asks for a login in front of it".to_owned();
        self.warn("web-not-local", at, message, hint);
    }

    pub(super) fn add_ambiguous_grant(&mut self, at: Place, endpoint: &str) {
        let message = format!("two grants for {endpoint} share a method and differ otherwise");
        let hint = "keep one of them; further credentials of a host go into its `named_credentials`".to_owned();
        self.error("ambiguous-grant", at, message, hint);
    }

    pub(super) fn add_input_not_granted(&mut self, at: Place, endpoint: &str) {
        let message = format!("no grant of this control covers GET {endpoint}");
        let hint = "name a source with this URL in `sources`, or add a [[control.grant]]".to_owned();
        self.error("input-not-granted", at, message, hint);
    }

    pub(super) fn add_input_origins(&mut self, at: Place, count: usize) {
        let message = format!("an input comes from one place, and this one names {count}");
        self.error(
            "bad-input",
            at,
            message,
            "write exactly one of file = \"…\", glob = \"…\", http = \"…\", events, sql, prometheus, s3, ldap, ledger = { … }"
                .to_owned(),
        );
    }

    pub(super) fn add_event_tests(&mut self, at: Place, count: usize) {
        let message = format!("a filter has one test, and this one has {count}");
        self.error("bad-event-filter", at, message, "write one of `equals`, `contains` and `in`".to_owned());
    }

    pub(super) fn add_attested_with(&mut self, at: Place, key: &str) {
        let message = format!("a control that is attested has no `{key}`: a person states its result");
        self.error("attested-with", at, message, format!("take out `{key}`, or `attested`"));
    }

    pub(super) fn add_memory_over_total(&mut self, at: Place, total: &str) {
        let message = format!("one run may not have more memory than all runs together, {total}");
        self.error("memory-over-total", at, message, "lower it, or raise memory_total in [runner]".to_owned());
    }
}

/// What is called on the web.
impl Errors {
    /// The URL itself is not shown: it may be the secret that does not belong here.
    pub(super) fn add_bad_call_url(&mut self, at: Place, why: &str) {
        let hint = "write url = \"https://…\", or url = { credential = \"NAME\" } if whoever knows it may use it";
        self.error("bad-call-url", at, format!("this URL cannot be called: {why}"), hint.to_owned());
    }

    pub(super) fn add_secret_without_use(&mut self, at: Place, key: &str) {
        let message = format!("{} has no use here: the secret of this webhook is its URL", quoted(key));
        let hint = "take it out, and write url = { credential = \"NAME\" } or url = { file = \"PATH\" }";
        self.error("secret-without-use", at, message, hint.to_owned());
    }

    pub(super) fn add_webhook_twice(&mut self, at: Place, id: &str) {
        let message = format!("this recipient has a webhook {} already", quoted(id));
        self.error("duplicate-id", at, message, "give each its own id = \"…\"".to_owned());
    }

    pub(super) fn add_no_way(&mut self, at: Place) {
        let message = "nothing reaches this recipient".to_owned();
        let hint = "add email = [\"compliance@example.com\"], or webhook = [{ kind = …, url = … }]".to_owned();
        self.error("no-way", at, message, hint);
    }

    pub(super) fn add_summaries_to_pager(&mut self, at: Place) {
        let message = "summaries page nobody, and this recipient has nothing but a pager".to_owned();
        self.error("summaries-to-pager", at, message, "take `summaries` out, or add `email`".to_owned());
    }
}

/// Databases and directories, and what is asked of them.
impl Errors {
    pub(super) fn add_two_kinds(&mut self, at: Place, kind: &str, other: &str) {
        let message = format!("a source is one system, and this one has `{kind}` and `{other}`");
        self.error("two-kinds", at, message, "make it two sources, or take one of the keys out".to_owned());
    }

    /// Without what was written: there may be a password in it.
    pub(super) fn add_bad_database(&mut self, at: Place, kind: &str, hint: &str) {
        let message = format!("`{kind}` does not say where a database or a directory is");
        self.error("bad-database", at, message, hint.to_owned());
    }

    pub(super) fn add_database_without_tls(&mut self, at: Place, host: &str) {
        let message = format!("the password and all answers would go to {} without encryption", quoted(host));
        let hint =
            "use TLS (`sslmode=verify-full`, the default; of a directory `ldaps://`): without, this machine alone";
        self.error("database-without-tls", at, message, hint.to_owned());
    }

    pub(super) fn add_nobody_asks(&mut self, at: Place, kind: &str) {
        let message = format!("`{kind}` does not say who asks, and its credential is a password alone");
        let hint = match kind {
            "ldap" => "add bind = \"…\", the DN to log in with, or take a credential of the kind `basic`",
            _ => "name the user in it, or take a credential of the kind `basic`",
        };
        self.error("nobody-asks", at, message, hint.to_owned());
    }

    pub(super) fn add_two_users(&mut self, at: Place, user: &str, other: &str) {
        let message = format!("the source says {}, and its credential {}", quoted(user), quoted(other));
        self.error("two-users", at, message, "name the user in one of the two".to_owned());
    }

    pub(super) fn add_credential_no_password(&mut self, at: Place, id: &str, kind: &str) {
        let message = format!("the credential {} is of the kind `{kind}`, and no password", quoted(id));
        self.error("no-password", at, message, "name one of the kind `basic` or `password`".to_owned());
    }

    pub(super) fn add_password_on_requests(&mut self, at: Place, id: &str) {
        let message = format!("the credential {} is of the kind `password`, and goes on no request", quoted(id));
        let hint = "name one of the kind `basic`, with the user: a `password` is of databases and directories alone";
        self.error("password-on-requests", at, message, hint.to_owned());
    }

    pub(super) fn add_credential_of_file(&mut self, at: Place) {
        let message = "a file of SQLite takes no credential".to_owned();
        self.error("no-password", at, message, "let the user that evidenced runs as read the file".to_owned());
    }

    pub(super) fn add_database_as_grant(&mut self, at: Place, source: &str) {
        let message = format!("{} is no web server, and a plugin cannot reach it", quoted(source));
        let hint = "take it out of `sources`: an input that asks it names it itself, as in sql = { source = \"…\" }";
        self.error("wrong-source", at, message, hint.to_owned());
    }

    pub(super) fn add_wrong_source(&mut self, at: Place, source: &str, wanted: &str) {
        let message = format!("the source {} cannot be asked so", quoted(source));
        self.error("wrong-source", at, message, format!("name a source that has {wanted}"));
    }

    pub(super) fn add_several_servers(&mut self, at: Place, source: &str, count: usize) {
        let message = format!("the source {} has {count} URLs, and an input asks one", quoted(source));
        self.error("wrong-source", at, message, "declare a source with one URL for it".to_owned());
    }

    pub(super) fn add_two_queries(&mut self, at: Place) {
        let message = "an input has either `query` or `query_file`".to_owned();
        self.error("two-queries", at, message, "take one of them out".to_owned());
    }

    pub(super) fn add_unreadable_query(&mut self, at: Place, path: &Path, why: &str) {
        let path = escaped(&path.display().to_string());
        let message = format!("the query in {path} cannot be read: {}", escaped(why));
        self.error("unreadable-query", at, message, "put the text of one query there".to_owned());
    }

    pub(super) fn add_step_without_range(&mut self, at: Place) {
        let message = "`step` without `range`: at one moment there is no step".to_owned();
        self.error("bad-range", at, message, "add range = \"1h\", or take `step` out".to_owned());
    }

    pub(super) fn add_secret_attribute(&mut self, at: Place, name: &str) {
        let message = format!("{} holds a password, or what stands for one", quoted(name));
        let hint = "take it out: a check has no use for it, and evidence is kept for years";
        self.error("secret-attribute", at, message, hint.to_owned());
    }
}

/// What is accepted, and yet worth a look.
impl Errors {
    pub(super) fn add_nobody_is_told(&mut self, at: Place) {
        let message = "no recipient is told when this control fails".to_owned();
        let hint = "widen `families`, `severity` or `owners` of a [[recipient]]".to_owned();
        self.warn("nobody-is-told", at, message, hint);
    }

    pub(super) fn add_no_recipients(&mut self, at: Place) {
        let message = "nobody is told when a control fails".to_owned();
        let hint = "add a [[recipient]] with id = \"compliance\" and email = [\"compliance@example.com\"]".to_owned();
        self.warn("no-recipients", at, message, hint);
    }

    pub(super) fn add_no_owner(&mut self, at: Place) {
        let message = "this control has no owner".to_owned();
        self.warn("no-owner", at, message, "add owner = \"…\", the team that mends it when it fails".to_owned());
    }

    pub(super) fn add_unknown_owner<'k>(&mut self, at: Place, owner: &str, known: impl IntoIterator<Item = &'k str>) {
        let hint = match nearest(owner, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "owners are named by controls".to_owned(),
        };
        self.warn("unknown-owner", at, format!("no control has the owner {}", quoted(owner)), hint);
    }

    pub(super) fn add_unknown_criterion(&mut self, at: Place, criterion: &str) {
        let message = format!("the Trust Services Criteria have no {}", quoted(criterion));
        self.warn("unknown-criterion", at, message, "write one such as CC6.1, A1.2, PI1.3, C1.1 or P4.2".to_owned());
    }

    pub(super) fn add_unused_template(&mut self, at: Place, id: &str) {
        let message = format!("no control uses the template {}", quoted(id));
        self.warn("unused-template", at, message, format!("write template = \"{}\" in a control", escaped(id)));
    }

    pub(super) fn add_no_controls(&mut self, at: Place) {
        let message = "there is no control: nothing is tested".to_owned();
        self.warn("no-controls", at, message, "add a [[control]] with id, plugin and schedule".to_owned());
    }
}

/// What somebody wrote, between backticks, short enough for a line.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let text = without_login(text);
    let text = if text.contains("://") { without_query(text) } else { text };
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{}`", escaped(&shown))
}

/// What was written where a URL or a host belongs: also without a scheme it may have a login and a query.
fn quoted_url(text: &str) -> String {
    quoted(&without_query(without_login(text)))
}

/// `https://***@example.com` for what has a login there, URL or not: what is told is kept, and mailed.
fn without_login(text: &str) -> Cow<'_, str> {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) if rest.contains('@') => format!("{scheme}://***@{host}").into(),
        (_, Some((login, host))) if login.contains(':') => format!("***@{host}").into(),
        _ => text.into(),
    }
}

/// What follows may be a key. Logins are taken out before: a password may have the same signs.
fn without_query(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.find(['?', '#']) {
        Some(at) if at + 1 < text.len() => format!("{}…", &text[..=at]).into(),
        _ => text,
    }
}

/// What the writer probably meant, by the words of the parser.
fn syntax_hint(why: &str) -> &'static str {
    let speaks_of = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if speaks_of(&["key", "assignment", "`=`"]) {
        "a setting is one line: name = value"
    } else if speaks_of(&["quote", "string", "escaped", "unicode"]) {
        "put text between \"…\", and a backslash in it twice"
    } else if speaks_of(&["inline table"]) {
        "a table in one line is { name = value, name = value }"
    } else if speaks_of(&["array table", "unclosed table", "table open"]) {
        "the head of a table is [name], of one that comes more than once [[name]]"
    } else if speaks_of(&["array"]) {
        "a list is [1, 2]: a comma between two values, a bracket at each end"
    } else if speaks_of(&["radix", "sign", "digits", "zero", "prefix"]) {
        "write a number in digits, such as 10 or 0.5; put text between \"…\""
    } else {
        "a setting is one line: name = value; text stands between \"…\", a list between [ and ]"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_quoted_also_where_there_is_no_url() {
        for (written, told) in [
            ("https://auditor:pass@word@example.com:port/x", "`https://***@example.com:port/x`"),
            ("smtp://token@mail.example.com", "`smtp://***@mail.example.com`"),
            ("https://example.com/x", "`https://example.com/x`"),
            ("a@example.com", "`a@example.com`"),
            ("auditor:pass@word@example.com:port", "`***@example.com:port`"),
            ("https://a:pa?s#s@example.com/x?key=secret", "`https://***@example.com/x?…`"),
            ("https://example.com/#secret", "`https://example.com/#…`"),
            ("every ? of a * # b", "`every ? of a * # b`"),
        ] {
            assert_eq!(quoted(written), told);
        }
        for (written, told) in [
            ("example.com/x?key=secret", "`example.com/x?…`"),
            ("a:pa?ss@example.com:587#secret", "`***@example.com:587#…`"),
            ("mail.example.com:port", "`mail.example.com:port`"),
        ] {
            assert_eq!(quoted_url(written), told);
        }
    }
}
