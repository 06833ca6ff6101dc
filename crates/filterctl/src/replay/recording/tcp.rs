//! Puts TCP segments together again: RFC 9293, as far as an onlooker needs it.
//!
//! The whole capture is at hand, which makes a hole easy to judge: it is waited for if a later segment fills it,
//! and a gap if none does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use crate::replay::{Conversation, Direction, Record};

/// Ports on which a server listens, for captures that miss the beginning of a connection.
const SERVER_PORTS: [u16; 9] = [24, 25, 465, 587, 2525, 389, 636, 3268, 3269];

/// What matters of a TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) payload: &'a [u8],
}

/// Puts the segments, in the order of their capture, together into one conversation per connection, in the
/// order in which the connections began. Connections on which nothing was said stay in the list, so that the
/// numbers are those that Wireshark shows as `tcp.stream`.
pub(super) fn conversations<'a>(segments: impl IntoIterator<Item = Segment<'a>>) -> Vec<Conversation> {
    let mut streams: Vec<Stream<'a>> = Vec::new();
    let mut latest: HashMap<[SocketAddr; 2], usize> = HashMap::new();
    for segment in segments {
        let mut pair = [segment.source, segment.destination];
        pair.sort();
        let known = latest
            .get(&pair)
            .copied()
            .filter(|index| streams.get(*index).is_some_and(|stream| !stream.is_ended_by(&segment)));
        let index = known.unwrap_or(streams.len());
        if known.is_none() {
            streams.push(Stream { first: segment.source, segments: Vec::new() });
            latest.insert(pair, index);
        }
        if let Some(stream) = streams.get_mut(index) {
            stream.segments.push(segment);
        }
    }
    let servers: HashSet<SocketAddr> = streams.iter().filter_map(Stream::known_server).collect();
    streams.iter().map(|stream| stream.conversation(&servers)).collect()
}

/// The segments of one connection.
struct Stream<'a> {
    /// Who sent the first segment.
    first: SocketAddr,
    segments: Vec<Segment<'a>>,
}

impl<'a> Stream<'a> {
    /// Whether this segment opens another connection between the same ports.
    fn is_ended_by(&self, segment: &Segment<'_>) -> bool {
        let is_repeated = |known: &Segment<'_>| known.syn && known.sequence == segment.sequence;
        segment.syn && !segment.ack && !self.segments.iter().any(is_repeated)
    }

    /// Who received the SYN, or sent the SYN with ACK; `None` if the beginning was not captured.
    fn known_server(&self) -> Option<SocketAddr> {
        let syn = self.segments.iter().find(|segment| segment.syn)?;
        Some(if syn.ack { syn.source } else { syn.destination })
    }

    /// Where the beginning was not captured, other connections to the same server tell; failing that, the ports.
    fn server(&self, known: &HashSet<SocketAddr>) -> SocketAddr {
        let Some(one) = self.segments.first() else { return self.first };
        let ends = [one.source, one.destination];
        let only_one = |is_server: &dyn Fn(&SocketAddr) -> bool| match ends.map(|end| is_server(&end)) {
            [true, false] => Some(one.source),
            [false, true] => Some(one.destination),
            _ => None,
        };
        self.known_server()
            .or_else(|| only_one(&|end| known.contains(end)))
            .or_else(|| only_one(&|end| SERVER_PORTS.contains(&end.port())))
            // A client's port is a high one.
            .unwrap_or(if one.source.port() < one.destination.port() { one.source } else { one.destination })
    }

    fn conversation(&self, servers: &HashSet<SocketAddr>) -> Conversation {
        let server = self.server(servers);
        let from_server = |segment: &Segment<'_>| segment.source == server;
        let client = match self.segments.first() {
            Some(one) if from_server(one) => one.destination,
            Some(one) => one.source,
            None => self.first,
        };
        let is_sent_by_client = |segment: &Segment<'_>| !from_server(segment);
        let mut sides = [
            Side::new(Direction::ToServer, self.segments.iter().map(|s| is_sent_by_client(s).then_some(*s))),
            Side::new(
                Direction::ToClient,
                self.segments.iter().map(|s| (!is_sent_by_client(s)).then_some(*s)),
            ),
        ];
        let mut records = Vec::new();
        for index in 0..self.segments.len() {
            for side in &mut sides {
                side.arrive(index, &mut records);
            }
        }
        Conversation { name: format!("{client} → {server}"), records }
    }
}

