//! lettre, a Rust library.

use std::net::SocketAddr;

use ::lettre::address::Envelope;
use ::lettre::transport::smtp::authentication::{Credentials, Mechanism};
use ::lettre::transport::smtp::client::{Certificate, Tls as LettreTls, TlsParameters};
use ::lettre::transport::smtp::extension::ClientId;
use ::lettre::{SmtpTransport, Transport};
use anyhow::Result;

use super::{ClientOptions, Submission, Tls, login};
use crate::mail::Mail;
use crate::mail::rules::HOST;
use crate::waiting::DEADLINE;

pub(super) fn send(server: SocketAddr, mail: &Mail, options: &ClientOptions) -> Result<Submission> {
    let sender = if mail.sender.is_empty() { None } else { Some(mail.sender.parse()?) };
    let recipients: Result<Vec<_>, _> = mail.recipients.iter().map(|one| one.parse()).collect();
    let envelope = Envelope::new(sender, recipients?)?;
    let mut transport = SmtpTransport::builder_dangerous(server.ip().to_string())
        .port(server.port())
        .hello_name(ClientId::Domain("app.client.test".to_owned()))
        .timeout(Some(DEADLINE));
    if let Some(pem) = options.tls.trusted() {
        let parameters = TlsParameters::builder(HOST.to_owned())
            .add_root_certificate(Certificate::from_pem(pem)?)
            .build_rustls()?;
        transport = transport.tls(match options.tls {
            Tls::FromTheStart(_) => LettreTls::Wrapper(parameters),
            _ => LettreTls::Required(parameters),
        });
    }
    if let Some((user, password)) = login(options) {
        transport = transport
            .credentials(Credentials::new(user.to_owned(), password.to_owned()))
            .authentication(vec![Mechanism::Plain]);
    }
    match transport.build().send_raw(&envelope, &mail.message) {
        Ok(response) => Ok(Submission {
            accepted: response.is_positive(),
            refusals: Vec::new(),
            output: format!("{response:?}"),
        }),
        Err(error) => match error.status() {
            Some(code) => {
                Ok(Submission { accepted: false, refusals: vec![code.into()], output: error.to_string() })
            }
            // Not the server's word: the connection or the handshake failed.
            None => Err(error.into()),
        },
    }
}
