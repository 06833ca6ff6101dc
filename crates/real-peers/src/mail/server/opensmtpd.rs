//! OpenSMTPD: its configuration, and how to read its log.

use std::path::Path;

use anyhow::Result;

use super::{Ports, Prepared, ServerOptions, StartTls, number_after};
use crate::instance::{Account, CERTIFICATE_PATH, Instance, KEY_PATH};
use crate::mail::ServerTally;
use crate::mail::rules::{DOMAIN, HOST, MESSAGE_SIZE_LIMIT, USER};

/// The names that Debian's build looks up at start, and the empty folder that it locks itself into.
const DAEMON: Account = Account { name: "opensmtpd", id: 101, home: "/var/lib/opensmtpd/empty" };
const QUEUE: Account = Account { name: "opensmtpq", id: 102, home: "/var/lib/opensmtpd/empty" };

/// [`PASSWORD`](crate::mail::rules::PASSWORD), hashed by crypt(3) with SHA-512.
const PASSWORD_HASH: &str =
    "$6$realpeers$UHsCzs.ODcvVR.LUYWll3mREpCZzpk4BZJGYMOWt3ckoKdRrlYBWKMC4JU05q2twMM/RDJq281RmP7SybzJi60";

pub(super) fn prepare(bundle: &Path, ports: Ports, options: ServerOptions) -> Result<Prepared> {
    let instance = Instance::new("opensmtpd", bundle, &[DAEMON, QUEUE])?;
    instance.folder("var/lib/opensmtpd/empty", 0, 0o755)?;
    instance.folder("var/run", 0, 0o755)?;
    instance.folder("var/spool/smtpd", 0, 0o711)?;
    for queue in ["corrupt", "incoming", "purge", "queue", "temporary"] {
        instance.folder_of(&format!("var/spool/smtpd/{queue}"), QUEUE.id, 0, 0o700)?;
    }
    instance.folder_of("var/spool/smtpd/offline", 0, QUEUE.id, 0o770)?;
    instance.file("etc/peer/credentials", format!("{USER} {PASSWORD_HASH}\n"), 0o644)?;
    instance.file("etc/smtpd.conf", configuration(ports, options), 0o644)?;
    Ok(Prepared {
        instance,
        program: "/usr/sbin/smtpd",
        // In the foreground, logging to standard error.
        arguments: &["-d"],
        log: "srv/log/console",
        proxy: true,
        tls: false,
    })
}

fn configuration(Ports { plain, proxy, .. }: Ports, options: ServerOptions) -> String {
    // Logging in is offered under TLS only, whatever the configuration says.
    let tls = match options.starttls {
        StartTls::NotOffered => String::new(),
        StartTls::Works | StartTls::Fails => format!("tls pki {HOST} auth-optional <credentials>"),
    };
    format!(
        "pki {HOST} cert \"{CERTIFICATE_PATH}\"
pki {HOST} key \"{KEY_PATH}\"
table recipients {{ \"@\" = \"vmail\" }}
table credentials file:/etc/peer/credentials
smtp max-message-size {MESSAGE_SIZE_LIMIT}
filter unknown-user phase rcpt-to match rcpt-to regex {{ \"^nobody@\" }} reject \"550 5.1.1 no such user\"
filter greylist phase rcpt-to match rcpt-to regex {{ \"^greylist@\" }} reject \"450 4.7.1 greylisted, come back later\"
filter full phase rcpt-to match rcpt-to regex {{ \"^full@\" }} reject \"552 5.2.2 mailbox full\"
filter rules chain {{ unknown-user, greylist, full }}
listen on 127.0.0.1 port {plain} hostname {HOST} {tls} filter rules
listen on 127.0.0.1 port {proxy} hostname {HOST} proxy-v2 filter rules
action \"inbox\" maildir \"/srv/mail/inbox\" virtual <recipients>
match from any for domain \"{DOMAIN}\" action \"inbox\"
"
    )
}

/// Reads the `smtp` lines of its log.
pub(super) fn tally(log: &str) -> ServerTally {
    let mut tally = ServerTally::default();
    for line in log.lines() {
        let Some((_, event)) = line.split_once(" smtp ") else { continue };
        if event.starts_with("connected ") {
            tally.connections += 1;
        } else if event.starts_with("disconnected ") {
            tally.disconnections += 1;
        } else if event.starts_with("message ") {
            tally.mails_accepted += 1;
            tally.recipients_accepted += number_after(event, "nrcpt=").unwrap_or(0);
        } else if let Some(command) = event.strip_prefix("failed-command command=\"")
            && command.get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("RCPT TO"))
        {
            match event.split_once("result=\"").and_then(|(_, reply)| reply.chars().next()) {
                Some('4') => tally.recipients_deferred += 1,
                _ => tally.recipients_rejected += 1,
            }
        }
    }
    tally.complete = tally.disconnections == tally.connections;
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
info: OpenSMTPD 6.8.0p2 starting
80e8 smtp connected address=127.0.0.1 host=localhost
80e8 smtp failed-command command=\"rcpt TO:<nobody@good.test>\" result=\"550 5.1.1 no such user\"
80e8 smtp failed-command command=\"RCPT TO:<greylist@good.test>\" result=\"450 4.7.1 greylisted\"
80e8 smtp failed-command command=\"FOO\" result=\"500 5.5.1 Invalid command\"
80e8 smtp message msgid=14ff size=447 nrcpt=2 proto=ESMTP
80e8 smtp disconnected reason=quit
";

    #[test]
    fn only_refused_recipients_count_as_such() {
        let tally = tally(LOG);
        assert_eq!((tally.mails_accepted, tally.recipients_accepted), (1, 2));
        assert_eq!((tally.recipients_rejected, tally.recipients_deferred), (1, 1));
        assert_eq!((tally.connections, tally.disconnections), (1, 1));
    }
}
