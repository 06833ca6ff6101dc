//! What only a scripted client shows: extensions and oddities of real servers.

use anyhow::{Result, ensure};
use envoy_runner::{EnvoyBinary, ProxyProtocol};
use real_peers::mail::rules::{
    GREYLISTED, MAILBOX_FULL, MESSAGE_SIZE_LIMIT, REFUSED_AFTER_CONTENT, UNKNOWN_USER,
};
use real_peers::mail::{Conversation, Mail, Server, ServerOptions, StartTls};

use crate::Test;
use crate::relay::Relay;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let mut on = |server: Server, what: &str, run: fn(&EnvoyBinary, Server) -> Result<()>| {
        tests.push(Test {
            name: format!("{}: {what}", server.peer().name()),
            peers: vec![server.peer()],
            run: Box::new(move |envoy| run(envoy, server)),
        });
    };
    for server in Server::SMTP {
        on(server, "octet by octet", octet_by_octet);
        on(server, "greylisted and too large", greylisted_and_too_large);
        on(server, "PROXY protocol version 2 from Envoy", proxy_header_from_envoy);
    }
    for server in [Server::Postfix, Server::Exim] {
        on(server, "pipelining", pipelining);
        on(server, "BDAT", bdat);
        on(server, "AUTH", auth);
        on(server, "PROXY protocol version 1 from the client", proxy_header_from_client);
    }
    on(Server::Postfix, "STARTTLS refused", starttls_refused);
    on(Server::Postfix, "XCLIENT", xclient);
    on(Server::Exim, "PRDR", prdr);
    on(Server::DovecotLmtp, "LMTP, one reply for each recipient", lmtp);
    tests
}

/// A relay, and a client that has said EHLO.
fn introduced(envoy: &EnvoyBinary, server: Server) -> Result<(Relay, Conversation)> {
    introduce(Relay::start(envoy, server)?)
}

fn introduce(relay: Relay) -> Result<(Relay, Conversation)> {
    let mut client = Conversation::greeted(relay.address()?)?;
    client.command_expecting("EHLO app.client.test", 250)?;
    Ok((relay, client))
}

fn octet_by_octet(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let (relay, mut client) = introduced(envoy, server)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "slowly\n.\n..and with dots");
    for (line, code) in
        [("MAIL FROM:<a@client.test>", 250), ("RCPT TO:<alice@good.test>", 250), ("DATA", 354)]
    {
        client.send_octet_by_octet(format!("{line}\r\n").as_bytes())?;
        client.expect(code)?;
    }
    client.message(&mail.message)?;
    client.expect(250)?;
    client.quit()?;
    ensure!(relay.server.mailbox().wait_for(1)?[0].carries(&mail.message), "the mail arrived changed");
    relay.counted(
        "smtp_transactions_total{outcome=accepted} 1
         smtp_commands_total 5
         smtp_replies_total{verb=end_of_data,class=2xx} 1
         smtp_replies_total{verb=DATA,class=3xx} 1
         smtp_anomalies_total 0",
    )?;
    Ok(())
}

/// The same recipient again later is a new transaction; a mail beyond the limit is refused for its size.
fn greylisted_and_too_large(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let (relay, mut client) = introduced(envoy, server)?;
    for _ in 0..2 {
        client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
        ensure!(client.command(&format!("RCPT TO:<{GREYLISTED}>"))?.code / 100 == 4);
        client.command_expecting("RSET", 250)?;
    }
    let announces = client.command(&format!("MAIL FROM:<a@client.test> SIZE={}", MESSAGE_SIZE_LIMIT + 1))?;
    let stage = if announces.code == 552 {
        "mail"
    } else {
        client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
        client.command_expecting("DATA", 354)?;
        client.message(&b"0123456789abcdefghijklmnopqrst\r\n".repeat(MESSAGE_SIZE_LIMIT / 32 + 1))?;
        ensure!(client.reply()?.code / 100 == 5);
        "end_of_data"
    };
    client.quit()?;
    relay.counted(&format!(
        "smtp_transactions_total{{outcome=rejected}} 3
         smtp_transactions_total 3
         smtp_rejected_transactions_total{{stage=rcpt_all,class=4xx}} 2
         smtp_rejected_transactions_total{{stage={stage},class=5xx}} 1
         smtp_refusals_total{{reason=greylist}} 2
         smtp_refusals_total 3
         smtp_mail_parameters_total{{parameter=SIZE}} 1"
    ))?;
    Ok(())
}

