//! A small protocol that uses every kind of need, and runs of it.

use session_driver::{
    Accounted, CloseCause, Direction, Driver, Need, OpaqueCause, Opening, ProxyVersion, Session, Sink,
    Timestamp, Transport,
};

/// A client's line begins with what comes next: `s<n>` skips n octets, `u<n>` cannot see n octets, `e<n>` takes exactly
/// n, `p<n>` does so twice, `a<n>` twice too, and both at once where they are there, `w` waits for a line of the other
/// direction, `d` scans up to a `.`, `o` goes opaque; anything else is just a line. A server's line `o` goes opaque too.
#[derive(Debug, Default)]
pub(crate) struct Toy {
    to_server: Mode,
    answers: u32,
    opened: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mode {
    #[default]
    Line,
    Skip(u64),
    Unseen(u64),
    Exact {
        octets: usize,
        times: u8,
    },
    /// Twice so many.
    Ahead(usize),
    Wait,
    Scan,
    Opaque,
}

pub(crate) const LONGEST_LINE: usize = 12;
pub(crate) const MOST_KEPT: usize = 16;

impl Session for Toy {
    type Event<'e> = String;

    fn need(&self, direction: Direction) -> Need {
        match (direction, self.to_server) {
            (Direction::ToClient, _) | (_, Mode::Line) => Need::Line { max: LONGEST_LINE },
            (_, Mode::Skip(octets)) => Need::Skip(octets),
            (_, Mode::Unseen(octets)) => Need::Unseen { octets, cause: OpaqueCause::SaslSealed },
            (_, Mode::Exact { octets, .. } | Mode::Ahead(octets)) => Need::Exact(octets),
            (_, Mode::Wait) => Need::Wait { max: MOST_KEPT },
            (_, Mode::Scan) => Need::Scan,
            (_, Mode::Opaque) => Need::Opaque(OpaqueCause::LostSync),
        }
    }

    fn opens(&mut self, opening: Opening, _now: Timestamp, sink: &mut impl Sink<Self>) {
        assert!(!std::mem::replace(&mut self.opened, true), "the start was told twice");
        if opening != Opening::Other {
            self.to_server = Mode::Opaque;
            sink.event(format!("opens {opening:?}"));
        }
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        if direction == Direction::ToClient {
            self.answers += 1;
            let opaque = octets.starts_with(b"o");
            if self.to_server == Mode::Wait {
                self.to_server = if opaque { Mode::Opaque } else { Mode::Line };
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
            Mode::Exact { octets, times: 2 } | Mode::Ahead(octets) => {
                self.to_server = Mode::Exact { octets, times: 1 };
            }
            Mode::Exact { .. } => self.to_server = Mode::Line,
            _ => self.to_server = Mode::after(octets),
        }
        let at = if now == NOW { String::new() } else { format!(" at {}", now.0) };
        sink.event(format!("fed {:?}{at}", String::from_utf8_lossy(octets)));
        octets.len()
    }

    fn feed_ahead(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        let Mode::Ahead(each) = self.to_server else { return 0 };
        let Some((first, rest)) = octets.split_at_checked(each) else { return 0 };
        let Some(second) = rest.get(..each) else { return 0 };
        self.feed(direction, first, now, sink) + self.feed(direction, second, now, sink)
    }

    fn skipped(&mut self, _direction: Direction, octets: u64, _now: Timestamp, sink: &mut impl Sink<Self>) {
        let (left, what) = match &mut self.to_server {
            Mode::Skip(left) => (left, "skipped"),
            Mode::Unseen(left) => (left, "unseen"),
            mode => panic!("skipped in {mode:?}"),
        };
        *left -= octets;
        if *left == 0 {
            self.to_server = Mode::Line;
            sink.event(what.to_owned());
        }
    }

    fn overflow(&mut self, _direction: Direction, _now: Timestamp, sink: &mut impl Sink<Self>) {
        self.to_server = Mode::Opaque;
        sink.event("overflow".to_owned());
    }

    fn waited(&mut self, direction: Direction, octets: u64, _now: Timestamp, sink: &mut impl Sink<Self>) {
        assert_eq!(direction, Direction::ToServer);
        sink.event(format!("{octets} waited"));
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

impl Mode {
    /// What comes behind a line.
    fn after(line: &[u8]) -> Self {
        let text = std::str::from_utf8(line.get(1..).unwrap_or_default()).unwrap_or_default();
        let number = text.trim().parse().ok().filter(|number| *number > 0);
        match (line.first(), number) {
            (Some(b's'), Some(number)) => Self::Skip(number),
            (Some(b'u'), Some(number)) => Self::Unseen(number),
            (Some(b'e'), Some(number)) => Self::Exact { octets: as_usize(number), times: 1 },
            (Some(b'p'), Some(number)) => Self::Exact { octets: as_usize(number), times: 2 },
            (Some(b'a'), Some(number)) => Self::Ahead(as_usize(number)),
            (Some(b'w'), _) => Self::Wait,
            (Some(b'd'), _) => Self::Scan,
            (Some(b'o'), _) => Self::Opaque,
            _ => Self::Line,
        }
    }
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// When everything passes, unless a test says otherwise.
pub(crate) const NOW: Timestamp = Timestamp(0);

/// One connection.
pub(crate) struct Run {
    pub(crate) driver: Driver<Toy>,
    pub(crate) events: Vec<String>,
    pub(crate) parsed: u64,
    pub(crate) unseen: Vec<(OpaqueCause, u64)>,
}

struct Noting<'a>(&'a mut Vec<String>);

impl Sink<Toy> for Noting<'_> {
    fn event(&mut self, event: String) {
        self.0.push(event);
    }

    fn proxy_header(&mut self, version: ProxyVersion) {
        self.0.push(format!("PROXY {version:?}"));
    }
}

impl Run {
    pub(crate) fn new() -> Self {
        Self { driver: Driver::new(Toy::default()), events: Vec::new(), parsed: 0, unseen: Vec::new() }
    }

    /// A client that says this at once.
    pub(crate) fn whole(octets: &[u8]) -> Self {
        let mut run = Self::new();
        run.send(Direction::ToServer, octets);
        run
    }

    /// A client that says this octet by octet.
    pub(crate) fn octet_by_octet(octets: &[u8]) -> Self {
        let mut run = Self::new();
        for octet in octets {
            run.send(Direction::ToServer, &[*octet]);
        }
        run
    }

    pub(crate) fn send(&mut self, direction: Direction, octets: &[u8]) -> Accounted {
        self.send_at(NOW, direction, octets)
    }

    pub(crate) fn send_at(&mut self, now: Timestamp, direction: Direction, octets: &[u8]) -> Accounted {
        let Ok(accounted) = self.driver.data(direction, &octets, now, &mut Noting(&mut self.events));
        assert_eq!(accounted.total(), octets.len() as u64, "every octet is accounted for");
        self.parsed += accounted.parsed;
        for (cause, octets) in accounted.unseen() {
            match self.unseen.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, sum)) => *sum += octets,
                None => self.unseen.push((cause, octets)),
            }
        }
        accounted
    }

    pub(crate) fn half_close(&mut self, direction: Direction) {
        self.driver.half_close(direction, NOW, &mut Noting(&mut self.events));
    }

    pub(crate) fn end(&mut self) {
        self.driver.end(CloseCause::Client, NOW, &mut Noting(&mut self.events));
    }
}
