//! What an extension can do in every callback.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::abi::host;
use crate::call_out::{GrpcCallId, GrpcRequest, GrpcStreamId, HttpCallId, HttpRequest};
use crate::error::Result;
use crate::filter_state::FilterState;
use crate::foreign_function;
use crate::shared_data::SharedData;
use crate::stats::Stats;
use crate::stream_info::StreamInfo;
use crate::vm::call_outs::{self, Token};
use crate::vm::streams::{self, StreamKey};
use crate::vm::{Plugin, Target, TimerId};
use common_metrics::{Catalogue, Level};

/// What an extension can do in every callback, whatever kind of extension it is. The contexts of filters and access
/// loggers lead here by `Deref`; callbacks of a plugin itself get just this.
///
/// Timers and call-outs belong to whoever starts them: those of a stream are answered by its filter and end with
/// the stream, those of a plugin are answered by its factory, access logger or service.
///
/// ```
/// use std::time::Duration;
///
/// use envoy_sdk::{CallbackContext, HttpRequest, Result};
///
/// /// What any callback can do, written once for all of them.
/// fn report(cx: &CallbackContext<'_>, what: &str) -> Result<()> {
///     let report = HttpRequest::post("reports.example", "/").body(format!("{:?} {what}", cx.now()?));
///     cx.http_call("reports", &report, Duration::from_secs(1))?;
///     cx.set_timer(Duration::from_secs(60))?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct CallbackContext<'a> {
    plugin: &'a Rc<Plugin>,
    context: u32,
    stream: Option<StreamKey>,
    now: Cell<Option<SystemTime>>,
}

impl<'a> CallbackContext<'a> {
    pub(crate) fn of_plugin(plugin: &'a Rc<Plugin>) -> Self {
        Self { plugin, context: plugin.context(), stream: None, now: Cell::new(None) }
    }

    pub(crate) fn of_stream(plugin: &'a Rc<Plugin>, context: u32, key: StreamKey) -> Self {
        Self { plugin, context, stream: Some(key), now: Cell::new(None) }
    }

    pub(crate) fn plugin(&self) -> &Plugin {
        self.plugin
    }

    pub(crate) fn stream(&self) -> Option<StreamKey> {
        self.stream
    }

    pub(crate) fn context(&self) -> u32 {
        self.context
    }

    /// What Envoy knows about the connection or request. In a callback of the plugin itself: what it knows about the
    /// plugin.
    pub fn stream_info(&self) -> StreamInfo {
        StreamInfo::new()
    }

    /// Wall time. Read from Envoy once per callback, so that everything in it happens at the same moment.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn now(&self) -> Result<SystemTime> {
        if let Some(now) = self.now.get() {
            return Ok(now);
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(host::now()?);
        self.now.set(Some(now));
        Ok(now)
    }

    /// The metrics of a catalogue, ready to count; `common` are the labels that each of its series carries. Made in
    /// `configure`, or with a stream where labels are only known then: made once, and kept.
    ///
    /// # Errors
    /// When a label value has a form that a stat name cannot carry, or Envoy refuses to define a metric.
    pub fn stats(
        &self,
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Stats> {
        Stats::new(catalogue, common, level)
    }

    /// The same, but what is counted is collected for up to `delay` (1 ms at least) before Envoy is given it: a thousand
    /// increments of one counter in a thousand callbacks are one host call. For filters whose callbacks are many and small.
    ///
    /// It takes the plugin's tick. Where Envoy refuses that, or never calls it, counts are given at the end of each callback
    /// as ever. They are also when the plugin goes, and where [`Stats::deliver`] says so; what a lost VM has collected is lost
    /// with it.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    pub fn stats_collected_for(
        &self,
        delay: Duration,
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Stats> {
        Stats::collected(self.plugin, delay, catalogue, common, level)
    }

    /// Envoy's shared data.
    pub fn shared_data(&self) -> SharedData {
        SharedData::new()
    }

    /// The stream's filter state.
    pub fn filter_state(&self) -> FilterState {
        FilterState::new()
    }

    /// Calls a function that this Envoy has registered for extensions, with arguments in a form of its own.
    ///
    /// Envoy 1.36.2 and 1.40.0 have `compress`, `uncompress`, `sign`, `verify_signature`, `clear_route_cache`,
    /// `declare_property`, `set_envoy_filter_state`, `expr_create`, `expr_evaluate` and `expr_delete` (measured).
    ///
    /// # Errors
    /// `NotFound`, when Envoy has no function of this name; otherwise what the function answers.
    pub fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        foreign_function::call(name, arguments)
    }

