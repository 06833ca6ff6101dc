//! One HTTP stream through the fake Envoy, seen from both of its ends.

use std::rc::{Rc, Weak};

use envoy_sdk::{FilterDataStatus, FilterHeadersStatus, HeaderMap};

use super::arrival;
use super::envoy_headers::{EnvoyHeaders, Kind};
use super::exchange_options::HttpOptions;
use super::local_reply::SentLocalReply;
use super::message::{HttpRequest, HttpResponse, Received};
use super::stream::HttpStream;
use crate::flow::Presented;
use crate::stream::Way;
use crate::world::World;

/// A request from a client through the filter to a server, and the response on its way back.
///
/// ```text
/// client_sends_…  ->  filter  ->  received_by_server
/// received_by_client  <-  filter  <-  server_sends_…
/// ```
///
/// Each step returns what the filter answered; `None` when Envoy has not shown it to the filter, because it has paused
/// on the headers before.
///
/// What a client or server cannot do any more, such as sending after it has ended its message, is refused with a
/// panic that says so: the test is wrong then.
#[derive(Debug)]
pub struct HttpExchange {
    world: Weak<World>,
    root: u32,
    options: HttpOptions,
    context: Option<u32>,
}

impl HttpExchange {
    pub(crate) fn new(world: &Rc<World>, root: u32, options: HttpOptions) -> Self {
        Self { world: Rc::downgrade(world), root, options, context: None }
    }

