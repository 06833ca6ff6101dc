//! What clients that are scripts are ordered to do.

use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Access, Answer, Dialogue, Farewell, Login, Request, Security};
use crate::directory::kdc::Tickets;
use crate::script;

/// What a script reads from its standard input.
#[derive(Serialize)]
struct Order<'a> {
    host: &'static str,
    port: u16,
    /// `plain`, `start_tls` or `ldaps`.
    security: &'static str,
    /// The only trusted certificate, as PEM.
    certificate: Option<&'a str>,
    login: &'a Login,
    requests: &'a [Request],
    farewell: Farewell,
    /// The file with the Kerberos tickets.
    ticket_cache: Option<String>,
}

/// What a script writes to its standard output.
#[derive(Deserialize)]
struct Report {
    bind: Option<u32>,
    answers: Vec<Answer>,
}

/// Runs the script, and reads what came of it.
pub(super) fn run(command: &mut Command, access: &Access, requests: &[Request]) -> Result<Dialogue> {
    let (security, certificate) = match &access.security {
        Security::Plain => ("plain", None),
        Security::StartTls(pem) => ("start_tls", Some(std::str::from_utf8(pem)?)),
        Security::Ldaps(pem) => ("ldaps", Some(std::str::from_utf8(pem)?)),
    };
    let order = Order {
        // The name in the certificate and in the service's Kerberos principal.
        host: "localhost",
        port: access.address.port(),
        security,
        certificate,
        login: &access.login,
        requests,
        farewell: access.farewell,
        ticket_cache: tickets(access, requests).map(|tickets| tickets.cache.display().to_string()),
    };
    let (report, output): (Report, String) = script::run(command, &order)?;
    Ok(Dialogue { bind: report.bind, answers: report.answers, output })
}

/// The Kerberos tickets that the dialogue needs, if it needs some.
pub(super) fn tickets<'a>(access: &'a Access, requests: &'a [Request]) -> Option<&'a Tickets> {
    let later = requests.iter().filter_map(|request| match request {
        Request::Bind { login } => Some(login),
        _ => None,
    });
    std::iter::once(&access.login).chain(later).find_map(|login| match login {
        Login::Gssapi { tickets, .. } => Some(tickets),
        _ => None,
    })
}
