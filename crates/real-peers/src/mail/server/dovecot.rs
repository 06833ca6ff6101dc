//! Dovecot's LMTP server: its configuration, and how to read its log.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::{Ports, Prepared, ServerOptions, StartTls};
use crate::instance::{Account, CERTIFICATE_PATH, Instance, KEY_PATH, VMAIL};
use crate::mail::ServerTally;
use crate::mail::rules::{HOST, PASSWORD};

const DOVECOT: Account = Account { name: "dovecot", id: 101, home: "/nonexistent" };
const DOVENULL: Account = Account { name: "dovenull", id: 102, home: "/nonexistent" };

pub(super) fn prepare(bundle: &Path, ports: Ports, options: ServerOptions) -> Result<Prepared> {
    let instance = Instance::new("dovecot", bundle, &[DOVECOT, DOVENULL])?;
    instance.folder("run/dovecot", 0, 0o755)?;
    instance.folder("var/lib/dovecot", 0, 0o755)?;
    instance.file("etc/dovecot/dovecot.conf", configuration(ports, options), 0o644)?;
    // Whoever is not listed is refused at RCPT. The two others are refused after the content, one for good,
    // one for now, as only LMTP can: the first has a quota of one octet, the other a mailbox that cannot be
    // made.
    instance.file(
        "etc/dovecot/users",
        format!(
            "alice:{{PLAIN}}{PASSWORD}::::::\nbob:{{PLAIN}}{PASSWORD}::::::\n\
             full:{{PLAIN}}{PASSWORD}::::::userdb_quota_rule=*:bytes=1\n\
             greylist:{{PLAIN}}{PASSWORD}::::::userdb_mail=maildir:/dev/null/none\n"
        ),
        0o644,
    )?;
    Ok(Prepared {
        instance,
        program: "/usr/sbin/dovecot",
        arguments: &["-F"],
        log: "srv/log/mail.log",
        proxy: false,
        tls: false,
    })
}

fn configuration(Ports { plain, .. }: Ports, options: ServerOptions) -> String {
    let ssl = if options.starttls == StartTls::NotOffered { "no" } else { "yes" };
    let vmail = VMAIL.id;
    format!(
        "protocols = lmtp
base_dir = /run/dovecot
state_dir = /var/lib/dovecot
log_path = /srv/log/mail.log
hostname = {HOST}
postmaster_address = postmaster@good.test
ssl = {ssl}
ssl_cert = <{CERTIFICATE_PATH}
ssl_key = <{KEY_PATH}
first_valid_uid = {vmail}
mail_location = maildir:/srv/mail/%n
mail_plugins = quota
plugin {{
  quota = maildir:user quota
}}
passdb {{
  driver = passwd-file
  args = username_format=%n /etc/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n /etc/dovecot/users
  default_fields = uid={vmail} gid={vmail} home=/srv/mail/%n
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {plain}
  }}
}}
"
    )
}

/// Reads the lines of `lmtp`, which names each recipient that it saved for or could not.
pub(super) fn tally(log: &str) -> ServerTally {
    let mut tally = ServerTally::default();
    let mut transactions = BTreeSet::new();
    for line in log.lines().filter(|line| line.contains(" lmtp(")) {
        if line.contains("Info: Connect from ") {
            tally.connections += 1;
        } else if line.contains("Info: Disconnect from ") {
            tally.disconnections += 1;
        } else if line.contains(": saved mail to ") {
            tally.recipients_accepted += 1;
            transactions.insert(transaction_of(line));
        } else if line.contains(": save failed to ") {
            if line.contains("Quota exceeded") {
                tally.recipients_rejected += 1;
            } else {
                tally.recipients_deferred += 1;
            }
        }
    }
    tally.mails_accepted = transactions.len() as u64;
    tally.complete = tally.disconnections == tally.connections;
    tally
}

/// The transaction's id: `lmtp(bob@good.test)<28631></Sj+I:R2>: Info` → `/Sj+I`. The number of the recipient
/// follows behind `:R`, for all but the first.
fn transaction_of(line: &str) -> &str {
    let id = line.split("><").nth(1).and_then(|rest| rest.split('>').next()).unwrap_or(line);
    id.split(":R").next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Nov 22 18:49:38 lmtp(28631): Info: Connect from 127.0.0.1
Nov 22 18:49:38 lmtp(alice@good.test)<28631></Sj+Q>: Info: msgid=unspecified: saved mail to INBOX
Nov 22 18:49:38 lmtp(bob@good.test)<28631></Sj+Q:R2>: Info: msgid=unspecified: saved mail to INBOX
Nov 22 18:49:38 lmtp(g@good.test)<28631></Sj+Q:R4>: Error: mkdir failed: Permission denied
Nov 22 18:49:38 lmtp(g@good.test)<28631></Sj+Q:R4>: Info: msgid=unspecified: save failed to open mailbox INBOX: x
Nov 22 18:49:38 lmtp(full@good.test)<28631></Sj+Q:R5>: Info: msgid=u: save failed to INBOX: Quota exceeded (x)
Nov 22 18:49:38 lmtp(28631): Info: Disconnect from 127.0.0.1: Logged out (state=READY)
";

    #[test]
    fn one_mail_for_two_of_four_recipients() {
        let tally = tally(LOG);
        assert_eq!((tally.mails_accepted, tally.recipients_accepted), (1, 2));
        assert_eq!((tally.recipients_rejected, tally.recipients_deferred), (1, 1));
        assert_eq!((tally.connections, tally.disconnections), (1, 1));
    }
}
