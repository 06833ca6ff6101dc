//! gRPC calls with one message and one answer, and how gRPC call-outs end.

use std::time::Duration;

use envoy_sdk::native_host::{Answer, exports};
use envoy_sdk::{GrpcStatus, HeaderMap, Status};

use super::http_call::collected;
use super::upstream::Upstream;
use super::{Cluster, Kind, Part, Pending, TOKEN_STEP};
use crate::http::envoy_headers::Kind as MapOf;
use crate::world::{Deferred, State, World};

/// A gRPC call that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcCall {
    /// Envoy's number for it.
    pub token: u32,
    /// The context that made it: a stream, or the plugin itself.
    pub context: u32,
    /// The cluster that is asked.
    pub cluster: String,
    /// The service, for example `helloworld.Greeter`.
    pub service: String,
    /// The method, for example `SayHello`.
    pub method: String,
    /// What goes before the message, without what Envoy adds.
    pub metadata: HeaderMap,
    /// The message, serialised.
    pub message: Vec<u8>,
    /// How long Envoy waits. After [`Duration::ZERO`] Envoy does not give up by itself, but tells the server that the
    /// time is over.
    pub timeout: Duration,
}

/// How a server ends a gRPC call or stream.
///
/// ```
/// use envoy_sdk::GrpcStatus;
/// use envoy_sdk_test::FakeGrpcEnd;
///
/// let _end = FakeGrpcEnd::new(GrpcStatus::PERMISSION_DENIED).message("you may not").metadata("x-reason", "policy");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeGrpcEnd {
    pub(super) status: GrpcStatus,
    pub(super) message: Option<String>,
    pub(super) metadata: HeaderMap,
    /// What Envoy appends to the message: where the end has come from.
    pub(super) details: &'static str,
}

/// The details of a response that is the server's.
const FROM_SERVER: &str = "via_upstream";

impl FakeGrpcEnd {
    /// An end without words.
    pub fn new(status: GrpcStatus) -> Self {
        Self { status, message: None, metadata: HeaderMap::new(), details: FROM_SERVER }
    }

    /// Says more. A server that sends `grpc-message` also when it has nothing to say does so with "".
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Adds trailing metadata. Of a call with one answer a module never gets to see it.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.metadata.append(&name.to_ascii_lowercase(), value);
        self
    }

    /// Whether a server has said this, not Envoy.
    pub(super) fn is_from_server(&self) -> bool {
        self.details == FROM_SERVER
    }

    fn of_envoy(message: &str, details: &'static str) -> Self {
        Self { details, ..Self::new(GrpcStatus::UNAVAILABLE).message(message) }
    }

    pub(super) fn timed_out() -> Self {
        Self::of_envoy("upstream request timeout", "response_timeout")
    }

    pub(super) fn unreachable() -> Self {
        Self::of_envoy(
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
        )
    }

    /// The connection has broken before anything came back.
    pub(super) fn broken() -> Self {
        Self::of_envoy(
            "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            "upstream_reset_before_response_started{connection_termination}",
        )
    }

    /// The connection has broken when the server had begun to answer.
    pub(super) fn broken_off() -> Self {
        let details = "upstream_reset_after_response_started{connection_termination}";
        Self { details, ..Self::new(GrpcStatus::INTERNAL) }
    }

    pub(super) fn no_hosts() -> Self {
        Self::of_envoy("no healthy upstream", "no_healthy_upstream")
    }

    fn no_cluster() -> Self {
        Self::of_envoy("Cluster not available", "")
    }

    /// The message as the module reads it.
    fn status_message(&self) -> Vec<u8> {
        let message = self.message.as_deref().unwrap_or_default();
        match (message, self.details) {
            ("", details) => details.to_owned(),
            (message, "") => message.to_owned(),
            (message, details) => format!("{message}{{{details}}}"),
        }
        .into_bytes()
    }
}

impl State {
    /// The cluster of a gRPC call-out, and whether there is somebody in it.
    ///
    /// # Errors
    /// The status of the refusal, and how the call-out ends that never was, where it has got a token all the same.
    pub(super) fn grpc_upstream(
        &mut self,
        upstream: &[u8],
    ) -> Result<(String, Cluster), (Status, Option<FakeGrpcEnd>)> {
        match Upstream::read(upstream) {
            Upstream::Name(name) => match self.settings.clusters.get(&name) {
                Some(cluster) => Ok((name, cluster)),
                None => Err((Status::PARSE_FAILURE, None)),
            },
            Upstream::Service(name) => match self.settings.clusters.get(&name) {
                Some(cluster) => Ok((name, cluster)),
                None => Err((Status::INTERNAL_FAILURE, Some(FakeGrpcEnd::no_cluster()))),
            },
            Upstream::Google => Err((Status::PARSE_FAILURE, None)),
            Upstream::Nothing => {
                self.fatal = Some(format!(
                    "the module called gRPC upstream {:?}: Envoy takes every upstream that can be read as a \
                     serialised GrpcService for one, this one can (unknown fields are skipped), it has no target, \
                     and the whole process aborts: pass a serialised GrpcService that names the cluster",
                    String::from_utf8_lossy(upstream)
                ));
                Err((Status::INTERNAL_FAILURE, None))
            }
        }
    }

