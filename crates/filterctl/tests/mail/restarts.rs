//! A server that is restarted, and one that dies, while applications bring their mails and try again until they are taken.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::instance::Ending;
use real_peers::mail::{Conversation, Mail, Server};
use real_peers::{DEADLINE, wait_until};

use crate::Test;
use crate::counts::count;
use crate::relay::Relay;

/// Each with a connection of its own for every mail, as applications that mail their errors do.
const APPLICATIONS: u64 = 6;
const PAUSE: Duration = Duration::from_millis(20);
const RECIPIENT: &str = "alice@good.test";

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "Postfix: restarted and killed while mails flow: nothing that was taken is lost, what was cut off is counted"
            .to_owned(),
        peers: vec![Server::Postfix.peer()],
        run: Box::new(restarts),
    }]
}

/// What the applications see, as they see it.
#[derive(Default)]
struct Flow {
    taken: AtomicU64,
    in_vain: AtomicU64,
    enough: AtomicBool,
}

/// What an application wrote down.
#[derive(Default)]
struct Book {
    taken: Vec<Mail>,
    attempts: u64,
    /// Attempts that ended between the last octet of the mail and its reply: nobody but the server knows what became of it.
    in_doubt: u64,
}

/// An attempt that was not answered with 250.
struct Failure {
    error: anyhow::Error,
    /// The server had all of the mail before.
    in_doubt: bool,
}

fn restarts(envoy: &EnvoyBinary) -> Result<()> {
    let mut relay = Relay::start(envoy, Server::Postfix)?;
    let address = relay.address()?;
    let flow = Flow::default();
    let (books, cut) = thread::scope(|scope| {
        let applications: Vec<_> = (0..APPLICATIONS)
            .map(|number| {
                let flow = &flow;
                scope.spawn(move || bring(number, address, flow))
            })
            .collect();
        let cut = [Ending::Asked, Ending::Killed]
            .into_iter()
            .try_fold(0, |cut, ending| through(&mut relay, address, &flow, ending).map(|()| cut + 1));
        flow.enough.store(true, Ordering::Release);
        let books = applications
            .into_iter()
            .map(|application| application.join().map_err(|_| anyhow!("an application panicked"))?)
            .collect::<Result<Vec<Book>>>()?;
        anyhow::Ok((books, cut?))
    })?;
    let taken: Vec<&Mail> = books.iter().flat_map(|book| &book.taken).collect();
    let in_doubt: u64 = books.iter().map(|book| book.in_doubt).sum();
    let connections = cut + books.iter().map(|book| book.attempts).sum::<u64>();
    // A mail whose reply was lost is brought again, and is there twice; so their number says nothing.
    let mailbox = relay.server.mailbox();
    for mail in &taken {
        wait_until(&format!("a mail that was taken: {}", mail.message.escape_ascii()), || {
            Ok(mailbox.delivered()?.iter().any(|one| one.carries(&mail.message)).then_some(()))
        })?;
    }
    let scrape = relay.counted(&format!(
        "smtp_connections_opened_total {connections}
         smtp_connections_total{{visibility=parsed}} {connections}
         smtp_unmatched_replies_total 0"
    ))?;
    let number = |series: &str| count(&scrape, series) as u64;
    let accepted = number("smtp_transactions_total{outcome=accepted}");
    let known = taken.len() as u64;
    ensure!(
        (known..=known + in_doubt).contains(&accepted),
        "{accepted} accepted, {known} and {in_doubt} known"
    );
    let aborted = number("smtp_transactions_total{outcome=aborted}");
    let left_in_data = number("smtp_anomalies_total{kind=left_in_data}");
    ensure!(
        left_in_data >= cut && aborted >= left_in_data,
        "{aborted} aborted, {left_in_data} of them within the mail, where {cut} are certain"
    );
    ensure!(left_in_data == number("smtp_anomalies_total"), "other anomalies");
    Ok(())
}

/// One ending of the server and its start, with mails before and after it, and one mail that is cut off for certain.
fn through(relay: &mut Relay, address: SocketAddr, flow: &Flow, ending: Ending) -> Result<()> {
    flows(flow)?;
    let mut half = begin(address, "slow@client.test")?;
    half.send(b"Subject: half of a mail\r\n\r\nfor which")?;
    relay.server.stop(ending).with_context(|| format!("{ending:?}"))?;
    let rest = half.read_to_end()?;
    ensure!(rest.is_empty(), "a server that is gone said {}", rest.escape_ascii());
    let before = flow.in_vain.load(Ordering::Acquire);
    wait_until("everybody to be refused", || {
        Ok((flow.in_vain.load(Ordering::Acquire) >= before + APPLICATIONS).then_some(()))
    })?;
    relay.server.start_again().with_context(|| format!("after {ending:?}"))?;
    flows(flow).with_context(|| format!("after {ending:?}"))
}

fn flows(flow: &Flow) -> Result<()> {
    let before = flow.taken.load(Ordering::Acquire);
    wait_until("mails to flow", || {
        Ok((flow.taken.load(Ordering::Acquire) >= before + 2 * APPLICATIONS).then_some(()))
    })
}

/// Brings mail after mail, each until it is taken.
fn bring(application: u64, address: SocketAddr, flow: &Flow) -> Result<Book> {
    let start = Instant::now();
    let mut book = Book::default();
    while !flow.enough.load(Ordering::Acquire) {
        let text = format!("error {} of application {application}", book.taken.len());
        let mail = Mail::new("app@client.test", [RECIPIENT], &text);
        loop {
            book.attempts += 1;
            match submit(address, &mail) {
                Ok(()) => break,
                Err(Failure { error, in_doubt }) => {
                    flow.in_vain.fetch_add(1, Ordering::AcqRel);
                    book.in_doubt += u64::from(in_doubt);
                    if start.elapsed() > DEADLINE {
                        return Err(error.context("nobody takes the mail"));
                    }
                    thread::sleep(PAUSE);
                }
            }
        }
        flow.taken.fetch_add(1, Ordering::AcqRel);
        book.taken.push(mail);
    }
    Ok(book)
}

fn submit(address: SocketAddr, mail: &Mail) -> Result<(), Failure> {
    let mut conversation =
        begin(address, &mail.sender).map_err(|error| Failure { error, in_doubt: false })?;
    let in_doubt = |error| Failure { error, in_doubt: true };
    conversation.message(&mail.message).map_err(in_doubt)?;
    conversation.expect(250).map_err(in_doubt)?;
    // The mail is the server's now, whether it gets to say goodbye or not.
    let _said = conversation.quit();
    Ok(())
}

/// A conversation in which the server waits for the mail.
fn begin(address: SocketAddr, sender: &str) -> Result<Conversation> {
    let mut conversation = Conversation::greeted(address)?;
    conversation.command_expecting("EHLO app.client.test", 250)?;
    conversation.command_expecting(&format!("MAIL FROM:<{sender}>"), 250)?;
    conversation.command_expecting(&format!("RCPT TO:<{RECIPIENT}>"), 250)?;
    conversation.command_expecting("DATA", 354)?;
    Ok(conversation)
}
