//! Instructions that SMTP takes, counted by valgrind: they are the same on a busy machine.
//!
//! `crates/filterctl/tests/instructions` compares them with what was committed.
#![allow(missing_docs, unused_qualifications)] // What gungraun's macros make has none, and has them.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use envoy_sdk_test::{Connection, FakeEnvoy};
use gungraun::{library_benchmark, library_benchmark_group, main};
use session_driver::{Driver, Timestamp};
use session_test::Record;
use session_test::cutting::in_pieces;
use smtp_filter::event::SmtpEvent;
use smtp_filter::protocol::command::command_line;
use smtp_filter::protocol::data::DataScanner;
use smtp_filter::protocol::path::path;
use smtp_filter::protocol::reply::reply_line;
use smtp_filter::{SmtpLimits, SmtpSession, module};

use self::support::{greeted, talk};

const MAIL: &str = "
    C: MAIL FROM:<a@client.test> SIZE=100
    S: 250 2.1.0 OK
    C: RCPT TO:<alice@good.test>
    S: 250 2.1.5 OK
    C: DATA
    S: 354 go
    C: Subject: x
    C: .
    S: 250 2.0.0 Queued";

#[library_benchmark]
fn a_command_is_parsed() {
    let _ = black_box(command_line(black_box(b"MAIL FROM:<a@client.test> SIZE=100\r\n")));
}

#[library_benchmark]
fn a_path_is_parsed() {
    let _ = black_box(path(black_box(b"FROM:<a@client.test> SIZE=100")));
}

#[library_benchmark]
fn a_reply_is_parsed() {
    let _ = black_box(reply_line(black_box(b"250 2.1.5 OK\r\n")));
}

/// 64 KiB of lines.
fn text() -> Vec<u8> {
    b"A line of text of usual length, as most mails are made of, 76 octets or so..\r\n"
        .iter()
        .copied()
        .cycle()
        .take(64 * 1024)
        .collect()
}

/// 64 KiB of line ends.
fn line_ends() -> Vec<u8> {
    b"\n".repeat(64 * 1024)
}

#[library_benchmark]
#[bench::text(text())]
#[bench::line_ends(line_ends())]
fn data_is_scanned(octets: Vec<u8>) -> Vec<u8> {
    black_box(DataScanner::new().scan(&octets));
    octets
}

/// A session that has seen a mail, and the next.
fn before(next: Vec<Record>) -> (Driver<SmtpSession>, Vec<Record>) {
    let mut driver = Driver::new(SmtpSession::new(&SmtpLimits::default(), false, Timestamp(0)));
    feed(&mut driver, greeted(MAIL).records());
    (driver, next)
}

fn feed(driver: &mut Driver<SmtpSession>, records: &[Record]) {
    for Record { direction, octets, at } in records {
        let mut sink = |event: SmtpEvent<'_>| {
            black_box(event);
        };
        let Ok(_) = driver.data(*direction, &octets.as_slice(), Timestamp(*at), &mut sink);
    }
}

#[library_benchmark]
#[bench::in_lines(before(talk(MAIL).records().to_vec()))]
#[bench::in_single_octets(before(in_pieces(talk(MAIL).records(), &[1])))]
fn a_mail_passes(
    (mut driver, mail): (Driver<SmtpSession>, Vec<Record>),
) -> (Driver<SmtpSession>, Vec<Record>) {
    feed(&mut driver, &mail);
    (driver, mail)
}

/// The whole filter on FakeEnvoy, behind one mail.
fn connected(level: &str) -> (FakeEnvoy, Connection) {
    let configuration = format!(r#"{{"reporter": "gateway", "level": "{level}"}}"#);
    let mut envoy = FakeEnvoy::new(module).configure(configuration).expect("the configuration is right");
    let mut connection = envoy.connect();
    connection.server_sends("220 mx.good.test ESMTP\r\n");
    noop(&mut connection);
    (envoy, connection)
}

fn noop(connection: &mut Connection) {
    connection.client_sends("NOOP\r\n");
    connection.server_sends("250 2.0.0 OK\r\n");
}

#[library_benchmark]
#[bench::summary(connected("summary"))]
#[bench::detailed(connected("detailed"))]
fn a_hundred_commands_are_counted(
    (envoy, mut connection): (FakeEnvoy, Connection),
) -> (FakeEnvoy, Connection) {
    for _ in 0..100 {
        noop(&mut connection);
    }
    (envoy, connection)
}

/// The same, when another connection has ended: its metrics are defined.
fn visited() -> (FakeEnvoy, Connection) {
    let (mut envoy, connection) = connected("summary");
    envoy.connect().client_closes();
    (envoy, connection)
}

#[library_benchmark]
#[bench::empty(visited())]
fn a_connection_passes((mut envoy, connection): (FakeEnvoy, Connection)) -> (FakeEnvoy, Connection) {
    envoy.connect().client_closes();
    (envoy, connection)
}

library_benchmark_group!(
    name = smtp,
    benchmarks = [
        a_command_is_parsed,
        a_path_is_parsed,
        a_reply_is_parsed,
        data_is_scanned,
        a_mail_passes,
        a_hundred_commands_are_counted,
        a_connection_passes
    ]
);
main!(library_benchmark_groups = smtp);
