//! Network filters: extensions that see a connection's octets.

mod adapter;
mod context;

pub use context::{CloseType, NetworkContext};

pub(crate) use adapter::NetworkExtension;

use crate::boundary::ErrorPolicy;
use crate::call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId,
    HttpResponse,
};
use crate::callback_context::CallbackContext;
use crate::configure::ConfigureContext;
use crate::error::Result;
use crate::shared_queue::SharedQueue;
use crate::vm::TimerId;

/// What a filter answers to a callback (Envoy's `Network::FilterStatus`).
///
/// See [the guide](crate::guides::call_out#grpc-one-message-and-one-answer) for a filter that lets a connection wait
/// until it has asked somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterStatus {
    /// The next filter in the chain gets the data.
    Continue,
    /// The chain stops here.
    ///
    /// Use this in [`NetworkFilter::on_new_connection`] only, and go on with
    /// [`NetworkContext::continue_reading`]. Data that is paused stays in Envoy's buffer and is presented again
    /// with what follows; beyond `per_connection_buffer_limit_bytes` the connection never moves again, and a
    /// paused direction towards the client cannot be continued at all.
    StopIteration,
}

/// Makes the filters of one plugin: created when Envoy configures the plugin, once per worker.
///
/// The callbacks with a [`CallbackContext`] belong to the plugin itself, apart from any connection: they get the timers
/// and answers of what `configure` and they themselves have started. An error or a panic in them is counted and
/// logged; the factory stays.
///
/// ```
/// use envoy_sdk::{ConfigureContext, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result};
/// use envoy_sdk_test::FakeEnvoy;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     tenant: String,
/// }
///
/// /// Marks connections with the name of a tenant, for access logs.
/// struct Marker {
///     config: Config,
/// }
///
/// struct Mark;
///
/// impl NetworkFilter for Mark {}
///
/// impl NetworkFilterFactory for Marker {
///     const NAME: &'static str = "marker";
///     type Config = Config;
///     type Filter = Mark;
///
///     fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
///         Ok(Self { config })
///     }
///
///     fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Mark> {
///         cx.filter_state().set("tenant", self.config.tenant.as_bytes())?;
///         Ok(Mark)
///     }
/// }
///
/// let module = || Module::new().network_filter::<Marker>();
/// let mut envoy = FakeEnvoy::new(module).configure(r#"{"tenant": "acme"}"#)?;
/// assert_eq!(envoy.connect().filter_state("tenant").as_deref(), Some(&b"acme"[..]));
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
pub trait NetworkFilterFactory: Sized + 'static {
    /// The extension's name: its plugins' `root_id` and the label `extension` of the SDK's metrics.
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    const NAME: &'static str;

    /// The configuration, read from JSON. Derive `Deserialize` with `deny_unknown_fields`, and a mistake is
    /// refused with a message that names the field.
    type Config: serde::de::DeserializeOwned + Send + Sync;

    /// The filter.
    type Filter: NetworkFilter;

    /// Takes a configuration. It never changes afterwards: another one makes another factory.
    ///
    /// # Errors
    /// Whatever makes the configuration unusable; Envoy then refuses the listener and logs the message.
    fn configure(config: Self::Config, cx: &mut ConfigureContext<'_>) -> Result<Self>;

    /// Makes the filter of a new connection.
    ///
    /// # Errors
    /// The connection is then treated as the [`ErrorPolicy`] says.
    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Self::Filter>;

    /// What happens to a connection whose filter fails.
    fn error_policy(&self) -> ErrorPolicy {
        ErrorPolicy::Close
    }

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

/// A filter on one connection. Every callback has a default that lets everything pass.
///
/// For an author who comes from C++: `onNewConnection`, `onData` (from the client: downstream), `onWrite` (to
/// the client: upstream data) and `onEvent` (the two close callbacks).
///
/// ```
/// use envoy_sdk::{CloseType, FilterStatus, NetworkContext, NetworkFilter, Result};
/// # use envoy_sdk::{ConfigureContext, Module, NetworkFilterFactory};
/// # use envoy_sdk_test::{FakeEnvoy, LogLevel};
///
/// /// Says how much went each way.
/// #[derive(Default)]
/// struct Scales {
///     up: usize,
///     down: usize,
/// }
///
/// impl NetworkFilter for Scales {
///     fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
///         self.up += cx.buffer().len();
///         Ok(FilterStatus::Continue)
///     }
///
///     fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
///         self.down += cx.buffer().len();
///         Ok(FilterStatus::Continue)
///     }
///
///     fn on_downstream_close(&mut self, _cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
///         log::info!("{} up, {} down, closed: {close_type:?}", self.up, self.down);
///         Ok(())
///     }
/// }
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Factory;
/// # impl NetworkFilterFactory for Factory {
/// #     const NAME: &'static str = "scales";
/// #     type Config = Config;
/// #     type Filter = Scales;
/// #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// #     fn new_filter(&self, _: &mut NetworkContext<'_>) -> Result<Scales> { Ok(Scales::default()) }
/// # }
/// # let mut envoy = FakeEnvoy::new(|| Module::new().network_filter::<Factory>()).configure("{}")?;
/// # let mut connection = envoy.connect();
/// # connection.client_sends("hello");
/// # connection.client_resets();
/// # assert_eq!(envoy.messages(LogLevel::Info), ["5 up, 0 down, closed: Remote"]);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
pub trait NetworkFilter: 'static {
    /// The connection has been accepted.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says; this holds for every callback.
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        let _ = cx;
        Ok(FilterStatus::Continue)
    }

    /// Data from the client, in [`NetworkContext::buffer`]. `end_stream`: the client will send no more.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        let _ = (cx, end_stream);
        Ok(FilterStatus::Continue)
    }

    /// Data from the server, in [`NetworkContext::buffer`]. `end_stream`: the server will send no more.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        let _ = (cx, end_stream);
        Ok(FilterStatus::Continue)
    }

    /// The connection to the client is closed.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_downstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        let _ = (cx, close_type);
        Ok(())
    }

    /// The server has ended its side. Envoy makes this from the end of the data: it does not come when the
    /// connection to the server failed, nor when Envoy closed by itself.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_upstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        let _ = (cx, close_type);
        Ok(())
    }

    /// A timer has fired that was set with [`CallbackContext::set_timer`].
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_timer(&mut self, cx: &mut NetworkContext<'_>, timer: TimerId) -> Result<()> {
        let _ = (cx, timer);
        Ok(())
    }

    /// An [HTTP call](CallbackContext::http_call) has been answered, or failed.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_http_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        let _ = (cx, call, response);
        Ok(())
    }

    /// A [gRPC call](CallbackContext::grpc_call) has been answered, or failed.
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_grpc_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        call: GrpcCallId,
        response: Result<GrpcMessage<'_>, GrpcCallError>,
    ) -> Result<()> {
        let _ = (cx, call, response);
        Ok(())
    }

    /// Something happens on a [gRPC stream](CallbackContext::open_grpc_stream).
    ///
    /// # Errors
    /// As the [`ErrorPolicy`] says.
    fn on_grpc_stream(
        &mut self,
        cx: &mut NetworkContext<'_>,
        stream: GrpcStreamId,
        event: GrpcStreamEvent<'_>,
    ) -> Result<()> {
        let _ = (cx, stream, event);
        Ok(())
    }

    /// The connection is over and is about to be logged: the last callback, and the last chance to set
    /// filter state for the access log.
    ///
    /// # Errors
    /// Logged and counted; there is no connection left to close.
    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        let _ = cx;
        Ok(())
    }
}
