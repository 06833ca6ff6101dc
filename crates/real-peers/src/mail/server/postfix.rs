//! Postfix: its configuration, and how to read its log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use super::{Ports, Prepared, ServerOptions, StartTls, number_after};
use crate::instance::{Account, CERTIFICATE_PATH, Instance, KEY_PATH, VMAIL};
use crate::mail::rules::{
    DOMAIN, GREYLISTED, HOST, MAILBOX_FULL, MESSAGE_SIZE_LIMIT, PASSWORD, UNKNOWN_USER,
};
use crate::mail::{CommandCount, ServerTally};

const POSTFIX: Account = Account { name: "postfix", id: 101, home: "/var/spool/postfix" };
const POSTDROP: Account = Account { name: "postdrop", id: 102, home: "/nonexistent" };

pub(super) fn prepare(bundle: &Path, ports: Ports, options: ServerOptions) -> Result<Prepared> {
    let instance = Instance::new("postfix", bundle, &[POSTFIX, POSTDROP])?;
    for queue in [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
        "trace",
    ] {
        instance.folder(&format!("var/spool/postfix/{queue}"), POSTFIX.id, 0o700)?;
    }
    instance.folder("var/spool/postfix/pid", 0, 0o755)?;
    instance.folder_of("var/spool/postfix/maildrop", POSTFIX.id, POSTDROP.id, 0o730)?;
    instance.folder_of("var/spool/postfix/public", POSTFIX.id, POSTDROP.id, 0o710)?;
    instance.folder("var/lib/postfix", POSTFIX.id, 0o755)?;
    instance.file("etc/postfix/main.cf", main_cf(options), 0o644)?;
    instance.file("etc/postfix/master.cf", master_cf(ports), 0o644)?;
    instance.file("etc/postfix/recipients", recipients(), 0o644)?;
    instance.file(
        "etc/postfix/sasl/smtpd.conf",
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5\n\
         sasldb_path: /etc/postfix/sasldb2\n",
        0o644,
    )?;
    add_user(&instance)?;
    Ok(Prepared {
        instance,
        program: "/usr/lib/postfix/sbin/master",
        // In the foreground, and without the chain of scripts that `postfix start` is.
        arguments: &["-d", "-c", "/etc/postfix"],
        log: "srv/log/mail.log",
        proxy: true,
        tls: true,
    })
}

fn main_cf(options: ServerOptions) -> String {
    let (tls, certificate) = match options.starttls {
        StartTls::Works => ("may", CERTIFICATE_PATH),
        StartTls::NotOffered => ("none", CERTIFICATE_PATH),
        StartTls::Fails => ("may", "/etc/peer/lost.pem"),
    };
    let vmail = VMAIL.id;
    let (discard, message_size_limit) = match options.discards {
        true => ("check_client_access static:DISCARD, ", 16 << 20),
        false => ("", MESSAGE_SIZE_LIMIT),
    };
    format!(
        "compatibility_level = 3.6
maillog_file_prefixes = /srv/log
maillog_file = /srv/log/mail.log
myhostname = {HOST}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
mydestination =
relay_domains =
alias_maps =
alias_database =
# Everything for the one domain is delivered here; anything else would bounce: no mail leaves the machine.
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = /srv/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{vmail}
virtual_gid_maps = static:{vmail}
default_transport = error:5.4.4 no mail leaves this machine
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = {discard}check_recipient_access regexp:/etc/postfix/recipients, reject_unauth_destination
message_size_limit = {message_size_limit}
smtputf8_enable = yes
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_authorized_xforward_hosts = 127.0.0.1
smtpd_tls_security_level = {tls}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {KEY_PATH}
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = {DOMAIN}
# No header fields for clients that count as local, which the ones on loopback would.
local_header_rewrite_clients =
# Tests make mistakes on purpose, many, and from one address.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100000
smtpd_hard_error_limit = 200000
smtpd_junk_command_limit = 100000
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
# What could not be delivered at once, as after a restart, is tried again soon: somebody waits for it.
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"
    )
}

