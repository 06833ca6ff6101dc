//! What an HTTP filter can do during a callback.

use std::cell::Cell;
use std::ops::Deref;

use crate::abi::HostResult;
use crate::abi::host::{self, BufferKind, MapKind, StreamKind};
use crate::buffer::Buffer;
use crate::callback_context::CallbackContext;
use crate::error::Result;
use crate::foreign_function;
use crate::headers::HeadersMut;
use crate::http::LocalReply;
use crate::vm::progress::{Ending, Way};
use crate::vm::streams;

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
    /// The way of the request or the response that the running callback belongs to.
    pub(super) way: Option<Way>,
    /// The filter has called `continue_*` for the way of the callback itself: as if it had answered `Continue`.
    pub(super) goes_on: Cell<bool>,
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
        Self { callback, body, len: Cell::new(len), way: None, goes_on: Cell::new(false) }
    }

    /// The request's headers. There in `on_request_headers`, while that has stopped the stream, and, to be read only, in
    /// `on_stream_complete`; elsewhere they are empty and cannot be changed. So with each of these maps.
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
    /// When a header of the reply would be more than one, the stream has been answered or reset already, is over, or Envoy
    /// refuses the call.
    pub fn send_local_reply(&self, reply: &LocalReply) -> Result<()> {
        reply.headers.check()?;
        self.end(Ending::LocalReply, || host::send_local_response(reply))
    }

    /// Lets a stopped request go on to the next filter. Nothing happens where it has not been stopped, or the stream has
    /// been answered or reset. In a callback of the request itself this is the same as answering `Continue`.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn continue_request(&self) -> Result<()> {
        self.go_on(Way::Request, StreamKind::HttpRequest)
    }

    /// Lets a stopped response go on to the next filter. Nothing happens where it has not been stopped, or the stream has
    /// been reset. In a callback of the response itself this is the same as answering `Continue`.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn continue_response(&self) -> Result<()> {
        self.go_on(Way::Response, StreamKind::HttpResponse)
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
    /// When the stream has been answered or reset already, is over, or Envoy refuses the call.
    pub fn reset_stream(&self) -> Result<()> {
        self.end(Ending::Reset, || host::close_stream(StreamKind::HttpRequest))
    }

    /// Ends the stream, unless it has been ended already.
    fn end(&self, ending: Ending, call: impl FnOnce() -> HostResult<()>) -> Result<()> {
        let Some(key) = self.callback.stream() else { return Ok(()) };
        streams::progress(key, |progress| progress.end(ending)).unwrap_or(Ok(()))?;
        call().inspect_err(|_| {
            streams::progress(key, |progress| progress.ending = None);
        })?;
        Ok(())
    }

    fn go_on(&self, way: Way, stream: StreamKind) -> Result<()> {
        if self.way == Some(way) {
            self.goes_on.set(true);
            return Ok(());
        }
        let Some(key) = self.callback.stream() else { return Ok(()) };
        if streams::progress(key, |progress| progress.go_on(way)).unwrap_or_default() {
            host::continue_stream(stream)?;
        }
        Ok(())
    }
}