/// One direction of a connection.
struct Side<'a> {
    direction: Direction,
    /// The position of each segment's payload in the stream, by the segment's index in the capture.
    payloads: BTreeMap<usize, (i64, &'a [u8])>,
    /// Arrived and not handed on yet, by position.
    waiting: BTreeMap<i64, &'a [u8]>,
    /// The position up to which everything was handed on or given up.
    next: i64,
}

impl<'a> Side<'a> {
    /// Takes the segments of one direction; `None` stands for those of the other one.
    fn new(direction: Direction, segments: impl Iterator<Item = Option<Segment<'a>>>) -> Self {
        let mut payloads = BTreeMap::new();
        let mut begin = None;
        let mut last: Option<(u32, i64)> = None;
        for (index, segment) in segments.enumerate() {
            let Some(segment) = segment else { continue };
            // A SYN counts as one octet before the payload.
            let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
            // Sequence numbers wrap around: what counts is the distance to the one before.
            let position = match last {
                None => 0,
                Some((before, position)) => position + i64::from(sequence.wrapping_sub(before) as i32),
            };
            last = Some((sequence, position));
            if segment.syn && begin.is_none() {
                begin = Some(position);
            }
            if !segment.payload.is_empty() {
                payloads.insert(index, (position, segment.payload));
            }
        }
        let lowest = payloads.values().map(|(position, _)| *position).min();
        Self { direction, payloads, waiting: BTreeMap::new(), next: begin.or(lowest).unwrap_or(0) }
    }

    /// Takes in the segment with this index, if it is of this direction, and hands on what is complete.
    fn arrive(&mut self, index: usize, records: &mut Vec<Record>) {
        let Some(&(position, payload)) = self.payloads.get(&index) else { return };
        let longest = self.waiting.entry(position).or_insert(payload);
        if longest.len() < payload.len() {
            *longest = payload;
        }
        while let Some((&start, &octets)) = self.waiting.first_key_value() {
            let gap = start - self.next;
            if gap > 0 && self.is_filled_after(index) {
                return;
            }
            self.waiting.pop_first();
            // What was handed on before is not handed on again: this was a retransmission.
            let fresh = octets.get(usize::try_from(-gap).unwrap_or(0)..).unwrap_or_default();
            if !fresh.is_empty() {
                let gap_before = u64::try_from(gap).unwrap_or(0);
                records.push(Record { direction: self.direction, octets: fresh.to_vec(), gap_before });
                self.next = start + octets.len() as i64;
            }
        }
    }

    /// Whether the octet that is missing comes later in the capture.
    fn is_filled_after(&self, index: usize) -> bool {
        self.payloads
            .range(index + 1..)
            .any(|(_, (start, octets))| *start <= self.next && self.next < start + octets.len() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "10.0.0.1:40000";
    const SERVER: &str = "10.0.0.2:25";

    fn segment<'a>(from: &str, sequence: u32, flags: &str, payload: &'a str) -> Segment<'a> {
        let to = if from == SERVER { CLIENT } else { SERVER };
        Segment {
            source: from.parse().unwrap(),
            destination: to.parse().unwrap(),
            sequence,
            syn: flags.contains('S'),
            ack: flags.contains('A'),
            payload: payload.as_bytes(),
        }
    }

