//! swaks, from Debian, run with the Perl of its bundle.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::{ClientOptions, Submission, Tls, login};
use crate::debian::Program;
use crate::mail::Mail;

pub(super) fn send(
    bundle: &Path,
    server: SocketAddr,
    mail: &Mail,
    options: &ClientOptions,
) -> Result<Submission> {
    let mut command = Program::of(bundle)?.perl_script("usr/bin/swaks")?;
    // No configuration of whoever runs the tests.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", "/nonexistent");
    let sender = if mail.sender.is_empty() { "<>" } else { &mail.sender };
    command
        .arg("--server")
        .arg(server.ip().to_string())
        .arg("--port")
        .arg(server.port().to_string())
        .args(["--helo", "app.client.test", "--from", sender, "--to", &mail.recipients.join(",")])
        // swaks stuffs the dots and adds the end of data itself.
        .args(["--data", "-", "--timeout", "60"]);
    command.args(match options.tls {
        Tls::Never => None,
        Tls::StartTls(_) => Some("--tls"),
        Tls::FromTheStart(_) => Some("--tls-on-connect"),
    });
    if let Some((user, password)) = login(options) {
        command.args(["--auth", "PLAIN", "--auth-user", user, "--auth-password", password]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting swaks")?;
    child.stdin.take().context("swaks has no input")?.write_all(&mail.message)?;
    let output = child.wait_with_output()?;
    let transcript =
        [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    match output.status.code() {
        Some(0) => Ok(Submission { accepted: true, refusals: refusals(&transcript), output: transcript }),
        // The codes that its manual gives for a refusal: connection and greeting 21, HELO 22, MAIL 23, RCPT
        // 24, DATA 25 and 26, AUTH 28, STARTTLS 29.
        Some(21..=26 | 28 | 29) => {
            Ok(Submission { accepted: false, refusals: refusals(&transcript), output: transcript })
        }
        _ => bail!("swaks ended with {}:\n{transcript}", output.status),
    }
}

/// The codes of the replies that swaks marks as errors: `<** 550 5.1.1 no such user`, under TLS `<~* 550 …`.
fn refusals(transcript: &str) -> Vec<u16> {
    transcript
        .lines()
        .filter_map(|line| line.strip_prefix("<** ").or_else(|| line.strip_prefix("<~* ")))
        .filter_map(|reply| reply.get(..3)?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn refusals_are_read_in_clear_text_and_under_tls() {
        let transcript = "<-  250 ok\n<** 550 5.1.1 no such user\n ~> x\n<~* 450 4.7.1 later\n";
        assert_eq!(super::refusals(transcript), [550, 450]);
    }
}
