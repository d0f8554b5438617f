//! SMTP (RFC 5321) with STARTTLS (RFC 3207) by default and AUTH (RFC 4954).
//!
//! The commands are sent one by one and not by lettre's transport, because what a failure means depends on the
//! command that it answers: 535 to AUTH is a wrong password and no reason to give up a mail; 550 to RCPT is.

use std::{
    future::Future,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt, Rset},
        extension::{ClientId, Extension, MailParameter},
    },
};
use tokio::{net::TcpStream, time::timeout};

use super::{Attempt, OutboxError, Outgoing, Problem, Transport, Trying, one_line::OneLine};
use crate::{
    clock::{Stopwatch, stopwatch},
    gate::Mask,
    secret::{Secret, SecretSource},
};

#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Name or address; brackets of IPv6 removed.
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub login: Option<Login>,
    /// The address in MAIL FROM; bounces go there.
    pub from: String,
    /// PEM files of roots that are trusted besides the system's.
    pub roots: Vec<PathBuf>,
    pub timeouts: Timeouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Without it nothing is sent.
    Starttls,
    /// TLS from the first byte, as on port 465 (RFC 8314).
    Implicit,
    /// Only to this machine.
    None,
}

#[derive(Debug, Clone)]
pub struct Login {
    pub username: String,
    /// Read again for every connection, so that a replaced secret is used at once.
    pub password: SecretSource,
}

/// In real time. RFC 5321, section 4.5.3.2 allows a server minutes for each command; a mail that was given up too
/// early is retried and may arrive twice, so the last one is the longest.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the connection stands, with greeting, TLS and login.
    pub connect: Duration,
    /// For the answer to MAIL, RCPT and DATA.
    pub command: Duration,
    /// From the mail's first byte to the answer to its last.
    pub message: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(60), command: seconds(60), message: seconds(300) }
    }
}

/// Connections that wait for the next mail.
const IDLE_MAX: usize = 4;
/// Servers close a quiet connection after minutes (RFC 5321: 5); a younger one is likely to live.
const IDLE_FOR: Duration = Duration::from_secs(20);
/// Some servers end a connection after a number of mails; 100 is Postfix's default.
const MAILS_MAX: u32 = 50;
/// A refused mail is not held up by a slow goodbye.
const RESET: Duration = Duration::from_secs(5);

pub struct SmtpTransport {
    settings: SmtpSettings,
    from: Address,
    /// `None` with [`Tls::None`].
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Arc<Mutex<Vec<Session>>>,
    /// The password that the server was told last.
    told: Mutex<Option<Secret>>,
}

/// An open connection, logged in.
struct Session {
    connection: AsyncSmtpConnection,
    mails: u32,
    /// Since the last mail.
    used: Stopwatch,
}

/// How a connection or a command ended badly, before it is known what that means.
enum Fault {
    Smtp(Error),
    Timeout,
}

/// Why no mail can be taken at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub problem: Problem,
    pub why: String,
}

impl From<Stopped> for Attempt {
    fn from(Stopped { problem, why }: Stopped) -> Self {
        Self::Stopped { problem, why }
    }
}

impl SmtpTransport {
    /// # Errors
    /// If the sender is no address, TLS is switched off for another machine, or a certificate cannot be read.
    pub fn new(settings: SmtpSettings) -> Result<Self, OutboxError> {
        let from = settings.from.parse().map_err(|_| OutboxError::Address(settings.from.clone()))?;
        let tls = match settings.tls {
            Tls::None if !names_loopback(&settings.host) => return Err(OutboxError::Clear(settings.host)),
            Tls::None => None,
            Tls::Starttls | Tls::Implicit => Some(tls_parameters(&settings)?),
        };
        Ok(Self { settings, from, tls, hello: ClientId::default(), idle: Arc::default(), told: Mutex::default() })
    }

    /// Goes as far as every mail goes, up to its sender, and takes leave: nothing is sent.
    ///
    /// # Errors
    /// Why no mail would go out.
    pub async fn greet(&self) -> Result<(), Stopped> {
        let mut session = self.connect().await?;
        let sender = self.mail_from(&mut session, &self.from).await;
        // A goodbye that is not heard changes nothing.
        let _ = within(RESET, session.connection.quit()).await;
        sender.map_err(|fault| self.refused_sender(fault))
    }

