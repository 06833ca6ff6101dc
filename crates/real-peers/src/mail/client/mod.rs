//! Real clients, all behind one call.

pub(crate) mod nodemailer;

mod exim;
mod lettre;
mod script;
mod smtplib;
mod swaks;

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use super::Mail;
use super::rules::{PASSWORD, USER};
use crate::availability::Peer;

/// A mail client or library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// swaks: one command at a time (or pipelined), carries on when a recipient is refused.
    Swaks,
    /// Python's `smtplib`: one command at a time, carries on when a recipient is refused.
    Smtplib,
    /// lettre: gives the mail up at the first refused recipient.
    Lettre,
    /// nodemailer: carries on when a recipient is refused.
    Nodemailer,
    /// Exim, passing the mail on as servers do: pipelined, by BDAT, with PRDR, wherever that is offered.
    /// Speaks LMTP too.
    Exim,
}

/// Whether a client uses TLS, and from when on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    #[default]
    Never,
    /// Always, trusting this certificate (PEM) only. swaks trusts any.
    StartTls(Vec<u8>),
    /// TLS from the first octet (RFC 8314, 3.3), trusting likewise.
    FromTheStart(Vec<u8>),
}

impl Tls {
    /// The trusted certificate (PEM), if there is to be TLS.
    fn trusted(&self) -> Option<&[u8]> {
        match self {
            Self::Never => None,
            Self::StartTls(pem) | Self::FromTheStart(pem) => Some(pem),
        }
    }
}

/// How a client shall go about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// Whether with TLS.
    pub tls: Tls,
    /// Whether to log in, as [`USER`], with AUTH PLAIN.
    pub auth: bool,
    /// Whether to speak LMTP (RFC 2033). [`Client::Exim`] only.
    pub lmtp: bool,
}

/// What a client says came of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// Whether the server took it, for at least one recipient.
    pub accepted: bool,
    /// The code of each refusal that the client names, in order.
    pub refusals: Vec<u16>,
    /// Everything that the client printed, for the eyes of whoever reads a failed test.
    pub output: String,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Swaks, Self::Smtplib, Self::Lettre, Self::Nodemailer, Self::Exim];

    /// The peer, for asking whether it is available.
    #[must_use]
    pub fn peer(self) -> Peer {
        match self {
            Self::Swaks => Peer::Swaks,
            Self::Smtplib => Peer::Smtplib,
            Self::Lettre => Peer::Lettre,
            Self::Nodemailer => Peer::Nodemailer,
            Self::Exim => Peer::Exim,
        }
    }

    /// Whether it gives the whole mail up when one recipient is refused.
    #[must_use]
    pub fn gives_up_at_first_refusal(self) -> bool {
        self == Self::Lettre
    }

    /// What this client makes of a message: swaks and lettre add an empty line before the end of data.
    #[must_use]
    pub fn submitted(self, mut message: Vec<u8>) -> Vec<u8> {
        if matches!(self, Self::Swaks | Self::Lettre) {
            message.extend_from_slice(b"\r\n");
        }
        message
    }

    /// Submits one mail over a connection of its own.
    ///
    /// # Errors
    /// When the client is missing or did not run. A refusal is no error but part of the result.
    pub fn send(self, server: SocketAddr, mail: &Mail, options: &ClientOptions) -> Result<Submission> {
        let place = self.peer().require()?;
        ensure!(!options.lmtp || self == Self::Exim, "{} speaks no LMTP", self.peer().name());
        match self {
            Self::Swaks => swaks::send(&place, server, mail, options),
            Self::Smtplib => smtplib::send(&place, server, mail, options),
            Self::Lettre => lettre::send(server, mail, options),
            Self::Nodemailer => nodemailer::send(&place, server, mail, options),
            Self::Exim => exim::send(&place, server, mail, options),
        }
        .with_context(|| format!("sending with {}", self.peer().name()))
    }
}

/// The login of those options.
fn login(options: &ClientOptions) -> Option<(&'static str, &'static str)> {
    options.auth.then_some((USER, PASSWORD))
}
