//! What a test does with call-outs: it plays those who are asked.

use envoy_sdk::HeaderMap;

use super::{FakeGrpcEnd, FakeHttpAnswer, GrpcCall, GrpcStream, HttpCall};
use crate::envoy::FakeEnvoy;

/// # Call-outs
/// Clusters are declared with [`Bootstrap::cluster`](crate::Bootstrap::cluster); any other is refused. What a module
/// asks for waits until the test answers it, or until time [passes](FakeEnvoy::advance) beyond its time-out: Envoy then
/// answers by itself.
///
/// ```
/// use std::time::Duration;
///
/// use envoy_sdk::{CallbackContext, HttpCallError, HttpCallId, HttpRequest, HttpResponse};
/// use envoy_sdk_test::{FakeEnvoy, FakeHttpAnswer, LogLevel};
///
/// # use envoy_sdk::{BackgroundService, ConfigureContext, Module, Result};
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Herald;
/// # impl BackgroundService for Herald {
/// #     const NAME: &'static str = "herald";
/// #     type Config = Config;
/// #     fn configure(_: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
/// #         let request = HttpRequest::post("directory", "/hello").body("I am here");
/// #         cx.http_call("directory", &request, Duration::from_secs(1))?;
/// #         Ok(Self)
/// #     }
/// #     fn on_http_call_done(
/// #         &mut self,
/// #         _: &mut CallbackContext<'_>,
/// #         _: HttpCallId,
/// #         response: Result<HttpResponse<'_>, HttpCallError>,
/// #     ) -> Result<()> {
/// #         log::info!("the directory says {}", response?.status()?);
/// #         Ok(())
/// #     }
/// # }
/// fn module() -> Module {
///     Module::new().background_service::<Herald>() // tells the directory that it is here
/// }
///
/// let mut envoy = FakeEnvoy::new(module).cluster("directory").configure("{}")?;
///
/// let call = envoy.http_call();
/// assert_eq!((call.cluster.as_str(), call.body.as_slice()), ("directory", &b"I am here"[..]));
/// envoy.answer_http_call(&call, FakeHttpAnswer::new(202));
///
/// assert_eq!(envoy.messages(LogLevel::Info), ["the directory says 202"]);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
impl FakeEnvoy {
    /// The HTTP calls that have no answer yet, in the order in which they were made.
    pub fn http_calls(&self) -> Vec<HttpCall> {
        self.world().http_calls()
    }

