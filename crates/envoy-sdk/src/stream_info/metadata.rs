//! Metadata: what configuration and other filters attach to things.

use std::collections::BTreeMap;

use super::value;
use crate::error::Result;

/// Values by namespace (`envoy.config.core.v3.Metadata`).
///
/// ```
/// use envoy_sdk::{HttpContext, Result};
///
/// /// What a filter in front of this one has found out, such as `jwt_authn`.
/// fn subject(cx: &HttpContext<'_>) -> Result<Option<String>> {
///     let metadata = cx.stream_info().metadata()?.unwrap_or_default();
///     Ok(metadata.get("envoy.filters.http.jwt_authn", "sub").and_then(|value| value.as_str()).map(str::to_owned))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// `filter_metadata`: namespace, then key.
    pub filter: BTreeMap<String, BTreeMap<String, MetadataValue>>,
    /// `typed_filter_metadata`: namespace, then the type's URL and the serialised message.
    pub typed: BTreeMap<String, (String, Vec<u8>)>,
}

/// A value as JSON has it (`google.protobuf.Value`).
///
/// ```
/// use envoy_sdk::stream_info::MetadataValue;
///
/// let value = MetadataValue::String("acme".to_owned());
/// assert_eq!((value.as_str(), value.as_number()), (Some("acme"), None));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataValue {
    /// `null`.
    Null,
    /// A number; protobuf has no integers here.
    Number(f64),
    /// A text.
    String(String),
    /// `true` or `false`.
    Bool(bool),
    /// An object.
    Struct(BTreeMap<String, MetadataValue>),
    /// An array.
    List(Vec<MetadataValue>),
}

impl Metadata {
    /// The value under this key of this namespace.
    pub fn get(&self, namespace: &str, key: &str) -> Option<&MetadataValue> {
        self.filter.get(namespace)?.get(key)
    }

    /// Reads an attribute that is metadata. Nothing set at all is served as empty.
    pub(super) fn read(path: &[&str]) -> Result<Option<Self>> {
        let Some(octets) = value::octets_or_unset(path)? else { return Ok(None) };
        Ok(Some(value::message::<wire::Metadata>(path, &octets)?.into()))
    }
}

impl From<wire::Metadata> for Metadata {
    fn from(message: wire::Metadata) -> Self {
        let filter = message.filter.into_iter().map(|(namespace, values)| (namespace, plain(values)));
        let typed = message.typed.into_iter().map(|(namespace, any)| (namespace, (any.type_url, any.value)));
        Self { filter: filter.collect(), typed: typed.collect() }
    }
}

impl MetadataValue {
    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

fn plain(values: wire::Struct) -> BTreeMap<String, MetadataValue> {
    values.fields.into_iter().map(|(key, value)| (key, value.into())).collect()
}

impl From<wire::Value> for MetadataValue {
    fn from(value: wire::Value) -> Self {
        match value.kind {
            None | Some(wire::Kind::Null(_)) => Self::Null,
            Some(wire::Kind::Number(number)) => Self::Number(number),
            Some(wire::Kind::String(text)) => Self::String(text),
            Some(wire::Kind::Bool(value)) => Self::Bool(value),
            Some(wire::Kind::Struct(values)) => Self::Struct(plain(values)),
            Some(wire::Kind::List(list)) => Self::List(list.values.into_iter().map(Self::from).collect()),
        }
    }
}

/// The messages as they are encoded: `envoy/config/core/v3/base.proto`, `google/protobuf/struct.proto`.
pub(super) mod wire {
    use std::collections::BTreeMap;

    use prost::{Message, Oneof};

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Metadata {
        #[prost(btree_map = "string, message", tag = "1")]
        pub(crate) filter: BTreeMap<String, Struct>,
        #[prost(btree_map = "string, message", tag = "2")]
        pub(crate) typed: BTreeMap<String, Any>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Any {
        #[prost(string, tag = "1")]
        pub(crate) type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(crate) value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Struct {
        #[prost(btree_map = "string, message", tag = "1")]
        pub(crate) fields: BTreeMap<String, Value>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Value {
        #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
        pub(crate) kind: Option<Kind>,
    }

    #[derive(Clone, PartialEq, Oneof)]
    pub(crate) enum Kind {
        #[prost(int32, tag = "1")]
        Null(i32),
        #[prost(double, tag = "2")]
        Number(f64),
        #[prost(string, tag = "3")]
        String(String),
        #[prost(bool, tag = "4")]
        Bool(bool),
        #[prost(message, tag = "5")]
        Struct(Struct),
        #[prost(message, tag = "6")]
        List(List),
    }

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct List {
        #[prost(message, repeated, tag = "1")]
        pub(crate) values: Vec<Value>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Locality {
        #[prost(string, tag = "1")]
        pub(crate) region: String,
        #[prost(string, tag = "2")]
        pub(crate) zone: String,
        #[prost(string, tag = "3")]
        pub(crate) sub_zone: String,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    /// What Envoy 1.40.0 served as `metadata` behind a `set_metadata` filter with
    /// `{"k": "v", "n": 7.5, "b": true, "l": ["x", 1], "s": {"in": "out"}, "z": null}` under `dyn`.
    const SERVED: &[u8] = b"\nb\n\x03dyn\x12[\n\x07\n\x01z\x12\x02\x08\x00\n\x08\n\x01k\x12\x03\x1a\x01v\
        \n\x07\n\x01b\x12\x02 \x01\n\x17\n\x01l\x12\x122\x10\n\x03\x1a\x01x\n\t\x11\x00\x00\x00\x00\x00\x00\xf0?\
        \n\x14\n\x01s\x12\x0f*\r\n\x0b\n\x02in\x12\x05\x1a\x03out\n\x0e\n\x01n\x12\t\x11\x00\x00\x00\x00\x00\x00\x1e@";

    #[test]
    fn values_are_what_they_were_in_the_configuration() {
        let metadata = Metadata::from(wire::Metadata::decode(SERVED).unwrap());
        let value = |key| metadata.get("dyn", key).unwrap();
        assert_eq!(value("k").as_str(), Some("v"));
        assert_eq!(value("n").as_number(), Some(7.5));
        assert_eq!(value("b").as_bool(), Some(true));
        assert_eq!(value("z"), &MetadataValue::Null);
        let text = |text: &str| MetadataValue::String(text.to_owned());
        assert_eq!(value("l"), &MetadataValue::List(vec![text("x"), MetadataValue::Number(1.0)]));
        assert_eq!(value("s"), &MetadataValue::Struct(BTreeMap::from([("in".to_owned(), text("out"))])));
        assert_eq!((metadata.get("dyn", "q"), metadata.get("other", "k")), (None, None));
    }

    #[test]
    fn typed_metadata_keeps_its_type() {
        let any = wire::Any { type_url: "type.googleapis.com/t".to_owned(), value: vec![8, 1] };
        let message =
            wire::Metadata { typed: BTreeMap::from([("ns".to_owned(), any)]), ..Default::default() };
        let metadata = Metadata::from(message);
        assert_eq!(metadata.typed["ns"], ("type.googleapis.com/t".to_owned(), vec![8, 1]));
        assert!(metadata.filter.is_empty());
    }

    #[test]
    fn nothing_at_all_is_empty_metadata() {
        assert_eq!(Metadata::from(wire::Metadata::decode(&[][..]).unwrap()), Metadata::default());
    }
}
