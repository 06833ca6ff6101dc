//! A server that is restarted, and one that hangs and dies, while applications search over connections that they keep.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::directory::message::{self, SEARCH_DONE};
use real_peers::directory::rules::{PASSWORD, STAFF, USERS, person};
use real_peers::directory::{Conversation, Scope};
use real_peers::instance::Ending;
use real_peers::{DEADLINE, Peer, wait_until};

use crate::Test;
use crate::counts::count;
use crate::relay::Directory;

/// Each with one connection, which it opens anew when it is lost, as a pool does.
const APPLICATIONS: u64 = 6;
/// Searches that an application has in flight at the same time.
const DEPTH: usize = 4;
const IN_FLIGHT: &str = "ldap_operations_in_flight";
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "slapd: restarted, and hanging and killed, while searches flow: what stays without an answer is counted".to_owned(),
        peers: vec![Peer::Slapd],
        run: Box::new(restarts),
    }]
}

/// What the applications see, as they see it.
#[derive(Default)]
struct Flow {
    answered: AtomicU64,
    lost: AtomicU64,
    enough: AtomicBool,
}

/// What an application wrote down.
#[derive(Default)]
struct Book {
    connections: u64,
    answered: u64,
    asked: u64,
}

fn restarts(envoy: &EnvoyBinary) -> Result<()> {
    let mut directory = Directory::start(envoy)?;
    let address = directory.relay.address()?;
    let flow = Flow::default();
    let books = thread::scope(|scope| {
        let applications: Vec<_> = (0..APPLICATIONS)
            .map(|_| {
                let flow = &flow;
                scope.spawn(move || search(address, flow))
            })
            .collect();
        let through = [Ending::Asked, Ending::Killed]
            .into_iter()
            .try_for_each(|ending| through(&mut directory, &flow, ending));
        flow.enough.store(true, Ordering::Release);
        let books = applications
            .into_iter()
            .map(|application| application.join().map_err(|_| anyhow!("an application panicked"))?)
            .collect::<Result<Vec<Book>>>()?;
        through.map(|()| books)
    })?;
    let sum = |of: fn(&Book) -> u64| books.iter().map(of).sum::<u64>();
    let (connections, asked, answered) =
        (sum(|book| book.connections), sum(|book| book.asked), sum(|book| book.answered));
    let scrape = directory.relay.counted(&format!(
        "ldap_connections_opened_total {connections}
         ldap_connections_total{{visibility=parsed}} {connections}
         ldap_unmatched_responses_total 0
         ldap_unpaired_requests_total 0
         ldap_undecoded_messages_total 0
         ldap_anomalies_total 0"
    ))?;
    let number = |series: &str| count(&scrape, series) as u64;
    let (searches, results) = (
        number("ldap_requests_total{operation=search}"),
        number("ldap_operation_results_total{operation=search}"),
    );
    let unanswered = number("ldap_unanswered_by_operation_total{operation=search}");
    ensure!(searches == results + unanswered, "{searches} searches, {results} results, {unanswered} without");
    // What an application sent into a connection that Envoy had closed already never came to the filter, and an answer that
    // was on its way when the connection was reset never came to the application.
    ensure!(
        searches <= asked && answered <= results,
        "{searches} of {asked} asked, {answered} of {results} answered"
    );
    // The server hung, each application had a search in flight, and then the server was killed.
    ensure!(unanswered >= APPLICATIONS, "{unanswered} without an answer where {APPLICATIONS} are certain");
    Ok(())
}

/// One ending of the server and its start, with searches before and after it.
fn through(directory: &mut Directory, flow: &Flow, ending: Ending) -> Result<()> {
    flows(flow)?;
    if ending == Ending::Killed {
        directory.server.freeze()?;
        // Each application waits for something that it has asked.
        directory.relay.until(|scrape| count(scrape, IN_FLIGHT) as u64 >= APPLICATIONS)?;
    }
    let before = flow.lost.load(Ordering::Acquire);
    directory.server.stop(ending).with_context(|| format!("{ending:?}"))?;
    wait_until("everybody to be refused", || {
        Ok((flow.lost.load(Ordering::Acquire) >= before + 2 * APPLICATIONS).then_some(()))
    })?;
    directory.server.start_again().with_context(|| format!("after {ending:?}"))?;
    flows(flow).with_context(|| format!("after {ending:?}"))
}

fn flows(flow: &Flow) -> Result<()> {
    let before = flow.answered.load(Ordering::Acquire);
    wait_until("searches to flow", || {
        Ok((flow.answered.load(Ordering::Acquire) >= before + 8 * APPLICATIONS).then_some(()))
    })
}

/// Searches over one connection after the other until it is enough.
fn search(address: SocketAddr, flow: &Flow) -> Result<Book> {
    let start = Instant::now();
    let mut book = Book::default();
    while !flow.enough.load(Ordering::Acquire) {
        book.connections += 1;
        if let Err(error) = search_until_lost(address, flow, &mut book) {
            ensure!(start.elapsed() < DEADLINE, "nobody answers: {error:#}");
            flow.lost.fetch_add(1, Ordering::AcqRel);
            thread::sleep(PAUSE);
        }
    }
    Ok(book)
}

fn search_until_lost(address: SocketAddr, flow: &Flow, book: &mut Book) -> Result<()> {
    let everyone = message::search(STAFF, Scope::One, &message::present("objectClass"), &[]);
    let mut conversation = Conversation::connect(address)?;
    conversation.ask_expecting(&message::bind(&person(USERS[0]), PASSWORD), 0)?;
    while !flow.enough.load(Ordering::Acquire) {
        book.asked += DEPTH as u64;
        conversation.pipeline(&vec![everyone.clone(); DEPTH])?;
        let mut waiting = DEPTH;
        while waiting > 0 {
            let message = conversation.message()?;
            if message.operation == SEARCH_DONE {
                ensure!(message.code == Some(0), "a search was answered {:?}", message.code);
                waiting -= 1;
                book.answered += 1;
                flow.answered.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
    conversation.unbind()?;
    Ok(())
}