    /// Sets a timer that fires once, as `on_timer`: of this stream's filter, or of the plugin. It goes with its
    /// stream. A delay is rounded up to whole milliseconds, and is at least one.
    ///
    /// # Errors
    /// When Envoy refuses to tell the time or to tick.
    pub fn set_timer(&self, delay: Duration) -> Result<TimerId> {
        match self.stream {
            Some(key) => {
                let timer = self.plugin.set_timer(Target::Stream(key), delay)?;
                streams::add_timer(key, timer);
                Ok(timer)
            }
            None => Ok(self.plugin.set_timer(Target::Plugin, delay)?),
        }
    }

    /// Takes back a timer that was set here. One that has fired already is no error.
    pub fn cancel_timer(&self, timer: TimerId) {
        match self.stream {
            Some(key) if streams::remove_timer(key, timer) => self.plugin.forget_timers(1),
            Some(_) => {}
            None => self.plugin.cancel_timer(timer),
        }
    }

    /// Sends an HTTP request to a cluster. The answer comes in `on_http_call_done`, unless the stream has gone by
    /// then.
    ///
    /// # Errors
    /// When Envoy refuses: the cluster is unknown (`BadArgument`), or there is nobody in it to ask
    /// (`InternalFailure`).
    pub fn http_call(&self, cluster: &str, request: &HttpRequest, timeout: Duration) -> Result<HttpCallId> {
        request.check()?;
        let number = host::http_call(cluster, request, timeout)?;
        call_outs::begin(self.plugin, self.stream, Token::Http(number), false);
        Ok(HttpCallId::new(number))
    }

    /// Calls a gRPC method with one message. The answer comes in `on_grpc_call_done`; the call is cancelled
    /// when the stream goes before.
    ///
    /// # Errors
    /// When Envoy refuses.
    pub fn grpc_call(
        &self,
        cluster: &str,
        request: &GrpcRequest<'_>,
        message: &[u8],
        timeout: Duration,
    ) -> Result<GrpcCallId> {
        request.metadata.check()?;
        let number = host::grpc_call(cluster, request, message, timeout)?;
        call_outs::begin(self.plugin, self.stream, Token::Grpc(number), false);
        Ok(GrpcCallId::new(number))
    }

    /// Stops a gRPC call: it is not answered any more.
    ///
    /// # Errors
    /// When Envoy refuses, for example because the call has been answered.
    pub fn cancel_grpc_call(&self, call: GrpcCallId) -> Result<()> {
        self.cancel(call.number())
    }

    /// Opens a gRPC stream. What happens on it comes in `on_grpc_stream`; it is cancelled when the stream that it
    /// was opened for goes before.
    ///
    /// A stream has no time-out of its own: [`set_timer`](Self::set_timer) and
    /// [`cancel_grpc_stream`](Self::cancel_grpc_stream) make one.
    ///
    /// # Errors
    /// When Envoy refuses. Also in a callback that has closed, continued or answered its stream, or whose other call-out
    /// was refused with `InternalFailure`: Envoy might not survive it. There, set a timer and open the stream in
    /// `on_timer`.
    pub fn open_grpc_stream(&self, cluster: &str, request: &GrpcRequest<'_>) -> Result<GrpcStreamId> {
        request.metadata.check()?;
        let number = host::grpc_stream(cluster, request)?;
        call_outs::begin(self.plugin, self.stream, Token::Grpc(number), true);
        Ok(GrpcStreamId::new(number))
    }

    /// Sends a message on a gRPC stream; `end_stream`: it is the last.
    ///
    /// # Errors
    /// When Envoy refuses, for example because the stream has ended.
    pub fn send_grpc_message(&self, stream: GrpcStreamId, message: &[u8], end_stream: bool) -> Result<()> {
        Ok(host::grpc_send(stream.number(), message, end_stream)?)
    }

    /// Ends this side of a gRPC stream; what the server still sends arrives.
    ///
    /// # Errors
    /// When Envoy refuses, for example because the stream has ended.
    pub fn end_grpc_stream(&self, stream: GrpcStreamId) -> Result<()> {
        Ok(host::grpc_close(stream.number())?)
    }

    /// Resets a gRPC stream: nothing more happens on it.
    ///
    /// # Errors
    /// When Envoy refuses, for example because the stream has ended.
    pub fn cancel_grpc_stream(&self, stream: GrpcStreamId) -> Result<()> {
        self.cancel(stream.number())
    }

    fn cancel(&self, number: u32) -> Result<()> {
        call_outs::forget(Token::Grpc(number), self.stream);
        Ok(host::grpc_cancel(number)?)
    }
}
