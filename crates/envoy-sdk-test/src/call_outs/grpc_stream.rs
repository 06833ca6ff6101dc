//! gRPC streams.

use envoy_sdk::native_host::{Answer, exports};
use envoy_sdk::{HeaderMap, Status};

use super::http_call::{SERVICE_TIME, add_all, collected};
use super::{Cluster, FakeGrpcEnd, Kind, Part, Pending, TOKEN_STEP};
use crate::http::envoy_headers::{EnvoyHeaders, Kind as MapOf};
use crate::world::{State, World};

/// A gRPC stream as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcStream {
    /// Envoy's number for it.
    pub token: u32,
    /// The context that opened it: a stream, or the plugin itself.
    pub context: u32,
    /// The cluster that is asked.
    pub cluster: String,
    /// The service, for example `helloworld.Greeter`.
    pub service: String,
    /// The method, for example `StreamGreetings`.
    pub method: String,
    /// The metadata that opened it, without what Envoy adds.
    pub metadata: HeaderMap,
    /// The messages that have come so far, serialised.
    pub messages: Vec<Vec<u8>>,
    /// Whether the module has ended its side.
    pub ended: bool,
}

/// A gRPC stream as Envoy keeps it.
#[derive(Clone, Debug)]
pub(super) struct OpenStream {
    stream: GrpcStream,
    /// The server's first metadata has come.
    accepted: bool,
    /// The server has ended it.
    over: bool,
    /// The module has called `proxy_grpc_close`. The last message alone does not count: Envoy keeps the stream.
    closed: bool,
}

/// Where the opening of a stream has led to.
pub(crate) enum Opening {
    Opened(u32),
    /// There is nobody to ask: the stream begins and ends while it is being opened.
    NoHosts(u32),
}

impl State {
    pub(crate) fn open_grpc_stream(
        &mut self,
        upstream: &[u8],
        [service, method]: [&[u8]; 2],
        metadata: &[u8],
    ) -> Answer<Opening> {
        let (Some(context), Some(root)) = (self.current(), self.current_root()) else {
            return Err(Status::INTERNAL_FAILURE);
        };
        let cluster = match self.grpc_upstream(upstream) {
            Ok((cluster, Cluster::Hosts)) => cluster,
            Ok((_, Cluster::NoHosts)) => {
                return Ok(Opening::NoHosts(self.call_outs.next_token(Kind::GrpcStream)));
            }
            Err((status, None)) => return Err(status),
            Err((status, Some(end))) => {
                let token = self.call_outs.next_token(Kind::GrpcStream);
                self.stillborn(token, root, end);
                return Err(status);
            }
        };
        let metadata = collected(MapOf::Request, metadata);
        let token = self.call_outs.next_token(Kind::GrpcStream);
        self.clock.begin_call(token, None);
        let [service, method] = [service, method].map(|name| String::from_utf8_lossy(name).into_owned());
        let messages = Vec::new();
        let stream =
            GrpcStream { token, context, cluster, service, method, metadata, messages, ended: false };
        let call = OpenStream { stream, accepted: false, over: false, closed: false };
        self.call_outs.grpc_streams.insert(token, Pending { root, call });
        Ok(Opening::Opened(token))
    }

    /// `proxy_grpc_send`. What is sent after the end, of either side, reaches nobody, and all is well.
    pub(crate) fn send_grpc(&mut self, token: u32, message: &[u8], end: bool) -> Answer<()> {
        if token % TOKEN_STEP != Kind::GrpcStream as u32 {
            return Err(Status::BAD_ARGUMENT);
        }
        let OpenStream { stream, over, .. } =
            &mut self.call_outs.grpc_streams.get_mut(&token).ok_or(Status::NOT_FOUND)?.call;
        if !stream.ended && !*over {
            stream.messages.push(message.to_vec());
            stream.ended = end;
        }
        Ok(())
    }

    /// `proxy_grpc_close`: the module ends its side of a stream; a call is cancelled.
    pub(crate) fn close_grpc(&mut self, token: u32) -> Answer<()> {
        if token % TOKEN_STEP != Kind::GrpcStream as u32 {
            return self.cancel_grpc(token);
        }
        let open = &mut self.call_outs.grpc_streams.get_mut(&token).ok_or(Status::NOT_FOUND)?.call;
        open.closed = true;
        open.stream.ended = true;
        if open.over {
            self.call_outs.grpc_streams.remove(&token);
        }
        Ok(())
    }
}

