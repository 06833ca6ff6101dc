//! Delivers mails over SMTP and keeps count.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lettre::Address;
use lettre::message::header::{ContentType, Date};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error as SmtpError, response::Response};

use crate::{Addressing, Occurrence, Settings, Tally};

/// Where mails go, and how to check the server's certificate.
#[derive(Clone)]
pub struct Server {
    address: String,
    name: ClientId,
    tls: TlsParameters,
    timeout: Duration,
}

impl Server {
    /// # Errors
    ///
    /// When `--ca` cannot be read or holds no certificate, or the server's name is no valid one.
    pub fn new(settings: &Settings) -> Result<Self> {
        let Some((host, port)) = settings.smtp.rsplit_once(':') else {
            bail!("--smtp {}: must be HOST:PORT", settings.smtp);
        };
        if port.parse::<u16>().is_err() {
            bail!("--smtp {}: {port:?} is not a port", settings.smtp);
        }
        let name = settings.tls_name.as_deref().unwrap_or(host.trim_matches(['[', ']']));
        let mut tls = TlsParameters::builder(name.to_owned());
        if let Some(path) = &settings.ca {
            let context = || format!("--ca {}", path.display());
            let pem = std::fs::read(path).with_context(context)?;
            let certificate = Certificate::from_pem(&pem).with_context(context)?;
            tls = tls.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        Ok(Self {
            address: settings.smtp.clone(),
            name: ClientId::Domain(settings.from.domain().to_owned()),
            tls: tls.build().context("TLS")?,
            timeout: settings.timeout,
        })
    }

    fn connect(&self, starttls: bool) -> Result<SmtpConnection, SmtpError> {
        let mut connection =
            SmtpConnection::connect(&self.address, Some(self.timeout), &self.name, None, None)?;
        if starttls {
            connection.starttls(&self.tls, &self.name)?;
        }
        Ok(connection)
    }
}

/// Delivers one mail after the other over a connection that it renews every few mails.
pub struct Courier {
    server: Server,
    addressing: Addressing,
    from: Address,
    huge_octets: usize,
    mails_per_connection: u64,
    line: Option<Line>,
    connections: u64,
    mails: u64,
    tally: Tally,
}

/// An open connection.
struct Line {
    smtp: SmtpConnection,
    starttls: bool,
    /// At least 1 between mails.
    mails_left: u64,
}

impl Line {
    fn hang_up(mut self) {
        if let Err(error) = self.smtp.quit() {
            log::warn!("taking leave: {}", Cause(&error));
        }
    }
}

/// What became of one mail.
#[derive(Debug)]
enum Outcome {
    Accepted,
    Rejected(SmtpError),
    Failed(SmtpError),
}

/// What the server said to one mail.
#[derive(Debug)]
struct Delivery {
    accepted: u64,
    refused: u64,
    outcome: Outcome,
}

impl Courier {
    /// Nothing is connected before the first mail.
    pub fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            server: Server::new(settings)?,
            addressing: Addressing::new(settings),
            from: settings.from.clone(),
            huge_octets: settings.huge_octets,
            mails_per_connection: settings.mails_per_connection,
            line: None,
            connections: 0,
            mails: 0,
            tally: Tally::default(),
        })
    }

    /// Mails one error. What goes wrong is logged and counted: the application goes on.
    pub fn mail(&mut self, occurrence: &Occurrence) {
        self.mails += 1;
        let assignment = self.addressing.assign(self.mails);
        let message = match self.write(occurrence, assignment.huge, &assignment.recipients) {
            Ok(message) => message,
            Err(error) => return log::warn!("mail {}: cannot be written: {error}", self.mails),
        };
        let number = self.mails;
        let Some(mut line) = self.line() else { return };
        let starttls = line.starttls;
        let delivery = deliver(&mut line.smtp, &self.from, &assignment.recipients, &message);

        let leg = self.tally.leg(starttls);
        leg.mails_tried += 1;
        leg.recipients_accepted += delivery.accepted;
        leg.recipients_refused += delivery.refused;
        match &delivery.outcome {
            Outcome::Accepted => leg.mails_accepted += 1,
            Outcome::Rejected(_) => leg.mails_rejected += 1,
            Outcome::Failed(_) => leg.mails_failed += 1,
        }
        let over = if starttls { " over TLS" } else { "" };
        log::info!("mail {number} to {}{over}: {delivery}", List(&assignment.recipients));
        line.mails_left -= 1;
        match delivery.outcome {
            // Nothing that comes over this connection can be trusted to answer the next command.
            Outcome::Failed(_) => drop(line),
            _ if line.mails_left == 0 => line.hang_up(),
            _ => self.line = Some(line),
        }
    }

    /// Takes leave of the server and returns what was counted.
    pub fn finish(mut self) -> Tally {
        if let Some(line) = self.line.take() {
            line.hang_up();
        }
        self.tally
    }

    /// The open connection, or a new one; nothing when there is none to be had.
    fn line(&mut self) -> Option<Line> {
        if let Some(line) = self.line.take() {
            return Some(line);
        }
        let starttls = self.addressing.uses_starttls(self.connections);
        self.connections += 1;
        let leg = self.tally.leg(starttls);
        match self.server.connect(starttls) {
            Ok(smtp) => {
                leg.connections += 1;
                Some(Line { smtp, starttls, mails_left: self.mails_per_connection })
            }
            Err(error) => {
                leg.mails_tried += 1;
                leg.mails_failed += 1;
                let with = if starttls { " with STARTTLS" } else { "" };
                let (mail, server) = (self.mails, &self.server.address);
                log::warn!("mail {mail}: no connection{with} to {server}: {}", Cause(&error));
                None
            }
        }
    }

    fn write(&self, occurrence: &Occurrence, huge: bool, recipients: &[Address]) -> Result<Vec<u8>> {
        let mut message = Message::builder()
            .from(Mailbox::new(Some("The shop".to_owned()), self.from.clone()))
            .subject(&occurrence.text)
            .header(ContentType::TEXT_PLAIN)
            .header(Date::from(occurrence.at));
        for recipient in recipients {
            message = message.to(Mailbox::new(None, recipient.clone()));
        }
        let mut body = format!("{}\r\n\r\nStack trace:\r\n", occurrence.text);
        let frames = if huge { self.huge_octets } else { 400 };
        for frame in 0.. {
            if body.len() >= frames {
                break;
            }
            // A line that begins with a dot has to be stuffed by the client and unstuffed by the server.
            body.push_str(&format!(".{frame}: shop::till::charge at till.rs:{}\r\n", 40 + frame % 60));
        }
        Ok(message.body(body)?.formatted())
    }
}