    fn texts(segments: &[Segment<'_>]) -> Vec<(char, u64, String)> {
        let all = conversations(segments.iter().copied());
        let of = |record: &Record| {
            let way = if record.direction == Direction::ToServer { '>' } else { '<' };
            (way, record.gap_before, String::from_utf8_lossy(&record.octets).into_owned())
        };
        all.iter().flat_map(|conversation| conversation.records.iter().map(of)).collect()
    }

    fn expect(list: &[(char, u64, &str)]) -> Vec<(char, u64, String)> {
        list.iter().map(|(way, gap, text)| (*way, *gap, (*text).to_owned())).collect()
    }

    #[test]
    fn retransmissions_and_overlaps_count_once() {
        let segments = [
            segment(CLIENT, 99, "S", ""),
            segment(SERVER, 499, "SA", ""),
            segment(SERVER, 500, "A", "220 \r\n"),
            segment(CLIENT, 100, "A", "EHLO"),
            segment(CLIENT, 100, "A", "EHLO"),
            segment(CLIENT, 102, "A", "LO x"),
            segment(CLIENT, 105, "A", "x"),
        ];
        assert_eq!(texts(&segments), expect(&[('<', 0, "220 \r\n"), ('>', 0, "EHLO"), ('>', 0, " x")]));
    }

    #[test]
    fn segments_out_of_order_are_put_in_order_even_where_numbers_wrap_around() {
        let begin = u32::MAX - 3;
        let segments = [
            segment(CLIENT, begin, "S", ""),
            segment(CLIENT, begin.wrapping_add(5), "A", "efgh"),
            segment(SERVER, 7, "A", "250"),
            segment(CLIENT, begin.wrapping_add(1), "A", "abcd"),
        ];
        assert_eq!(texts(&segments), expect(&[('<', 0, "250"), ('>', 0, "abcd"), ('>', 0, "efgh")]));
    }

    #[test]
    fn what_was_never_captured_is_a_gap_at_once() {
        let segments = [
            segment(CLIENT, 99, "S", ""),
            segment(CLIENT, 100, "A", "MAIL"),
            segment(CLIENT, 110, "A", "RCPT"),
            segment(SERVER, 7, "A", "250"),
        ];
        assert_eq!(texts(&segments), expect(&[('>', 0, "MAIL"), ('>', 6, "RCPT"), ('<', 0, "250")]));
    }

    #[test]
    fn without_its_beginning_the_ports_tell_who_is_the_client() {
        let segments = [segment(SERVER, 7, "A", "250 "), segment(CLIENT, 104, "A", "QUIT")];
        assert_eq!(texts(&segments), expect(&[('<', 0, "250 "), ('>', 0, "QUIT")]));
        let all = conversations(segments);
        assert_eq!(all[0].name, "10.0.0.1:40000 → 10.0.0.2:25");
    }

    #[test]
    fn without_its_beginning_other_connections_tell_who_is_the_server() {
        let (server, client) = ("10.0.0.2:43303", "10.0.0.1:42122");
        let between = |source: &str, destination: &str, syn, payload| Segment {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            sequence: 1,
            syn,
            ack: !syn,
            payload,
        };
        let segments =
            [between(server, client, false, &b"220"[..]), between("10.0.0.1:42138", server, true, b"")];
        let all = conversations(segments);
        assert_eq!(all[0].name, "10.0.0.1:42122 → 10.0.0.2:43303");
        assert_eq!(all[0].octets(Direction::ToClient), b"220");
    }

    #[test]
    fn ports_used_again_are_a_new_connection_and_a_repeated_syn_is_not() {
        let segments = [
            segment(CLIENT, 99, "S", ""),
            segment(CLIENT, 99, "S", ""),
            segment(CLIENT, 100, "A", "one"),
            segment(CLIENT, 5_000, "S", ""),
            segment(CLIENT, 5_001, "A", "two"),
        ];
        let all = conversations(segments);
        let said: Vec<_> = all.iter().map(|conversation| conversation.octets(Direction::ToServer)).collect();
        assert_eq!(said, [b"one".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn a_keep_alive_probe_says_nothing() {
        let segments =
            [segment(CLIENT, 100, "A", "ab"), segment(CLIENT, 101, "A", "?"), segment(CLIENT, 102, "A", "c")];
        assert_eq!(texts(&segments), expect(&[('>', 0, "ab"), ('>', 0, "c")]));
    }
}
