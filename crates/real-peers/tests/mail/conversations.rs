//! What only a scripted client can show: the servers' extensions and oddities.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::mail::rules::{
    GREYLISTED, MAILBOX_FULL, MESSAGE_SIZE_LIMIT, REFUSED_AFTER_CONTENT, UNKNOWN_USER,
};
use real_peers::mail::{Conversation, Mail, MailServer, Server, ServerOptions, StartTls};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let on = |server: Server, name: &str, test: fn(Server) -> Result<()>| {
        let peer = server.peer();
        trial(&format!("{}::{name}", peer.name()), &[peer], move || test(server))
    };
    let mut trials = Vec::new();
    for server in Server::SMTP {
        trials.push(on(server, "octet_by_octet", octet_by_octet));
        trials.push(on(server, "size_limit", size_limit));
        let starttls = if server.has_working_tls() { starttls } else { starttls_breaks_off };
        trials.push(on(server, "starttls", starttls));
        trials.push(on(server, "half_close_and_reset", half_close_and_reset));
        trials.push(on(server, "proxy_protocol_2", proxy_protocol_2));
    }
    for server in [Server::Postfix, Server::Exim] {
        trials.push(on(server, "pipelining", pipelining));
        trials.push(on(server, "bdat", bdat));
        trials.push(on(server, "auth_plain_and_login", auth_plain_and_login));
        trials.push(on(server, "proxy_protocol_1", proxy_protocol_1));
    }
    trials.push(on(Server::Postfix, "extensions", |server| {
        offers(server, "XCLIENT DSN SMTPUTF8 8BITMIME SIZE")
    }));
    trials.push(on(Server::Exim, "extensions", |server| offers(server, "PRDR DSN SMTPUTF8 8BITMIME SIZE")));
    trials.push(on(Server::Postfix, "xclient", xclient));
    trials.push(on(Server::Postfix, "starttls_fails", starttls_fails));
    trials.push(on(Server::Exim, "prdr", prdr));
    trials.push(on(Server::DovecotLmtp, "replies_per_recipient", replies_per_recipient));
    trials.push(on(Server::DovecotLmtp, "bdat", lmtp_bdat));
    trials
}

/// Starts a server and says EHLO to it.
fn introduced(server: Server) -> Result<(MailServer, Conversation)> {
    let server = MailServer::start(server)?;
    let mut client = Conversation::greeted(server.smtp())?;
    client.command_expecting("EHLO app.client.test", 250)?;
    Ok((server, client))
}

fn offers(server: Server, keywords: &str) -> Result<()> {
    let server = MailServer::start(server)?;
    let mut client = Conversation::greeted(server.smtp())?;
    let reply = client.command_expecting("EHLO app.client.test", 250)?;
    for keyword in keywords.split(' ').chain(["PIPELINING", "CHUNKING", "AUTH", "STARTTLS"]) {
        ensure!(reply.offers(keyword), "{keyword} is not in {reply}");
    }
    client.quit().map(drop)
}

fn octet_by_octet(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "slowly");
    for line in ["MAIL FROM:<a@client.test>", "RCPT TO:<alice@good.test>"] {
        client.send_octet_by_octet(format!("{line}\r\n").as_bytes())?;
        client.expect(250)?;
    }
    client.send_octet_by_octet(b"DATA\r\n")?;
    client.expect(354)?;
    client.send_octet_by_octet(&mail.message)?;
    client.send_octet_by_octet(b".\r\n")?;
    client.expect(250)?;
    client.quit()?;
    ensure!(server.mailbox().wait_for(1)?[0].carries(&mail.message));
    Ok(())
}

/// By the SIZE that the client announces (RFC 1870), or else by the size that the content has.
fn size_limit(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    let reply = client.command(&format!("MAIL FROM:<a@client.test> SIZE={}", MESSAGE_SIZE_LIMIT + 1))?;
    if server.kind() == Server::OpenSmtpd {
        client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
        client.command_expecting("DATA", 354)?;
        client.message(&b"0123456789abcdefghijklmnopqrst\r\n".repeat(MESSAGE_SIZE_LIMIT / 32 + 1))?;
        let reply = client.reply()?;
        ensure!(reply.code / 100 == 5, "{reply}");
    } else {
        ensure!(reply.code == 552, "{reply}");
        client
            .command_expecting(&format!("MAIL FROM:<a@client.test> SIZE={}", MESSAGE_SIZE_LIMIT / 2), 250)?;
    }
    client.quit()?;
    ensure!(server.tally_after(1)?.mails_accepted == 0);
    Ok(())
}

