//! Lines, messages and tokens of 100 MB.

use anyhow::{Context, Result};
use serde_json::json;

use crate::both_ends::directory::{login, lookup};
use crate::both_ends::mail::{HELLO, MAIL, QUIT};
use crate::both_ends::messages::{bind_result, result, sasl, search_done};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::siege::{Cost, Siege};
use crate::stream::Stream;

pub(crate) const TESTS: &[Test] = &[("no end: lines and messages of 100 MB", of_a_hundred_megabytes)];

const MEGABYTE: usize = 1 << 20;
const MEGABYTES: usize = 100;

/// What such a thing may cost: one of them may not even be kept in part in Envoy.
const COST: Cost = Cost { guests: 1 << 20, envoy: 32 << 20 };

fn of_a_hundred_megabytes(ground: &Ground) -> Result<()> {
    match ground.subject.name {
        "smtp" => lines(ground),
        _ => messages(ground),
    }
}

/// So many octets between a beginning and an end.
fn long<'a>(
    begin: &'a [u8],
    filling: &'a [u8],
    end: &'a [u8],
) -> impl Iterator<Item = &'a [u8]> + Clone + Send {
    let filled = std::iter::repeat_n(filling, MEGABYTES);
    std::iter::once(begin).chain(filled).chain(std::iter::once(end))
}

fn play(stream: &mut Stream, script: &Script) -> Result<()> {
    script.parts().try_for_each(|(end, octets)| stream.say(end, octets))
}

fn lines(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let mut stream = Stream::open(&siege.bridge)?;
    play(&mut stream, &Script::lines(HELLO)?)?;
    let filling = vec![b'x'; MEGABYTE];
    stream.pass(End::Client, long(b"NOOP ", &filling, b"\r\n"))?;
    siege.is_bearable(COST)?;
    stream.pass(End::Server, long(b"250 ", &filling, b"\r\n"))?;
    siege.is_bearable(COST)?;
    play(&mut stream, &Script::lines(MAIL)?)?;
    // A line of a mail may be as long as it likes.
    let (up_to_the_mail, _) = MAIL.split_once("C: Subject").context("a mail")?;
    play(&mut stream, &Script::lines(up_to_the_mail)?)?;
    stream.pass(End::Client, long(b"", &filling, b"\r\n.\r\n"))?;
    siege.is_bearable(COST)?;
    play(&mut stream, &Script::lines("S: 250 taken")?)?;
    play(&mut stream, &Script::lines(QUIT)?)?;
    stream.close(End::Server)?;
    siege.counts(
        "*_anomalies_total{kind=command_line_too_long} 1
         *_anomalies_total{kind=reply_line_too_long} 1
         *_anomalies_total 2
         *_transactions_total{outcome=accepted} 2
         *_connections_closed_total{ending=quit} 1
         *_connections_total{visibility=lost_sync} 0",
    )?;
    siege.lift()
}

/// The beginning of a message with 100 MB inside, with an operation of this tag; and what the operation begins with.
fn head(tag: u8, begin: &[u8]) -> Vec<u8> {
    let operation = (MEGABYTES * MEGABYTE + begin.len()) as u32;
    // The ID, and the operation's own header.
    let message = operation + 3 + 6;
    let (message, operation) = (message.to_be_bytes(), operation.to_be_bytes());
    [&[0x30, 0x84][..], &message, &[2, 1, 9, tag, 0x84], &operation, begin].concat()
}

fn messages(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let mut stream = Stream::open(&siege.bridge)?;
    play(&mut stream, &login())?;
    let filling = vec![0x30; MEGABYTE];
    // An addition, and a search's entry that is no less.
    stream.pass(End::Client, long(&head(0x68, b""), &filling, b""))?;
    siege.is_bearable(COST)?;
    play(&mut stream, &Script::new().answers(&result(9, 0x69, 0)))?;
    stream.pass(End::Server, long(&head(0x64, b""), &filling, b""))?;
    play(&mut stream, &Script::new().answers(&search_done(9, 0)))?;
    // A token: the whole of a bind but for its beginning.
    let token = (MEGABYTES * MEGABYTE) as u32;
    let credentials = [&[0x04, 0x84][..], &token.to_be_bytes()].concat();
    let mechanism = b"\x04\x06GSSAPI";
    let length = (token + (credentials.len() + mechanism.len()) as u32).to_be_bytes();
    let begin = [&b"\x02\x01\x03\x04\x00\xa3\x84"[..], &length, mechanism, &credentials].concat();
    stream.pass(End::Client, long(&head(0x60, &begin), &filling, b""))?;
    siege.is_bearable(COST)?;
    play(
        &mut stream,
        &Script::new()
            .answers(&bind_result(9, 14))
            .asks(&sasl(10, "GSSAPI", b"token"))
            .answers(&bind_result(10, 0)),
    )?;
    // A buffer of a security layer, of more than RFC 4422 allows.
    play(&mut stream, &lookup(11))?;
    stream.pass(End::Server, long(&((MEGABYTES * MEGABYTE) as u32).to_be_bytes(), &filling, b""))?;
    siege.is_bearable(COST)?;
    stream.close(End::Client)?;
    siege.counts(
        "*_requests_total{operation=add} 1
         *_responses_total{operation=add,outcome=success} 1
         *_entries_total 2
         *_unmatched_responses_total 2
         *_bind_mechanisms_total{mechanism=GSSAPI,outcome=succeeded} 1
         *_responses_total{operation=search,outcome=success} 2
         *_anomalies_total{kind=oversized_sasl_buffer} 1
         *_connections_total{visibility=lost_sync} 1",
    )?;
    siege.lift()
}
