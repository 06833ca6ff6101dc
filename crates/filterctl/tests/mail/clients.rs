//! Every server with every client: what client, server and filter say of the same mails is the same.

use anyhow::{Result, ensure};
use real_peers::mail::rules::{GREYLISTED, UNKNOWN_USER};
use real_peers::mail::{Client, ClientOptions, Mail, Server, Tls};

use crate::Test;
use crate::relay::Relay;

/// Lines that start with dots, an empty one, and octets that are not ASCII: what a filter could spoil.
const TEXT: &str = "hello\n.\n..two dots\n\nna\u{ef}ve\nend";

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for server in Server::SMTP {
        for client in Client::ALL {
            let mut test = |what: &str, run: fn(&Relay, Client) -> Result<()>| {
                tests.push(Test {
                    name: format!("{} and {}: {what}", server.peer().name(), client.peer().name()),
                    peers: vec![server.peer(), client.peer()],
                    run: Box::new(move |envoy| run(&Relay::start(envoy, server)?, client)),
                });
            };
            test("accepted", accepted);
            test("some refused", some_refused);
            if server.has_working_tls() {
                test("STARTTLS and AUTH", starttls);
            }
        }
    }
    tests
}

fn accepted(relay: &Relay, client: Client) -> Result<()> {
    let mail = Mail::new("app@client.test", ["alice@good.test", "bob@good.test"], TEXT);
    let submission = client.send(relay.address()?, &mail, &ClientOptions::default())?;
    ensure!(submission.accepted && submission.refusals.is_empty(), "{submission:?}");
    for delivered in relay.server.mailbox().wait_for(2)? {
        ensure!(delivered.carries(&client.submitted(mail.message.clone())), "the mail arrived changed");
    }
    let tally = relay.server.tally_after(1)?;
    ensure!((tally.mails_accepted, tally.recipients_accepted) == (1, 2), "{tally:?}");
    // nodemailer closes without QUIT, and Exim remarks on that.
    let (ending, unmatched) = match (client, relay.server.kind()) {
        (Client::Nodemailer, Server::Exim) => ("client", 1),
        (Client::Nodemailer, _) => ("client", 0),
        _ => ("quit", 0),
    };
    relay.counted(&format!(
        "smtp_transactions_started_total 1
         smtp_transactions_total{{outcome=accepted}} 1
         smtp_transactions_total 1
         smtp_recipients_total{{outcome=accepted}} 2
         smtp_recipients_total 2
         smtp_refusals_total 0
         smtp_commands_total{{verb=MAIL}} 1
         smtp_commands_total{{verb=RCPT}} 2
         smtp_message_bytes 1
         smtp_greetings_total{{class=2xx}} 1
         smtp_unanswered_commands_total 0
         smtp_unmatched_replies_total {unmatched}
         smtp_connections_total{{visibility=parsed,transport=plain}} 1
         smtp_connections_closed_total{{ending={ending}}} 1"
    ))?;
    Ok(())
}

/// A delivery report, with the null sender, for one recipient who is unknown, one who is greylisted and one who is fine.
fn some_refused(relay: &Relay, client: Client) -> Result<()> {
    let mail = Mail::new("", [UNKNOWN_USER, GREYLISTED, "alice@good.test"], TEXT);
    let submission = client.send(relay.address()?, &mail, &ClientOptions::default())?;
    let tally = relay.server.tally_after(1)?;
    if client.gives_up_at_first_refusal() {
        ensure!(!submission.accepted && tally.mails_accepted == 0, "{submission:?} {tally:?}");
        relay.counted(
            "smtp_transactions_total{outcome=rejected} 1
             smtp_transactions_total 1
             smtp_rejected_transactions_total{stage=rcpt_all,class=5xx} 1
             smtp_recipients_total{outcome=rejected_5xx} 1
             smtp_recipients_total 1
             smtp_refusals_total{reason=unknown_user} 1
             smtp_refusals_total 1
             smtp_null_senders_total 1",
        )?;
        return Ok(());
    }
    ensure!(submission.accepted && tally.mails_accepted == 1, "{submission:?} {tally:?}");
    ensure!(relay.server.mailbox().wait_for(1)?[0].carries(&client.submitted(mail.message.clone())));
    relay.counted(
        "smtp_transactions_total{outcome=accepted} 1
         smtp_transactions_total 1
         smtp_recipients_total{outcome=accepted} 1
         smtp_recipients_total{outcome=rejected_4xx} 1
         smtp_recipients_total{outcome=rejected_5xx} 1
         smtp_refusals_total{reason=unknown_user} 1
         smtp_refusals_total{reason=greylist} 1
         smtp_refusals_total 2
         smtp_null_senders_total 1
         smtp_unanswered_commands_total 0",
    )?;
    Ok(())
}

/// What is inside TLS stays unseen, is counted as unseen, and arrives.
fn starttls(relay: &Relay, client: Client) -> Result<()> {
    let mail = Mail::new("app@client.test", ["alice@good.test"], TEXT);
    let options = ClientOptions { tls: Tls::StartTls(relay.server.certificate()?), auth: true, lmtp: false };
    let submission = client.send(relay.address()?, &mail, &options)?;
    ensure!(submission.accepted && submission.refusals.is_empty(), "{submission:?}");
    ensure!(relay.server.mailbox().wait_for(1)?[0].carries(&client.submitted(mail.message.clone())));
    relay.counted(
        "smtp_starttls_total{outcome=accepted} 1
         smtp_starttls_total 1
         smtp_transactions_started_total 0
         smtp_auth_total 0
         smtp_smuggled_octets_total 0
         smtp_commands_total{verb=STARTTLS} 1
         smtp_commands_total{verb=MAIL} 0
         smtp_connections_total{visibility=starttls,transport=starttls} 1",
    )?;
    Ok(())
}
