//! HTTP call-outs.

use std::time::Duration;

use envoy_sdk::native_host::{Answer, exports};
use envoy_sdk::{HeaderMap, Status};

use super::received::HttpAnswer;
use super::{Cluster, Kind, Part, Pending};
use crate::http::envoy_headers::{EnvoyHeaders, Kind as MapOf, decode};
use crate::world::{Deferred, State, World};

/// What Envoy demands of a request, and nothing else.
const DEMANDED: [&str; 3] = [":method", ":path", ":authority"];
/// How long the cluster took, in milliseconds. Envoy's router says so with what others have answered.
pub(super) const SERVICE_TIME: &[u8] = b"x-envoy-upstream-service-time";
/// Statuses and words of answers that are Envoy's own. The words are those of 1.40.0.
const TIMED_OUT: (u16, &str) = (504, "upstream request timeout");
const UNREACHABLE: (u16, &str) = (
    503,
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
);

/// An HTTP call that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCall {
    /// Envoy's number for it.
    pub token: u32,
    /// The context that made it: a stream, or the plugin itself.
    pub context: u32,
    /// The cluster that is asked.
    pub cluster: String,
    /// The request's headers, `:method`, `:path` and `:authority` among them, without those that Envoy adds.
    pub headers: HeaderMap,
    /// The request's body.
    pub body: Vec<u8>,
    /// The request's trailers.
    pub trailers: HeaderMap,
    /// How long Envoy waits; `None` for ever.
    pub timeout: Option<Duration>,
}

/// What a cluster answers to an HTTP call.
///
/// ```
/// use envoy_sdk_test::FakeHttpAnswer;
///
/// let _answer = FakeHttpAnswer::new(403).header("content-type", "text/plain").body("who are you?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeHttpAnswer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
}

impl FakeHttpAnswer {
    /// An answer with this status and nothing else.
    pub fn new(status: u16) -> Self {
        Self { status, headers: HeaderMap::new(), body: Vec::new(), trailers: HeaderMap::new() }
    }

    /// Adds a header. Envoy makes names lower case, and adds `x-envoy-upstream-service-time`.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(&name.to_ascii_lowercase(), value);
        self
    }

    /// Sets the body. A `content-length` is only there when the test adds it.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.append(&name.to_ascii_lowercase(), value);
        self
    }

    /// As Envoy receives it, so long after it has asked.
    fn received(self, after: Duration) -> HttpAnswer {
        let mut headers = EnvoyHeaders::new(MapOf::Response);
        headers.add(b":status", self.status.to_string().as_bytes());
        add_all(&mut headers, &self.headers);
        headers.set_in_place(SERVICE_TIME, after.as_millis().to_string().as_bytes());
        let mut trailers = EnvoyHeaders::new(MapOf::ResponseTrailers);
        add_all(&mut trailers, &self.trailers);
        HttpAnswer { headers, body: self.body, trailers: Some(trailers).filter(|map| map.len() > 0) }
    }
}

/// An answer that Envoy makes itself.
fn of_envoy((status, text): (u16, &str)) -> HttpAnswer {
    let mut headers = EnvoyHeaders::new(MapOf::Response);
    headers.add(b":status", status.to_string().as_bytes());
    headers.add(b"content-length", text.len().to_string().as_bytes());
    headers.add(b"content-type", b"text/plain");
    HttpAnswer { headers, body: text.into(), trailers: None }
}