/// One transaction: RFC 5321, section 3.3. Unlike lettre's own `send` it goes on when some recipients are
/// refused, as a mail relay does.
fn deliver(smtp: &mut SmtpConnection, from: &Address, to: &[Address], message: &[u8]) -> Delivery {
    let mut delivery = Delivery { accepted: 0, refused: 0, outcome: Outcome::Accepted };
    let outcome = transaction(smtp, from, to, message, &mut delivery);
    delivery.outcome = match outcome {
        Ok(_) => Outcome::Accepted,
        Err(error) if error.status().is_some() => Outcome::Rejected(error),
        Err(error) => Outcome::Failed(error),
    };
    delivery
}

fn transaction(
    smtp: &mut SmtpConnection,
    from: &Address,
    to: &[Address],
    message: &[u8],
    delivery: &mut Delivery,
) -> Result<Response, SmtpError> {
    smtp.command(Mail::new(Some(from.clone()), Vec::new()))?;
    let mut last_refusal = None;
    for recipient in to {
        match smtp.command(Rcpt::new(recipient.clone(), Vec::new())) {
            Ok(_) => delivery.accepted += 1,
            Err(error) if error.status().is_some() => {
                delivery.refused += 1;
                last_refusal = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if delivery.accepted == 0
        && let Some(refusal) = last_refusal
    {
        smtp.command(Rset)?;
        return Err(refusal);
    }
    if let Err(error) = smtp.command(Data) {
        smtp.command(Rset)?;
        return Err(error);
    }
    smtp.message(message)
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Accepted if self.refused == 0 => f.write_str("accepted"),
            Outcome::Accepted => {
                write!(f, "accepted for {} of {} recipients", self.accepted, self.accepted + self.refused)
            }
            Outcome::Rejected(error) => write!(f, "rejected: {}", Cause(error)),
            Outcome::Failed(error) => write!(f, "failed: {}", Cause(error)),
        }
    }
}

/// An error with everything that caused it, on one line.
struct Cause<'a>(&'a dyn std::error::Error);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let cause = error.to_string();
            if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
            source = error.source();
        }
        f.write_str(&text)
    }
}

struct List<'a>(&'a [Address]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{address}")?;
        }
        Ok(())
    }
}
