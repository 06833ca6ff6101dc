//! Clients that are scripts: the order goes in as JSON, what came of it comes back as JSON.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{ClientOptions, Submission, Tls, login};
use crate::mail::Mail;
use crate::mail::rules::HOST;

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
    certificate: Option<String>,
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
    let certificate = match &options.tls {
        Tls::Never => None,
        Tls::StartTls(pem) => Some(String::from_utf8(pem.clone())?),
    };
    let (user, password) = login(options).unzip();
    let order = Order {
        host: server.ip().to_string(),
        port: server.port(),
        server_name: HOST,
        sender: &mail.sender,
        recipients: &mail.recipients,
        message: mail.message.iter().copied().map(char::from).collect(),
        certificate,
        user,
        password,
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    child.stdin.take().context("the script has no input")?.write_all(&serde_json::to_vec(&order)?)?;
    let output = child.wait_with_output()?;
    let transcript = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("the script ended with {}: {transcript}", output.status);
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).context("reading the script's answer")?;
    Ok(Submission { accepted: answer.accepted, refusals: answer.refusals, output: transcript })
}
