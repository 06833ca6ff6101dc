//! What an HTTP filter can do during a callback.

use std::cell::Cell;
use std::ops::Deref;

use crate::abi::host::{self, BufferKind, MapKind, StreamKind};
use crate::buffer::Buffer;
use crate::callback_context::CallbackContext;
use crate::error::Result;
use crate::foreign_function;
use crate::headers::HeadersMut;
use crate::http::LocalReply;

/// The HTTP stream, during one callback of its filter. What every callback can do besides is in
/// [`CallbackContext`].
///
/// ```
/// use envoy_sdk::{FilterHeadersStatus, HttpContext, LocalReply, Result};
///
/// /// In `on_request_headers`: refuses what is not for everybody.
/// fn check(cx: &HttpContext<'_>) -> Result<FilterHeadersStatus> {
///     let path = cx.request_headers().get(":path")?;
///     if path.is_some_and(|path| path.as_bytes().starts_with(b"/admin")) {
///         cx.send_local_reply(&LocalReply::new(403).details("admin_only"))?;
///         return Ok(FilterHeadersStatus::StopIteration);
///     }
///     cx.request_headers().set("x-checked", "yes")?;
///     Ok(FilterHeadersStatus::Continue)
/// }
/// ```
#[derive(Debug)]
pub struct HttpContext<'a> {
    callback: CallbackContext<'a>,
    body: BufferKind,
    len: Cell<usize>,
}

impl<'a> Deref for HttpContext<'a> {
    type Target = CallbackContext<'a>;

    fn deref(&self) -> &CallbackContext<'a> {
        &self.callback
    }
}

impl<'a> HttpContext<'a> {
    pub(crate) fn new(callback: CallbackContext<'a>) -> Self {
        Self::with_body(callback, BufferKind::HttpRequestBody, 0)
    }

    pub(crate) fn with_body(callback: CallbackContext<'a>, body: BufferKind, len: usize) -> Self {
        Self { callback, body, len: Cell::new(len) }
    }

    /// The request's headers. They can be changed until they have gone on to the server.
    pub fn request_headers(&self) -> HeadersMut<'_> {
        HeadersMut::new(MapKind::HttpRequestHeaders)
    }

    /// The request's trailers.
    pub fn request_trailers(&self) -> HeadersMut<'_> {
        HeadersMut::new(MapKind::HttpRequestTrailers)
    }

    /// The response's headers.
    pub fn response_headers(&self) -> HeadersMut<'_> {
        HeadersMut::new(MapKind::HttpResponseHeaders)
    }

    /// The response's trailers.
    pub fn response_trailers(&self) -> HeadersMut<'_> {
        HeadersMut::new(MapKind::HttpResponseTrailers)
    }

    /// The piece of body of this callback, with what was kept of it before; empty in callbacks that bring none.
    ///
    /// Who changes its length removes or corrects `content-length` in the headers callback.
    pub fn body(&self) -> Buffer<'_> {
        Buffer::new(self.body, &self.len)
    }

    /// Answers the client instead of the server. Answer `StopIteration` to the callback; the reply passes the
    /// response callbacks of this filter like any other.
    ///
    /// # Errors
    /// When Envoy refuses the call, for example for a header that it cannot take.
    pub fn send_local_reply(&self, reply: &LocalReply) -> Result<()> {
        Ok(host::send_local_response(reply)?)
    }

    /// Lets a stopped request go on to the next filter.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn continue_request(&self) -> Result<()> {
        Ok(host::continue_stream(StreamKind::HttpRequest)?)
    }

    /// Lets a stopped response go on to the next filter.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn continue_response(&self) -> Result<()> {
        Ok(host::continue_stream(StreamKind::HttpResponse)?)
    }

    /// Makes Envoy choose the route anew, for the request as this filter has changed it.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn clear_route_cache(&self) -> Result<()> {
        foreign_function::clear_route_cache()
    }

    /// Resets the stream when this callback returns: with HTTP/1 the connection is closed.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn reset_stream(&self) -> Result<()> {
        Ok(host::close_stream(StreamKind::HttpRequest)?)
    }
}
