//! The response, on HTTP; and what a TCP connection has of one.

use std::time::Duration;

use super::{ResponseFlags, value};
use crate::bytes::ByteString;
use crate::call_out::GrpcStatus;
use crate::error::Result;

/// The response: `response.*`.
///
/// Headers are served in `on_response_headers`, trailers in `on_response_trailers`, both in `on_stream_complete` and in
/// access loggers. On a TCP connection only [`flags`](Self::flags), [`size`](Self::size) and
/// [`total_size`](Self::total_size) mean something.
///
/// ```
/// use envoy_sdk::{AccessLogContext, Result};
///
/// /// Whether the answer is the server's own.
/// fn is_servers(cx: &AccessLogContext<'_>) -> Result<bool> {
///     let details = cx.stream_info().response().code_details()?;
///     Ok(details.is_some_and(|details| details.as_bytes() == b"via_upstream"))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Response(pub(super) ());

impl Response {
    /// The status code: `response.code`. From the response headers on.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn code(&self) -> Result<Option<u16>> {
        value::small_number(&["response", "code"], "status code")
    }

    /// Who answered and why, as `via_upstream` or `route_not_found`: `response.code_details`. From the response
    /// headers on. Envoy may change the words.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn code_details(&self) -> Result<Option<ByteString>> {
        value::text(&["response", "code_details"])
    }

    /// Why the response or the connection ended as it did: `response.flags`. Complete in the close callbacks and
    /// after. [`ResponseFlags::NONE`] in a callback of the plugin itself.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn flags(&self) -> Result<ResponseFlags> {
        Ok(ResponseFlags::from_bits(value::number(&["response", "flags"])?.unwrap_or(0)))
    }

    /// The gRPC status: `response.grpc_status`. From the response headers on, also of a response that is not gRPC:
    /// Envoy then makes one of the HTTP status (200 becomes `Unknown`).
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn grpc_status(&self) -> Result<Option<GrpcStatus>> {
        Ok(value::small_number(&["response", "grpc_status"], "gRPC status")?.map(GrpcStatus::from_code))
    }

    /// A header by its name in lower case; of several with this name all of them, separated by `,`:
    /// `response.headers.<name>`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn header(&self, name: &str) -> Result<Option<ByteString>> {
        value::text(&["response", "headers", name])
    }

    /// All headers, each name once and in no particular order: `response.headers`. Empty where Envoy does not show
    /// them.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn headers(&self) -> Result<Option<Vec<(ByteString, ByteString)>>> {
        value::map(&["response", "headers"])
    }

    /// The size of the headers in octets: `response.headers_bytes`. 0 where Envoy does not show them; not on Envoy 1.36.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn headers_bytes(&self) -> Result<Option<u64>> {
        value::number(&["response", "headers_bytes"])
    }

    /// A trailer by its name in lower case: `response.trailers.<name>`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn trailer(&self, name: &str) -> Result<Option<ByteString>> {
        value::text(&["response", "trailers", name])
    }

    /// All trailers, each name once and in no particular order: `response.trailers`. Empty where Envoy does not show
    /// them.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn trailers(&self) -> Result<Option<Vec<(ByteString, ByteString)>>> {
        value::map(&["response", "trailers"])
    }

    /// Octets of the body, or of the connection, so far: `response.size`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn size(&self) -> Result<Option<u64>> {
        value::number(&["response", "size"])
    }

    /// Octets of the body so far, and of headers and trailers where Envoy shows them: `response.total_size`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn total_size(&self) -> Result<Option<u64>> {
        value::number(&["response", "total_size"])
    }

    /// From the first octet sent to the server to the last received from it: `response.backend_latency`. Once the
    /// server has answered in full.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn backend_latency(&self) -> Result<Option<Duration>> {
        value::duration(&["response", "backend_latency"])
    }
}
