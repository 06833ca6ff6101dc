//! The request, on HTTP; and what a TCP connection has of one.

use std::time::{Duration, SystemTime};

use super::value;
use crate::bytes::ByteString;
use crate::error::Result;

/// The request: `request.*`.
///
/// What comes from its headers is served in `on_request_headers`, `on_stream_complete` and in access loggers, and
/// nowhere else: Envoy keeps the map from a filter between its callbacks. What is needed later has to be read then.
/// On a TCP connection only [`time`](Self::time), [`size`](Self::size) and [`total_size`](Self::total_size) mean
/// something, and [`duration`](Self::duration) in access loggers.
///
/// ```
/// use envoy_sdk::{AccessLogContext, Result};
///
/// /// Whether a request took longer than a second.
/// fn is_slow(cx: &AccessLogContext<'_>) -> Result<bool> {
///     Ok(cx.stream_info().request().duration()?.is_some_and(|duration| duration.as_secs() >= 1))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request(pub(super) ());

/// Attributes that are texts.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {
        impl Request {
            $(
                $(#[doc = $doc])+
                ///
                /// # Errors
                /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
                pub fn $name(&self) -> Result<Option<ByteString>> {
                    value::text(&["request", stringify!($name)])
                }
            )*
        }
    };
}

texts! {
    /// Path and query: `request.path`. From the headers.
    path;
    /// The path without the query: `request.url_path`. From the headers.
    url_path;
    /// Host and port as the client wrote them: `request.host`. From the headers.
    host;
    /// `http` or `https`: `request.scheme`. From the headers.
    scheme;
    /// The method: `request.method`. From the headers.
    method;
    /// The header `referer`: `request.referer`. From the headers.
    referer;
    /// The header `user-agent`: `request.useragent`. From the headers.
    useragent;
    /// The header `x-request-id`: `request.id`. From the headers.
    id;
    /// What stands behind `?` in the path: `request.query`. From the headers.
    query;
    /// `HTTP/1.1`, `HTTP/2` …: `request.protocol`. In every callback of an HTTP stream.
    protocol;
}

impl Request {
    /// A header by its name in lower case; of several with this name all of them, separated by `,`:
    /// `request.headers.<name>`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn header(&self, name: &str) -> Result<Option<ByteString>> {
        value::text(&["request", "headers", name])
    }

    /// All headers, each name once and in no particular order: `request.headers`. Empty where Envoy does not show
    /// them. [`HttpContext`](crate::HttpContext) has them in order and with duplicates.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn headers(&self) -> Result<Option<Vec<(ByteString, ByteString)>>> {
        value::map(&["request", "headers"])
    }

    /// The size of the headers in octets: `request.headers_bytes`. 0 where Envoy does not show them; not on Envoy 1.36.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn headers_bytes(&self) -> Result<Option<u64>> {
        value::number(&["request", "headers_bytes"])
    }

    /// When the first octet arrived: `request.time`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn time(&self) -> Result<Option<SystemTime>> {
        value::time(&["request", "time"])
    }

    /// How long it all took: `request.duration`. In `on_stream_complete` of an HTTP filter and in access loggers.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn duration(&self) -> Result<Option<Duration>> {
        value::duration(&["request", "duration"])
    }

    /// Octets of the body, or of the connection, so far: `request.size`. Where Envoy shows the headers and they
    /// hold a `content-length`, that one. On TCP, octets that a filter held back count each time they are shown to it.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn size(&self) -> Result<Option<u64>> {
        value::number(&["request", "size"])
    }

    /// Octets of the body so far, and of the headers where Envoy shows them: `request.total_size`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn total_size(&self) -> Result<Option<u64>> {
        value::number(&["request", "total_size"])
    }
}
