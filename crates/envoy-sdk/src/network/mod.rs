//! Network filters: extensions that see a connection's octets.

mod context;

pub use context::{CloseType, NetworkContext};

use crate::boundary::ErrorPolicy;
use crate::configure::ConfigureContext;
use crate::error::Result;

/// What a filter answers to a callback (Envoy's `Network::FilterStatus`).
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
}

/// A filter on one connection. Every callback has a default that lets everything pass.
///
/// For an author who comes from C++: `onNewConnection`, `onData` (from the client: downstream), `onWrite` (to
/// the client: upstream data) and `onEvent` (the two close callbacks).
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

/// A factory whose filter type is forgotten.
pub(crate) trait AnyNetworkFactory {
    fn name(&self) -> &'static str;
    fn error_policy(&self) -> ErrorPolicy;
    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Box<dyn NetworkFilter>>;
}

impl<F: NetworkFilterFactory> AnyNetworkFactory for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn error_policy(&self) -> ErrorPolicy {
        NetworkFilterFactory::error_policy(self)
    }

    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Box<dyn NetworkFilter>> {
        Ok(Box::new(NetworkFilterFactory::new_filter(self, cx)?))
    }
}
