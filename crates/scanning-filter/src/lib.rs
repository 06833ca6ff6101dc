//! How fast mail is scanned where it is scanned in earnest: by smtp-filter's own scanner, compiled as that is, in Envoy's
//! V8. `cargo filterctl bench` compares it with copying the same octets, which no module can do with less.
//!
//! It measures while it is configured, and logs a line for each round, with nanoseconds:
//!
//! ```text
//! measured lines_of_text: 1048576 octets, copied in 41000, scanned in 190000
//! ```
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use envoy_sdk::{
    ConfigureContext, Error, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
};
use proxy_wasm::hostcalls::get_current_time;
use serde::Deserialize;
use smtp_filter::protocol::data::{DataOdditySet, DataScanner};

/// What a callback brings at most: as much as Envoy reads from a socket at once, and smtp-filter from Envoy.
const PIECE: usize = 64 * 1024;
/// Of the processor's memory.
const PAGE: usize = 4096;
/// A line as long as lines should be at most (78 octets without its end; RFC 5322, 2.1.1), near enough.
const LINE: &[u8] = b"A line of text of usual length, as most mails are made of, without an oddity.\r\n";
/// What makes the scanner look at every octet.
const BARE_LF: &[u8] = b"\n";

/// Octets of the mail that [`check`] scans: some of the blocks that the scanner looks at together, and less than one more.
const CHECKED: usize = 3 * 128 + 50;
/// What is odd, in a mail or at its end.
const ODD: &[&[u8]] =
    &[b"\r\n.\r\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.", b"\r\r\n", b"x\n", b"\rx", b"\0", b"\n."];

/// What this module contains: the network filter `scanning`.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).network_filter::<ScanningFactory>()
}
envoy_sdk::entry_point!(module, own_allocator);

/// It reads nothing of Envoy's buffers, so the SDK's allocator is of no use to it.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;

/// The configuration.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanningConfig {
    /// How often each kind of mail is measured.
    rounds: u32,
    /// Octets of a round, in pieces of 64 KiB: one piece at least.
    octets: usize,
}

/// Measures, when it is configured.
#[derive(Clone, Copy, Debug)]
pub struct ScanningFactory;

impl NetworkFilterFactory for ScanningFactory {
    const NAME: &'static str = "scanning";
    type Config = ScanningConfig;
    type Filter = Scanning;

    fn configure(config: ScanningConfig, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        check()?;
        for (kind, line) in [("lines_of_text", LINE), ("bare_line_feeds", BARE_LF)] {
            let mut room = Vec::new();
            let mail = at_a_page(&mut room);
            mail.iter_mut().zip(line.iter().cycle()).for_each(|(octet, of_line)| *octet = *of_line);
            for _ in 0..config.rounds {
                measure(kind, mail, config.octets.div_ceil(PIECE).max(1))?;
            }
        }
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Scanning> {
        Ok(Scanning)
    }
}

/// A connection, of which nothing is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Scanning;

impl NetworkFilter for Scanning {}

/// Whether many octets together, which a Wasm module looks at in another way than any native test, are scanned like the same
/// octets one by one.
fn check() -> Result<()> {
    let plain: Vec<u8> = LINE.iter().copied().cycle().take(CHECKED).collect();
    for odd in ODD {
        for at in 0..plain.len() {
            let mut mail = plain.clone();
            mail.iter_mut().skip(at).zip(*odd).for_each(|(octet, odd)| *octet = *odd);
            let (together, one_by_one) = (scan(mail.chunks(mail.len())), scan(mail.chunks(1)));
            if together != one_by_one {
                let odd = odd.escape_ascii();
                return Err(Error::new(format!(
                    "with {odd} at {at}: {together:?} together, {one_by_one:?} one by one"
                )));
            }
        }
    }
    Ok(())
}

/// How much of a mail these pieces are, whether it ends with them, and what is odd in them.
fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (usize, bool, DataOdditySet) {
    let mut scanner = DataScanner::new();
    let (mut consumed, mut ended) = (0_usize, false);
    for piece in pieces {
        if !ended {
            let scanned = scanner.scan(piece);
            consumed = consumed.saturating_add(scanned.consumed);
            ended = scanned.ended;
        }
    }
    (consumed, ended, scanner.oddities())
}

/// A piece that begins where a page does, where smtp-filter's begin: how fast a copy is depends on that (envoy-sdk,
/// `read_block`).
fn at_a_page(room: &mut Vec<u8>) -> &mut [u8] {
    room.resize(PIECE + PAGE, 0);
    let start = room.as_ptr().align_offset(PAGE);
    room.get_mut(start..).and_then(|rest| rest.get_mut(..PIECE)).unwrap_or_default()
}

fn measure(kind: &str, piece: &[u8], pieces: usize) -> Result<()> {
    let mut room = Vec::new();
    let copy = at_a_page(&mut room);
    let copied = timed(|| {
        for _ in 0..pieces {
            copy.copy_from_slice(black_box(piece));
            black_box(&mut *copy);
        }
    })?;
    let mut scanner = DataScanner::new();
    let mut consumed = 0_usize;
    let scanned = timed(|| {
        for _ in 0..pieces {
            consumed = consumed.saturating_add(scanner.scan(black_box(piece)).consumed);
        }
    })?;
    let octets = pieces.saturating_mul(piece.len());
    if consumed != octets {
        return Err(Error::new(format!("{consumed} of {octets} octets were scanned")));
    }
    log::info!(
        "measured {kind}: {octets} octets, copied in {}, scanned in {}",
        copied.as_nanos(),
        scanned.as_nanos()
    );
    Ok(())
}

/// By Envoy's clock, asked past the SDK, for which it stands still during a callback.
fn timed(work: impl FnOnce()) -> Result<Duration> {
    let now = || get_current_time().map_err(|status| Error::new(format!("the time: {status:?}")));
    let begin = now()?;
    work();
    // A clock that is set back makes one round of no use.
    Ok(now()?.duration_since(begin).unwrap_or_default())
}