    /// The only HTTP call that has no answer yet.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub fn http_call(&self) -> HttpCall {
        only("HTTP calls", self.http_calls())
    }

    /// The cluster answers an HTTP call. The module is told at once, also where the stream that asked has gone.
    ///
    /// # Panics
    /// When the call waits for no answer any more.
    #[track_caller]
    pub fn answer_http_call(&mut self, call: &HttpCall, answer: FakeHttpAnswer) {
        self.world().answer_http_call(call, answer);
        self.settle();
    }

    /// Nobody in the cluster can be reached, or the connection breaks before anything has come back: Envoy answers by
    /// itself, with 503.
    ///
    /// # Panics
    /// When the call waits for no answer any more.
    #[track_caller]
    pub fn refuse_http_call(&mut self, call: &HttpCall) {
        self.world().refuse_http_call(call);
        self.settle();
    }

    /// The connection breaks, or the time-out passes, when the answer has begun to come: the call has failed, and
    /// nothing of the answer reaches the module.
    ///
    /// # Panics
    /// When the call waits for no answer any more.
    #[track_caller]
    pub fn fail_http_call(&mut self, call: &HttpCall) {
        self.world().break_http_call(call);
        self.settle();
    }

    /// The gRPC calls with one answer that have none yet, in the order in which they were made.
    pub fn grpc_calls(&self) -> Vec<GrpcCall> {
        self.world().grpc_calls()
    }

    /// The only gRPC call that has no answer yet.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub fn grpc_call(&self) -> GrpcCall {
        only("gRPC calls", self.grpc_calls())
    }

    /// The server answers a gRPC call with a message and the status `OK`.
    ///
    /// # Panics
    /// When the call waits for no answer any more.
    #[track_caller]
    pub fn answer_grpc_call(&mut self, call: &GrpcCall, message: impl Into<Vec<u8>>) {
        self.world().answer_grpc_call(call, message.into());
        self.settle();
    }

    /// The server answers a gRPC call with another status.
    ///
    /// # Panics
    /// When the status is `OK`, or the call waits for no answer any more.
    #[track_caller]
    pub fn fail_grpc_call(&mut self, call: &GrpcCall, end: &FakeGrpcEnd) {
        self.world().end_grpc_call(call, end);
        self.settle();
    }

    /// Nobody in the cluster can be reached: Envoy answers by itself, with `UNAVAILABLE`.
    ///
    /// # Panics
    /// When the call waits for no answer any more.
    #[track_caller]
    pub fn refuse_grpc_call(&mut self, call: &GrpcCall) {
        self.world().end_grpc_call(call, &FakeGrpcEnd::unreachable());
        self.settle();
    }

    /// The gRPC streams that nobody has ended or cancelled, in the order in which they were opened. Each as it is now:
    /// what the module sends later is in a later answer.
    pub fn grpc_streams(&self) -> Vec<GrpcStream> {
        self.world().grpc_streams()
    }

    /// The only gRPC stream that nobody has ended or cancelled.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[track_caller]
    pub fn grpc_stream(&self) -> GrpcStream {
        only("gRPC streams", self.grpc_streams())
    }

    /// How many gRPC streams Envoy keeps for modules. One that the server has ended is among them until the module
    /// has closed its side, too: what is never closed is never freed.
    pub fn grpc_streams_kept(&self) -> usize {
        self.world().grpc_streams_kept()
    }

    /// The server sends its first metadata. Without this it does so before its first message.
    ///
    /// # Panics
    /// When it has done so before, or the stream is over.
    #[track_caller]
    pub fn accept_grpc_stream(&mut self, stream: &GrpcStream, metadata: &HeaderMap) {
        self.world().accept_grpc_stream(stream, metadata);
        self.settle();
    }

    /// The server sends a message.
    ///
    /// # Panics
    /// When the stream is over.
    #[track_caller]
    pub fn send_grpc_message(&mut self, stream: &GrpcStream, message: impl Into<Vec<u8>>) {
        self.world().answer_grpc_stream(stream, message.into());
        self.settle();
    }

    /// The server ends a stream.
    ///
    /// # Panics
    /// When the stream is over.
    #[track_caller]
    pub fn end_grpc_stream(&mut self, stream: &GrpcStream, end: &FakeGrpcEnd) {
        self.world().end_grpc_stream(stream, end);
        self.settle();
    }

    /// The connection to the server breaks: Envoy ends the stream by itself, with `INTERNAL` when the server has begun to
    /// answer, otherwise with `UNAVAILABLE`.
    ///
    /// # Panics
    /// When the stream is over.
    #[track_caller]
    pub fn break_grpc_stream(&mut self, stream: &GrpcStream) {
        self.world().break_grpc_stream(stream);
        self.settle();
    }

    /// Nobody in the cluster can be reached: Envoy ends the stream by itself, with `UNAVAILABLE`.
    ///
    /// # Panics
    /// When the stream is over.
    #[track_caller]
    pub fn refuse_grpc_stream(&mut self, stream: &GrpcStream) {
        self.world().end_grpc_stream(stream, &FakeGrpcEnd::unreachable());
        self.settle();
    }
}

#[track_caller]
fn only<T>(what: &str, mut all: Vec<T>) -> T {
    assert!(all.len() == 1, "there are {} {what} that wait, not one", all.len());
    all.remove(0)
}
