//! Hundreds of thousands of commands and operations at once, by peers that do not listen.

use std::io::Write;
use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use crate::both_ends::directory::login;
use crate::both_ends::mail::HELLO;
use crate::both_ends::messages::{entry, search, search_done};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::siege::{Cost, Siege};
use crate::stream::{Stream, receive};

pub(crate) const TESTS: &[Test] = &[
    ("floods: 100,000 pipelined requests before any answer", requests_first),
    ("floods: a client that asks and does not listen", nobody_listens),
];

const REQUESTS: usize = 100_000;
/// To a client that does not listen, of 2 KB each.
const ANSWERS: usize = 3_000;
/// Requests in a piece.
const BATCH: usize = 1_000;

const COST: Cost = Cost { guests: 4 << 20, envoy: 64 << 20 };

/// What begins the conversation, and requests and answers in pieces.
fn flood(ground: &Ground) -> Result<(Script, [Vec<Vec<u8>>; 2])> {
    let batches = REQUESTS / BATCH;
    if ground.subject.name == "smtp" {
        let of = |line: &[u8]| vec![line.repeat(BATCH); batches];
        let reply = format!("250 2.0.0 {}\r\n", "x".repeat(80));
        return Ok((Script::lines(HELLO)?, [of(b"NOOP\r\n"), of(reply.as_bytes())]));
    }
    let pieces = |octets: fn(i64) -> Vec<u8>| -> Vec<Vec<u8>> {
        let ids = |batch: usize| (batch * BATCH..(batch + 1) * BATCH).map(|id| id as i64 + 2);
        (0..batches).map(|batch| ids(batch).flat_map(octets).collect()).collect()
    };
    let requests = pieces(|id| search(id).octets());
    let answers = pieces(|id| search_done(id, 0).octets());
    Ok((login(), [requests, answers]))
}

fn pieces(octets: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> + Clone + Send {
    octets.iter().map(Vec::as_slice)
}

fn requests_first(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let (begin, [requests, answers]) = flood(ground)?;
    let mut stream = Stream::open(&siege.bridge)?;
    begin.parts().try_for_each(|(end, octets)| stream.say(end, octets))?;
    stream.pass(End::Client, pieces(&requests))?;
    siege.is_bearable(COST)?;
    // The session remembers as many as it may, and the connection goes on.
    siege.counts("*_anomalies_total{kind=too_many_pending} 1\n*_anomalies_total 1")?;
    stream.pass(End::Server, pieces(&answers))?;
    siege.is_bearable(COST)?;
    stream.close(End::Client)?;
    siege.counts(match ground.subject.name {
        // 4,096 by default; with the one that is too much, the session gives up.
        "smtp" => {
            "*_commands_total{verb=NOOP} 4097
             *_unanswered_commands_total 4097
             *_connections_total{visibility=lost_sync} 1
             *_unmatched_replies_total 0"
        }
        // 1,024 by default; the others are counted without being paired, and framing is kept.
        _ => {
            "*_requests_total{operation=search} 100000
             *_unpaired_requests_total 98976
             *_responses_total{operation=search,outcome=success} 100000
             *_unanswered_operations_total 0
             *_unmatched_responses_total 0
             *_connections_total{visibility=lost_sync} 0"
        }
    })?;
    siege.lift()
}

/// Envoy stops reading from the server until the client reads: nothing of that is the filter's doing, and nothing may be
/// lost by it.
fn nobody_listens(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let mut stream = Stream::open(&siege.bridge)?;
    let (begin, request, answer) = match ground.subject.name {
        "smtp" => {
            let reply = format!("250 2.0.0 {}\r\n", "x".repeat(1_900));
            (Script::lines(HELLO)?, b"NOOP\r\n".repeat(ANSWERS), reply.into_bytes())
        }
        _ => (login(), search(2).octets(), entry(2, 1_800).octets()),
    };
    begin.parts().try_for_each(|(end, octets)| stream.say(end, octets))?;
    stream.say(End::Client, &request)?;
    // 6 MB: more than Envoy and the kernel keep, so that the server has to wait for the client.
    let answers = || std::iter::repeat_n(answer.as_slice(), ANSWERS);
    let (mut server, client) = stream.ends(End::Server);
    thread::scope(|scope| {
        let answering = scope.spawn(move || answers().try_for_each(|answer| server.write_all(answer)));
        let bearable = siege.is_bearable(COST);
        let listening = bearable.and_then(|()| receive(client, answers()));
        let answered = answering.join().map_err(|_| anyhow!("the server panicked"))?.context("answering");
        listening.and(answered)
    })?;
    if ground.subject.name == "ldap" {
        stream.say(End::Server, &search_done(2, 0).octets())?;
    }
    stream.close(End::Client)?;
    siege.counts(match ground.subject.name {
        "smtp" => {
            "*_commands_total{verb=NOOP} 3000
             *_replies_total{verb=NOOP,class=2xx} 3000
             *_anomalies_total 0"
        }
        _ => {
            "*_requests_total{operation=search} 1
             *_entries_total 3000
             *_responses_total{operation=search,outcome=success} 1
             *_anomalies_total 0"
        }
    })?;
    siege.lift()
}