fn master_cf(Ports { plain, proxy, tls }: Ports) -> String {
    // service, type, private, unprivileged, chroot, wakeup, process limit, command
    format!(
        "{plain} inet n - n - - smtpd
{proxy} inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
{tls} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}

fn recipients() -> String {
    let rule = |address: &str, reply: &str| {
        format!("/^{}@/ {reply}\n", address.split('@').next().unwrap_or(address))
    };
    [
        rule(UNKNOWN_USER, "550 5.1.1 no such user"),
        rule(GREYLISTED, "450 4.7.1 greylisted, come back later"),
        rule(MAILBOX_FULL, "552 5.2.2 mailbox full"),
    ]
    .concat()
}

fn add_user(instance: &Instance) -> Result<()> {
    // The tool reads the password from a pipe only; `run` gives it nothing to read, so it comes by a file.
    instance.file("tmp/password", PASSWORD, 0o600)?;
    let password = std::fs::File::open(instance.outside("tmp/password"))?;
    let status = instance
        .command("/usr/sbin/saslpasswd2", &["-p", "-c", "-u", DOMAIN, "-f", "/etc/postfix/sasldb2", "tester"])
        .stdin(password)
        .status()?;
    anyhow::ensure!(status.success(), "saslpasswd2 ended with {status}");
    // smtpd looks it up with the account of the mail system.
    std::os::unix::fs::chown(instance.outside("etc/postfix/sasldb2"), Some(POSTFIX.id), None)?;
    Ok(())
}

/// Reads `smtpd`'s and `qmgr`'s lines; `smtpd` counts the commands of a connection when it ends.
pub(super) fn tally(log: &str) -> ServerTally {
    let mut tally = ServerTally::default();
    // Bounces are in the queue too: only what came through smtpd counts.
    let mut received = BTreeSet::new();
    let mut queued = BTreeMap::new();
    for line in log.lines() {
        let Some((process, text)) = line.split_once("]: ") else { continue };
        if process.contains("postfix/smtpd[") {
            if text.starts_with("connect from ") {
                tally.connections += 1;
            } else if text.starts_with("disconnect from ") {
                tally.disconnections += 1;
                add_commands(text, &mut tally.commands);
            } else if let Some((_, refusal)) = text.split_once("reject: RCPT from ") {
                match refusal.split_once("]: ").and_then(|(_, reply)| reply.chars().next()) {
                    Some('4') => tally.recipients_deferred += 1,
                    _ => tally.recipients_rejected += 1,
                }
            } else if let Some((id, _)) = text.split_once(": client=") {
                received.insert(id.to_owned());
            }
        } else if process.contains("postfix/qmgr[")
            && let (Some((id, _)), Some(recipients)) =
                (text.split_once(": from=<"), number_after(text, "nrcpt="))
        {
            queued.insert(id.to_owned(), recipients);
        }
    }
    queued.retain(|id, _| received.contains(id));
    tally.mails_accepted = queued.len() as u64;
    // The queue manager may log a mail after smtpd has logged the end of its connection.
    let promised = tally.commands.get("data").map_or(0, |data| data.accepted);
    tally.complete = tally.disconnections == tally.connections && tally.mails_accepted >= promised;
    tally.recipients_accepted = queued.values().sum();
    tally
}

/// Reads `disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1/3 quit=1 commands=4/6`.
fn add_commands(text: &str, commands: &mut BTreeMap<String, CommandCount>) {
    for (verb, counts) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
        let (accepted, total) = counts.split_once('/').unwrap_or((counts, counts));
        let (Ok(accepted), Ok(total)) = (accepted.parse::<u64>(), total.parse::<u64>()) else { continue };
        let count = commands.entry(verb.to_owned()).or_default();
        count.accepted += accepted;
        count.total += total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Nov 22 18:46:44 mx postfix/smtpd[3]: connect from unknown[127.0.0.1]
Nov 22 18:46:44 mx postfix/smtpd[3]: 1A67: client=unknown[127.0.0.1]
Nov 22 18:46:44 mx postfix/smtpd[3]: 1A67: reject: RCPT from unknown[127.0.0.1]: 550 5.1.1 <nobody@good.test>: x
Nov 22 18:46:44 mx postfix/smtpd[3]: 1A67: reject: RCPT from unknown[127.0.0.1]: 450 4.7.1 <g@good.test>: x
Nov 22 18:46:44 mx postfix/qmgr[7]: 1A67: from=<a@client.test>, size=313, nrcpt=2 (queue active)
Nov 22 18:46:44 mx postfix/qmgr[7]: 2B00: from=<>, size=313, nrcpt=1 (queue active)
Nov 22 18:46:44 mx postfix/smtpd[3]: disconnect from unknown[127.0.0.1] ehlo=1 auth=0/3 rcpt=2/4 commands=3/8
";

    #[test]
    fn bounces_are_not_counted_as_accepted() {
        let tally = tally(LOG);
        assert_eq!((tally.mails_accepted, tally.recipients_accepted), (1, 2));
        assert_eq!((tally.recipients_rejected, tally.recipients_deferred), (1, 1));
        assert_eq!((tally.connections, tally.disconnections), (1, 1));
        assert!(tally.complete);
        assert_eq!(tally.commands["auth"], CommandCount { accepted: 0, total: 3 });
        assert_eq!(tally.commands["ehlo"], CommandCount { accepted: 1, total: 1 });
    }
}