fn pipelining(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let (relay, mut client) = introduced(envoy, server)?;
    let unknown = format!("RCPT TO:<{UNKNOWN_USER}>");
    client.pipeline(["MAIL FROM:<a@client.test>", "RCPT TO:<alice@good.test>", &unknown, "DATA"])?;
    client.expect_all([250, 250, 550, 354])?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "in one go");
    client.message(&mail.message)?;
    client.expect(250)?;
    client.quit()?;
    ensure!(relay.server.mailbox().wait_for(1)?[0].carries(&mail.message), "the mail arrived changed");
    relay.counted(
        "smtp_transactions_total{outcome=accepted} 1
         smtp_recipients_total{outcome=accepted} 1
         smtp_recipients_total{outcome=rejected_5xx} 1
         smtp_ehlo_keywords_total{keyword=PIPELINING} 1
         smtp_unmatched_replies_total 0
         smtp_anomalies_total 0",
    )?;
    Ok(())
}

fn bdat(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let (relay, mut client) = introduced(envoy, server)?;
    client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], ".\nthis is\n.no end of data");
    let (first, second) = mail.message.split_at(50);
    ensure!(client.bdat(first, false)?.code == 250);
    ensure!(client.bdat(second, true)?.code == 250);
    client.quit()?;
    ensure!(relay.server.mailbox().wait_for(1)?[0].carries(&mail.message), "the mail arrived changed");
    relay.counted(
        "smtp_transactions_total{outcome=accepted} 1
         smtp_accepted_transactions_total{method=bdat} 1
         smtp_commands_total{verb=BDAT} 2
         smtp_replies_total{verb=BDAT,class=2xx} 2
         smtp_anomalies_total 0",
    )?;
    Ok(())
}

fn auth(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    // base64 of the user, of the password, and of a wrong one.
    const USER: &str = "dGVzdGVyQGdvb2QudGVzdA==";
    const SECRET: &str = "c2VjcmV0";
    const WRONG: &str = "d3Jvbmc=";
    let (relay, mut client) = introduced(envoy, server)?;
    client.command_expecting("AUTH LOGIN", 334)?;
    client.command_expecting(USER, 334)?;
    client.command_expecting(WRONG, 535)?;
    client.command_expecting("AUTH PLAIN", 334)?;
    client.command_expecting("*", 501)?;
    client.command_expecting("AUTH LOGIN", 334)?;
    client.command_expecting(USER, 334)?;
    client.command_expecting(SECRET, 235)?;
    client.quit()?;
    relay.counted(
        "smtp_auth_total{outcome=succeeded,transport=plain} 1
         smtp_auth_total{outcome=failed,transport=plain} 1
         smtp_auth_total{outcome=cancelled,transport=plain} 1
         smtp_auth_total 3
         smtp_auth_mechanisms_total{mechanism=LOGIN} 2
         smtp_auth_mechanisms_total{mechanism=PLAIN} 1
         smtp_commands_total{verb=AUTH} 3
         smtp_commands_total 5",
    )?;
    Ok(())
}

fn starttls_refused(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let relay = Relay::start_with(
        envoy,
        server,
        ServerOptions { starttls: StartTls::Fails, ..ServerOptions::default() },
    )?;
    let (relay, mut client) = introduce(relay)?;
    client.command_expecting("STARTTLS", 454)?;
    client.command_expecting("NOOP", 250)?;
    client.quit()?;
    relay.counted(
        "smtp_starttls_total{outcome=refused} 1
         smtp_commands_total{verb=NOOP} 1
         smtp_connections_total{visibility=parsed,transport=plain} 1",
    )?;
    Ok(())
}

fn xclient(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let (relay, mut client) = introduced(envoy, server)?;
    client.command_expecting("XCLIENT ADDR=192.0.2.7 NAME=far.client.test", 220)?;
    client.command_expecting("EHLO far.client.test", 250)?;
    client.quit()?;
    relay.counted(
        "smtp_commands_total{verb=XCLIENT} 1
         smtp_commands_total{verb=EHLO} 2
         smtp_unmatched_replies_total 0",
    )?;
    Ok(())
}