    async fn deliver(&self, mail: Outgoing) -> Attempt {
        let to: Address = match mail.address.parse() {
            Ok(to) => to,
            Err(_) => return Attempt::Refused { code: 553, why: "not a mail address".to_owned() },
        };
        // A connection that waited may have died; that says nothing about the server, so a new one is made.
        if let Some(mut session) = self.idle_session()
            && self.mail_from(&mut session, &to).await.is_ok()
        {
            return self.send(session, &to, &mail.bytes).await;
        }
        let mut session = match self.connect().await {
            Ok(session) => session,
            Err(stopped) => return stopped.into(),
        };
        match self.mail_from(&mut session, &to).await {
            Ok(()) => self.send(session, &to, &mail.bytes).await,
            Err(fault) => self.refused_sender(fault).into(),
        }
    }

    /// A session that is greeted, encrypted as configured, and logged in.
    async fn connect(&self) -> Result<Session, Stopped> {
        let limit = self.settings.timeouts.connect;
        match timeout(limit, self.connect_and_log_in()).await {
            Ok(connected) => connected,
            Err(_) => {
                let why = format!("no complete connection within {} s", limit.as_secs_f32());
                Err(self.stopped(Problem::Unreachable, &why))
            }
        }
    }

    async fn connect_and_log_in(&self) -> Result<Session, Stopped> {
        let (host, port) = (self.settings.host.as_str(), self.settings.port);
        let greeted = match (self.settings.tls, &self.tls) {
            (Tls::Implicit, Some(tls)) => {
                AsyncSmtpConnection::connect_tokio1((host, port), None, &self.hello, Some(tls.clone()), None).await
            }
            _ => {
                let stream = TcpStream::connect((host, port))
                    .await
                    .map_err(|error| self.stopped(Problem::Unreachable, &error.to_string()))?;
                let is_here = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
                if self.settings.tls == Tls::None && !is_here {
                    let why = "the name leads to another machine, and nothing is sent there without TLS";
                    return Err(self.stopped(Problem::Tls, why));
                }
                AsyncSmtpConnection::connect_with_transport(Box::new(OneLine::new(stream)), &self.hello).await
            }
        };
        let mut connection = greeted.map_err(|error| self.no_connection(&error))?;
        if let (Tls::Starttls, Some(tls)) = (self.settings.tls, &self.tls) {
            if !connection.can_starttls() {
                connection.abort().await;
                let why =
                    "the server does not offer STARTTLS; nothing was sent, for mail and password would be in clear";
                return Err(self.stopped(Problem::NoStarttls, why));
            }
            let encrypted = connection.starttls(tls.clone(), &self.hello).await;
            encrypted.map_err(|error| self.stopped(Problem::Tls, &self.said(&error)))?;
        }
        if let Some(login) = &self.settings.login {
            self.log_in(&mut connection, login).await?;
        }
        Ok(Session { connection, mails: 0, used: stopwatch() })
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection, login: &Login) -> Result<(), Stopped> {
        let password = login.password.read().map_err(|error| self.stopped(Problem::Login, &chain(&error)))?;
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(password.clone());
        let credentials = Credentials::new(login.username.clone(), password.expose().clone());
        match connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let why = if error.is_client() {
                    "the server offers no login (AUTH PLAIN or LOGIN)".to_owned()
                } else {
                    format!("the login as `{}` was not taken: {}", login.username, self.said(&error))
                };
                connection.abort().await;
                // 4xx: the server cannot check the password at present (RFC 4954, 454), it is not wrong.
                let problem =
                    if error.is_permanent() || error.is_client() { Problem::Login } else { Problem::Unreachable };
                Err(self.stopped(problem, &why))
            }
        }
    }

    async fn mail_from(&self, session: &mut Session, to: &Address) -> Result<(), Fault> {
        let ascii = self.from.to_string().is_ascii() && to.to_string().is_ascii();
        let utf8 = !ascii && session.connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let options = if utf8 { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        let command = Mail::new(Some(self.from.clone()), options);
        within(self.settings.timeouts.command, session.connection.command(command)).await
    }

    /// From RCPT on, a refusal is about this mail.
    async fn send(&self, mut session: Session, to: &Address, bytes: &[u8]) -> Attempt {
        let limit = self.settings.timeouts.command;
        if !to.to_string().is_ascii() && !session.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            self.reset(session).await;
            let why = "the server takes no address with other letters than ASCII (SMTPUTF8)";
            return Attempt::Refused { code: 553, why: why.to_owned() };
        }
        let recipient = Rcpt::new(to.clone(), Vec::new());
        if let Err(fault) = within(limit, session.connection.command(recipient)).await {
            return self.not_taken(fault, "the address", session).await;
        }
        if let Err(fault) = within(limit, session.connection.command(Data)).await {
            return self.not_taken(fault, "the mail", session).await;
        }
        match within(self.settings.timeouts.message, session.connection.message(bytes)).await {
            Ok(()) => {
                self.put_back(session);
                Attempt::Delivered
            }
            Err(fault) => self.not_taken(fault, "the mail", session).await,
        }
    }

    /// 5xx ends the delivery, all else is tried again.
    async fn not_taken(&self, fault: Fault, what: &str, session: Session) -> Attempt {
        let error = match fault {
            Fault::Timeout => {
                let why = format!("{}: no answer while {what} was sent", self.name());
                return Attempt::Later { why };
            }
            Fault::Smtp(error) => error,
        };
        let why = format!("{}: {what} was not taken: {}", self.name(), self.said(&error));
        match error.status().map(u16::from) {
            // The server shuts down (RFC 5321, section 3.8).
            Some(421) => Attempt::Stopped { problem: Problem::Unreachable, why },
            // Login needed, too weak, expired, or needs encryption (RFC 4954, section 6): ours to mend.
            Some(530 | 534 | 535 | 538) => Attempt::Stopped { problem: Problem::Login, why },
            Some(code) if error.is_permanent() => {
                self.reset(session).await;
                Attempt::Refused { code, why }
            }
            Some(_) => {
                self.reset(session).await;
                Attempt::Later { why }
            }
            None => Attempt::Later { why },
        }
    }

    /// MAIL was refused: that concerns every mail, for all have the same sender.
    fn refused_sender(&self, fault: Fault) -> Stopped {
        match fault {
            Fault::Timeout => self.stopped(Problem::Unreachable, "no answer to MAIL"),
            Fault::Smtp(error) => {
                let problem = match error.status().map(u16::from) {
                    Some(530 | 534 | 535 | 538) => Problem::Login,
                    Some(_) if error.is_permanent() => Problem::Sender,
                    _ => Problem::Unreachable,
                };
                self.stopped(problem, &format!("MAIL FROM <{}> was not taken: {}", self.from, self.said(&error)))
            }
        }
    }

    fn no_connection(&self, error: &Error) -> Stopped {
        // lettre reports a failed handshake as an error of the connection.
        let text = chain(error).to_lowercase();
        let is_tls = error.is_tls() || ["certificate", "tls", "handshake"].iter().any(|word| text.contains(word));
        self.stopped(if is_tls { Problem::Tls } else { Problem::Unreachable }, &self.said(error))
    }

    fn stopped(&self, problem: Problem, why: &str) -> Stopped {
        Stopped { problem, why: format!("{}: {why}", self.name()) }
    }

    /// An error and its causes, cut, and without the password: what a server says goes to logs and pages, and it may repeat what
    /// it was sent.
    fn said(&self, error: &Error) -> String {
        let text = chain(error);
        let text = match &*self.told.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(password) => Mask::new([password.expose().as_str()]).clean_text(&text),
            None => text,
        };
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match text.char_indices().nth(300) {
            None => text,
            Some((at, _)) => format!("{}… (cut)", &text[..at]),
        }
    }

    fn name(&self) -> String {
        format!("mail server {}:{}", self.settings.host, self.settings.port)
    }

    fn idle_session(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| session.used.elapsed() < IDLE_FOR);
        idle.pop()
    }

    /// After a refusal, so that the next mail on this connection begins anew.
    async fn reset(&self, mut session: Session) {
        if within(RESET, session.connection.command(Rset)).await.is_ok() {
            self.put_back(session);
        }
    }

    fn put_back(&self, mut session: Session) {
        session.mails += 1;
        session.used = stopwatch();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if session.mails < MAILS_MAX && idle.len() < IDLE_MAX {
            idle.push(session);
        }
    }
}

impl Transport for SmtpTransport {
    fn deliver(&self, mail: Outgoing) -> Trying<'_> {
        Box::pin(self.deliver(mail))
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<(), Fault> {
    match timeout(limit, answer).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Fault::Smtp(error)),
        Err(_) => Err(Fault::Timeout),
    }
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, OutboxError> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    for path in &settings.roots {
        let pem = std::fs::read(path).map_err(|source| OutboxError::Roots { path: path.clone(), source })?;
        let root = Certificate::from_pem(&pem).map_err(|_| OutboxError::RootsForm(path.clone()))?;
        builder = builder.add_root_certificate(root);
    }
    builder.build_rustls().map_err(|error| OutboxError::Tls(error.to_string()))
}

/// By its name alone; where the name leads is looked at when the connection stands.
fn names_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // lettre's errors repeat their cause.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
