//! Instructions that framing takes, counted by valgrind, without a protocol: what the driver does to give a session its
//! lines, messages and octets.
//!
//! `crates/filterctl/tests/instructions` compares them with what was committed.
#![allow(missing_docs, unused_qualifications)] // What gungraun's macros make has none, and has them.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use session_driver::{CloseCause, Direction, Driver, Need, Opening, Session, Sink, Timestamp, Transport};

/// Always needs the same, and does nothing with it.
#[derive(Debug)]
struct Framed(Need);

impl Session for Framed {
    type Event<'e> = ();

    fn need(&self, _: Direction) -> Need {
        self.0
    }

    fn opens(&mut self, _: Opening, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn feed(&mut self, _: Direction, octets: &[u8], _: Timestamp, _: &mut impl Sink<Self>) -> usize {
        black_box(octets).len()
    }

    fn skipped(&mut self, _: Direction, octets: u64, _: Timestamp, _: &mut impl Sink<Self>) {
        black_box(octets);
    }

    fn overflow(&mut self, _: Direction, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn waited(&mut self, _: Direction, _: u64, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn half_close(&mut self, _: Direction, _: usize, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn end(&mut self, _: CloseCause, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn transport(&mut self, _: Transport) {}
}

/// A hundred lines of a command's usual length.
fn lines() -> Vec<u8> {
    b"RCPT TO:<alice@good.test>\r\n".repeat(100)
}

/// A driver that has begun, and what comes then.
fn framed(need: Need, octets: Vec<u8>) -> (Driver<Framed>, Vec<u8>) {
    let mut driver = Driver::new(Framed(need));
    // What may be a PROXY header or TLS is looked at first.
    feed(&mut driver, &lines());
    (driver, octets)
}

fn feed(driver: &mut Driver<Framed>, octets: &[u8]) {
    let Ok(accounted) = driver.data(Direction::ToServer, &octets, Timestamp(0), &mut |()| ());
    black_box(accounted);
}

#[library_benchmark]
#[bench::a_hundred_lines(framed(Need::Line { max: 512 }, lines()))]
#[bench::a_hundred_heads(framed(Need::Exact(27), lines()))]
#[bench::scanned(framed(Need::Scan, lines()))]
#[bench::skipped(framed(Need::Skip(u64::MAX), lines()))]
fn at_once((mut driver, octets): (Driver<Framed>, Vec<u8>)) -> (Driver<Framed>, Vec<u8>) {
    feed(&mut driver, &octets);
    (driver, octets)
}

#[library_benchmark]
#[bench::a_hundred_lines(framed(Need::Line { max: 512 }, lines()))]
#[bench::a_hundred_heads(framed(Need::Exact(27), lines()))]
fn in_single_octets((mut driver, octets): (Driver<Framed>, Vec<u8>)) -> (Driver<Framed>, Vec<u8>) {
    for octet in &octets {
        feed(&mut driver, std::slice::from_ref(octet));
    }
    (driver, octets)
}

library_benchmark_group!(name = framing, benchmarks = [at_once, in_single_octets]);
main!(library_benchmark_groups = framing);
