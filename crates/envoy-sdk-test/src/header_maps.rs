//! Header maps: which there are, and where each is found.

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

use crate::http::envoy_headers::{EnvoyHeaders, encode};
use crate::world::State;

/// `proxy_header_map_type_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    GrpcInitialMetadata,
    GrpcTrailingMetadata,
    CallResponseHeaders,
    CallResponseTrailers,
}

impl MapKind {
    const ALL: [Self; 8] = [
        Self::RequestHeaders,
        Self::RequestTrailers,
        Self::ResponseHeaders,
        Self::ResponseTrailers,
        Self::GrpcInitialMetadata,
        Self::GrpcTrailingMetadata,
        Self::CallResponseHeaders,
        Self::CallResponseTrailers,
    ];

    pub(crate) fn from_code(code: u32) -> Answer<Self> {
        Self::ALL.get(code as usize).copied().ok_or(Status::BAD_ARGUMENT)
    }
}

impl State {
    /// The map that a host call is about; `None` where there is none just now.
    pub(crate) fn header_map(&self, kind: MapKind) -> Option<&EnvoyHeaders> {
        let root = self.current_root()?;
        match kind {
            MapKind::RequestHeaders
            | MapKind::RequestTrailers
            | MapKind::ResponseHeaders
            | MapKind::ResponseTrailers => match self.log_entry() {
                Some(entry) => entry.header_map(kind),
                None => self.http_header_map(kind),
            },
            MapKind::GrpcInitialMetadata
            | MapKind::GrpcTrailingMetadata
            | MapKind::CallResponseHeaders
            | MapKind::CallResponseTrailers => self.call_outs.header_map(root, kind),
        }
    }
}

/// All of a map. One that is not there reads as an empty one, and an empty one as no octets at all.
pub(crate) fn pairs(map: Option<&EnvoyHeaders>) -> Vec<u8> {
    map.map(|map| encode(map.iter())).unwrap_or_default()
}

impl State {
    /// One value of a map. While something is logged over HTTP, or by an access logger, a map that is not there reads as
    /// an empty one; otherwise asking it is a mistake.
    pub(crate) fn header_value(&self, kind: MapKind, name: &[u8]) -> Answer<Vec<u8>> {
        let absent = if self.is_logging() { Status::NOT_FOUND } else { Status::BAD_ARGUMENT };
        let value = self.header_map(kind).ok_or(absent)?.get(name);
        value.map(<[u8]>::to_vec).ok_or(Status::NOT_FOUND)
    }

    fn is_logging(&self) -> bool {
        let exchange = self.current().and_then(|context| self.http_streams.get(&context));
        self.log_entry().is_some() || exchange.is_some_and(|stream| stream.logging)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::envoy_headers::Kind;

    /// As Envoy 1.36.2 and 1.40.0 answered.
    #[test]
    fn maps_that_are_absent_or_empty() {
        let some = EnvoyHeaders::collect(Kind::Response, [(&b"a"[..], &b"1"[..])]);
        assert_eq!(pairs(Some(&some)).len(), 4 + 8 + 4);
        assert_eq!((pairs(None), pairs(Some(&EnvoyHeaders::new(Kind::Response)))), (vec![], vec![]));
    }
}
