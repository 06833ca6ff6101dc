//! What only a scripted client shows: odd forms, endings, and many operations quickly.

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::load::DirectoryLoad;
use real_peers::directory::message::{self, SEARCH_DONE, SEARCH_ENTRY};
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, PASSWORD, STAFF, SUFFIX, USERS, person, staff};
use real_peers::directory::{Conversation, DirectoryOptions, DirectoryServer, Scope};

use crate::Test;
use crate::counts::count;
use crate::relay::{Directory, Relay, unchanged};

type Run = fn(&EnvoyBinary) -> Result<()>;

const TESTS: [(&str, Run); 8] = [
    ("octet by octet", octet_by_octet),
    ("pipelined, out of order", pipelined),
    ("lengths as Microsoft writes them", long_lengths),
    ("a search abandoned", abandoned),
    ("operations and controls that nobody knows", unknown),
    ("reset and half-closed", endings),
    ("not LDAP", not_ldap),
    ("many operations, many connections", load),
];

pub(crate) fn tests() -> Vec<Test> {
    TESTS
        .map(|(what, run)| Test {
            name: format!("slapd: {what}"),
            peers: vec![Peer::Slapd],
            run: Box::new(run),
        })
        .into()
}

fn everyone() -> Vec<u8> {
    message::search(STAFF, Scope::One, &message::present("objectClass"), &[])
}

fn octet_by_octet(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    for operation in [message::bind(ADMIN_DN, ADMIN_PASSWORD), everyone()] {
        let octets = client.prepare(&operation);
        client.send_octet_by_octet(&octets)?;
        while client.message()?.code.is_none() {}
    }
    client.unbind()?;
    directory.agree(1, "ldap_connections_closed_total{ending=unbind} 1")?;
    Ok(())
}

fn pipelined(envoy: &EnvoyBinary) -> Result<()> {
    let server = DirectoryServer::start()?;
    let (relay, exchanged) = unchanged(
        server.ldap(),
        |server| Relay::before(envoy, server),
        |address, _| {
            let mut client = Conversation::connect(address)?;
            client.ask_expecting(&message::bind(ADMIN_DN, ADMIN_PASSWORD), 0)?;
            let compare = message::compare(&staff(1), "sn", "x");
            client.pipeline(&[everyone(), compare, everyone(), message::delete(&staff(1_000_000))])?;
            let mut results = 0;
            while results < 4 {
                results += u32::from(client.message()?.code.is_some());
            }
            client.unbind()
        },
    )?;
    ensure!(exchanged.responses[&SEARCH_ENTRY] == 200, "{exchanged:?}");
    relay.counted(
        "ldap_requests_total 6
         ldap_results_total 5
         ldap_entries_total 200
         ldap_operation_results_total{operation=compare,result=compareFalse} 1
         ldap_operation_results_total{operation=delete,result=noSuchObject} 1
         ldap_in_flight_depth 5
         ldap_anomalies_total 0
         ldap_connections_closed_total{ending=unbind} 1",
    )?;
    Ok(())
}

fn long_lengths(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    for id in 1..=10 {
        let short = message::message(id, &everyone());
        let mut long = vec![0x30, 0x84, 0, 0, 0];
        long.extend_from_slice(&short[1..]);
        client.send(&long)?;
        ensure!(client.result_of(id)?.code == Some(0));
    }
    client.unbind()?;
    directory.agree(1, "ldap_entries_total 1000")?;
    Ok(())
}

