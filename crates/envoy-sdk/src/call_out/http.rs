//! HTTP calls.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use crate::abi::host::{BufferKind, MapKind};
use crate::buffer;
use crate::bytes::ByteStr;
use crate::error::{Error, Result};
use crate::headers::{self, HeaderMap, Headers};

/// An HTTP call that has been made, to know its answer by.
///
/// ```
/// use std::time::Duration;
///
/// use envoy_sdk::{CallbackContext, HttpCallId, HttpRequest, Result};
///
/// /// Asks two clusters; the ids tell the answers apart.
/// fn ask(cx: &CallbackContext<'_>) -> Result<[HttpCallId; 2]> {
///     let request = HttpRequest::get("prices.example", "/today");
///     let timeout = Duration::from_millis(200);
///     Ok([cx.http_call("prices", &request, timeout)?, cx.http_call("prices-standby", &request, timeout)?])
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpCallId(u32);

impl HttpCallId {
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }
}

/// A request to a cluster.
///
/// ```
/// use envoy_sdk::HttpRequest;
///
/// let request = HttpRequest::post("auth.example", "/check")
///     .header("content-type", "text/plain")
///     .body("who is it?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl HttpRequest {
    /// A request with any method. `authority` becomes the `host` header: Envoy demands one, whatever the cluster.
    pub fn new(method: &str, authority: &str, path: &str) -> Self {
        let pseudo = [(":method", method), (":path", path), (":authority", authority)];
        Self {
            headers: pseudo.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// A `GET` request.
    pub fn get(authority: &str, path: &str) -> Self {
        Self::new("GET", authority, path)
    }

    /// A `POST` request.
    pub fn post(authority: &str, path: &str) -> Self {
        Self::new("POST", authority, path)
    }

    /// Adds a header. Text: this ABI's call-outs take no other octets.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds those headers of another request that have one of these names, except values that are not text.
    #[must_use]
    pub fn forward(mut self, headers: &HeaderMap, names: &[&str]) -> Self {
        for name in names {
            let values = headers.get_all(name).filter_map(ByteStr::to_str);
            self.headers.extend(values.map(|value| ((*name).to_owned(), value.to_owned())));
        }
        self
    }

    /// Whether Envoy may send its headers.
    pub(crate) fn check(&self) -> Result<()> {
        let mut all = self.headers.iter().chain(&self.trailers);
        all.try_for_each(|(name, value)| headers::check(name.as_bytes(), value.as_bytes()))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The answer to an HTTP call. It is there during the callback only.
///
/// ```
/// use envoy_sdk::{ByteString, HttpResponse, Result};
///
/// /// The user's name, where the answer has one.
/// fn user(response: &HttpResponse<'_>) -> Result<Option<ByteString>> {
///     match response.status()? {
///         200 => response.headers().get("x-user"),
///         _ => Ok(None),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct HttpResponse<'cx> {
    body_len: usize,
    callback: PhantomData<&'cx ()>,
}

impl<'cx> HttpResponse<'cx> {
    pub(crate) fn new(body_len: usize) -> Self {
        Self { body_len, callback: PhantomData }
    }

    /// The status code. 503 and 504 may be Envoy's own: the connection was refused or broke, or nobody answered in
    /// time.
    ///
    /// # Errors
    /// When Envoy refuses the call, or the answer has no number for a status.
    pub fn status(&self) -> Result<u16> {
        let status = self.headers().get(":status")?.ok_or_else(|| Error::new("an answer without :status"))?;
        status
            .to_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(":status is not a number"))
    }

    /// The headers.
    pub fn headers(&self) -> Headers<'cx> {
        Headers::new(MapKind::HttpCallResponseHeaders)
    }

    /// The trailers.
    pub fn trailers(&self) -> Headers<'cx> {
        Headers::new(MapKind::HttpCallResponseTrailers)
    }

    /// How many octets the body has.
    pub fn body_len(&self) -> usize {
        self.body_len
    }

    /// Octets of the body, clipped to what there is; `..` reads all of it.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn body(&self, range: impl RangeBounds<usize>) -> Result<Vec<u8>> {
        buffer::read(BufferKind::CallOut, range, self.body_len)
    }
}

/// An HTTP call has no answer, or only the beginning of one: the connection broke after the answer's headers. Other
/// failures are answers that Envoy gives itself: see [`HttpResponse::status`].
///
/// See [the guide](crate::guides::call_out#http) for what to do with it; given on with `?` it costs the client a 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCallError;

impl HttpCallError {
    pub(crate) const fn new() -> Self {
        Self
    }
}

impl fmt::Display for HttpCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the HTTP call got no complete answer")
    }
}

impl std::error::Error for HttpCallError {}
