//! Entries for an access logger: requests and connections that are over.

use std::collections::BTreeMap;

use envoy_sdk::native_host::exports;
use envoy_sdk::{HeaderMap, ResponseFlags};

use crate::connect_options::ConnectOptions;
use crate::connection_properties::{connection_properties, set_server_address};
use crate::envoy::FakeEnvoy;
use crate::header_maps::MapKind;
use crate::http::envoy_headers::{EnvoyHeaders, Kind};
use crate::http::{HttpOptions, HttpRequest, HttpResponse, HttpStream};
use crate::properties::Properties;
use crate::stream::{Flow, Opening, Stream};
use crate::world::{State, World};

/// A request that is over, for [`FakeEnvoy::log_http`].
///
/// ```
/// use envoy_sdk_test::{HttpLogEntry, HttpRequest, HttpResponse};
///
/// let _answered = HttpLogEntry::new(HttpRequest::get("/mail"), HttpResponse::new(200).body("hello"));
/// let _client_gave_up = HttpLogEntry::unanswered(HttpRequest::get("/mail"));
/// ```
#[derive(Clone, Debug)]
pub struct HttpLogEntry {
    request: HttpRequest,
    response: Option<HttpResponse>,
    options: HttpOptions,
    filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl HttpLogEntry {
    /// A request and its response, as the client received it.
    pub fn new(request: HttpRequest, response: HttpResponse) -> Self {
        Self { response: Some(response), ..Self::unanswered(request) }
    }

    /// A request without any response: the client has gone before.
    pub fn unanswered(request: HttpRequest) -> Self {
        let (options, filter_state) = (HttpOptions::new(), BTreeMap::new());
        Self { request, response: None, options, filter_state }
    }

    /// What else there is to say: addresses, properties.
    #[must_use]
    pub fn options(mut self, options: HttpOptions) -> Self {
        self.options = options;
        self
    }

    /// Filter state that a Wasm filter has set: read under its bare key.
    #[must_use]
    pub fn filter_state(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.filter_state.insert(key.into(), value.as_ref().to_vec());
        self
    }

    /// What is known of a request only when it is over.
    fn properties(&self) -> Properties {
        let mut properties = Properties::default();
        let Some(response) = &self.response else {
            properties.set(&["response", "flags"], ResponseFlags::DOWNSTREAM_CONNECTION_TERMINATION.bits());
            return properties;
        };
        for (name, value) in response.trailers.iter() {
            let name = name.to_str_lossy().to_ascii_lowercase();
            properties.set(&["response", "trailers", &name], value.as_bytes());
        }
        let grpc_status =
            [&response.trailers, &response.headers].into_iter().find_map(|map| number(map, "grpc-status"));
        let grpc_status = grpc_status.or_else(|| status(response).map(as_grpc_status));
        if let Some(status) = grpc_status {
            properties.set(&["response", "grpc_status"], status);
        }
        properties.set_address("upstream", "198.51.100.1:80");
        properties.set(&["upstream", "local_address"], "198.51.100.25:50000");
        properties.set(&["upstream", "transport_failure_reason"], "");
        properties.set(&["xds", "cluster_name"], "fake-cluster");
        properties
    }

    fn into_entry(self, state: &State, root: u32) -> LogEntry {
        let known = self.properties();
        let Self { request, response, mut options, filter_state } = self;
        options.properties = known.with(options.properties);
        let id = options.connection_id.unwrap_or_default();
        let mut stream = HttpStream::new(root, options, id, state.clock.now());
        stream.filter_state = filter_state.into_iter().collect();
        stream.logging = true;
        stream.response_code = response.as_ref().and_then(status);
        stream.details =
            Some(if response.is_some() { "via_upstream" } else { "downstream_remote_disconnect" }.to_owned());
        let response_headers = response.as_ref().map(|response| collect(Kind::Response, &response.headers));
        stream.request.headers = Some(collect(Kind::Request, &request.headers));
        stream.response.headers = response_headers.clone();
        let response_trailers = response.as_ref().map(|response| &response.trailers);
        stream.response.received.body =
            response.as_ref().map(|response| response.body.clone()).unwrap_or_default();
        stream.request.received.body = request.body.clone();
        let maps = [
            collect(Kind::Request, &request.headers),
            collect(Kind::RequestTrailers, &request.trailers),
            response_headers.unwrap_or_else(|| EnvoyHeaders::new(Kind::Response)),
            collect(Kind::ResponseTrailers, response_trailers.unwrap_or(&HeaderMap::new())),
        ];
        LogEntry { root, logged: Logged::Http(Box::new(stream)), maps }
    }
}

/// A connection that is over, for [`FakeEnvoy::log_tcp`].
///
/// ```
/// use envoy_sdk_test::{ConnectOptions, TcpLogEntry};
///
/// let _entry = TcpLogEntry::new(ConnectOptions::new().tls("TLSv1.3")).received(5).sent(2);
/// ```
#[derive(Clone, Debug)]
pub struct TcpLogEntry {
    options: ConnectOptions,
    received: usize,
    sent: usize,
    filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl TcpLogEntry {
    /// A connection as described, on which nothing was said.
    pub fn new(options: ConnectOptions) -> Self {
        Self { options, received: 0, sent: 0, filter_state: BTreeMap::new() }
    }

    /// How many octets the client has sent.
    #[must_use]
    pub fn received(mut self, octets: usize) -> Self {
        self.received = octets;
        self
    }

    /// How many octets were sent to the client.
    #[must_use]
    pub fn sent(mut self, octets: usize) -> Self {
        self.sent = octets;
        self
    }

    /// Filter state that a Wasm filter has set: read under its bare key.
    #[must_use]
    pub fn filter_state(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.filter_state.insert(key.into(), value.as_ref().to_vec());
        self
    }

    fn into_entry(self, state: &State, root: u32) -> LogEntry {
        let Self { options, received, sent, filter_state } = self;
        let id = options.connection_id.unwrap_or_default();
        let mut properties = connection_properties(&options, id, state.clock.now());
        if !options.server_refuses {
            set_server_address(&mut properties, &options);
        }
        let stream = Stream {
            root,
            options,
            properties,
            filter_state: filter_state.into_iter().collect(),
            handshake_done: true,
            opening: Opening::Connected,
            to_server: Flow { presented: received as u64, ..Flow::default() },
            to_client: Flow { delivered: vec![0; sent], ..Flow::default() },
            closed: None,
            deleted: false,
            reset_unread: false,
            server_reset_unread: false,
        };
        let maps = [Kind::Request, Kind::RequestTrailers, Kind::Response, Kind::ResponseTrailers];
        LogEntry { root, logged: Logged::Tcp(Box::new(stream)), maps: maps.map(EnvoyHeaders::new) }
    }
}

/// What an access logger can ask about while it logs.
#[derive(Debug)]
pub(crate) struct LogEntry {
    root: u32,
    logged: Logged,
    /// All four are there, be they empty.
    maps: [EnvoyHeaders; 4],
}

#[derive(Debug)]
enum Logged {
    Http(Box<HttpStream>),
    Tcp(Box<Stream>),
}

impl LogEntry {
    pub(crate) fn header_map(&self, kind: MapKind) -> Option<&EnvoyHeaders> {
        let index = match kind {
            MapKind::RequestHeaders => 0,
            MapKind::RequestTrailers => 1,
            MapKind::ResponseHeaders => 2,
            MapKind::ResponseTrailers => 3,
            _ => return None,
        };
        Some(&self.maps[index])
    }