impl World {
    /// A stream to a cluster without hosts: the module is called while it waits for the stream to open, and refused
    /// then; that the stream has ended it is told later.
    pub(crate) fn open_and_end_grpc_stream(&self, token: u32) -> Status {
        let end = FakeGrpcEnd::no_hosts();
        let root = {
            let mut state = self.state();
            if let Some(harm) = state.harm_of_reentry() {
                state.fatal = Some(format!(
                    "the module opened a gRPC stream to a cluster without hosts, and {harm}: Envoy calls the module \
                     before proxy_grpc_stream returns, and does then what had to wait for the end of the callback"
                ));
                return Status::INTERNAL_FAILURE;
            }
            state.current_root().unwrap_or_default()
        };
        self.deliver_initial_metadata(root, token, EnvoyHeaders::new(MapOf::Response));
        self.deliver_trailing_metadata(root, token, trailers_only(&end));
        self.state().stillborn(token, root, end);
        Status::INTERNAL_FAILURE
    }

    /// The streams that the server may still do something with.
    pub(super) fn grpc_streams(&self) -> Vec<GrpcStream> {
        let state = self.state();
        let open = state.call_outs.grpc_streams.values().filter(|pending| !pending.call.over);
        open.map(|pending| pending.call.stream.clone()).collect()
    }

    /// How many streams Envoy keeps, those among them that the server has ended.
    pub(super) fn grpc_streams_kept(&self) -> usize {
        self.state().call_outs.grpc_streams.len()
    }

    #[track_caller]
    pub(super) fn accept_grpc_stream(&self, stream: &GrpcStream, metadata: &HeaderMap) {
        let (root, headers) = {
            let mut state = self.state();
            let waited = state.clock.waited(stream.token);
            let Pending { root, call } = open(&mut state, stream);
            assert!(!call.accepted, "the server has sent its first metadata already");
            call.accepted = true;
            let mut headers = accepting();
            add_all(&mut headers, metadata);
            // Envoy's router says so only where the request is complete.
            if call.stream.ended {
                headers.set_in_place(SERVICE_TIME, waited.as_millis().to_string().as_bytes());
            }
            (*root, headers)
        };
        self.deliver_initial_metadata(root, stream.token, headers);
    }

    /// Where the module has not cancelled the stream on its first metadata, the message follows.
    #[track_caller]
    pub(super) fn answer_grpc_stream(&self, stream: &GrpcStream, message: Vec<u8>) {
        self.assert_open(stream);
        if !self.accepted(stream) {
            self.accept_grpc_stream(stream, &HeaderMap::new());
        }
        let (root, size) = {
            let mut state = self.state();
            let Some(Pending { root, .. }) = state.call_outs.grpc_streams.get(&stream.token) else {
                return;
            };
            let (root, size) = (*root, message.len());
            state.receive(root, Part::Message, |received| received.set_message(message));
            (root, size)
        };
        self.deliver_message(root, stream.token, size);
    }

    #[track_caller]
    pub(super) fn end_grpc_stream(&self, stream: &GrpcStream, end: &FakeGrpcEnd) {
        self.assert_open(stream);
        let trailers = trailers(end);
        self.end_grpc_stream_with(stream, trailers, end);
    }

    /// The connection to the server breaks.
    #[track_caller]
    pub(super) fn break_grpc_stream(&self, stream: &GrpcStream) {
        self.assert_open(stream);
        if self.accepted(stream) {
            let none = EnvoyHeaders::new(MapOf::ResponseTrailers);
            self.end_grpc_stream_with(stream, none, &FakeGrpcEnd::broken_off());
        } else {
            self.end_grpc_stream(stream, &FakeGrpcEnd::broken());
        }
    }

