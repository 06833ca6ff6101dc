//! Replies that never come, and replies to nothing.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::directory::login;
use crate::both_ends::mail::HELLO;
use crate::both_ends::messages::{compare, entry, search, search_done};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};
use crate::siege::{Cost, Siege};
use crate::stream::Stream;

pub(crate) const TESTS: &[Test] = &[
    ("one-sided: answers that never come", no_answers),
    ("one-sided: 100,000 answers to nothing", answers_to_nothing),
];

fn no_answers(ground: &Ground) -> Result<()> {
    const CONNECTIONS: usize = 100;
    let siege = Siege::lay(ground, &json!({}))?;
    let (asked, expected) = match ground.subject.name {
        "smtp" => (
            Script::lines(HELLO)?
                .then(Script::lines("C: MAIL FROM:<a@client.example>\nC: RCPT TO:<b@mx.example>\nC: DATA")?),
            "*_unanswered_commands_total 300
             *_unanswered_requests_total{verb=DATA} 100
             *_transactions_started_total 100
             *_transactions_total{outcome=aborted} 100
             *_replies_total{verb=MAIL} 0",
        ),
        _ => (
            login().then(Script::new().asks(&search(2)).asks(&compare(3)).answers(&entry(2, 40))),
            "*_unanswered_operations_total 200
             *_unanswered_by_operation_total{operation=compare} 100
             *_entries_total 100
             *_responses_total{operation=search} 0",
        ),
    };
    let opened = (0..CONNECTIONS).map(|_| siege.bridge.opened(&asked));
    let wires = opened.collect::<Result<Vec<Wire>>>()?;
    siege.is_bearable(Cost { guests: 1 << 20, envoy: 16 << 20 })?;
    let mut ways = [(End::Client, false), (End::Server, false), (End::Client, true), (End::Server, true)]
        .into_iter()
        .cycle();
    for wire in wires {
        match ways.next() {
            Some((end, true)) => wire.reset(end)?,
            Some((end, false)) => wire.close(end)?,
            None => {}
        }
    }
    siege.counts(expected)?;
    siege.lift()
}

fn answers_to_nothing(ground: &Ground) -> Result<()> {
    /// Answers in a piece.
    const BATCH: i64 = 1_000;
    let siege = Siege::lay(ground, &json!({}))?;
    let mut stream = Stream::open(&siege.bridge)?;
    let pieces: Vec<Vec<u8>> = if ground.subject.name == "smtp" {
        stream.say(End::Server, b"220 mx.example ESMTP\r\n")?;
        vec![b"250 2.0.0 fine\r\n".repeat(BATCH as usize); 100]
    } else {
        let ids = |batch: i64| batch * BATCH..(batch + 1) * BATCH;
        (0..100).map(|batch| ids(batch).flat_map(|id| search_done(id + 1, 0).octets()).collect()).collect()
    };
    stream.pass(End::Server, pieces.iter().map(Vec::as_slice))?;
    siege.is_bearable(Cost { guests: 1 << 20, envoy: 32 << 20 })?;
    // What follows is measured as if nothing had been.
    (ground.subject.exchange)()?.parts().try_for_each(|(end, octets)| stream.say(end, octets))?;
    stream.close(End::Server)?;
    siege.counts(match ground.subject.name {
        "smtp" => {
            "*_unmatched_replies_total 100000
             *_anomalies_total{kind=unmatched_reply} 100000
             *_transactions_total{outcome=accepted} 1"
        }
        _ => {
            "*_unmatched_responses_total 100000
             *_anomalies_total 0
             *_responses_total{operation=search,outcome=success} 100001"
        }
    })?;
    siege.lift()
}
