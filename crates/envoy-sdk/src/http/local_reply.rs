//! Answers that a filter gives itself.

use crate::call_out::GrpcStatus;
use crate::headers::HeaderMap;

/// A response in place of the server's (Envoy's `sendLocalReply`).
///
/// To a gRPC client Envoy sends the same as trailers, with [`grpc_status`](Self::grpc_status) or the one that
/// belongs to the HTTP status.
///
/// ```
/// use envoy_sdk::LocalReply;
///
/// let reply = LocalReply::new(403)
///     .details("quota_exceeded")
///     .header("retry-after", "60")
///     .body("Come back in a minute.\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    pub(crate) status: u16,
    pub(crate) details: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) grpc_status: Option<GrpcStatus>,
}

impl LocalReply {
    /// A reply with this status code, 200 to 599.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            details: String::new(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            grpc_status: None,
        }
    }

    /// Why, for `%RESPONSE_CODE_DETAILS%` in access logs. No white space.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Sets the body. Envoy adds `content-length`, and `content-type: text/plain` unless a header says otherwise.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the status that a gRPC client gets.
    #[must_use]
    pub fn grpc_status(mut self, status: GrpcStatus) -> Self {
        self.grpc_status = Some(status);
        self
    }
}
