//! What Envoy's tap writes of sockets: one connection in one piece, or event by event; as JSON, or binary.

mod trace;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use prost::Message;
use serde_json::Value;

use self::trace::{Event, Wrapper};
use super::TapSide;
use crate::replay::{Conversation, Direction, Record};

/// Whether a JSON document is a trace of a socket.
pub(super) fn is_json_trace(document: &Value) -> bool {
    let keys = [
        "socket_buffered_trace",
        "socketBufferedTrace",
        "socket_streamed_trace_segment",
        "socketStreamedTraceSegment",
    ];
    keys.iter().any(|key| document.get(key).is_some())
}

/// Reads the format `JSON_BODY_AS_BYTES` or `JSON_BODY_AS_STRING`, one conversation per connection.
pub(super) fn parse_json(octets: &[u8], side: TapSide) -> Result<Vec<Conversation>> {
    let mut traces = Vec::new();
    for (index, trace) in serde_json::Deserializer::from_slice(octets).into_iter().enumerate() {
        traces.push(trace.with_context(|| format!("trace {}", index + 1))?);
    }
    conversations(traces, side)
}

/// Reads the format `PROTO_BINARY` or `PROTO_BINARY_LENGTH_DELIMITED`; `None` if it is neither.
pub(super) fn parse_binary(octets: &[u8], side: TapSide) -> Option<Result<Vec<Conversation>>> {
    let traces = delimited(octets).or_else(|| Some(vec![Wrapper::decode(octets).ok()?]))?;
    // Protobuf is easily pleased: what has no trace in it is something else.
    let is_trace = |trace: &Wrapper| {
        trace.socket_buffered_trace.is_some() || trace.socket_streamed_trace_segment.is_some()
    };
    traces.iter().all(is_trace).then(|| conversations(traces, side))
}

/// Reads messages that each have their length in front of them.
fn delimited(mut octets: &[u8]) -> Option<Vec<Wrapper>> {
    let mut traces = Vec::new();
    while !octets.is_empty() {
        match Wrapper::decode_length_delimited(&mut octets) {
            Ok(trace) => traces.push(trace),
            // Envoy was still writing: everything before is good.
            Err(_) if !traces.is_empty() => break,
            Err(_) => return None,
        }
    }
    Some(traces)
}

fn conversations(traces: Vec<Wrapper>, side: TapSide) -> Result<Vec<Conversation>> {
    let mut records: BTreeMap<u64, Vec<Record>> = BTreeMap::new();
    for trace in traces {
        let (connection, events) = if let Some(buffered) = trace.socket_buffered_trace {
            if buffered.read_truncated || buffered.write_truncated {
                bail!(CUT_SHORT);
            }
            (buffered.trace_id, buffered.events)
        } else if let Some(segment) = trace.socket_streamed_trace_segment {
            let several = segment.events.map(|list| list.events).unwrap_or_default();
            (segment.trace_id, segment.event.into_iter().chain(several).collect())
        } else {
            continue;
        };
        let of_connection = records.entry(connection).or_default();
        for event in events {
            of_connection.extend(record(event, side)?);
        }
    }
    let named = |(connection, records)| Conversation { name: format!("connection {connection}"), records };
    Ok(records.into_iter().map(named).collect())
}

const CUT_SHORT: &str = "the tap cut it short: set max_buffered_rx_bytes and max_buffered_tx_bytes higher, or \
                         `streaming: true` with PROTO_BINARY_LENGTH_DELIMITED";

fn record(event: Event, side: TapSide) -> Result<Option<Record>> {
    let (transfer, is_read) = match (event.read, event.write) {
        (Some(transfer), _) => (transfer, true),
        (None, Some(transfer)) => (transfer, false),
        (None, None) => return Ok(None),
    };
    let Some(body) = transfer.data else { return Ok(None) };
    if body.truncated {
        bail!(CUT_SHORT);
    }
    let octets = if body.as_bytes.is_empty() { body.as_string.into_bytes() } else { body.as_bytes };
    let direction =
        if is_read == (side == TapSide::Listener) { Direction::ToServer } else { Direction::ToClient };
    Ok((!octets.is_empty()).then_some(Record { direction, octets, gap_before: 0 }))
}

#[cfg(test)]
mod tests {
    use super::trace::{Body, Buffered, Segment, Transfer};
    use super::*;

    fn read(text: &str) -> Event {
        let body = Body { as_bytes: text.as_bytes().to_vec(), ..Body::default() };
        Event { read: Some(Transfer { data: Some(body) }), write: None }
    }