fn starttls(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    client.starttls()?;
    client.command_expecting("EHLO app.client.test", 250)?;
    client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    client.command_expecting("DATA", 354)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "sealed");
    client.message(&mail.message)?;
    client.expect(250)?;
    client.quit()?;
    ensure!(server.mailbox().wait_for(1)?[0].carries(&mail.message));
    Ok(())
}

/// A server that says 220 and then cannot: all that comes is an alert.
fn starttls_breaks_off(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    client.command_expecting("STARTTLS", 220)?;
    ensure!(client.handshake().is_err(), "its TLS works after all");
    drop(client);
    ensure!(server.tally_after(1)?.mails_accepted == 0);
    Ok(())
}

fn starttls_fails(server: Server) -> Result<()> {
    let server = MailServer::start_with(
        server,
        ServerOptions { starttls: StartTls::Fails, ..ServerOptions::default() },
    )?;
    let mut client = Conversation::greeted(server.smtp())?;
    ensure!(client.command_expecting("EHLO app.client.test", 250)?.offers("STARTTLS"));
    client.command_expecting("STARTTLS", 454)?;
    client.command_expecting("NOOP", 250)?;
    client.quit().map(drop)
}

fn half_close_and_reset(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    client.shutdown_write()?;
    client.read_to_end()?;
    let mut client = Conversation::greeted(server.smtp())?;
    client.command_expecting("EHLO app.client.test", 250)?;
    client.reset()?;
    let tally = server.tally_after(2)?;
    ensure!((tally.connections, tally.mails_accepted) == (2, 0), "{tally:?}");
    Ok(())
}

fn pipelining(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    let unknown = format!("RCPT TO:<{UNKNOWN_USER}>");
    client.pipeline(["MAIL FROM:<a@client.test>", "RCPT TO:<alice@good.test>", &unknown, "DATA"])?;
    client.expect_all([250, 250, 550, 354])?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "in one go");
    client.message(&mail.message)?;
    client.expect(250)?;
    client.quit()?;
    let tally = server.tally_after(1)?;
    ensure!((tally.mails_accepted, tally.recipients_rejected) == (1, 1), "{tally:?}");
    Ok(())
}

fn bdat(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], ".\nthis is\n.no end of data");
    let (first, second) = mail.message.split_at(50);
    ensure!(client.bdat(first, false)?.code == 250);
    ensure!(client.bdat(second, false)?.code == 250);
    ensure!(client.bdat(b"", true)?.code == 250);
    client.quit()?;
    ensure!(server.mailbox().wait_for(1)?[0].carries(&mail.message));
    Ok(())
}

fn auth_plain_and_login(server: Server) -> Result<()> {
    // base64 of NUL tester@good.test NUL secret, of tester@good.test, of secret and of wrong.
    const PLAIN: &str = "AHRlc3RlckBnb29kLnRlc3QAc2VjcmV0";
    const USER: &str = "dGVzdGVyQGdvb2QudGVzdA==";
    const SECRET: &str = "c2VjcmV0";
    const WRONG: &str = "d3Jvbmc=";
    let (server, mut client) = introduced(server)?;
    client.command_expecting("AUTH LOGIN", 334)?;
    client.command_expecting(USER, 334)?;
    client.command_expecting(WRONG, 535)?;
    client.command_expecting("AUTH PLAIN", 334)?;
    client.command_expecting("*", 501)?;
    client.command_expecting("AUTH LOGIN", 334)?;
    client.command_expecting(USER, 334)?;
    client.command_expecting(SECRET, 235)?;
    client.quit()?;
    let mut client = Conversation::greeted(server.smtp())?;
    client.command_expecting("EHLO app.client.test", 250)?;
    client.command_expecting(&format!("AUTH PLAIN {PLAIN}"), 235)?;
    client.quit().map(drop)
}

