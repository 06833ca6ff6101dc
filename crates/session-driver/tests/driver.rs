//! The driver against a small protocol that uses every kind of need, compared with a naive reading of the
//! whole stream.

use std::ops::Range;

use proptest::prelude::*;
use session_driver::{CloseCause, Direction, Driver, Need, OpaqueCause, Session, Sink, Timestamp, Transport};

/// A line begins with what comes next: `s<n>` skips n octets, `e<n>` takes exactly n, `w` waits for a line of
/// the other direction, `d` scans up to a `.`, `o` goes opaque; anything else is just a line.
#[derive(Default)]
struct Toy {
    to_server: Mode,
    answers: u32,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Mode {
    #[default]
    Line,
    Skip(u64),
    Exact(usize),
    Wait,
    Scan,
    Opaque,
}

const LONGEST_LINE: usize = 12;
const MOST_KEPT: usize = 16;

impl Session for Toy {
    type Event<'e> = String;

    fn need(&self, direction: Direction) -> Need {
        match (direction, self.to_server) {
            (Direction::ToClient, _) | (_, Mode::Line) => Need::Line { max: LONGEST_LINE },
            (_, Mode::Skip(octets)) => Need::Skip(octets),
            (_, Mode::Exact(octets)) => Need::Exact(octets),
            (_, Mode::Wait) => Need::Wait { max: MOST_KEPT },
            (_, Mode::Scan) => Need::Scan,
            (_, Mode::Opaque) => Need::Opaque(OpaqueCause::LostSync),
        }
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        _now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        if direction == Direction::ToClient {
            self.answers += 1;
            if self.to_server == Mode::Wait {
                self.to_server = Mode::Line;
            }
            sink.event(format!("answer {:?}", String::from_utf8_lossy(octets)));
            return octets.len();
        }
        match self.to_server {
            Mode::Scan => {
                let end = octets.iter().position(|octet| *octet == b'.');
                if end.is_some() {
                    self.to_server = Mode::Line;
                    sink.event("scanned".to_owned());
                }
                return end.map_or(octets.len(), |dot| dot + 1);
            }
            Mode::Exact(_) => self.to_server = Mode::Line,
            _ => {
                let number =
                    || std::str::from_utf8(&octets[1..]).ok().and_then(|text| text.trim().parse().ok());
                self.to_server = match octets.first() {
                    Some(b's') => number().filter(|n| *n > 0).map_or(Mode::Line, Mode::Skip),
                    Some(b'e') => number().filter(|n| *n > 0).map_or(Mode::Line, |n| Mode::Exact(n as usize)),
                    Some(b'w') => Mode::Wait,
                    Some(b'd') => Mode::Scan,
                    Some(b'o') => Mode::Opaque,
                    _ => Mode::Line,
                };
            }
        }
        sink.event(format!("fed {:?}", String::from_utf8_lossy(octets)));
        octets.len()
    }

    fn skipped(&mut self, _direction: Direction, octets: u64, _now: Timestamp, sink: &mut impl Sink<Self>) {
        let Mode::Skip(left) = self.to_server else { panic!("skipped without a need") };
        self.to_server = if left == octets { Mode::Line } else { Mode::Skip(left - octets) };
        if left == octets {
            sink.event("skipped".to_owned());
        }
    }

    fn overflow(&mut self, _direction: Direction, _now: Timestamp, sink: &mut impl Sink<Self>) {
        self.to_server = Mode::Opaque;
        sink.event("overflow".to_owned());
    }

    fn half_close(
        &mut self,
        _direction: Direction,
        unfinished: usize,
        _now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) {
        sink.event(format!("{unfinished} unfinished"));
    }

    fn end(&mut self, _cause: CloseCause, _now: Timestamp, sink: &mut impl Sink<Self>) {
        sink.event("end".to_owned());
    }

    fn transport(&mut self, _transport: Transport) {}
}

const NOW: Timestamp = Timestamp(0);

struct Run {
    driver: Driver<Toy>,
    events: Vec<String>,
    parsed: u64,
    opaque: u64,
}

impl Run {
    fn new() -> Self {
        Self { driver: Driver::new(Toy::default()), events: Vec::new(), parsed: 0, opaque: 0 }
    }

    fn send(&mut self, direction: Direction, octets: &[u8]) {
        let events = &mut self.events;
        let mut sink = |event: String| events.push(event);
        let accounted = self.driver.data(direction, &octets, NOW, &mut sink).expect("a slice can be read");
        self.parsed += accounted.parsed;
        self.opaque += accounted.opaque.map_or(0, |(_, octets)| octets);
    }