    /// The connection, where one is logged.
    pub(crate) fn connection(&self) -> Option<&Stream> {
        match &self.logged {
            Logged::Tcp(stream) => Some(stream),
            Logged::Http(_) => None,
        }
    }

    /// The request, where one is logged.
    pub(crate) fn request(&self) -> Option<&HttpStream> {
        match &self.logged {
            Logged::Http(stream) => Some(stream),
            Logged::Tcp(_) => None,
        }
    }
}

impl State {
    /// The entry that is being logged, where a host call is the logger's own.
    pub(crate) fn log_entry(&self) -> Option<&LogEntry> {
        self.logging.as_ref().filter(|entry| self.current() == Some(entry.root))
    }
}

impl World {
    fn log(&self, root: u32, into_entry: impl FnOnce(&State, u32) -> LogEntry) {
        {
            let mut state = self.state();
            let entry = into_entry(&state, root);
            state.logging = Some(entry);
        }
        self.enter("proxy_on_log", root, &[root.into()], || exports::log(root));
        self.state().logging = None;
    }
}

/// # Access logs
/// For a plugin that Envoy uses as an access logger (`envoy.access_loggers.wasm`): it has no contexts for streams, every
/// entry comes to the plugin itself.
impl FakeEnvoy {
    /// A request is over, and the plugin logs it.
    pub fn log_http(&mut self, entry: HttpLogEntry) {
        self.world().log(self.root(), |state, root| entry.into_entry(state, root));
        self.settle();
    }

    /// A connection is over, and the plugin logs it.
    pub fn log_tcp(&mut self, entry: TcpLogEntry) {
        self.world().log(self.root(), |state, root| entry.into_entry(state, root));
        self.settle();
    }
}

fn collect(kind: Kind, headers: &HeaderMap) -> EnvoyHeaders {
    EnvoyHeaders::collect(kind, headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn status(response: &HttpResponse) -> Option<u64> {
    number(&response.headers, ":status")
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str()?.parse().ok()
}

/// What Envoy makes of an HTTP status where there is no gRPC status (`doc/http-grpc-status-mapping.md` of the gRPC
/// project).
const fn as_grpc_status(status: u64) -> u64 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}