fn xclient(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    client.command_expecting("XCLIENT ADDR=192.0.2.7 NAME=far.client.test", 220)?;
    client.command_expecting("EHLO far.client.test", 250)?;
    client.quit()?;
    server.tally_when(|_| server.log().contains("far.client.test[192.0.2.7]"))?;
    Ok(())
}

fn proxy_protocol_1(server: Server) -> Result<()> {
    behind_proxy(server, b"PROXY TCP4 192.0.2.7 192.0.2.8 40000 25\r\n")
}

fn proxy_protocol_2(server: Server) -> Result<()> {
    // Version 2, PROXY, TCP over IPv4, 12 octets of addresses: 192.0.2.7:40000 to 192.0.2.8:25.
    behind_proxy(server, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x9c\x40\0\x19")
}

fn behind_proxy(server: Server, header: &[u8]) -> Result<()> {
    let server = MailServer::start(server)?;
    let Some(address) = server.smtp_behind_proxy() else { anyhow::bail!("no such listener") };
    let mut client = Conversation::connect(address)?;
    client.send(header)?;
    client.expect(220)?;
    client.command_expecting("EHLO app.client.test", 250)?;
    client.quit()?;
    server.tally_when(|_| server.log().contains("192.0.2.7"))?;
    Ok(())
}

/// Per-recipient data responses: 353, then one reply for each recipient, then one for the message.
fn prdr(server: Server) -> Result<()> {
    let (server, mut client) = introduced(server)?;
    client.command_expecting("MAIL FROM:<a@client.test> PRDR", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    client.command_expecting(&format!("RCPT TO:<{REFUSED_AFTER_CONTENT}>"), 250)?;
    client.command_expecting("DATA", 354)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "for one of two");
    client.message(&mail.message)?;
    client.expect_all([353, 250, 550, 250])?;
    client.quit()?;
    ensure!(server.mailbox().wait_for(1)?[0].carries(&mail.message));
    let tally = server.tally_after(1)?;
    ensure!((tally.mails_accepted, tally.recipients_rejected) == (1, 1), "{tally:?}");
    Ok(())
}

fn lmtp() -> Result<(MailServer, Conversation)> {
    let server = MailServer::start(Server::DovecotLmtp)?;
    let mut client = Conversation::greeted(server.smtp())?;
    client.command_expecting("LHLO app.client.test", 250)?;
    client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    client.command_expecting(&format!("RCPT TO:<{UNKNOWN_USER}>"), 550)?;
    client.command_expecting(&format!("RCPT TO:<{GREYLISTED}>"), 250)?;
    client.command_expecting(&format!("RCPT TO:<{MAILBOX_FULL}>"), 250)?;
    client.command_expecting("RCPT TO:<bob@good.test>", 250)?;
    Ok((server, client))
}

fn replies_per_recipient(_: Server) -> Result<()> {
    let (server, mut client) = lmtp()?;
    client.command_expecting("DATA", 354)?;
    let mail = Mail::new("a@client.test", ["alice@good.test", "bob@good.test"], "one reply each");
    client.message(&mail.message)?;
    client.expect_all([250, 451, 552, 250])?;
    client.quit()?;
    for delivered in server.mailbox().wait_for(2)? {
        ensure!(delivered.carries(&mail.message));
    }
    let tally = server.tally_after(1)?;
    ensure!((tally.mails_accepted, tally.recipients_accepted) == (1, 2), "{tally:?}");
    ensure!((tally.recipients_rejected, tally.recipients_deferred) == (1, 1), "{tally:?}");
    Ok(())
}

fn lmtp_bdat(_: Server) -> Result<()> {
    let (server, mut client) = lmtp()?;
    let mail = Mail::new("a@client.test", ["alice@good.test", "bob@good.test"], "in chunks");
    let (first, second) = mail.message.split_at(50);
    ensure!(client.bdat(first, false)?.code == 250);
    ensure!(client.bdat(second, true)?.code == 250);
    client.expect_all([451, 552, 250])?;
    client.quit()?;
    server.mailbox().wait_for(2)?;
    Ok(())
}
