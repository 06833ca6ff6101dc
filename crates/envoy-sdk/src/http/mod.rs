//! HTTP filters: extensions that see requests and responses.

mod adapter;
mod context;
mod local_reply;

pub use context::HttpContext;
pub use local_reply::LocalReply;

pub(crate) use adapter::HttpExtension;

use crate::call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId,
    HttpResponse,
};
use crate::callback_context::CallbackContext;
use crate::configure::ConfigureContext;
use crate::error::Result;
use crate::shared_queue::SharedQueue;
use crate::vm::TimerId;

/// What a filter answers to headers and trailers (Envoy's `Http::FilterHeadersStatus` and `FilterTrailersStatus`).
///
/// `ContinueAndDontEndStream`, `StopAllIterationAndBuffer` and `StopAllIterationAndWatermark` are out of reach: the
/// ABI carries two values.
///
/// See [`HttpFilter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterHeadersStatus {
    /// The next filter in the chain gets them.
    Continue,
    /// The chain stops here, until [`HttpContext::continue_request`] or [`HttpContext::continue_response`] in a later
    /// callback. Who continues in this one answers `StopIteration` all the same: both together send them twice.
    StopIteration,
}

/// What a filter answers to a piece of a body (Envoy's `Http::FilterDataStatus`).
///
/// `StopIterationAndWatermark` and `StopIterationNoBuffer` are out of reach: the ABI carries two values.
///
/// See [`HttpFilter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterDataStatus {
    /// The next filter in the chain gets the piece, and what was buffered before it.
    Continue,
    /// The piece is kept; the next callback presents all that is kept. Envoy answers 413 (request) or 500 (response)
    /// by itself when more is kept than its buffer limit.
    ///
    /// Envoy 1.36.2 loses the piece that comes after `continue_request` or `continue_response` from a timer or an answer
    /// (measured; 1.40.0 does not): where that matters, go on by answering `Continue`.
    StopIterationAndBuffer,
}

