//! Records conversations of real clients with real servers, for the replay tests of the filters.
//!
//! ```text
//! cargo run --package real-peers --example record -- crates/smtp-filter/recordings
//! cargo run --package real-peers --example record -- directory crates/ldap-filter/recordings
//! ```
//!
//! The second one records conversations with directory servers; see `directory/mod.rs`. `samba` instead of
//! `directory` records only those with Samba. The first one writes
//! `smtp/<name>.jsonl` and `expected.json` into that folder. What a conversation is expected to be is written
//! down in `conversations.rs` before it happens; a recording is only kept if the servers' logs, the scripted
//! client's own counts and the codes of the recorded replies all agree with that.

mod conversations;
mod directory;
mod expectation;
mod scripts;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use real_peers::mail::{MailServer, ServerTally};
use real_peers::{Direction, Peer, Recorder, Recording};
use serde_json::{Value, json};

use conversations::{Listener, Planned};
use directory::Servers;
use expectation::Expectation;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["directory", folder] => directory::record_all(Path::new(folder), Servers::All),
        ["samba", folder] => directory::record_all(Path::new(folder), Servers::Samba),
        [folder] => record_mail(Path::new(folder)),
        _ => bail!("usage: record [directory|samba] FOLDER"),
    }
}

fn record_mail(folder: &Path) -> Result<()> {
    real_peers::install(&Peer::MAIL)?;
    fs::create_dir_all(folder.join("smtp"))?;
    let mut expected = BTreeMap::new();
    for planned in conversations::all() {
        let (recording, said) = record(&planned).with_context(|| format!("recording {}", planned.name))?;
        fs::write(folder.join("smtp").join(format!("{}.jsonl", planned.name)), recording.to_json_lines()?)?;
        println!("{:<40}{:>6} octets", planned.name, octets(&recording));
        expected.insert(format!("smtp/{}", planned.name), said);
    }
    fs::write(folder.join("expected.json"), format!("{:#}\n", json!(expected)))?;
    Ok(())
}

fn octets(recording: &Recording) -> usize {
    recording.frames.iter().map(|frame| frame.octets.len()).sum()
}

/// Holds one conversation through a recorder and checks it against everything that counted it.
fn record(planned: &Planned) -> Result<(Recording, Value)> {
    let server = MailServer::start_with(planned.server, planned.options)?;
    let address = match planned.listener {
        Listener::Plain => server.smtp(),
        Listener::BehindProxy => server.smtp_behind_proxy().context("it has no listener for PROXY")?,
    };
    let recorder = Recorder::start(address)?;
    let counted_by_client = (planned.client)(recorder.address(), &server)?;
    let recording = recorder.finish()?;
    let tally = server.tally_when(|tally| tally.complete && agrees(planned, tally))?;
    let expectation = Expectation::of(planned.exchange);
    check_codes(&expectation, &recording)?;
    check_commands(&expectation, &tally)?;
    if let Some(counted) = counted_by_client {
        ensure!(counted.verbs == expectation.verbs(), "the script counted {:?}", counted.verbs);
    }
    let said = json!({
        "client": planned.client_name,
        "server": planned.server.peer().name(),
        "server_tally": tally,
        "status": "exact",
        "status_reason": "written down beforehand, and confirmed by the server's log and the recorded replies",
        "expected": expectation.to_json(&keywords(&expectation, &recording)),
    });
    Ok((recording, said))
}

/// Whether the server's log has the mails and recipients that were planned.
fn agrees(planned: &Planned, tally: &ServerTally) -> bool {
    let counted = [
        tally.mails_accepted,
        tally.recipients_accepted,
        tally.recipients_rejected,
        tally.recipients_deferred,
    ];
    counted == planned.counted_by_server
}

/// The codes of the replies in the recording, in order, are those of the planned exchange.
///
/// Replies come in the order of what they answer, so this pins the planned exchange down as far as the server
/// goes.
fn check_codes(expectation: &Expectation, recording: &Recording) -> Result<()> {
    let sent = recording.octets(Direction::ServerToClient);
    let mut codes: Vec<String> = Vec::new();
    for line in sent.split(|&octet| octet == b'\n') {
        // TLS records follow the 220 that ends the clear text.
        if expectation.tls_after() == Some(codes.len()) {
            break;
        }
        if let [a, b, c, b' ', ..] = line {
            codes.push([a, b, c].map(|&digit| char::from(digit)).iter().collect());
        }
    }
    ensure!(codes == expectation.codes(), "planned {:?} and recorded {codes:?}", expectation.codes());
    Ok(())
}

/// Postfix counts the commands of a connection itself; the other servers' tallies have none.
fn check_commands(expectation: &Expectation, tally: &ServerTally) -> Result<()> {
    if tally.commands.is_empty() || expectation.tls_after().is_some() {
        return Ok(());
    }
    let counted: BTreeMap<String, u64> = tally
        .commands
        .iter()
        .filter(|(verb, _)| *verb != "commands")
        .map(|(verb, count)| (verb.to_uppercase(), count.total))
        .collect();
    let mut planned = expectation.verbs();
    // The one word in the scripts that is no command, and what Postfix counts those as.
    if let Some(count) = planned.remove("NONSENSE") {
        planned.insert("UNKNOWN".to_owned(), count);
    }
    ensure!(counted == planned, "planned {planned:?}, Postfix counted {counted:?}");
    Ok(())
}

/// The keywords of every EHLO or LHLO reply in the recording, each once, in order.
fn keywords(expectation: &Expectation, recording: &Recording) -> Vec<String> {
    let sent = recording.octets(Direction::ServerToClient);
    let mut keywords = Vec::new();
    let (mut reply, mut first_line) = (0, true);
    for line in String::from_utf8_lossy(&sent).lines() {
        // The first line of such a reply names the server.
        if expectation.is_introduction(reply)
            && !first_line
            && let Some(word) = line.get(4..).and_then(|rest| rest.split_whitespace().next())
            && !keywords.contains(&word.to_owned())
        {
            keywords.push(word.to_owned());
        }
        first_line = line.get(3..4) == Some(" ");
        reply += usize::from(first_line);
    }
    keywords
}
