//! The load tools.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::Peer;
use real_peers::mail::load::{Content, Load, SmtpSink, Submissions, message};
use real_peers::mail::{MailServer, Server, ServerOptions};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("smtp-load::source_to_sink", &[Peer::SmtpLoad], source_to_sink),
        trial("smtp-load::source_to_sink_by_lmtp", &[Peer::SmtpLoad], source_to_sink_by_lmtp),
        trial("smtp-load::refusals_are_errors", &[Peer::SmtpLoad], refusals_are_errors),
        trial("smtp-load::submissions_to_sink", &[Peer::SmtpLoad], submissions_to_sink),
        trial("smtp-load::submissions_to_postfix", &[Peer::Postfix], submissions_to_postfix),
        trial("smtp-load::source_to_postfix", &[Peer::SmtpLoad, Peer::Postfix], source_to_postfix),
    ]
}

fn source_to_sink() -> Result<()> {
    let sink = SmtpSink::start(&[])?;
    let load = Load { mails: 200, connections: 4, recipients: 2, ..Load::default() };
    load.send(sink.smtp())?;
    Load { reconnect: false, ..load }.send(sink.smtp())?;
    sink.wait_for(400)?;
    ensure!(sink.mails() == 400, "{} of 400", sink.mails());
    Ok(())
}

fn source_to_sink_by_lmtp() -> Result<()> {
    let sink = SmtpSink::start(&["-L"])?;
    Load { mails: 50, connections: 2, recipients: 3, lmtp: true, ..Load::default() }.send(sink.smtp())?;
    sink.wait_for(50)?;
    ensure!(sink.mails() == 50, "{} of 50", sink.mails());
    Ok(())
}

fn refusals_are_errors() -> Result<()> {
    let sink = SmtpSink::start(&["-f", "rcpt"])?;
    ensure!(Load::default().send(sink.smtp()).is_err());
    Ok(())
}

fn source_to_postfix() -> Result<()> {
    let server = MailServer::start(Server::Postfix)?;
    Load { mails: 50, connections: 4, ..Load::default() }.send(server.smtp())?;
    let tally = server.tally_after(50)?;
    ensure!(tally.mails_accepted == 50, "{tally:?}");
    ensure!(tally.commands["data"].accepted == 50, "{tally:?}");
    server.mailbox().wait_for(50)?;
    Ok(())
}

fn submissions_to_sink() -> Result<()> {
    let sink = SmtpSink::start(&[])?;
    for pipelined in [false, true] {
        let connections = submissions(Content::Data, pipelined).send(sink.smtp())?;
        ensure!(connections == 3, "{connections}");
    }
    sink.wait_for(10)?;
    ensure!(sink.mails() == 10, "{} of 10", sink.mails());
    Ok(())
}

fn submissions_to_postfix() -> Result<()> {
    let options = ServerOptions { discards: true, ..ServerOptions::default() };
    let server = MailServer::start_with(Server::Postfix, options)?;
    for content in [Content::Data, Content::Bdat] {
        for pipelined in [false, true] {
            submissions(content, pipelined).send(server.smtp())?;
        }
    }
    let big = Submissions { message: message(5 << 20), mails: 1, ..submissions(Content::Bdat, false) };
    big.send(server.smtp())?;
    // It counts the commands of a connection when that is over.
    server.tally_when(|tally| {
        let accepted = |verb| tally.commands.get(verb).map(|count| count.accepted);
        (accepted("data"), accepted("bdat")) == (Some(10), Some(11))
    })?;
    ensure!(server.mailbox().delivered()?.is_empty(), "something was delivered");
    Ok(())
}

/// Five mails over three connections.
fn submissions(content: Content, pipelined: bool) -> Submissions {
    Submissions { mails: 5, mails_per_connection: 2, message: message(1024), content, pipelined }
}
