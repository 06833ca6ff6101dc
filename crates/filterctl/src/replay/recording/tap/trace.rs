//! `envoy.data.tap.v3.TraceWrapper`, as far as sockets are concerned: one set of types for the binary form and for
//! JSON. The fields are those of Envoy's `transport.proto` and `wrapper.proto`.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, de};

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Wrapper {
    #[serde(alias = "socketBufferedTrace")]
    #[prost(message, optional, tag = "3")]
    pub(super) socket_buffered_trace: Option<Buffered>,
    #[serde(alias = "socketStreamedTraceSegment")]
    #[prost(message, optional, tag = "4")]
    pub(super) socket_streamed_trace_segment: Option<Segment>,
}

/// A whole connection.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Buffered {
    #[serde(alias = "traceId", deserialize_with = "number")]
    #[prost(uint64, tag = "1")]
    pub(super) trace_id: u64,
    #[prost(message, repeated, tag = "3")]
    pub(super) events: Vec<Event>,
    #[serde(alias = "readTruncated")]
    #[prost(bool, tag = "4")]
    pub(super) read_truncated: bool,
    #[serde(alias = "writeTruncated")]
    #[prost(bool, tag = "5")]
    pub(super) write_truncated: bool,
}

/// A piece of a connection: one event, or several.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Segment {
    #[serde(alias = "traceId", deserialize_with = "number")]
    #[prost(uint64, tag = "1")]
    pub(super) trace_id: u64,
    #[prost(message, optional, tag = "3")]
    pub(super) event: Option<Event>,
    #[prost(message, optional, tag = "4")]
    pub(super) events: Option<Events>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Events {
    #[prost(message, repeated, tag = "1")]
    pub(super) events: Vec<Event>,
}

/// Octets that Envoy read or wrote; neither when the connection was closed.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[prost(message, optional, tag = "2")]
    pub(super) read: Option<Transfer>,
    #[prost(message, optional, tag = "3")]
    pub(super) write: Option<Transfer>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Transfer {
    #[prost(message, optional, tag = "1")]
    pub(super) data: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    #[serde(alias = "asBytes", deserialize_with = "base64")]
    #[prost(bytes = "vec", tag = "1")]
    pub(super) as_bytes: Vec<u8>,
    #[serde(alias = "asString")]
    #[prost(string, tag = "2")]
    pub(super) as_string: String,
    #[prost(bool, tag = "3")]
    pub(super) truncated: bool,
}

/// A `uint64`, which JSON made by protobuf holds as a string.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u64),
        Text(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Number(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(de::Error::custom),
    }
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text.as_bytes()).map_err(|error| de::Error::custom(format!("no base64: {error}")))
}