    fn end_grpc_stream_with(&self, stream: &GrpcStream, trailers: EnvoyHeaders, end: &FakeGrpcEnd) {
        let token = stream.token;
        let (root, accepted, ended) = {
            let mut state = self.state();
            let Pending { root, call } = open(&mut state, stream);
            (*root, call.accepted, call.stream.ended)
        };
        if accepted {
            self.deliver_trailing_metadata(root, token, trailers);
        } else {
            self.deliver_initial_metadata(root, token, EnvoyHeaders::new(MapOf::Response));
            if self.is_kept(token) {
                let mut trailers = trailers_only(end);
                // What Envoy says itself has no such header, nor has an answer to a request that goes on.
                if ended && end.is_from_server() {
                    let waited = self.state().clock.waited(token);
                    trailers.set_in_place(SERVICE_TIME, waited.as_millis().to_string().as_bytes());
                }
                self.deliver_trailing_metadata(root, token, trailers);
            }
        }
        if !self.is_kept(token) {
            return;
        }
        self.mark_over(token);
        self.deliver_end(root, token, end);
        let mut state = self.state();
        let streams = &mut state.call_outs.grpc_streams;
        if streams.get(&token).is_some_and(|pending| pending.call.closed) {
            streams.remove(&token);
        }
    }

    fn deliver_initial_metadata(&self, root: u32, token: u32, metadata: EnvoyHeaders) {
        let count = u32::try_from(metadata.len()).unwrap_or(u32::MAX);
        self.state().receive(root, Part::InitialMetadata, |received| received.set_initial_metadata(metadata));
        let arguments = [root.into(), token.into(), count.into()];
        self.enter("proxy_on_grpc_receive_initial_metadata", root, &arguments, || {
            exports::grpc_receive_initial_metadata(root, token, count);
        });
    }

    fn deliver_trailing_metadata(&self, root: u32, token: u32, metadata: EnvoyHeaders) {
        let count = u32::try_from(metadata.len()).unwrap_or(u32::MAX);
        self.state()
            .receive(root, Part::TrailingMetadata, |received| received.set_trailing_metadata(metadata));
        let arguments = [root.into(), token.into(), count.into()];
        self.enter("proxy_on_grpc_receive_trailing_metadata", root, &arguments, || {
            exports::grpc_receive_trailing_metadata(root, token, count);
        });
    }

    fn accepted(&self, stream: &GrpcStream) -> bool {
        self.state().call_outs.grpc_streams.get(&stream.token).is_some_and(|pending| pending.call.accepted)
    }

    fn is_kept(&self, token: u32) -> bool {
        self.state().call_outs.grpc_streams.contains_key(&token)
    }

    fn mark_over(&self, token: u32) {
        let mut state = self.state();
        state.clock.end_call(token);
        if let Some(pending) = state.call_outs.grpc_streams.get_mut(&token) {
            pending.call.over = true;
        }
    }

    #[track_caller]
    fn assert_open(&self, stream: &GrpcStream) {
        open(&mut self.state(), stream);
    }
}

#[track_caller]
fn open<'a>(state: &'a mut State, stream: &GrpcStream) -> &'a mut Pending<OpenStream> {
    let pending = state.call_outs.grpc_streams.get_mut(&stream.token).filter(|pending| !pending.call.over);
    pending.unwrap_or_else(|| {
        panic!(
            "gRPC stream {} is over: the server has ended it, the module has cancelled it, or its plugin has gone",
            stream.token
        )
    })
}

/// How every gRPC answer begins.
fn accepting() -> EnvoyHeaders {
    let mut headers = EnvoyHeaders::new(MapOf::Response);
    headers.add(b":status", b"200");
    headers.add(b"content-type", b"application/grpc");
    headers
}

/// What a server's end looks like where it has said nothing before: all in one.
fn trailers_only(end: &FakeGrpcEnd) -> EnvoyHeaders {
    let mut all = accepting();
    add_all(&mut all, &trailers(end).snapshot());
    all
}

fn trailers(end: &FakeGrpcEnd) -> EnvoyHeaders {
    let mut all = EnvoyHeaders::new(MapOf::ResponseTrailers);
    all.add(b"grpc-status", end.status.code().to_string().as_bytes());
    if let Some(message) = &end.message {
        all.add(b"grpc-message", message.as_bytes());
    }
    add_all(&mut all, &end.metadata);
    all
}
