//! Leads by mail, handed to a relay.
//!
//! SMTP is spoken step by step instead of by lettre's transport, since it matters
//! how far a mail came: until the relay has said that it wants the text, nothing of
//! the lead has left; once the text is on its way, it may arrive.
//!
//! The relay is the operator's own, named in the server's configuration: its
//! address is not held against the networks that buyers may be in.

use crate::outbound::{Budget, CallError, Failure, Progress, deadline};
use crumb_domain::selling::{Milliseconds, Phase};
use lettre::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use std::net::{IpAddr, Ipv4Addr};

/// Where mail is handed in without credentials.
const RELAY_PORT: u16 = 25;
/// Where mail is handed in with credentials (RFC 6409).
const SUBMISSION_PORT: u16 = 587;
/// Where TLS begins before SMTP does (RFC 8314).
const SUBMISSIONS_PORT: u16 = 465;
/// How this host greets: an address is always allowed, and a name would have to be
/// its own.
const HELLO: ClientId = ClientId::Ipv4(Ipv4Addr::LOCALHOST);

/// A mail, as it was rendered.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// One address each.
    pub to: Vec<String>,
    /// About what.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Whether the text is HTML.
    pub is_html: bool,
    /// What it is known by, the same each time that it is sent; a random one where none.
    pub id: Option<String>,
}

/// Whether a text is an e-mail address alone, without a name.
pub fn is_bare_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// `[mail]` of the server's settings.
#[derive(Clone, PartialEq, Eq)]
pub struct MailOptions {
    /// `host` or `host:port`. Without a port: 587 with a user, 25 without. On 465 TLS
    /// begins at once, on others where the relay offers it.
    pub relay: String,
    /// The sender, `leads@example.com` or `Leads <leads@example.com>`.
    pub from: String,
    /// The user and its password, for relays that want one.
    pub credentials: Option<(String, String)>,
}

impl std::fmt::Debug for MailOptions {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("MailOptions")
            .field("relay", &self.relay)
            .field("from", &self.from)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

/// Why mail options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailOptionsError {
    /// The relay is no `host:port`.
    #[error("mail.relay: \"{0}\" is no host, or host and port")]
    Relay(String),
    /// The sender is no address.
    #[error("mail.from: \"{0}\" is no e-mail address")]
    From(String),
}

/// The relay.
pub struct Mailer {
    host: String,
    port: u16,
    from: Mailbox,
    credentials: Option<Credentials>,
}

/// What came of a mail.
pub(crate) struct Mailed {
    pub(crate) phase: Phase,
    pub(crate) ms: Milliseconds,
    /// The relay's last words.
    pub(crate) answer: String,
    pub(crate) outcome: MailOutcome,
}

pub(crate) enum MailOutcome {
    /// The relay has it.
    Taken,
    /// The relay read all of it and will not have it.
    Refused(String),
    Failed(CallError),
}

/// Why a step failed, without the relay's words: they repeat addresses.
enum Stop {
    /// It refused the text.
    Refused(String),
    Failed(Failure),
}

/// Whether a text is an address that mail can go to, with or without a display name.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

