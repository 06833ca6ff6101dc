//! A million different words of everything that becomes a label: the number of series is bounded.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use envoy_runner::Envoy;
use filterctl::filters::Filter;
use serde_json::json;

use crate::both_ends::ber::{all, enumerated, integer, octet_string, tlv};
use crate::both_ends::directory::login;
use crate::both_ends::mail::HELLO;
use crate::both_ends::messages::Message;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Subject, Test};
use crate::both_ends::wire::End;
use crate::siege::{Cost, Siege};
use crate::stream::Stream;

pub(crate) const TESTS: &[Test] =
    &[("cardinality: a million different words for every label", a_million_words)];

/// Requests, each with other words than any before.
const WORDS: usize = 1_000_000;
/// Requests that wait at once: fewer than either filter pairs with answers.
const BATCH: usize = 1_000;

/// A million names would cost Envoy more than 100 MB.
const COST: Cost = Cost { guests: 1 << 20, envoy: 16 << 20 };

/// A request and its answer, by their number.
type Exchange = fn(usize) -> [Vec<u8>; 2];

fn a_million_words(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let subject = ground.subject;
    let (begin, exchange): (Script, Exchange) = match subject.name {
        "smtp" => (Script::lines(HELLO)?, mail_words),
        _ => (login(), directory_words),
    };
    let mut stream = Stream::open(&siege.bridge)?;
    begin.parts().try_for_each(|(end, octets)| stream.say(end, octets))?;
    let mut after_a_tenth = None;
    for batch in 0..WORDS / BATCH {
        let [mut asked, mut answered] = [Vec::new(), Vec::new()];
        for number in batch * BATCH..(batch + 1) * BATCH {
            let [request, answer] = exchange(number);
            asked.extend(request);
            answered.extend(answer);
        }
        stream.say(End::Client, &asked)?;
        stream.say(End::Server, &answered)?;
        if batch + 1 == WORDS / BATCH / 10 {
            after_a_tenth = Some(series(&siege.bridge.envoy, subject)?);
        }
    }
    siege.is_bearable(COST)?;
    stream.close(End::Client)?;
    siege.counts(match subject.name {
        "smtp" => {
            "*_commands_total{verb=other} 500000
             *_replies_total{verb=other} 500000
             *_commands_total{verb=EHLO} 250002
             *_transactions_started_total 250000
             *_transactions_total{outcome=rejected} 250000
             *_connections_total{visibility=lost_sync} 0"
        }
        _ => {
            "*_requests_total{operation=extended} 500000
             *_requests_total{operation=bind} 500002
             *_extended_requests_total{extended=other} 500000
             *_controls_total{control=other} 2000000
             *_connections_total{visibility=lost_sync} 0"
        }
    })?;
    let after = series(&siege.bridge.envoy, subject)?;
    // What the first tenth has made is all that there is, but for what a connection counts at its end.
    let of_a_tenth = after_a_tenth.context("nothing was counted on the way")?;
    let new: Vec<&String> =
        after.difference(&of_a_tenth).filter(|name| !name.contains("connection")).collect();
    ensure!(new.len() < 3, "{} new series, such as {:?}", new.len(), new.first());
    let filter = Filter::named(subject.name).context("no such filter")?;
    // Both listeners have their own.
    let most = 2 * filter.catalogue.series(common_metrics::Level::Detailed);
    println!("{}: {} series, of at most {most}", subject.name, after.len());
    ensure!(after.len() <= most, "{} series, of at most {most}", after.len());
    ensure!(
        after.len() > most / 20,
        "{} series only: they are not looked for in the right place",
        after.len()
    );
    siege.lift()
}

/// The names of all series of a filter, in Envoy's own form, in which labels are part of the name.
fn series(envoy: &Envoy, subject: &Subject) -> Result<BTreeSet<String>> {
    let begin = format!("wasmcustom.{}.", subject.name);
    let text = envoy.stats_text()?;
    let names = text.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name);
    Ok(names.filter(|name| name.starts_with(&begin)).map(str::to_owned).collect())
}

/// By turns another verb, another extension that is offered, another verb, another parameter; each with another enhanced
/// code, and another reply code as far as there are any.
fn mail_words(number: usize) -> [Vec<u8>; 2] {
    let enhanced = format!("{}.{}", number / 1_000 % 1_000, number % 1_000);
    let (command, reply) = match number % 4 {
        1 => (
            "EHLO client.example\r\n".to_owned(),
            format!("250-mx.example\r\n250 X{number:06} {enhanced}\r\n"),
        ),
        // Refused, so that the next one is no second.
        3 => {
            let command = format!("MAIL FROM:<alice@client.example> X{number:06}=1\r\n");
            (command, format!("{} 5.{enhanced} x\r\n", 500 + number / 4 % 100))
        }
        _ => {
            let code = 200 + number % 400;
            // 3xx would make something else of what follows; 421 announces the end.
            let code = if (300..400).contains(&code) || code == 421 { 599 } else { code };
            (
                format!("X{number:06} word{number}\r\n"),
                format!("{code} {}.{enhanced} x{number}\r\n", code / 100),
            )
        }
    };
    [command.into_bytes(), reply.into_bytes()]
}

/// By turns an extended request with another name, and a SASL bind with another mechanism; each with another control and
/// another result code, and a control in the answer.
fn directory_words(number: usize) -> [Vec<u8>; 2] {
    let id = number as i64 + 2;
    let oid = format!("1.3.6.1.4.1.99999.{number}");
    let (operation, tag) = if number.is_multiple_of(2) {
        (all(0x77, &[tlv(0x80, oid.as_bytes())]), 0x78)
    } else {
        let mechanism = all(0xa3, &[octet_string(format!("X-{number}")), octet_string("")]);
        (all(0x60, &[integer(3), octet_string(""), mechanism]), 0x61)
    };
    // 14 would make a bind go on.
    let code = if number == 14 { 15 } else { number as i64 };
    let result = all(tag, &[enumerated(code), octet_string(""), octet_string("")]);
    [operation, result].map(|operation| Message::new(id, operation).control(&oid, b"value").octets())
}