    fn whole(octets: &[u8]) -> Self {
        let mut run = Self::new();
        run.send(Direction::ToServer, octets);
        run
    }
}

#[test]
fn each_need_gets_what_it_asked_for() {
    let run = Run::whole(b"hello\r\ns3\r\nxyznext\r\ne4\r\nabcdd\r\nbody.last\r\n");
    let expected = [
        r#"fed "hello\r\n""#,
        r#"fed "s3\r\n""#,
        "skipped",
        r#"fed "next\r\n""#,
        r#"fed "e4\r\n""#,
        r#"fed "abcd""#,
        r#"fed "d\r\n""#,
        "scanned",
        r#"fed "last\r\n""#,
    ];
    assert_eq!(run.events, expected);
}

#[test]
fn a_long_line_comes_without_its_end_and_the_next_one_whole() {
    let run = Run::whole(b"0123456789abcdef\r\nok\r\n");
    assert_eq!(run.events, [r#"fed "0123456789ab""#, r#"fed "ok\r\n""#]);
    let exactly = Run::whole(b"0123456789\r\n");
    assert_eq!(exactly.events, [r#"fed "0123456789\r\n""#]);
}

#[test]
fn what_waits_for_the_other_direction_is_given_when_that_has_spoken() {
    let mut run = Run::new();
    run.send(Direction::ToServer, b"w\r\nfirst\r\nth");
    assert_eq!(run.events, [r#"fed "w\r\n""#]);
    run.send(Direction::ToServer, b"ird\r\n");
    run.send(Direction::ToClient, b"go\r\n");
    assert_eq!(run.events[1..], [r#"answer "go\r\n""#, r#"fed "first\r\n""#, r#"fed "third\r\n""#]);
}

#[test]
fn waiting_may_begin_again_inside_what_was_kept() {
    let mut run = Run::new();
    run.send(Direction::ToServer, b"w\r\nw\r\nx\r\n");
    run.send(Direction::ToClient, b"1\r\n2\r\n");
    assert_eq!(
        run.events,
        [r#"fed "w\r\n""#, r#"answer "1\r\n""#, r#"fed "w\r\n""#, r#"answer "2\r\n""#, r#"fed "x\r\n""#]
    );
}

#[test]
fn more_than_may_be_kept_overflows_once() {
    let mut run = Run::new();
    run.send(Direction::ToServer, &[b"w\r\n".as_slice(), &[b'x'; MOST_KEPT + 5]].concat());
    run.send(Direction::ToServer, b"more");
    assert_eq!(run.events, [r#"fed "w\r\n""#, "overflow"]);
    assert_eq!((run.parsed, run.opaque), (3 + MOST_KEPT as u64, 5 + 4));
    assert_eq!(run.driver.buffered(), 0, "nothing is kept for a session that has gone opaque");
}

#[test]
fn half_close_says_what_is_left() {
    let mut run = Run::new();
    run.send(Direction::ToServer, b"unfin");
    let events = &mut run.events;
    run.driver.half_close(Direction::ToServer, NOW, &mut |event: String| events.push(event));
    assert_eq!(run.events, ["5 unfinished"]);
}

#[test]
fn what_is_skipped_is_never_read() {
    struct Counting<'a>(&'a [u8], std::cell::RefCell<Vec<Range<usize>>>);
    impl session_driver::Window for Counting<'_> {
        type Error = std::convert::Infallible;
        fn len(&self) -> usize {
            self.0.len()
        }
        fn read(&self, start: usize, len: usize) -> Result<std::borrow::Cow<'_, [u8]>, Self::Error> {
            self.1.borrow_mut().push(start..start + len);
            Ok(self.0[start..start + len].into())
        }
    }
    let octets = [b"s100000\r\n".as_slice(), &vec![b'x'; 100_000], b"end\r\n"].concat();
    let window = Counting(&octets, std::cell::RefCell::default());
    let mut events = Vec::new();
    let mut driver = Driver::new(Toy::default());
    driver.data(Direction::ToServer, &window, NOW, &mut |event: String| events.push(event)).unwrap();
    assert_eq!(events, [r#"fed "s100000\r\n""#, "skipped", r#"fed "end\r\n""#]);
    let read: usize = window.1.borrow().iter().map(Range::len).sum();
    assert_eq!(window.1.borrow().len(), 2);
    assert!(read < 5_000, "read {read} of {} octets", octets.len());
}

/// Streams made of the pieces that the toy protocol gives a meaning, and of noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[a-z]{0,20}\r\n".prop_map(String::into_bytes),
        (1..40_usize).prop_map(|n| format!("s{n}\r\n").into_bytes()),
        (1..40_usize).prop_map(|n| format!("e{n}\r\n").into_bytes()),
        Just(b"d\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cutting_changes_nothing(octets in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10)) {
        let whole = Run::whole(&octets);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
        at.extend([0, octets.len()]);
        at.sort_unstable();
        let mut pieces = Run::new();
        for pair in at.windows(2) {
            pieces.send(Direction::ToServer, &octets[pair[0]..pair[1]]);
        }
        let mut singles = Run::new();
        for octet in &octets {
            singles.send(Direction::ToServer, &[*octet]);
        }
        prop_assert_eq!(&pieces.events, &whole.events);
        prop_assert_eq!(&singles.events, &whole.events);
        prop_assert_eq!((pieces.parsed, pieces.opaque), (whole.parsed, whole.opaque));
    }

    #[test]
    fn every_octet_is_accounted_for_and_little_is_kept(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..50)), 0..30),
    ) {
        let mut run = Run::new();
        let mut sent = 0;
        for (to_server, octets) in &pieces {
            run.send(if *to_server { Direction::ToServer } else { Direction::ToClient }, octets);
            sent += octets.len() as u64;
            prop_assert!(run.driver.buffered() <= 2 * 256);
        }
        prop_assert_eq!(run.parsed + run.opaque, sent);
    }
}