impl Mailer {
    /// Reads the options; connects to nothing.
    pub fn new(options: MailOptions) -> Result<Self, MailOptionsError> {
        let wrong_relay = || MailOptionsError::Relay(options.relay.clone());
        let (host, port) = match options.relay.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong_relay())?)
            }
            _ if options.credentials.is_some() => (options.relay.as_str(), SUBMISSION_PORT),
            _ => (options.relay.as_str(), RELAY_PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['/', ' ', '@']) {
            return Err(wrong_relay());
        }
        let from = options.from.parse().map_err(|_| MailOptionsError::From(options.from.clone()))?;
        let credentials = options.credentials.map(|(user, password)| Credentials::new(user, password));
        Ok(Self { host: host.to_owned(), port, from, credentials })
    }

    /// Hands one mail in, once.
    pub(crate) async fn send(&self, mail: &Mail, budget: Budget) -> Mailed {
        let mut progress = Progress::new();
        let mut answer = String::new();
        let handed_in = self.hand_in(mail, &mut progress, &mut answer);
        let ended = tokio::time::timeout_at(deadline(budget), handed_in).await;
        progress.stop_the_watch();
        let failed = |what| MailOutcome::Failed(CallError { phase: progress.phase, what });
        let outcome = match ended {
            Ok(Ok(())) => MailOutcome::Taken,
            Ok(Err(Stop::Refused(why))) => MailOutcome::Refused(why),
            Ok(Err(Stop::Failed(what))) => failed(what),
            Err(_) => failed(Failure::TimedOut),
        };
        Mailed { phase: progress.phase, ms: progress.ms, answer, outcome }
    }

    async fn hand_in(&self, mail: &Mail, progress: &mut Progress, answer: &mut String) -> Result<(), Stop> {
        let broken = |what: &str| Stop::Failed(Failure::Broken(what.to_owned()));
        let message = self.message(mail).map_err(|what| broken(&what))?;
        progress.enter(Phase::Connect);
        let mut relay = self.connect(progress).await.map_err(|error| stopped(&error, answer))?;
        self.log_in(&mut relay).await.map_err(|error| stopped(&error, answer))?;
        let envelope = message.envelope();
        let mut parameters = Vec::new();
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.map(AsRef::<str>::as_ref).any(|address| !address.is_ascii()) {
            if !relay.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(broken("the relay takes no address like this one"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = relay.command(MailFrom::new(envelope.from().cloned(), parameters)).await;
        from.map_err(|error| stopped(&error, answer))?;
        for to in envelope.to() {
            relay.command(Rcpt::new(to.clone(), vec![])).await.map_err(|error| stopped(&error, answer))?;
        }
        relay.command(Data).await.map_err(|error| stopped(&error, answer))?;
        progress.enter(Phase::Write);
        let taken = relay.message(&message.formatted()).await;
        match taken {
            Ok(response) => *answer = words(&response),
            Err(error) => {
                return Err(match (stopped(&error, answer), error.status()) {
                    (Stop::Failed(Failure::Broken(why)), Some(_)) => {
                        progress.enter(Phase::Done);
                        Stop::Refused(why)
                    }
                    (stop, _) => stop,
                });
            }
        }
        progress.enter(Phase::Done);
        Ok(())
    }

    async fn connect(&self, progress: &mut Progress) -> Result<AsyncSmtpConnection, Error> {
        let hello = HELLO;
        let keys = || TlsParameters::new_rustls(self.host.clone());
        let address = (self.host.as_str(), self.port);
        if self.port == SUBMISSIONS_PORT {
            return AsyncSmtpConnection::connect_tokio1(address, None, &hello, Some(keys()?), None).await;
        }
        let mut relay = AsyncSmtpConnection::connect_tokio1(address, None, &hello, None, None).await?;
        // On this very host there is nobody to listen in, and its relay's certificate is
        // commonly one that nobody signed.
        if !self.is_local() && relay.can_starttls() {
            progress.enter(Phase::Tls);
            relay.starttls(keys()?, &hello).await?;
        }
        Ok(relay)
    }

    /// Gives the password to nobody who could be overheard.
    async fn log_in(&self, relay: &mut AsyncSmtpConnection) -> Result<(), LoginError> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        if !relay.is_encrypted() && !self.is_local() {
            return Err(LoginError::NoTls);
        }
        relay.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
        Ok(())
    }

    fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The error repeats no address: it may be a lead's.
    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let id = mail.id.as_ref().map(|id| format!("<{id}@{}>", self.from.email.domain()));
        let mut message =
            Message::builder().from(self.from.clone()).subject(mail.subject.as_str()).message_id(id);
        for to in &mail.to {
            let to: Mailbox = to.parse().map_err(|_| "a recipient is no e-mail address".to_owned())?;
            message = message.to(to);
        }
        let content_type = if mail.is_html { ContentType::TEXT_HTML } else { ContentType::TEXT_PLAIN };
        let message = message.header(content_type).body(mail.body.clone());
        message.map_err(|_| "the mail could not be written".to_owned())
    }
}

/// Why the relay did not let us in.
enum LoginError {
    NoTls,
    Smtp(Error),
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self::Smtp(error)
    }
}

trait Step {
    fn smtp(&self) -> Option<&Error>;
}

impl Step for Error {
    fn smtp(&self) -> Option<&Error> {
        Some(self)
    }
}

impl Step for LoginError {
    fn smtp(&self) -> Option<&Error> {
        match self {
            Self::NoTls => None,
            Self::Smtp(error) => Some(error),
        }
    }
}

/// What went wrong in a step; the relay's own words go to where the attempt's answer
/// is kept.
fn stopped(error: &impl Step, answer: &mut String) -> Stop {
    let why = match error.smtp() {
        None => "the relay offers no TLS, and the password is not sent without".to_owned(),
        Some(error) => match error.status() {
            Some(code) => {
                *answer = error.to_string();
                format!("the relay answered {code}")
            }
            None if error.is_tls() => "no keys could be agreed on with the relay".to_owned(),
            None if error.is_response() => "the relay closed the connection or speaks no SMTP".to_owned(),
            None if error.is_client() => "the relay cannot do what is needed".to_owned(),
            None => "the connection to the relay failed".to_owned(),
        },
    };
    Stop::Failed(Failure::Broken(why))
}

fn words(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), lines.join("\r\n"))
}

#[cfg(test)]
pub(crate) mod tests;