/// Envoy writes the header behind the filter: the server knows the client's address, the filter sees plain SMTP.
fn proxy_header_from_envoy(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let relay = Relay::start_with_proxy_header(envoy, server, ProxyProtocol::V2)?;
    let (relay, client) = introduce(relay)?;
    client.quit()?;
    relay.counted("smtp_proxy_headers_total 0\n smtp_commands_total 2\n smtp_anomalies_total 0")?;
    Ok(())
}

/// A balancer in front has written the header: the filter skips it.
fn proxy_header_from_client(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let relay = Relay::start_behind_header(envoy, server)?;
    let mut client = Conversation::connect(relay.address()?)?;
    client.send(b"PROXY TCP4 192.0.2.7 192.0.2.8 40000 25\r\n")?;
    client.expect(220)?;
    client.command_expecting("EHLO app.client.test", 250)?;
    client.quit()?;
    relay.server.tally_when(|_| relay.server.log().contains("192.0.2.7"))?;
    relay.counted(
        "smtp_proxy_headers_total{version=v1} 1
         smtp_commands_total 2
         smtp_greetings_total{class=2xx} 1
         smtp_anomalies_total 0",
    )?;
    Ok(())
}

/// 353, then one reply for each recipient, then one for the mail.
fn prdr(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let (relay, mut client) = introduced(envoy, server)?;
    client.command_expecting("MAIL FROM:<a@client.test> PRDR", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    client.command_expecting(&format!("RCPT TO:<{REFUSED_AFTER_CONTENT}>"), 250)?;
    client.command_expecting("DATA", 354)?;
    let mail = Mail::new("a@client.test", ["alice@good.test"], "for one of two");
    client.message(&mail.message)?;
    client.expect_all([353, 250, 550, 250])?;
    client.command_expecting("NOOP", 250)?;
    client.quit()?;
    ensure!(relay.server.mailbox().wait_for(1)?[0].carries(&mail.message), "the mail arrived changed");
    relay.counted(
        "smtp_transactions_total{outcome=accepted} 1
         smtp_transactions_total 1
         smtp_deliveries_total{class=2xx} 1
         smtp_deliveries_total{class=5xx} 1
         smtp_replies_total{verb=NOOP,class=2xx} 1
         smtp_unmatched_replies_total 0
         smtp_unanswered_commands_total 0",
    )?;
    Ok(())
}

fn lmtp(envoy: &EnvoyBinary, server: Server) -> Result<()> {
    let relay = Relay::start(envoy, server)?;
    let mut client = Conversation::greeted(relay.address()?)?;
    client.command_expecting("LHLO app.client.test", 250)?;
    client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
    client.command_expecting("RCPT TO:<alice@good.test>", 250)?;
    client.command_expecting(&format!("RCPT TO:<{UNKNOWN_USER}>"), 550)?;
    client.command_expecting(&format!("RCPT TO:<{GREYLISTED}>"), 250)?;
    client.command_expecting(&format!("RCPT TO:<{MAILBOX_FULL}>"), 250)?;
    client.command_expecting("RCPT TO:<bob@good.test>", 250)?;
    client.command_expecting("DATA", 354)?;
    let mail = Mail::new("a@client.test", ["alice@good.test", "bob@good.test"], "one reply each");
    client.message(&mail.message)?;
    client.expect_all([250, 451, 552, 250])?;
    client.command_expecting("NOOP", 250)?;
    client.quit()?;
    for delivered in relay.server.mailbox().wait_for(2)? {
        ensure!(delivered.carries(&mail.message), "the mail arrived changed");
    }
    relay.counted(
        "smtp_transactions_total{outcome=accepted} 1
         smtp_transactions_total 1
         smtp_recipients_total{outcome=accepted} 4
         smtp_recipients_total{outcome=rejected_5xx} 1
         smtp_deliveries_total{class=2xx} 2
         smtp_deliveries_total{class=4xx} 1
         smtp_deliveries_total{class=5xx} 1
         smtp_replies_total{verb=NOOP,class=2xx} 1
         smtp_commands_total{verb=LHLO} 1
         smtp_unmatched_replies_total 0
         smtp_unanswered_commands_total 0",
    )?;
    Ok(())
}
