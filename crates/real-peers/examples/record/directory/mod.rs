//! Records conversations of real clients with slapd and with Samba, for the replay tests of the LDAP filter.
//!
//! What is to be counted in a recording is read from it by tshark, and has to agree with the server's own log
//! and with what was planned in `conversations.rs` and `samba.rs` before it happened. Buffers that are only signed by Kerberos are
//! taken off for tshark in `layers.rs`; that what was in them is whole is proved by slapd's log too.

mod conversations;
mod dissection;
mod expectation;
mod layers;
mod samba;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use real_peers::directory::{DirectoryOptions, DirectoryServer, DirectoryTally, Kdc, LdapUtils};
use real_peers::{Peer, Recorder, Recording};
use serde_json::{Value, json};

use conversations::{Peers, Planned};
use dissection::Tshark;
use expectation::Expectation;

/// Which conversations to record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Servers {
    /// Those with slapd and those with Samba.
    All,
    /// Those with Samba; the others in the folder stay as they are.
    Samba,
}

/// Writes `ldap/<name>.jsonl` and `expected.json` into the folder.
pub(crate) fn record_all(folder: &Path, servers: Servers) -> Result<()> {
    real_peers::install(&Peer::DIRECTORY)?;
    let tshark = Tshark::install()?;
    fs::create_dir_all(folder.join("ldap"))?;
    let file = folder.join("expected.json");
    let mut expected: BTreeMap<String, Value> = match servers {
        Servers::All => BTreeMap::new(),
        Servers::Samba => serde_json::from_slice(&fs::read(&file).unwrap_or_else(|_| b"{}".to_vec()))?,
    };
    let mut keep = |name: String, recording: &Recording, said: Value| {
        fs::write(folder.join("ldap").join(format!("{name}.jsonl")), recording.to_json_lines()?)?;
        println!("{name:<50}{:>6} octets", super::octets(recording));
        expected.insert(format!("ldap/{name}"), said);
        anyhow::Ok(())
    };
    if servers == Servers::All {
        for planned in conversations::all() {
            let name = format!("slapd-{}-{}", planned.client_name, planned.name);
            let (recording, said) = record(&planned, &tshark).with_context(|| format!("recording {name}"))?;
            keep(name, &recording, said)?;
        }
    }
    samba::record_all(&tshark, keep)?;
    fs::write(file, format!("{:#}\n", json!(expected)))?;
    Ok(())
}

/// Holds one conversation through a recorder and checks it against everything that counted it.
fn record(planned: &Planned, tshark: &Tshark) -> Result<(Recording, Value)> {
    let kdc = Kdc::start()?;
    let keytab = Some(kdc.keytab()?);
    let server = DirectoryServer::start_with(&DirectoryOptions { keytab, ..DirectoryOptions::default() })?;
    let recorder = Recorder::start(if planned.ldaps { server.ldaps() } else { server.ldap() })?;
    let peers = Peers { address: recorder.address(), server, kdc, tools: LdapUtils::find()? };
    (planned.client)(&peers)?;
    let recording = recorder.finish()?;
    let tally = only_recorded(&peers.server)?;
    check_plan(planned, &tally)?;
    let opened = layers::open(&recording)?;
    let clear = tshark.dissect(&recording, planned.ldaps)?;
    let readable = tshark.dissect(&opened.recording, planned.ldaps)?;
    let expectation = Expectation::of(&clear, &readable, &opened.buffers)?;
    if expectation.sees_everything() {
        expectation.check(&tally)?;
    }
    let said = json!({
        "client": planned.client_name,
        "server": "slapd",
        "server_tally": tally,
        "status": "exact",
        "status_reason": "read by tshark; the server's log agrees with it, where it is not sealed, and with the plan",
        "expected": expectation.to_json(),
    });
    Ok((recording, said))
}

/// The counts of the first connection, which is the recorded one, once all are over.
fn only_recorded(server: &DirectoryServer) -> Result<DirectoryTally> {
    server.tally_after(1)?;
    Ok(server.tally_of_connection(0))
}

fn check_plan(planned: &Planned, tally: &DirectoryTally) -> Result<()> {
    let mut results = BTreeMap::new();
    for &result in planned.results {
        *results.entry(result.to_owned()).or_default() += 1;
    }
    ensure!(tally.results == results, "planned {results:?}, slapd logged {:?}", tally.results);
    ensure!(tally.entries == planned.entries, "slapd logged {} entries", tally.entries);
    Ok(())
}
