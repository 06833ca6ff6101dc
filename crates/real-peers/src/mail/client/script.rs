//! What clients that are scripts are ordered to do.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{ClientOptions, Submission, Tls, login};
use crate::mail::Mail;
use crate::mail::rules::HOST;
use crate::script;

/// What a script reads from its standard input.
#[derive(Serialize)]
struct Order<'a> {
    host: String,
    port: u16,
    /// The name to expect in the certificate.
    server_name: &'static str,
    sender: &'a str,
    recipients: &'a [String],
    /// Latin-1: one character for each octet.
    message: String,
    /// The only one to trust; without it there is no TLS.
    certificate: Option<String>,
    /// Whether TLS begins with the first octet, instead of by STARTTLS.
    from_the_start: bool,
    user: Option<&'static str>,
    password: Option<&'static str>,
}

/// What a script writes to its standard output.
#[derive(Deserialize)]
struct Answer {
    accepted: bool,
    refusals: Vec<u16>,
}

/// Runs the script with the order, and reads its answer.
pub(super) fn run(
    command: &mut Command,
    server: SocketAddr,
    mail: &Mail,
    options: &ClientOptions,
) -> Result<Submission> {
    let certificate = options.tls.trusted().map(|pem| String::from_utf8(pem.to_vec())).transpose()?;
    let (user, password) = login(options).unzip();
    let order = Order {
        host: server.ip().to_string(),
        port: server.port(),
        server_name: HOST,
        sender: &mail.sender,
        recipients: &mail.recipients,
        message: mail.message.iter().copied().map(char::from).collect(),
        certificate,
        from_the_start: matches!(options.tls, Tls::FromTheStart(_)),
        user,
        password,
    };
    let (answer, output): (Answer, String) = script::run(command, &order)?;
    Ok(Submission { accepted: answer.accepted, refusals: answer.refusals, output })
}
