//! The scripted client, against slapd.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::Peer;
use real_peers::directory::message::{
    self, BIND_REQUEST, EXTENDED_RESPONSE, SEARCH_DONE, SEARCH_ENTRY, SEARCH_REQUEST,
};
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, STAFF, SUFFIX, staff};
use real_peers::directory::{Conversation, DirectoryServer, Scope};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let slapd = [Peer::Slapd];
    vec![
        trial("slapd::conversation::pipelined", &slapd, pipelined),
        trial("slapd::conversation::octet_by_octet", &slapd, octet_by_octet),
        trial("slapd::conversation::tls", &slapd, tls),
        trial("slapd::conversation::what_no_library_sends", &slapd, what_no_library_sends),
        trial("slapd::conversation::endings", &slapd, endings),
    ]
}

fn everyone() -> Vec<u8> {
    message::search(STAFF, Scope::One, &message::present("objectClass"), &["cn"])
}

fn pipelined() -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut client = Conversation::connect(server.ldap())?;
    client.ask_expecting(&message::bind(ADMIN_DN, ADMIN_PASSWORD), 0)?;
    client.pipeline(&[everyone(), message::compare(&staff(1), "sn", "x"), everyone()])?;
    let mut done = Vec::new();
    while done.len() < 3 {
        let message = client.message()?;
        if let Some(code) = message.code {
            done.push((message.id, code));
        }
    }
    done.sort_unstable();
    // The bind was 1.
    ensure!(done == [(2, 0), (3, 5), (4, 0)], "{done:?}");
    let exchanged = client.unbind()?;
    ensure!(
        exchanged.requests[&SEARCH_REQUEST] == 2 && exchanged.requests[&BIND_REQUEST] == 1,
        "{exchanged:?}"
    );
    ensure!(
        exchanged.responses[&SEARCH_ENTRY] == 200 && exchanged.responses[&SEARCH_DONE] == 2,
        "{exchanged:?}"
    );
    ensure!(exchanged.codes[&0] == 3 && exchanged.codes[&5] == 1, "{exchanged:?}");
    let tally = server.tally_after(1)?;
    ensure!(
        tally.entries == 200 && tally.requests("compare") == 1 && tally.requests("unbind") == 1,
        "{tally:?}"
    );
    Ok(())
}

fn octet_by_octet() -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut client = Conversation::connect(server.ldap())?;
    let octets = client.prepare(&everyone());
    client.send_octet_by_octet(&octets)?;
    ensure!(client.result_of(1)?.code == Some(0));
    ensure!(client.exchanged().responses[&SEARCH_ENTRY] == 100);
    client.unbind()?;
    ensure!(server.tally_after(1)?.entries == 100);
    Ok(())
}

fn tls() -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut client = Conversation::connect(server.ldap())?;
    client.start_tls()?;
    client.ask_expecting(&everyone(), 0)?;
    client.unbind()?;
    let mut client = Conversation::connect_tls(server.ldaps())?;
    client.ask_expecting(&everyone(), 0)?;
    client.unbind()?;
    let tally = server.tally_after(2)?;
    ensure!(tally.tls == 2 && tally.entries == 200 && tally.extended["StartTLS"] == 1, "{tally:?}");
    Ok(())
}

/// Lengths as Microsoft writes them, an unknown operation's name, an abandoned search, a control that nobody knows.
fn what_no_library_sends() -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut client = Conversation::connect(server.ldap())?;
    let short = message::message(77, &everyone());
    let mut long = vec![0x30, 0x84, 0, 0, 0];
    long.extend_from_slice(&short[1..]);
    client.send(&long)?;
    ensure!(client.result_of(77)?.code == Some(0));

    let unknown = client.ask(&message::extended("1.3.6.1.4.1.99999.1", None))?;
    ensure!((unknown.operation, unknown.code) == (EXTENDED_RESPONSE, Some(2)), "{unknown:?}");

    let critical = [message::control("1.3.6.1.4.1.99999.2", true, None)];
    client.send(&message::message_with_controls(78, &everyone(), &critical))?;
    ensure!(client.result_of(78)?.code == Some(12));

    let whole = message::search(SUFFIX, Scope::Subtree, &message::present("objectClass"), &[]);
    let id = client.begin(&whole)?;
    client.begin(&message::abandon(id))?;
    let paged = message::message_with_controls(79, &everyone(), &[message::page(10, b"")]);
    client.send(&paged)?;
    // What the abandoned search still brings comes first.
    let last = loop {
        let message = client.message()?;
        ensure!([id, 79].contains(&message.id), "{message:?}");
        if message.id == 79 && message.operation == SEARCH_DONE {
            break message;
        }
    };
    ensure!(last.code == Some(0), "{last:?}");
    client.unbind()?;
    let tally = server.tally_after(1)?;
    ensure!(tally.requests("abandon") == 1 && tally.answers("search", 12) == 1, "{tally:?}");
    Ok(())
}

fn endings() -> Result<()> {
    let server = DirectoryServer::start()?;
    let mut client = Conversation::connect(server.ldap())?;
    client.ask_expecting(&everyone(), 0)?;
    client.reset()?;

    let mut client = Conversation::connect(server.ldap())?;
    client.begin(&everyone())?;
    client.shutdown_write()?;
    ensure!(client.read_to_end().is_ok());

    // Not LDAP, and as long as the E of GET claims when it is taken for a length: the server closes.
    let mut client = Conversation::connect(server.ldap())?;
    client.send(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100)).as_bytes())?;
    ensure!(client.read_to_end()?.is_empty());
    let tally = server.tally_after(3)?;
    ensure!(tally.connections == 3 && tally.requests("unbind") == 0, "{tally:?}");
    Ok(())
}
