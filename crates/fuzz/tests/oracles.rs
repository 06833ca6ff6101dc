//! Each oracle refuses what is wrong: a protocol of lines, broken in one way after the other.
//!
//! A toy protocol says one event per line and ends with the connection. As it should be, every oracle lets it pass; with each
//! break the oracle that is named refuses it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};

use common_metrics::Tally;
use fuzz_targets::conversation::judge;
use fuzz_targets::mail_data::{Scanner, judge_scanner};
use fuzz_targets::passage::{Speaker, script_of};
use fuzz_targets::script::{Choices, Script};
use session_driver::{CloseCause, Direction, Need, Session, Sink, Timestamp};
use session_test::{Record, Subject};
use smtp_filter::protocol::data::{DataOdditySet, DataScanner, Scanned};

/// What is wrong with the toy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Break {
    Nothing,
    /// It tells how many octets it was given at once: the pieces show.
    ToldByPieces,
    /// It ends twice.
    EndsTwice,
    /// It keeps everything that it has seen.
    Hoards,
    /// It copies everything that it has seen with every line.
    CopiesAll,
    /// It goes on talking once it is opaque.
    TalksWhenOpaque,
    /// It tells what a line says.
    TellsSecrets,
}

static WRONG: AtomicU8 = AtomicU8::new(0);

/// An event, which prints as it is.
struct Said(String);

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
struct Toy {
    wrong: u8,
    seen: Vec<u8>,
    lines: u32,
    opaque: bool,
}

impl Toy {
    fn is(&self, wrong: Break) -> bool {
        self.wrong == wrong as u8
    }
}

impl Session for Toy {
    type Event<'e> = Said;

    fn need(&self, _: Direction) -> Need {
        match self.opaque && !self.is(Break::TalksWhenOpaque) {
            true => Need::Opaque(session_driver::OpaqueCause::LostSync),
            false if self.is(Break::ToldByPieces) => Need::Scan,
            false => Need::Line { max: 64 },
        }
    }

    fn feed(&mut self, _: Direction, octets: &[u8], _: Timestamp, sink: &mut impl Sink<Self>) -> usize {
        self.lines += 1;
        if self.is(Break::Hoards) || self.is(Break::CopiesAll) {
            self.seen.extend(octets);
        }
        if self.is(Break::Hoards) {
            self.seen.resize(self.seen.len() + 512, 0);
        }
        if self.is(Break::CopiesAll) {
            // Quadratic, and nothing is kept of it.
            (0..20).for_each(|_| drop(std::hint::black_box(self.seen.clone())));
        }
        match octets {
            [b'!', ..] if !self.opaque => {
                self.opaque = true;
                sink.event(Said("WentOpaque".to_owned()));
            }
            _ if self.is(Break::TellsSecrets) => {
                sink.event(Said(String::from_utf8_lossy(octets).into_owned()));
            }
            _ if self.is(Break::ToldByPieces) => sink.event(Said(format!("{} octets", octets.len()))),
            _ => sink.event(Said("line".to_owned())),
        }
        octets.len()
    }

    fn skipped(&mut self, _: Direction, _: u64, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn end(&mut self, _: CloseCause, _: Timestamp, sink: &mut impl Sink<Self>) {
        sink.event(Said("end".to_owned()));
        if self.is(Break::EndsTwice) {
            sink.event(Said("end".to_owned()));
        }
    }
}

struct Lines;

impl Subject for Lines {
    type Session = Toy;
    type Setup = ();
    type Notes = ();

    fn session((): &(), _: Timestamp) -> Toy {
        Toy { wrong: WRONG.load(Ordering::SeqCst), seen: Vec::new(), lines: 0, opaque: false }
    }

    fn event(event: &Said, tally: &mut Tally, (): &mut ()) {
        let name = if event.0 == "end" { "connections_closed_total" } else { "lines_total" };
        *tally.values.entry(name.to_owned()).or_default() += 1;
    }

    fn most_buffered((): &()) -> usize {
        256
    }
}

impl Speaker for Lines {
    fn setup(_: Choices) {}

    fn phrase(_: Direction, which: u8, _: u8) -> Vec<u8> {
        [b"hunter2\n".as_slice(), b"a line\n", b"!\n", b"unfinished "][usize::from(which % 4)].to_vec()
    }

    fn most_memory((): &()) -> u64 {
        32_768
    }

    const SECRETS: &'static [&'static str] = &["hunter2"];
}

/// Whether the oracles refuse a toy that is broken so, and why.
fn refused(wrong: Break, script: &Script) -> Option<String> {
    WRONG.store(wrong as u8, Ordering::SeqCst);
    let input = script.written();
    let judged = catch_unwind(AssertUnwindSafe(|| judge::<Lines>(&input)));
    let panic = judged.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

// One test, because the break is one for all.
#[test]
fn every_oracle_refuses_what_it_is_there_for() {
    let record = |octets: &[u8]| Record { direction: Direction::ToServer, octets: octets.to_vec(), at: 0 };
    let many = script_of(&vec![record(b"a line of some octets\n"); 300]);
    let phrases = fuzz_targets::passage::script_of_phrases(
        [0, 1, 3, 1, 0, 2, 1].map(|which| (Direction::ToServer, which, 0)),
    );
    for script in [&many, &phrases] {
        assert_eq!(refused(Break::Nothing, script), None, "as it should be");
    }
    for (wrong, script, oracle) in [
        (Break::ToldByPieces, &many, "events depend on the pieces"),
        (Break::EndsTwice, &many, "a connection ends once"),
        (Break::Hoards, &many, "octets of memory at once"),
        (Break::CopiesAll, &many, "octets allocated for"),
        (Break::TalksWhenOpaque, &phrases, "only the end follows"),
        (Break::TellsSecrets, &phrases, "an event tells \"hunter2\""),
    ] {
        let reason = refused(wrong, script).unwrap_or_else(|| panic!("{wrong:?} passes"));
        assert!(reason.contains(oracle), "{wrong:?} is refused for another reason: {reason}");
    }
}

/// A scanner that takes LF for a line end: what CVE-2023-51764 is about.
struct Lenient(Vec<u8>, DataScanner);

impl Scanner for Lenient {
    fn scan(&mut self, piece: &[u8]) -> Scanned {
        let before = self.0.len();
        self.0.extend(piece);
        let end = self.0.windows(3).position(|window| window == b"\n.\n").map(|start| start + 3);
        match end {
            Some(end) => Scanned { consumed: end - before, ended: true },
            None => Scanner::scan(&mut self.1, piece),
        }
    }

    fn oddities(&self) -> DataOdditySet {
        Scanner::oddities(&self.1)
    }
}

#[test]
fn a_scanner_that_ends_a_mail_too_early_is_refused() {
    let mail = b"\0\0\0\0a\n.\nMAIL FROM:<smuggled@example>\r\n.\r\n";
    let judged = catch_unwind(|| judge_scanner(|| Lenient(Vec::new(), DataScanner::new()), mail).len());
    assert!(judged.is_err());
    assert_eq!(judge_scanner(DataScanner::new, mail).len(), mail.len() - 4);
}