impl State {
    pub(crate) fn begin_http_call(
        &mut self,
        cluster: &[u8],
        headers: &[u8],
        body: &[u8],
        trailers: &[u8],
        timeout: u32,
    ) -> Answer<u32> {
        let (Some(context), Some(root)) = (self.current(), self.current_root()) else {
            return Err(Status::INTERNAL_FAILURE);
        };
        if i32::try_from(timeout).is_err() {
            return Err(Status::BAD_ARGUMENT);
        }
        let cluster = String::from_utf8_lossy(cluster).into_owned();
        let hosts = self.settings.clusters.get(&cluster).ok_or(Status::BAD_ARGUMENT)?;
        let headers = collected(MapOf::Request, headers);
        if DEMANDED.iter().any(|name| headers.get(name).is_none()) {
            return Err(Status::BAD_ARGUMENT);
        }
        let token = self.call_outs.next_token(Kind::Http);
        if hosts == Cluster::NoHosts {
            // Envoy's answer comes at once, is put off, and finds nobody who waits for it.
            self.defer(Deferred::EndStillborn(token));
            return Err(Status::INTERNAL_FAILURE);
        }
        let trailers = collected(MapOf::RequestTrailers, trailers);
        let timeout = Some(Duration::from_millis(timeout.into())).filter(|timeout| !timeout.is_zero());
        self.clock.begin_call(token, timeout);
        let call = HttpCall { token, context, cluster, headers, body: body.to_vec(), trailers, timeout };
        self.call_outs.http.insert(token, Pending { root, call });
        Ok(token)
    }
}

impl World {
    /// What has been asked and not been answered.
    pub(super) fn http_calls(&self) -> Vec<HttpCall> {
        self.state().call_outs.http.values().map(|pending| pending.call.clone()).collect()
    }

    #[track_caller]
    pub(super) fn answer_http_call(&self, call: &HttpCall, answer: FakeHttpAnswer) {
        self.assert_waiting(call);
        let waited = self.state().clock.waited(call.token);
        self.end_http_call(call.token, Some(answer.received(waited)));
    }

    #[track_caller]
    pub(super) fn refuse_http_call(&self, call: &HttpCall) {
        self.assert_waiting(call);
        self.end_http_call(call.token, Some(of_envoy(UNREACHABLE)));
    }

    #[track_caller]
    pub(super) fn break_http_call(&self, call: &HttpCall) {
        self.assert_waiting(call);
        self.end_http_call(call.token, None);
    }

    pub(super) fn http_call_times_out(&self, token: u32) {
        self.end_http_call(token, Some(of_envoy(TIMED_OUT)));
    }

    /// Delivers an answer, or the news that there is none.
    fn end_http_call(&self, token: u32, answer: Option<HttpAnswer>) {
        let sizes = answer.as_ref().map_or([0; 3], |answer| {
            let trailers = answer.trailers.as_ref().map_or(0, EnvoyHeaders::len);
            [answer.headers.len(), answer.body.len(), trailers]
        });
        let root = {
            let mut state = self.state();
            state.clock.end_call(token);
            let Some(Pending { root, .. }) = state.call_outs.http.remove(&token) else { return };
            if let Some(answer) = answer {
                state.receive(root, Part::Http, |received| received.set_http(answer));
            }
            root
        };
        let [headers, body, trailers] = sizes;
        let arguments = [root.into(), token.into(), headers.into(), body.into(), trailers.into()];
        self.enter("proxy_on_http_call_response", root, &arguments, || {
            exports::http_call_response(root, token, headers, body, trailers);
        });
    }

    #[track_caller]
    fn assert_waiting(&self, call: &HttpCall) {
        assert!(
            self.state().call_outs.http.contains_key(&call.token),
            "HTTP call {} waits for no answer: it has got one, its time is over, or its plugin has gone",
            call.token
        );
    }
}

/// What a module has passed, as Envoy takes it up.
pub(super) fn collected(of: MapOf, octets: &[u8]) -> HeaderMap {
    let mut map = EnvoyHeaders::new(of);
    decode(octets).iter().for_each(|(name, value)| map.add(name, value));
    map.snapshot()
}

pub(super) fn add_all(map: &mut EnvoyHeaders, headers: &HeaderMap) {
    headers.iter().for_each(|(name, value)| map.add(name.as_bytes(), value.as_bytes()));
}
