//! Metadata: what configuration and other filters attach to things.

use std::collections::BTreeMap;

use super::value;
use crate::error::Result;

/// Values by namespace (`envoy.config.core.v3.Metadata`).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// `filter_metadata`: namespace, then key.
    pub filter: BTreeMap<String, BTreeMap<String, MetadataValue>>,
    /// `typed_filter_metadata`: namespace, then the type's URL and the serialised message.
    pub typed: BTreeMap<String, (String, Vec<u8>)>,
}

/// A value as JSON has it (`google.protobuf.Value`).
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
        let wire::Metadata { filter, typed } = value::message(path, &octets)?;
        let filter = filter.into_iter().map(|(namespace, values)| (namespace, plain(values))).collect();
        let typed =
            typed.into_iter().map(|(namespace, any)| (namespace, (any.type_url, any.value))).collect();
        Ok(Some(Self { filter, typed }))
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