/// Makes the filters of one plugin: created when Envoy configures the plugin, once per worker.
///
/// The callbacks with a [`CallbackContext`] belong to the plugin itself, apart from any request: they get the timers
/// and answers of what `configure` and they themselves have started. An error or a panic in them is counted and
/// logged; the factory stays.
///
/// ```
/// use envoy_sdk::{
///     ConfigureContext, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, Module, Result,
/// };
/// use envoy_sdk_test::{FakeEnvoy, HttpRequest};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     header: String,
/// }
///
/// /// Takes a header away before the server sees it.
/// struct Stripper {
///     config: Config,
/// }
///
/// struct Strip {
///     header: String,
/// }
///
/// impl HttpFilterFactory for Stripper {
///     const NAME: &'static str = "stripper";
///     type Config = Config;
///     type Filter = Strip;
///
///     fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
///         Ok(Self { config })
///     }
///
///     fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Strip> {
///         Ok(Strip { header: self.config.header.clone() })
///     }
/// }
///
/// impl HttpFilter for Strip {
///     fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _end_stream: bool) -> Result<FilterHeadersStatus> {
///         cx.request_headers().remove(&self.header)?;
///         Ok(FilterHeadersStatus::Continue)
///     }
/// }
///
/// let module = || Module::new().http_filter::<Stripper>();
/// let mut envoy = FakeEnvoy::new(module).configure(r#"{"header": "cookie"}"#)?;
/// let exchange = envoy.http_request(HttpRequest::get("/").header("cookie", "id=7"));
/// assert_eq!(exchange.received_by_server().header("cookie"), None);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
pub trait HttpFilterFactory: Sized + 'static {
    /// The extension's name: its plugins' `root_id` and the label `extension` of the SDK's metrics.
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    const NAME: &'static str;

    /// The configuration, read from JSON. Derive `Deserialize` with `deny_unknown_fields`, and a mistake is
    /// refused with a message that names the field.
    type Config: serde::de::DeserializeOwned + Send + Sync;

    /// The filter.
    type Filter: HttpFilter;

    /// Takes a configuration. It never changes afterwards: another one makes another factory.
    ///
    /// # Errors
    /// Whatever makes the configuration unusable; Envoy then refuses the listener and logs the message.
    fn configure(config: Self::Config, cx: &mut ConfigureContext<'_>) -> Result<Self>;

    /// Makes the filter of a new stream: before its first callback.
    ///
    /// # Errors
    /// The request is then answered with 500.
    fn new_filter(&self, cx: &mut HttpContext<'_>) -> Result<Self::Filter>;

    /// A timer has fired that was set with [`CallbackContext::set_timer`].
    ///
    /// # Errors
    /// Counted and logged.
    fn on_timer(&self, cx: &mut CallbackContext<'_>, timer: TimerId) -> Result<()> {
        let _ = (cx, timer);
        Ok(())
    }

    /// An [HTTP call](CallbackContext::http_call) has been answered, or failed.
    ///
    /// # Errors
    /// Counted and logged.
    fn on_http_call_done(
        &self,
        cx: &mut CallbackContext<'_>,
        call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        let _ = (cx, call, response);
        Ok(())
    }

    /// A [gRPC call](CallbackContext::grpc_call) has been answered, or failed.
    ///
    /// # Errors
    /// Counted and logged.
    fn on_grpc_call_done(
        &self,
        cx: &mut CallbackContext<'_>,
        call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        let _ = (cx, call, response);
        Ok(())
    }

    /// Something happens on a [gRPC stream](CallbackContext::open_grpc_stream).
    ///
    /// # Errors
    /// Counted and logged.
    fn on_grpc_stream(
        &self,
        cx: &mut CallbackContext<'_>,
        stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        let _ = (cx, stream, event);
        Ok(())
    }

    /// Something is in a queue that this plugin has registered.
    ///
    /// # Errors
    /// Counted and logged.
    fn on_queue_ready(&self, cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        let _ = (cx, queue);
        Ok(())
    }
}

/// A filter on one HTTP stream: a request and its response. Every callback has a default that lets everything pass.
///
/// For an author who comes from C++: `decodeHeaders`, `decodeData`, `decodeTrailers`, `encodeHeaders`, `encodeData`,
/// `encodeTrailers`, and `log` (stream complete).
///
/// An error or a panic drops the filter. On the way of the request, and in timers and answers before the response has
/// begun, the client gets a 500; after that the stream is reset.
///
/// ```
/// use envoy_sdk::{FilterDataStatus, FilterHeadersStatus, HttpContext, HttpFilter, Result};
/// # use envoy_sdk::{ConfigureContext, HttpFilterFactory, Module};
/// # use envoy_sdk_test::{FakeEnvoy, HttpRequest, HttpResponse};
///
/// /// Makes the server's answer loud.
/// struct Shout;
///
/// impl HttpFilter for Shout {
///     fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end_stream: bool) -> Result<FilterHeadersStatus> {
///         cx.response_headers().remove("content-length")?; // the body becomes longer
///         Ok(FilterHeadersStatus::Continue)
///     }
///
///     fn on_response_body(&mut self, cx: &mut HttpContext<'_>, end_stream: bool) -> Result<FilterDataStatus> {
///         let octets = cx.body().chunks(..)?.into_bytes();
///         cx.body().replace(&octets.to_ascii_uppercase())?;
///         if end_stream {
///             cx.body().append(b"!")?;
///         }
///         Ok(FilterDataStatus::Continue)
///     }
/// }
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Factory;
/// # impl HttpFilterFactory for Factory {
/// #     const NAME: &'static str = "shout";
/// #     type Config = Config;
/// #     type Filter = Shout;
/// #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// #     fn new_filter(&self, _: &mut HttpContext<'_>) -> Result<Shout> { Ok(Shout) }
/// # }
/// # let mut envoy = FakeEnvoy::new(|| Module::new().http_filter::<Factory>()).configure("{}")?;
/// # let mut exchange = envoy.http_request(HttpRequest::get("/"));
/// # exchange.server_replies(HttpResponse::new(200).body("hello"));
/// # assert_eq!(exchange.received_by_client().body, b"HELLO!");
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
pub trait HttpFilter: 'static {
    /// The request's headers. `end_stream`: there is neither body nor trailers.
    ///
    /// # Errors
    /// The client gets a 500.
    fn on_request_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        let _ = (cx, end_stream);
        Ok(FilterHeadersStatus::Continue)
    }

    /// A piece of the request's body, in [`HttpContext::body`]. `end_stream`: it is the last, and there are no
    /// trailers.
    ///
    /// # Errors
    /// The client gets a 500.
    fn on_request_body(&mut self, cx: &mut HttpContext<'_>, end_stream: bool) -> Result<FilterDataStatus> {
        let _ = (cx, end_stream);
        Ok(FilterDataStatus::Continue)
    }

    /// The request's trailers.
    ///
    /// # Errors
    /// The client gets a 500.
    fn on_request_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        let _ = cx;
        Ok(FilterHeadersStatus::Continue)
    }

    /// The response's headers: the server's, or those of a local reply. `end_stream`: there is neither body nor
    /// trailers.
    ///
    /// # Errors
    /// The stream is reset.
    fn on_response_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        let _ = (cx, end_stream);
        Ok(FilterHeadersStatus::Continue)
    }

    /// A piece of the response's body, in [`HttpContext::body`]. `end_stream`: it is the last, and there are no
    /// trailers.
    ///
    /// # Errors
    /// The stream is reset.
    fn on_response_body(&mut self, cx: &mut HttpContext<'_>, end_stream: bool) -> Result<FilterDataStatus> {
        let _ = (cx, end_stream);
        Ok(FilterDataStatus::Continue)
    }

    /// The response's trailers.
    ///
    /// # Errors
    /// The stream is reset.
    fn on_response_trailers(&mut self, cx: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        let _ = cx;
        Ok(FilterHeadersStatus::Continue)
    }

    /// A timer has fired that was set with [`CallbackContext::set_timer`].
    ///
    /// # Errors
    /// The client gets a 500, or the stream is reset if the response has begun.
    fn on_timer(&mut self, cx: &mut HttpContext<'_>, timer: TimerId) -> Result<()> {
        let _ = (cx, timer);
        Ok(())
    }

    /// An [HTTP call](CallbackContext::http_call) has been answered, or failed.
    ///
    /// # Errors
    /// The client gets a 500, or the stream is reset if the response has begun.
    fn on_http_call_done(
        &mut self,
        cx: &mut HttpContext<'_>,
        call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        let _ = (cx, call, response);
        Ok(())
    }

    /// A [gRPC call](CallbackContext::grpc_call) has been answered, or failed.
    ///
    /// # Errors
    /// The client gets a 500, or the stream is reset if the response has begun.
    fn on_grpc_call_done(
        &mut self,
        cx: &mut HttpContext<'_>,
        call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        let _ = (cx, call, response);
        Ok(())
    }

    /// Something happens on a [gRPC stream](CallbackContext::open_grpc_stream).
    ///
    /// # Errors
    /// The client gets a 500, or the stream is reset if the response has begun.
    fn on_grpc_stream(
        &mut self,
        cx: &mut HttpContext<'_>,
        stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        let _ = (cx, stream, event);
        Ok(())
    }

    /// The stream is over and is about to be logged: the last callback, and the last chance to set
    /// filter state for the access log.
    ///
    /// # Errors
    /// Logged and counted; there is no stream left.
    fn on_stream_complete(&mut self, cx: &mut HttpContext<'_>) -> Result<()> {
        let _ = cx;
        Ok(())
    }
}