fn abandoned(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start_with(envoy, &DirectoryOptions::with_entries(20_000))?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    client.ask_expecting(&message::bind(ADMIN_DN, ADMIN_PASSWORD), 0)?;
    let id = client.begin(&everyone())?;
    // It has begun to answer, and is far from its end.
    ensure!(client.message()?.operation == SEARCH_ENTRY);
    client.begin(&message::abandon(id))?;
    let last = client.begin(&message::search(SUFFIX, Scope::Base, &message::present("objectClass"), &[]))?;
    while !matches!(client.message()?, answer if answer.id == last && answer.operation == SEARCH_DONE) {}
    let exchanged = client.unbind()?;
    // What came back is what the filter saw, whenever the server took notice; its log does not say how many.
    let entries = exchanged.responses[&SEARCH_ENTRY];
    ensure!(exchanged.codes[&0] == 2 && entries < 20_001, "{exchanged:?}");
    let scrape = directory.relay.counted(
        "ldap_requests_total{operation=search} 2
         ldap_requests_total{operation=abandon} 1
         ldap_abandoned_operations_total 1
         ldap_operation_results_total{operation=search,result=success} 1
         ldap_unanswered_operations_total 0
         ldap_unmatched_responses_total 0
         ldap_anomalies_total 0",
    )?;
    // What was still on its way is counted as late besides.
    let [all, late] = ["ldap_entries_total", "ldap_late_responses_total"].map(|name| count(&scrape, name));
    ensure!(all == entries as f64 && late < all, "{all} entries, {late} late, of {entries}");
    Ok(())
}

fn unknown(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    client.ask_expecting(&message::extended("1.3.6.1.4.1.99999.1", None), 2)?;
    let controls = [message::control("1.3.6.1.4.1.99999.2", true, None)];
    client.send(&message::message_with_controls(77, &everyone(), &controls))?;
    ensure!(client.result_of(77)?.code == Some(12));
    client.unbind()?;
    directory.agree_but_for(
        1,
        // Of what it refuses at once, slapd's log has the result alone.
        |tally| *tally.scopes.entry("one".to_owned()).or_default() += 1,
        "ldap_extended_requests_total{extended=other} 1
         ldap_controls_total{control=other,direction=to_server} 1
         ldap_operation_results_total{operation=search,result=unavailableCriticalExtension} 1",
    )?;
    Ok(())
}

fn endings(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    client.ask_expecting(&everyone(), 0)?;
    client.reset()?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    client.ask_expecting(&everyone(), 0)?;
    client.shutdown_write()?;
    client.read_to_end()?;
    drop(client);
    directory.agree(
        2,
        "ldap_connections_closed_total{ending=client} 2
         ldap_connections_total{visibility=parsed,transport=plain} 2",
    )?;
    Ok(())
}

/// The server closes, after octets that are no LDAP and were passed to it.
fn not_ldap(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let mut client = Conversation::connect(directory.relay.address()?)?;
    client.send(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100)).as_bytes())?;
    ensure!(client.read_to_end()?.is_empty());
    drop(client);
    directory.relay.counted(
        "ldap_anomalies_total{kind=http} 1
         ldap_anomalies_total 1
         ldap_requests_total 0
         ldap_connections_total{visibility=lost_sync,transport=plain} 1",
    )?;
    ensure!(directory.server.tally_after(1)?.connections == 1);
    Ok(())
}

fn load(envoy: &EnvoyBinary) -> Result<()> {
    let directory = Directory::start(envoy)?;
    let one = message::search(&staff(7), Scope::Base, &message::present("objectClass"), &[]);
    let nowhere = message::search("ou=nowhere", Scope::Base, &message::present("objectClass"), &[]);
    let searches = DirectoryLoad {
        connections: 8,
        operations: 600,
        depth: 16,
        login: Some(message::bind(ADMIN_DN, ADMIN_PASSWORD)),
        work: vec![one, everyone(), nowhere],
        reconnect_after: Some(100),
        ..DirectoryLoad::of(Vec::new())
    };
    let binds = DirectoryLoad {
        connections: 4,
        operations: 200,
        work: USERS.map(|user| message::bind(&person(user), PASSWORD)).into(),
        ..DirectoryLoad::of(Vec::new())
    };
    let (searched, bound) =
        (searches.run(directory.relay.address()?)?, binds.run(directory.relay.address()?)?);
    ensure!(searched.answered() == 4800 && bound.results[&0] == 800, "{searched:?} {bound:?}");
    let connections = searched.connections + bound.connections;
    directory.agree(
        connections,
        &format!(
            "ldap_entries_total {}
             ldap_requests_total{{operation=search}} 4800
             ldap_binds_total{{kind=simple,outcome=succeeded,transport=plain}} 848
             ldap_connections_closed_total{{ending=unbind}} {connections}",
            searched.entries
        ),
    )?;
    Ok(())
}