    fn segment(trace_id: u64, event: Event) -> Wrapper {
        let segment = Segment { trace_id, event: Some(event), events: None };
        Wrapper { socket_buffered_trace: None, socket_streamed_trace_segment: Some(segment) }
    }

    fn said(conversations: &[Conversation]) -> Vec<Vec<u8>> {
        conversations.iter().map(|conversation| conversation.octets(Direction::ToServer)).collect()
    }

    #[test]
    fn a_buffered_trace_in_json_is_one_conversation() {
        let trace = r#"{"socket_buffered_trace": {"trace_id": "7", "connection": {"local_address": {}}, "events": [
            {"timestamp": "2026-01-01T00:00:00Z", "write": {"data": {"as_bytes": "MjIwDQo="}, "end_stream": false}},
            {"timestamp": "2026-01-01T00:00:01Z", "read": {"data": {"as_string": "QUIT\r\n"}}, "seq_num": "0"},
            {"timestamp": "2026-01-01T00:00:02Z", "closed": {}}]}}"#;
        let conversations = parse_json(trace.as_bytes(), TapSide::Listener).unwrap();
        assert_eq!((conversations.len(), conversations[0].name.as_str()), (1, "connection 7"));
        let ways: Vec<Direction> = conversations[0].records.iter().map(|record| record.direction).collect();
        assert_eq!(ways, [Direction::ToClient, Direction::ToServer]);
        assert_eq!(said(&conversations), [b"QUIT\r\n"]);
        assert_eq!(said(&parse_json(trace.as_bytes(), TapSide::Cluster).unwrap()), [b"220\r\n"]);
    }

    #[test]
    fn streamed_segments_in_json_are_sorted_by_connection() {
        let trace = r#"{"socketStreamedTraceSegment": {"traceId": "1", "event": {"read": {"data": {"asBytes": "QQ=="}}}}}
            {"socketStreamedTraceSegment": {"traceId": 2, "events": {"events": [{"read": {"data": {"asBytes": "Qg=="}}}]}}}
            {"socketStreamedTraceSegment": {"traceId": "1", "event": {"read": {"data": {"asBytes": "Qw=="}}}}}"#;
        assert_eq!(
            said(&parse_json(trace.as_bytes(), TapSide::Listener).unwrap()),
            [b"AC".to_vec(), b"B".to_vec()]
        );
    }

    #[test]
    fn both_binary_forms_are_read() {
        let buffered = Buffered { trace_id: 5, events: vec![read("HE"), read("LO")], ..Buffered::default() };
        let whole = Wrapper { socket_buffered_trace: Some(buffered), socket_streamed_trace_segment: None };
        let read_back = parse_binary(&whole.encode_to_vec(), TapSide::Listener).unwrap().unwrap();
        assert_eq!((said(&read_back), read_back[0].name.as_str()), (vec![b"HELO".to_vec()], "connection 5"));

        let mut streamed = Vec::new();
        for trace in [segment(1, read("A")), segment(2, read("B")), segment(1, read("C"))] {
            streamed.extend(trace.encode_length_delimited_to_vec());
        }
        let expected = [b"AC".to_vec(), b"B".to_vec()];
        assert_eq!(said(&parse_binary(&streamed, TapSide::Listener).unwrap().unwrap()), expected);
        // Envoy was stopped while it wrote the next message.
        streamed.extend([200, 1]);
        assert_eq!(said(&parse_binary(&streamed, TapSide::Listener).unwrap().unwrap()), expected);
    }

    #[test]
    fn other_octets_are_no_binary_trace() {
        for octets in [&b"220 hello\r\n"[..], b"", b"\x00\x00\x00", b"\x01", &[0xff; 40]] {
            assert!(
                parse_binary(octets, TapSide::Listener).is_none_or(|read| read.is_ok_and(|c| c.is_empty()))
            );
        }
    }

    #[test]
    fn what_the_tap_cut_short_is_refused() {
        for trace in [
            r#"{"socket_buffered_trace": {"read_truncated": true}}"#,
            r#"{"socket_buffered_trace": {"events": [{"read": {"data": {"as_bytes": "QQ==", "truncated": true}}}]}}"#,
        ] {
            let error = parse_json(trace.as_bytes(), TapSide::Listener).unwrap_err();
            assert!(error.to_string().contains("max_buffered_rx_bytes"), "{error}");
        }
    }
}
