//! Access loggers: extensions that are told of each request or connection when it is over.

use std::cell::RefCell;
use std::ops::Deref;

use crate::abi::host::MapKind;
use crate::call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId,
    HttpResponse,
};
use crate::callback_context::CallbackContext;
use crate::configure::ConfigureContext;
use crate::error::Result;
use crate::headers::Headers;
use crate::shared_queue::SharedQueue;
use crate::vm::{AnyExtension, Event, TimerId, tell};

/// Writes log entries (Envoy's `AccessLog::Instance`, configured as `envoy.access_loggers.wasm`): created when Envoy
/// configures the plugin, once per worker.
///
/// An error or a panic is counted and logged; the logger stays.
///
/// ```
/// use envoy_sdk::metrics::{Level, Recorder as _, catalogue};
/// use envoy_sdk::{AccessLogContext, AccessLogger, ConfigureContext, Module, Result, Stats};
/// use envoy_sdk_test::{FakeEnvoy, HttpLogEntry, HttpRequest, HttpResponse};
///
/// catalogue! {
///     /// What the ledger counts.
///     static LEDGER: "ledger" {
///         /// Requests that the server could not answer.
///         counter FAILED: () = "failed_total", Summary, FromStart;
///     }
/// }
///
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// struct Ledger {
///     stats: Stats,
/// }
///
/// impl AccessLogger for Ledger {
///     const NAME: &'static str = "ledger";
///     type Config = Config;
///
///     fn configure(_config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
///         Ok(Self { stats: cx.stats(&LEDGER, &[], Level::Summary)? })
///     }
///
///     fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
///         if cx.stream_info().response().code()?.is_some_and(|code| code >= 500) {
///             self.stats.add(&FAILED, (), 1);
///         }
///         Ok(())
///     }
/// }
///
/// let mut envoy = FakeEnvoy::new(|| Module::new().access_logger::<Ledger>()).configure("{}")?;
/// envoy.log_http(HttpLogEntry::new(HttpRequest::get("/"), HttpResponse::new(503)));
/// assert_eq!(envoy.stats().total("ledger_failed_total", &[]), 1);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
pub trait AccessLogger: Sized + 'static {
    /// The extension's name: its plugins' `root_id` and the label `extension` of the SDK's metrics.
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    const NAME: &'static str;

    /// The configuration, read from JSON. Derive `Deserialize` with `deny_unknown_fields`, and a mistake is
    /// refused with a message that names the field.
    type Config: serde::de::DeserializeOwned + Send + Sync;

    /// Takes a configuration.
    ///
    /// # Errors
    /// Whatever makes the configuration unusable; Envoy then refuses the listener and logs the message.
    fn configure(config: Self::Config, cx: &mut ConfigureContext<'_>) -> Result<Self>;

    /// A request or a connection is over.
    ///
    /// # Errors
    /// Counted and logged.
    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()>;

    /// A timer has fired that was set with [`CallbackContext::set_timer`].
    ///
    /// # Errors
    /// Counted and logged.
    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, timer: TimerId) -> Result<()> {
        let _ = (cx, timer);
        Ok(())
    }

    /// An [HTTP call](CallbackContext::http_call) has been answered, or failed.
    ///
    /// # Errors
    /// Counted and logged.
    fn on_http_call_done(
        &mut self,
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
        &mut self,
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
        &mut self,
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
    fn on_queue_ready(&mut self, cx: &mut CallbackContext<'_>, queue: SharedQueue) -> Result<()> {
        let _ = (cx, queue);
        Ok(())
    }
}

/// What is to be logged. What every callback can do besides is in [`CallbackContext`]; what is known about the
/// request or connection in [`CallbackContext::stream_info`].
///
/// ```
/// use envoy_sdk::{AccessLogContext, Result};
///
/// fn line(cx: &AccessLogContext<'_>) -> Result<String> {
///     let (path, status) = (cx.request_headers().get(":path")?, cx.response_headers().get(":status")?);
///     let client = cx.stream_info().source().address()?;
///     Ok(format!("{client:?} {path:?} {status:?}"))
/// }
/// ```
#[derive(Debug)]
pub struct AccessLogContext<'a> {
    callback: CallbackContext<'a>,
}

impl<'a> Deref for AccessLogContext<'a> {
    type Target = CallbackContext<'a>;

    fn deref(&self) -> &CallbackContext<'a> {
        &self.callback
    }
}

impl AccessLogContext<'_> {
    /// The request's headers. Empty for a TCP connection.
    pub fn request_headers(&self) -> Headers<'_> {
        Headers::new(MapKind::HttpRequestHeaders)
    }

    /// The response's headers. Empty for a TCP connection, and for a request that got no response.
    pub fn response_headers(&self) -> Headers<'_> {
        Headers::new(MapKind::HttpResponseHeaders)
    }

    /// The response's trailers.
    pub fn response_trailers(&self) -> Headers<'_> {
        Headers::new(MapKind::HttpResponseTrailers)
    }
}

pub(crate) struct AccessLogExtension<L>(RefCell<L>);

impl<L: AccessLogger> AccessLogExtension<L> {
    pub(crate) fn new(logger: L) -> Self {
        Self(RefCell::new(logger))
    }
}

impl<L: AccessLogger> AnyExtension for AccessLogExtension<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn on_event(&self, mut cx: CallbackContext<'_>, event: Event<'_>) -> Result<()> {
        let mut logger = self.0.try_borrow_mut()?;
        tell!(logger, &mut cx, event, {
            Event::Complete => logger.on_log(&mut AccessLogContext { callback: cx }),
            Event::QueueReady(queue) => logger.on_queue_ready(&mut cx, queue),
        })
    }
}
