//! Requests and responses, as a client or server sends or receives them.

use envoy_sdk::HeaderMap;

/// A request, for [`FakeEnvoy::http_request`](crate::FakeEnvoy::http_request).
///
/// ```
/// use envoy_sdk_test::HttpRequest;
///
/// let request = HttpRequest::post("/mail", "hello").header("content-type", "text/plain");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl HttpRequest {
    /// A request without body, to `example.com`.
    pub fn new(method: &str, path: &str) -> Self {
        let headers =
            [(":method", method), (":path", path), (":scheme", "http"), (":authority", "example.com")];
        Self { headers: headers.into_iter().collect(), body: Vec::new(), trailers: HeaderMap::new() }
    }

    /// A GET request.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST request with this body.
    pub fn post(path: &str, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", path).body(body)
    }

    /// Adds a header; a pseudo header (`:authority`) is replaced.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if name.starts_with(':') {
            self.headers.set(name, value);
        } else {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.append(name, value);
        self
    }
}

/// A response, for [`HttpExchange::server_replies`](crate::HttpExchange::server_replies).
///
/// ```
/// use envoy_sdk_test::HttpResponse;
///
/// let response = HttpResponse::new(200).header("content-type", "text/plain").body("hello");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl HttpResponse {
    /// A response without body.
    pub fn new(status: u16) -> Self {
        let headers = [(":status", status.to_string())];
        Self { headers: headers.into_iter().collect(), body: Vec::new(), trailers: HeaderMap::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.append(name, value);
        self
    }
}

/// A response without body.
impl From<u16> for HttpResponse {
    fn from(status: u16) -> Self {
        Self::new(status)
    }
}

/// What a peer of an HTTP stream has received so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The headers, pseudo headers among them; empty before they came.
    pub headers: HeaderMap,
    /// The body, all pieces together.
    pub body: Vec<u8>,
    /// The trailers; empty when there were none.
    pub trailers: HeaderMap,
    /// The message is complete.
    pub ended: bool,
    /// The peer has received a reset: nothing more will come.
    pub reset: bool,
    pub(crate) headers_seen: bool,
}

impl Received {
    /// A response's status; `None` before it came.
    pub fn status(&self) -> Option<u16> {
        self.headers.get(":status")?.to_str()?.parse().ok()
    }

    /// The value of a header, the first of several, with what is not UTF-8 replaced.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str_lossy().into_owned())
    }

    /// Whether anything has come at all.
    pub fn is_empty(&self) -> bool {
        !self.headers_seen
    }
}
