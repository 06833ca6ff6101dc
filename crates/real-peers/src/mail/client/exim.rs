//! Exim as a client: a mail server passing a mail on to the next one.
//!
//! The one client here that uses what servers offer each other: PIPELINING, CHUNKING (BDAT), PRDR, DSN; and
//! LMTP.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, bail};

use super::{ClientOptions, Submission, Tls, login};
use crate::instance::Instance;
use crate::mail::Mail;
use crate::mail::server::EXIM;

const TRUSTED: &str = "/etc/peer/trusted.pem";

pub(super) fn send(
    bundle: &Path,
    server: SocketAddr,
    mail: &Mail,
    options: &ClientOptions,
) -> Result<Submission> {
    let instance = Instance::new("exim-client", bundle, &[EXIM])?;
    instance.folder("var/spool/exim4", EXIM.id, 0o750)?;
    instance.folder("srv/log", EXIM.id, 0o755)?;
    if let Some(pem) = options.tls.trusted() {
        instance.file(TRUSTED, pem, 0o644)?;
    }
    instance.file("etc/exim4/exim4.conf", configuration(server, options), 0o644)?;
    instance.file("tmp/message", &mail.message, 0o644)?;
    let sender = if mail.sender.is_empty() { "<>" } else { &mail.sender };
    let recipients: Vec<&str> = mail.recipients.iter().map(String::as_str).collect();
    // Delivers before it ends, and a line with a lone dot is no end.
    let arguments = [&["-odf", "-i", "-f", sender, "--"], recipients.as_slice()].concat();
    let output = instance
        .command("/usr/sbin/exim4", &arguments)
        .stdin(File::open(instance.outside("tmp/message"))?)
        .output()?;
    let log = std::fs::read_to_string(instance.outside("srv/log/mainlog")).unwrap_or_default();
    if !output.status.success() {
        bail!("exim ended with {}: {}\n{log}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let refusals: Vec<u16> = log.lines().filter_map(refusal).collect();
    // `=>` marks the first recipient of a delivery, `->` further ones.
    let delivered = |line: &str| [" => ", " -> "].iter().any(|mark| line.contains(mark));
    let accepted = log.lines().any(|line| line.contains(" T=next ") && delivered(line));
    if !accepted && refusals.is_empty() {
        bail!("exim could not deliver:\n{log}");
    }
    Ok(Submission { accepted, refusals, output: log })
}

fn configuration(server: SocketAddr, options: &ClientOptions) -> String {
    let (host, port) = (server.ip(), server.port());
    let protocol = match options.tls {
        _ if options.lmtp => "lmtp",
        Tls::FromTheStart(_) => "smtps",
        _ => "smtp",
    };
    let tls = match options.tls {
        Tls::Never => "  hosts_avoid_tls = *\n".to_owned(),
        Tls::StartTls(_) | Tls::FromTheStart(_) => format!(
            "  hosts_require_tls = *\n  tls_verify_certificates = {TRUSTED}\n  tls_verify_hosts = *\n  \
             tls_verify_cert_hostnames =\n"
        ),
    };
    let (auth, authenticator) = match login(options) {
        None => ("", String::new()),
        Some((user, password)) => (
            "  hosts_require_auth = *\n",
            format!(
                "plain:\n  driver = plaintext\n  public_name = PLAIN\n  client_send = ^{user}^{password}\n"
            ),
        ),
    };
    format!(
        "primary_hostname = relay.client.test
spool_directory = /var/spool/exim4
log_file_path = /srv/log/%slog
keep_environment =
notifier_socket =
never_users =

begin routers
# What it would report to the sender goes nowhere: only the mail itself leaves.
reports:
  driver = redirect
  domains = client.test
  data = :blackhole:
next:
  driver = manualroute
  route_list = * {host}
  self = send
  transport = next

begin transports
next:
  driver = smtp
  port = {port}
  protocol = {protocol}
  allow_localhost
  hosts_try_prdr = *
{tls}{auth}
begin authenticators
{authenticator}"
    )
}

/// The code in `** bob@good.test …: SMTP error from remote mail server after RCPT TO:<bob@good.test>: 550
/// 5.1.1 …`. A recipient refused for now is logged again when it is given up, with another text.
fn refusal(line: &str) -> Option<u16> {
    let (_, error) = line
        .split_once(" error from remote mail server after ")
        // What LMTP's replies after the content are logged as.
        .or_else(|| line.split_once(" LMTP error after "))?;
    error.split(": ").filter_map(|part| part.get(..3)?.parse().ok()).find(|code| (400..600).contains(code))
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn refusals_are_read_from_its_log() {
        let line = "x 1x ** a@good.test R=next T=next H=127.0.0.1 [127.0.0.1]: SMTP error from remote mail server after \
                    RCPT TO:<a@good.test>: 550 5.1.1 no such user";
        assert_eq!(refusal(line), Some(550));
        let line = "x 1x ** full@good.test R=next T=next H=127.0.0.1 [127.0.0.1]: LMTP error after BDAT 390 LAST: 552 5.2.2 \
                    <full@good.test> Quota exceeded (mailbox for user is full)";
        assert_eq!(refusal(line), Some(552));
        assert_eq!(refusal("x 1x ** a@good.test: retry timeout exceeded"), None);
    }
}