    /// A call-out ends before the module has got its token: after the running callback.
    pub(super) fn stillborn(&mut self, token: u32, root: u32, end: FakeGrpcEnd) {
        self.call_outs.stillborn.insert(token, Pending { root, call: end });
        self.defer(Deferred::EndStillborn(token));
    }

    pub(crate) fn begin_grpc_call(
        &mut self,
        upstream: &[u8],
        [service, method]: [&[u8]; 2],
        metadata: &[u8],
        message: &[u8],
        timeout: u32,
    ) -> Answer<u32> {
        let (Some(context), Some(root)) = (self.current(), self.current_root()) else {
            return Err(Status::INTERNAL_FAILURE);
        };
        let (cluster, end) = match self.grpc_upstream(upstream) {
            Ok((cluster, Cluster::Hosts)) => (cluster, None),
            Ok((cluster, Cluster::NoHosts)) => (cluster, Some(FakeGrpcEnd::no_hosts())),
            Err((status, None)) => return Err(status),
            Err((_, Some(end))) => (String::new(), Some(end)),
        };
        if let Some(end) = end {
            let token = self.call_outs.next_token(Kind::GrpcCall);
            self.stillborn(token, root, end);
            return Err(Status::INTERNAL_FAILURE);
        }
        let metadata = collected(MapOf::Request, metadata);
        let token = self.call_outs.next_token(Kind::GrpcCall);
        let timeout = Duration::from_millis(timeout.into());
        self.clock.begin_call(token, Some(timeout).filter(|timeout| !timeout.is_zero()));
        let [service, method] = [service, method].map(|name| String::from_utf8_lossy(name).into_owned());
        let message = message.to_vec();
        let call = GrpcCall { token, context, cluster, service, method, metadata, message, timeout };
        self.call_outs.grpc_calls.insert(token, Pending { root, call });
        Ok(token)
    }

    /// `proxy_grpc_cancel`, and for a call also `proxy_grpc_close`: nothing more is heard of it.
    pub(crate) fn cancel_grpc(&mut self, token: u32) -> Answer<()> {
        let known = match token % TOKEN_STEP {
            1 => {
                self.clock.end_call(token);
                self.call_outs.grpc_calls.remove(&token).is_some()
            }
            2 => self.call_outs.grpc_streams.remove(&token).is_some(),
            _ => return Err(Status::BAD_ARGUMENT),
        };
        if known { Ok(()) } else { Err(Status::NOT_FOUND) }
    }
}

impl World {
    /// What has been asked and not been answered.
    pub(super) fn grpc_calls(&self) -> Vec<GrpcCall> {
        self.state().call_outs.grpc_calls.values().map(|pending| pending.call.clone()).collect()
    }

    #[track_caller]
    pub(super) fn answer_grpc_call(&self, call: &GrpcCall, message: Vec<u8>) {
        self.assert_grpc_call(call);
        let (token, size) = (call.token, message.len());
        let root = {
            let mut state = self.state();
            let root = state.call_outs.grpc_calls[&token].root;
            state.clock.end_call(token);
            state.receive(root, Part::Message, |received| received.set_message(message));
            root
        };
        self.deliver_message(root, token, size);
        self.state().call_outs.grpc_calls.remove(&token);
    }

    #[track_caller]
    pub(super) fn end_grpc_call(&self, call: &GrpcCall, end: &FakeGrpcEnd) {
        self.assert_grpc_call(call);
        assert!(
            end.status != GrpcStatus::OK,
            "a server that ends a call with OK has answered with a message: use answer_grpc_call"
        );
        self.close_grpc_call(call.token, end);
    }

    pub(super) fn grpc_call_times_out(&self, token: u32) {
        self.close_grpc_call(token, &FakeGrpcEnd::timed_out());
    }

    fn close_grpc_call(&self, token: u32, end: &FakeGrpcEnd) {
        let root = self.state().call_outs.grpc_calls.get(&token).map(|pending| pending.root);
        self.state().clock.end_call(token);
        if let Some(root) = root {
            self.deliver_end(root, token, end);
        }
        self.state().call_outs.grpc_calls.remove(&token);
    }

    /// Tells of the end of a call-out that its module believes never to have begun.
    pub(crate) fn end_stillborn(&self, token: u32) {
        let pending = self.state().call_outs.stillborn.remove(&token);
        if let Some(Pending { root, call: end }) = pending {
            self.deliver_end(root, token, &end);
        }
    }

    pub(super) fn deliver_message(&self, root: u32, token: u32, size: usize) {
        self.enter("proxy_on_grpc_receive", root, &[root.into(), token.into(), size.into()], || {
            exports::grpc_receive(root, token, size);
        });
    }

    pub(super) fn deliver_end(&self, root: u32, token: u32, end: &FakeGrpcEnd) {
        let (status, message) = (end.status.code(), end.status_message());
        self.state().receive(root, Part::StatusMessage, |received| received.set_status(status, message));
        self.enter("proxy_on_grpc_close", root, &[root.into(), token.into(), status.into()], || {
            exports::grpc_close(root, token, status);
        });
    }

    #[track_caller]
    fn assert_grpc_call(&self, call: &GrpcCall) {
        assert!(
            self.state().call_outs.grpc_calls.contains_key(&call.token),
            "gRPC call {} waits for no answer: it has got one, its time is over, it was cancelled, or its plugin has \
             gone",
            call.token
        );
    }
}
