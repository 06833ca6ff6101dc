//! Every server takes a mail from every client, delivers it unchanged, and refuses what it must.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use real_peers::mail::rules::{GREYLISTED, MAILBOX_FULL, UNKNOWN_USER};
use real_peers::mail::{Client, ClientOptions, Mail, MailServer, Server, StartTls, Tls};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for server in Server::SMTP {
        for client in Client::ALL {
            let peers = [server.peer(), client.peer()];
            let name = |what: &str| format!("{}::{}::{what}", peers[0].name(), peers[1].name());
            trials.push(trial(&name("accepted"), &peers, move || accepted(server, client)));
            trials.push(trial(&name("refused"), &peers, move || refused(server, client)));
            if server.has_working_tls() {
                trials.push(trial(&name("starttls_and_auth"), &peers, move || {
                    starttls_and_auth(server, client)
                }));
                trials.push(trial(&name("tls_from_the_start_and_auth"), &peers, move || {
                    tls_from_the_start_and_auth(server, client)
                }));
            }
        }
    }
    let peers = [Server::DovecotLmtp.peer(), Client::Exim.peer()];
    trials.push(trial("dovecot-lmtp::exim::replies_per_recipient", &peers, replies_per_recipient));
    trials
}

/// Lines that start with dots, an empty one, and octets that are not ASCII: what a client or a server could
/// spoil.
const TEXT: &str = "hello\n.\n..two dots\n\nna\u{ef}ve\nend";

fn accepted(server: Server, client: Client) -> Result<()> {
    let server = MailServer::start(server)?;
    let mail = Mail::new("app@client.test", ["alice@good.test", "bob@good.test"], TEXT);
    let submission = client.send(server.smtp(), &mail, &ClientOptions::default())?;
    ensure!(submission.accepted && submission.refusals.is_empty(), "{submission:?}");
    for delivered in server.mailbox().wait_for(2)? {
        ensure!(
            delivered.carries(&client.submitted(mail.message.clone())),
            "delivered differently: {}",
            String::from_utf8_lossy(&delivered.octets)
        );
    }
    let tally = server.tally_after(1)?;
    ensure!((tally.mails_accepted, tally.recipients_accepted) == (1, 2), "{tally:?}");
    ensure!((tally.recipients_rejected, tally.recipients_deferred) == (0, 0), "{tally:?}");
    Ok(())
}

fn refused(server: Server, client: Client) -> Result<()> {
    let greylisting = if server == Server::Exim { 451 } else { 450 };
    let server = MailServer::start(server)?;
    let mail = Mail::new("", [UNKNOWN_USER, GREYLISTED, "alice@good.test"], TEXT);
    let submission = client.send(server.smtp(), &mail, &ClientOptions::default())?;
    let tally = server.tally_after(1)?;
    if client.gives_up_at_first_refusal() {
        ensure!(!submission.accepted && submission.refusals == [550], "{submission:?}");
        ensure!((tally.mails_accepted, tally.recipients_rejected) == (0, 1), "{tally:?}");
    } else {
        ensure!(submission.accepted && submission.refusals == [550, greylisting], "{submission:?}");
        ensure!((tally.mails_accepted, tally.recipients_accepted) == (1, 1), "{tally:?}");
        ensure!((tally.recipients_rejected, tally.recipients_deferred) == (1, 1), "{tally:?}");
        ensure!(server.mailbox().wait_for(1)?[0].carries(&client.submitted(mail.message.clone())));
    }
    Ok(())
}

fn tls_from_the_start_and_auth(server: Server, client: Client) -> Result<()> {
    let server = MailServer::start(server)?;
    let address = server.smtps().context("the server has no listener for TLS from the start")?;
    accepted_over_tls(&server, client, address, Tls::FromTheStart(server.certificate()?))
}

fn accepted_over_tls(server: &MailServer, client: Client, address: SocketAddr, tls: Tls) -> Result<()> {
    let mail = Mail::new("app@client.test", ["alice@good.test"], TEXT);
    let options = ClientOptions { tls, auth: true, lmtp: false };
    let submission = client.send(address, &mail, &options)?;
    ensure!(submission.accepted && submission.refusals.is_empty(), "{submission:?}");
    ensure!(server.mailbox().wait_for(1)?[0].carries(&client.submitted(mail.message)));
    ensure!(server.tally_after(1)?.mails_accepted == 1);
    Ok(())
}

fn starttls_and_auth(server: Server, client: Client) -> Result<()> {
    let server = MailServer::start(server)?;
    let tls = Tls::StartTls(server.certificate()?);
    accepted_over_tls(&server, client, server.smtp(), tls.clone())?;
    // And a server that does not offer it does not get the mail.
    let bare = MailServer::start_with(
        server.kind(),
        real_peers::mail::ServerOptions { starttls: StartTls::NotOffered, ..Default::default() },
    )?;
    let mail = Mail::new("app@client.test", ["alice@good.test"], TEXT);
    let submission = client.send(bare.smtp(), &mail, &ClientOptions { tls, auth: true, lmtp: false });
    ensure!(!submission.is_ok_and(|submission| submission.accepted), "sent without TLS");
    ensure!(bare.tally_after(1)?.mails_accepted == 0);
    Ok(())
}

/// LMTP: each recipient gets a reply of its own after the content.
fn replies_per_recipient() -> Result<()> {
    let server = MailServer::start(Server::DovecotLmtp)?;
    let recipients = ["alice@good.test", MAILBOX_FULL, UNKNOWN_USER, "bob@good.test"];
    let mail = Mail::new("app@client.test", recipients, TEXT);
    let options = ClientOptions { lmtp: true, ..ClientOptions::default() };
    let submission = Client::Exim.send(server.smtp(), &mail, &options)?;
    ensure!(submission.accepted && submission.refusals.len() == 2, "{submission:?}");
    for delivered in server.mailbox().wait_for(2)? {
        ensure!(delivered.carries(&mail.message));
    }
    let tally = server.tally_after(1)?;
    ensure!(
        (tally.mails_accepted, tally.recipients_accepted, tally.recipients_rejected) == (1, 2, 1),
        "{tally:?}"
    );
    Ok(())
}
