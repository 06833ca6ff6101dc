//! Background services: extensions that work by themselves, apart from any traffic.

use std::cell::RefCell;

use crate::call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcStreamEvent, GrpcStreamId, HttpCallError, HttpCallId,
    HttpResponse,
};
use crate::callback_context::CallbackContext;
use crate::configure::ConfigureContext;
use crate::error::Result;
use crate::shared_queue::SharedQueue;
use crate::vm::{AnyExtension, Event, TimerId, tell};

/// Works in the background (Envoy's bootstrap extension `envoy.bootstrap.wasm`): with `singleton: true` once per
/// Envoy, on its main thread, otherwise once per worker.
///
/// [`CallbackContext::set_timer`] starts it in `configure`, and keeps it going. An error or a panic is counted and
/// logged; the service stays, and what it has started goes on.
///
/// ```
/// use std::time::Duration;
///
/// use envoy_sdk::{BackgroundService, CallbackContext, ConfigureContext, Module, Result, TimerId};
/// use envoy_sdk_test::FakeEnvoy;
///
/// const TURN: Duration = Duration::from_secs(10);
///
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// /// Keeps a number in shared data going.
/// struct Heart(u64);
///
/// impl BackgroundService for Heart {
///     const NAME: &'static str = "heart";
///     type Config = Config;
///
///     fn configure(_config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
///         cx.set_timer(TURN)?;
///         Ok(Self(0))
///     }
///
///     fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
///         cx.set_timer(TURN)?;
///         self.0 += 1;
///         cx.shared_data().set("beats", &self.0.to_le_bytes())
///     }
/// }
///
/// let mut envoy = FakeEnvoy::new(|| Module::new().background_service::<Heart>()).configure("{}")?;
/// envoy.advance(Duration::from_secs(60));
/// assert_eq!(envoy.shared_data("beats"), Some(6_u64.to_le_bytes().to_vec()));
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
pub trait BackgroundService: Sized + 'static {
    /// The extension's name: its plugins' `root_id` and the label `extension` of the SDK's metrics.
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    const NAME: &'static str;

    /// The configuration, read from JSON. Derive `Deserialize` with `deny_unknown_fields`, and a mistake is
    /// refused with a message that names the field.
    type Config: serde::de::DeserializeOwned + Send + Sync;

    /// Takes a configuration, and sets the first timer.
    ///
    /// # Errors
    /// Whatever makes the configuration unusable; Envoy then does not start and logs the message.
    fn configure(config: Self::Config, cx: &mut ConfigureContext<'_>) -> Result<Self>;

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

pub(crate) struct BackgroundExtension<S>(RefCell<S>);

impl<S: BackgroundService> BackgroundExtension<S> {
    pub(crate) fn new(service: S) -> Self {
        Self(RefCell::new(service))
    }
}

impl<S: BackgroundService> AnyExtension for BackgroundExtension<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn on_event(&self, mut cx: CallbackContext<'_>, event: Event<'_>) -> Result<()> {
        let (mut service, cx) = (self.0.try_borrow_mut()?, &mut cx);
        tell!(service, cx, event, {
            Event::QueueReady(queue) => service.on_queue_ready(cx, queue),
        })
    }
}
