//! Exim: its configuration, and how to read its log.

use std::path::Path;

use anyhow::Result;

use super::{Ports, Prepared, ServerOptions, StartTls};
use crate::instance::{Account, CERTIFICATE_PATH, Instance, KEY_PATH};
use crate::mail::ServerTally;
use crate::mail::rules::{DOMAIN, HOST, MESSAGE_SIZE_LIMIT, PASSWORD, USER};

/// Debian's build looks this name up at start.
pub(in crate::mail) const EXIM: Account = Account { name: "Debian-exim", id: 101, home: "/var/spool/exim4" };

pub(super) fn prepare(bundle: &Path, ports: Ports, options: ServerOptions) -> Result<Prepared> {
    let instance = Instance::new("exim", bundle, &[EXIM])?;
    instance.folder("var/spool/exim4", EXIM.id, 0o750)?;
    instance.folder("srv/log", EXIM.id, 0o755)?;
    // Exim reads the key after it has given up root's rights.
    std::os::unix::fs::chown(instance.outside(KEY_PATH), Some(EXIM.id), None)?;
    // In its default place: with -C it would give up the right to deliver as somebody else.
    instance.file("etc/exim4/exim4.conf", configuration(ports, options), 0o644)?;
    Ok(Prepared {
        instance,
        program: "/usr/sbin/exim4",
        // In the foreground, looking at the queue once a day: deliveries start when a mail comes in.
        arguments: &["-bdf", "-q1d"],
        log: "srv/log/mainlog",
        proxy: true,
        tls: true,
    })
}

fn configuration(Ports { plain, proxy, tls }: Ports, options: ServerOptions) -> String {
    let tls_hosts = if options.starttls == StartTls::NotOffered { "" } else { "*" };
    format!(
        "primary_hostname = {HOST}
spool_directory = /var/spool/exim4
log_file_path = /srv/log/%slog
log_selector = +smtp_connection +received_recipients -queue_run
local_interfaces = 127.0.0.1
daemon_smtp_ports = {plain} : {proxy} : {tls}
tls_on_connect_ports = {tls}
hosts_proxy = <; ${{if eq{{$received_port}}{{{proxy}}}{{127.0.0.1}}{{}}}}
prdr_enable = true
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
tls_advertise_hosts = {tls_hosts}
tls_certificate = {CERTIFICATE_PATH}
tls_privatekey = {KEY_PATH}
message_size_limit = {MESSAGE_SIZE_LIMIT}
host_lookup =
rfc1413_hosts =
keep_environment =
# By default a name that all Exims on a machine share.
notifier_socket =
never_users =
# Tests make mistakes on purpose, many, and from one address.
smtp_accept_max = 200
smtp_accept_max_nonmail = 100000
smtp_max_synprot_errors = 100000
smtp_max_unknown_commands = 100000
acl_smtp_rcpt = check_recipient
acl_smtp_data_prdr = check_content_for_recipient

begin acl
check_recipient:
  deny local_parts = nobody
       message = 5.1.1 no such user
  defer local_parts = greylist
       message = 4.7.1 greylisted, come back later
  deny local_parts = full
       message = 5.2.2 mailbox full
  accept domains = {DOMAIN}
  deny message = 5.7.1 relay not permitted
check_content_for_recipient:
  deny local_parts = prdr-refused
       message = 5.7.1 refused for this recipient
  accept

begin routers
inbox:
  driver = accept
  domains = {DOMAIN}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = /srv/mail/inbox
  create_directory
  user = vmail
  group = vmail
  return_path_add
  envelope_to_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
"
    )
}

/// Reads the main log: `<=` is a message received, the rest is named in words.
pub(super) fn tally(log: &str) -> ServerTally {
    let mut tally = ServerTally::default();
    let mut refused_after_content = 0;
    for line in log.lines() {
        if line.contains(" SMTP connection from ") {
            // The line that opens has the number of connections; the one that closes says how.
            if line.contains("(TCP/IP connection count = ") {
                tally.connections += 1;
            } else {
                tally.disconnections += 1;
            }
        } else if line.contains(" temporarily rejected RCPT ") {
            tally.recipients_deferred += 1;
        } else if line.contains(" rejected RCPT ") {
            tally.recipients_rejected += 1;
        } else if let Some((_, verdict)) = line.split_once(" PRDR ")
            && !line.contains(" <= ")
        {
            // `PRDR R=<alice@good.test> acceptance`, or `PRDR bob@good.test 5.7.1 refused`.
            if let Some((_, reason)) = verdict.split_once(' ').filter(|_| !verdict.ends_with(" acceptance")) {
                refused_after_content += 1;
                match reason.chars().next() {
                    Some('4') => tally.recipients_deferred += 1,
                    _ => tally.recipients_rejected += 1,
                }
            }
        } else if let Some((_, received)) = line.split_once(" <= ")
            && received.contains(" P=")
            && !received.contains(" P=local")
        {
            tally.mails_accepted += 1;
            tally.recipients_accepted +=
                received.split_once(" for ").map_or(0, |(_, all)| all.split_whitespace().count() as u64);
        }
    }
    // The list behind `for` has them too.
    tally.recipients_accepted = tally.recipients_accepted.saturating_sub(refused_after_content);
    tally.complete = tally.disconnections == tally.connections;
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-22 18:47:28 SMTP connection from [127.0.0.1] (TCP/IP connection count = 1)
2026-11-22 18:47:28 H=(c) [127.0.0.1] F=<a@client.test> rejected RCPT <nobody@good.test>: 5.1.1 no such user
2026-11-22 18:47:28 H=(c) [127.0.0.1] F=<a@client.test> temporarily rejected RCPT <g@good.test>: 4.7.1 later
2026-11-22 18:47:28 1xVC-26 <= a@client.test H=(c) [127.0.0.1] P=esmtpa S=198 for alice@good.test bob@good.test
2026-11-22 18:47:28 SMTP connection from (c) [127.0.0.1] closed by QUIT
2026-11-22 18:47:28 1xVD-26 <= <> R=1xVC-26 U=daemon P=local S=1362 for a@client.test
";

    #[test]
    fn a_recipient_refused_after_the_content_is_not_accepted() {
        let tally = tally(
            "x 1xVD PRDR R=<alice@good.test> acceptance
x 1xVD PRDR bob@good.test 5.7.1 refused for this recipient
x 1xVD <= a@client.test H=(a) [127.0.0.1] P=esmtp PRDR S=179 for alice@good.test bob@good.test
",
        );
        assert_eq!((tally.mails_accepted, tally.recipients_accepted, tally.recipients_rejected), (1, 1, 1));
    }

    #[test]
    fn bounces_are_not_counted_as_accepted() {
        let tally = tally(LOG);
        assert_eq!((tally.mails_accepted, tally.recipients_accepted), (1, 2));
        assert_eq!((tally.recipients_rejected, tally.recipients_deferred), (1, 1));
        assert_eq!((tally.connections, tally.disconnections), (1, 1));
    }
}
