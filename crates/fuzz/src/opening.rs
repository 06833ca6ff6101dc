//! What stands in front of a client's octets: PROXY protocol headers, and TLS or HTTP in place of the protocol.

#[path = "../../session-driver/tests/driver/toy.rs"]
#[allow(dead_code)] // Its own tests use more of it.
mod toy;

use session_driver::{CloseCause, Direction, Driver, Need, Opening, ProxyVersion, Session, Sink, Timestamp};

/// A session that takes everything.
#[derive(Debug, Default)]
struct Hearing;

/// What the driver gave to the session.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    versions: Vec<ProxyVersion>,
    opening: Option<Opening>,
    octets: Vec<u8>,
}

enum Said<'a> {
    Opens(Opening),
    Octets(&'a [u8]),
}

impl Session for Hearing {
    type Event<'e> = Said<'e>;

    fn need(&self, _direction: Direction) -> Need {
        Need::Scan
    }

    fn opens(&mut self, opening: Opening, _now: Timestamp, sink: &mut impl Sink<Self>) {
        sink.event(Said::Opens(opening));
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        _: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        if direction == Direction::ToServer {
            sink.event(Said::Octets(octets));
        }
        octets.len()
    }

    fn skipped(&mut self, _: Direction, _: u64, _: Timestamp, _: &mut impl Sink<Self>) {
        panic!("nothing is skipped that was not asked for");
    }

    fn end(&mut self, _: CloseCause, _: Timestamp, _: &mut impl Sink<Self>) {}
}

impl Sink<Hearing> for Heard {
    fn event(&mut self, event: Said<'_>) {
        match event {
            Said::Opens(opening) => assert_eq!(self.opening.replace(opening), None, "a stream opens once"),
            Said::Octets(octets) => {
                assert!(self.opening.is_some(), "octets before it is said what they are");
                self.octets.extend(octets);
            }
        }
    }

    fn proxy_header(&mut self, version: ProxyVersion) {
        self.versions.push(version);
    }
}

/// Judges the start of a stream against a reader that has all of it at hand. The first octet says whether the server
/// speaks first, the second how the stream is cut.
pub(crate) fn judge(data: &[u8]) {
    let [first, size, stream @ ..] = data else { return };
    let server_first = first & 1 == 1;
    let expected = naively(stream, server_first);
    for size in [stream.len().max(1), 1, usize::from(*size) + 1] {
        let mut driver = Driver::new(Hearing);
        let mut heard = Heard::default();
        if server_first {
            let Ok(_) = driver.data(Direction::ToClient, &b"x".as_slice(), Timestamp(0), &mut heard);
        }
        for piece in stream.chunks(size) {
            let Ok(accounted) = driver.data(Direction::ToServer, &piece, Timestamp(0), &mut heard);
            assert_eq!(accounted.total(), piece.len() as u64);
            assert!(driver.buffered() <= 64, "{} octets are kept of a start", driver.buffered());
        }
        driver.end(CloseCause::Client, Timestamp(0), &mut heard);
        assert_eq!(heard, expected, "in pieces of {size}");
    }
}

/// What a session must hear of a whole stream.
fn naively(stream: &[u8], server_first: bool) -> Heard {
    let mut heard = Heard::default();
    let mut rest = stream;
    // A server that takes a PROXY header waits for it.
    while let Some((version, behind)) = if server_first { None } else { header(rest) } {
        // A header that does not end is not one yet: nobody is told of a line, and nothing follows.
        heard.versions.extend(version);
        let Some(behind) = behind else { return heard };
        rest = behind;
    }
    if !rest.is_empty() {
        let words = [
            "GET ",
            "HEAD ",
            "POST ",
            "PUT ",
            "DELETE ",
            "CONNECT ",
            "OPTIONS ",
            "TRACE ",
            "PATCH ",
            "PRI * HTTP/",
        ];
        heard.opening = Some(match rest {
            [0x16, 3, ..] => Opening::Tls,
            _ if words.iter().any(|word| rest.starts_with(word.as_bytes())) => Opening::Http,
            _ => Opening::Other,
        });
    }
    heard.octets = rest.to_vec();
    heard
}

/// The PROXY header in front, if there is one: its version once that is told, and what stands behind it.
fn header(stream: &[u8]) -> Option<(Option<ProxyVersion>, Option<&[u8]>)> {
    if stream.starts_with(b"PROXY ") {
        let lf = stream.iter().position(|octet| *octet == b'\n');
        return Some((lf.map(|_| ProxyVersion::V1), lf.map(|lf| &stream[lf + 1..])));
    }
    let [high, low] = match stream.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        Some([_, _, high, low, ..]) => [*high, *low],
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    Some((Some(ProxyVersion::V2), stream.get(16 + length..)))
}

/// Judges the driver with a protocol that uses every kind of need. Pairs of octets say who speaks and how much; what is said
/// follows.
pub(crate) fn driver(data: &[u8]) {
    let [count, rest @ ..] = data else { return };
    let (plan, mut stream) = rest.split_at_checked(usize::from(*count)).unwrap_or((rest, &[]));
    let mut said = Vec::new();
    for step in plan.iter().chain([&0x7f]) {
        let direction = if step & 0x80 == 0 { Direction::ToServer } else { Direction::ToClient };
        let (piece, behind) = stream.split_at(usize::from(step & 0x7f).min(stream.len()));
        said.push((direction, piece));
        stream = behind;
    }
    said.push((Direction::ToServer, stream));
    let run = |size: usize| {
        let mut run = toy::Run::new();
        let mut sent = 0;
        for (direction, piece) in &said {
            for piece in piece.chunks(size) {
                run.send(*direction, piece);
                sent += piece.len();
                // The toy asks for as many octets as its lines say: what it is given bounds what is kept.
                assert!(
                    run.driver.buffered() <= 2 * (sent + 64),
                    "{} octets are kept",
                    run.driver.buffered()
                );
            }
        }
        run.end();
        run
    };
    let whole = run(usize::MAX);
    for size in [1, 3] {
        let cut = run(size);
        assert_eq!(cut.events, whole.events, "in pieces of {size}");
        assert_eq!((cut.parsed, &cut.unseen), (whole.parsed, &whole.unseen), "in pieces of {size}");
    }
}