    /// The client sends its headers, and with `end_stream` the end of the request. Pseudo headers come first.
    #[track_caller]
    pub fn client_sends_headers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        headers: impl IntoIterator<Item = (N, V)>,
        end_stream: bool,
    ) -> Option<FilterHeadersStatus> {
        assert!(self.context.is_none(), "the client has sent its headers already");
        let world = self.world();
        let headers = arrival::request(&collect(headers), world.state().next_context());
        let context = world.open_http(self.root, self.options.clone(), headers, end_stream);
        self.context = Some(context);
        self.headers_status(world.present_headers(context, Way::ToServer))
    }

    /// The client sends a piece of its body, which Envoy reads as one. With `end_stream` it is the last.
    #[track_caller]
    pub fn client_sends_body(
        &mut self,
        octets: impl AsRef<[u8]>,
        end_stream: bool,
    ) -> Option<FilterDataStatus> {
        self.body(Way::ToServer, octets.as_ref(), end_stream)
    }

    /// The client sends its trailers, and with them the end of the request.
    #[track_caller]
    pub fn client_sends_trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        trailers: impl IntoIterator<Item = (N, V)>,
    ) -> Option<FilterHeadersStatus> {
        self.trailers(Way::ToServer, arrival::trailers(Kind::RequestTrailers, &collect(trailers)))
    }

    /// The client resets the stream, or closes its connection.
    #[track_caller]
    pub fn client_resets(&mut self) {
        let context = self.assert_open("the client cannot reset");
        self.world().finish_http(context);
        self.world().settle();
    }

    /// The server sends its headers, and with `end_stream` the end of the response.
    #[track_caller]
    pub fn server_sends_headers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        headers: impl IntoIterator<Item = (N, V)>,
        end_stream: bool,
    ) -> Option<FilterHeadersStatus> {
        let context = self.assert_server("send headers");
        let answered = self.with(|stream| stream.response.headers.is_some());
        assert!(!answered, "the server has sent its headers already");
        let headers = arrival::response(&collect(headers));
        self.headers_status(self.world().http_response_arrives(context, headers, end_stream))
    }

    /// The server sends a piece of its body, which Envoy reads as one. With `end_stream` it is the last.
    #[track_caller]
    pub fn server_sends_body(
        &mut self,
        octets: impl AsRef<[u8]>,
        end_stream: bool,
    ) -> Option<FilterDataStatus> {
        self.assert_server("send a body");
        self.body(Way::ToClient, octets.as_ref(), end_stream)
    }

    /// The server sends its trailers, and with them the end of the response.
    #[track_caller]
    pub fn server_sends_trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        trailers: impl IntoIterator<Item = (N, V)>,
    ) -> Option<FilterHeadersStatus> {
        self.assert_server("send trailers");
        self.trailers(Way::ToClient, arrival::trailers(Kind::ResponseTrailers, &collect(trailers)))
    }

    /// The server sends a whole response: headers, then the body in one piece, then trailers. It stops where the
    /// stream ends under way.
    #[track_caller]
    pub fn server_replies(&mut self, response: HttpResponse) {
        let HttpResponse { headers, body, trailers } = response;
        self.server_sends_headers(octets(&headers), body.is_empty() && trailers.is_empty());
        if !body.is_empty() && self.is_open() {
            self.server_sends_body(body, trailers.is_empty());
        }
        if !trailers.is_empty() && self.is_open() {
            self.server_sends_trailers(octets(&trailers));
        }
    }

    /// The server resets the stream. Envoy answers 503 where the client has no response yet.
    #[track_caller]
    pub fn server_resets(&mut self) {
        self.server_fails("reset", "remote reset");
    }

    /// The server's connection ends in the middle of the response, or before it. As [`server_resets`](Self::server_resets).
    #[track_caller]
    pub fn server_disconnects(&mut self) {
        self.server_fails("disconnect", "connection termination");
    }

    /// Envoy answers by itself: the router without a route (404), a time-out, another filter. A status alone is a
    /// response without body; of an [`HttpResponse`] Envoy sends what a local reply can have.
    /// Before the client has sent anything it is a filter in front of this one, and the client's headers are those
    /// of a GET request.
    #[track_caller]
    pub fn envoy_replies(&mut self, response: impl Into<HttpResponse>) {
        let world = self.world();
        let reply = SentLocalReply::from_response(response.into());
        match self.context {
            Some(_) => {
                let context = self.assert_open("Envoy cannot reply");
                world.reply_locally(context, &reply);
            }
            None => {
                let request = HttpRequest::get("/");
                let headers =
                    arrival::request(&collect(octets(&request.headers)), world.state().next_context());
                let context = world.open_http(self.root, self.options.clone(), headers, true);
                self.context = Some(context);
                world.reply_directly(context, &reply);
            }
        }
        world.settle();
    }

    /// What the server has received so far.
    pub fn received_by_server(&self) -> Received {
        self.received(Way::ToServer)
    }

    /// What the client has received so far.
    pub fn received_by_client(&self) -> Received {
        self.received(Way::ToClient)
    }

    /// The local reply that the filter has asked for, if any.
    pub fn local_reply(&self) -> Option<SentLocalReply> {
        self.context.and_then(|_| self.with(|stream| stream.local_reply.clone()))
    }

    /// Whether something of the request waits for the filter to continue.
    pub fn holds_back_request(&self) -> bool {
        self.with(|stream| stream.request.holds_back())
    }

    /// Whether something of the response waits for the filter to continue.
    pub fn holds_back_response(&self) -> bool {
        self.with(|stream| stream.response.holds_back())
    }

    /// Whether the stream has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.context.is_some() && self.with(|stream| !stream.closed)
    }

    /// Filter state that the filter has set: what an access log prints for `%FILTER_STATE(wasm.<key>:PLAIN)%`.
    pub fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        self.with(|stream| stream.filter_state.value(key.as_bytes()))
    }

    /// What an access log prints as `%RESPONSE_CODE_DETAILS%`.
    pub fn response_code_details(&self) -> Option<String> {
        self.with(|stream| stream.details.clone())
    }

    /// The context, as the module knows it: log lines and host errors name it.
    ///
    /// # Panics
    /// Before the client has sent its headers: Envoy makes the context then.
    #[track_caller]
    pub fn context(&self) -> u32 {
        self.context.expect("the client has not sent its headers: there is no context yet")
    }

    /// Sends a whole request. It stops where the stream ends under way.
    #[track_caller]
    pub(crate) fn send(&mut self, request: HttpRequest) {
        let HttpRequest { headers, body, trailers } = request;
        self.client_sends_headers(octets(&headers), body.is_empty() && trailers.is_empty());
        if !body.is_empty() && self.is_open() {
            self.client_sends_body(body, trailers.is_empty());
        }
        if !trailers.is_empty() && self.is_open() {
            self.client_sends_trailers(octets(&trailers));
        }
    }

    fn headers_status(&self, presented: Presented) -> Option<FilterHeadersStatus> {
        self.world().settle();
        match presented {
            Presented::Unread => None,
            Presented::Continued => Some(FilterHeadersStatus::Continue),
            Presented::Paused => Some(FilterHeadersStatus::StopIteration),
        }
    }

    #[track_caller]
    fn server_fails(&mut self, what: &str, reason: &str) {
        let context = self.assert_server(what);
        let ended = self.with(|stream| stream.response.sender_ended);
        assert!(!ended, "the server has ended its message already: Envoy ignores that it {what}s");
        self.world().http_server_resets(context, reason);
        self.world().settle();
    }

    fn received(&self, way: Way) -> Received {
        match self.context {
            Some(_) => self.with(|stream| stream.side(way).received.clone()),
            None => Received::default(),
        }
    }

    #[track_caller]
    fn body(&mut self, way: Way, octets: &[u8], end: bool) -> Option<FilterDataStatus> {
        assert!(
            end || !octets.is_empty(),
            "a piece of 0 octets that is not the last: Envoy does not pass it on"
        );
        let context = self.assert_sending(way, end);
        let presented = self.world().http_body_arrives(context, way, octets.to_vec(), end);
        self.world().settle();
        match presented {
            Presented::Unread => None,
            Presented::Continued => Some(FilterDataStatus::Continue),
            Presented::Paused => Some(FilterDataStatus::StopIterationAndBuffer),
        }
    }

    #[track_caller]
    fn trailers(&mut self, way: Way, trailers: EnvoyHeaders) -> Option<FilterHeadersStatus> {
        let context = self.assert_sending(way, true);
        self.headers_status(self.world().http_trailers_arrive(context, way, trailers))
    }

    /// The sender has begun its message and not ended it; with `end` it does now.
    #[track_caller]
    fn assert_sending(&self, way: Way, end: bool) -> u32 {
        let sender = if way == Way::ToServer { "client" } else { "server" };
        let context = self.assert_open(&format!("the {sender} cannot send"));
        self.with(|stream| {
            let side = stream.side(way);
            assert!(side.headers.is_some(), "the {sender} has not sent its headers");
            assert!(!side.sender_ended, "the {sender} has ended its message already");
            side.sender_ended = end;
        });
        context
    }

    #[track_caller]
    fn assert_server(&self, what: &str) -> u32 {
        let context = self.assert_open(&format!("the server cannot {what}"));
        let (reached, replied) =
            self.with(|stream| (stream.request.received.headers_seen, stream.request.aborted));
        assert!(reached, "the server cannot {what}: the filter has not let the request's headers pass");
        assert!(
            !replied,
            "the server cannot {what}: Envoy has replied by itself, and the filter holds that reply"
        );
        context
    }

    #[track_caller]
    fn assert_open(&self, what: &str) -> u32 {
        let Some(context) = self.context else { panic!("{what}: the client has not sent its headers") };
        assert!(self.is_open(), "{what}: the stream is over");
        context
    }

    #[track_caller]
    fn world(&self) -> Rc<World> {
        self.world.upgrade().expect("the FakeEnvoy of this stream has been dropped")
    }

    #[track_caller]
    fn with<T>(&self, with: impl FnOnce(&mut HttpStream) -> T) -> T {
        let world = self.world();
        let mut state = world.state();
        with(state.http_streams.get_mut(&self.context()).expect("a stream's record outlives its context"))
    }
}

fn collect<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    headers: impl IntoIterator<Item = (N, V)>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.into_iter().map(|(name, value)| (name.as_ref().to_vec(), value.as_ref().to_vec())).collect()
}

fn octets(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}
