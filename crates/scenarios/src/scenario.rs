//! What happens in a scenario, and to which extension.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// One scenario: an extension with a script, and what its peers do. It is told by chained calls:
///
/// ```
/// use scenarios::Scenario;
/// use serde_json::json;
///
/// let script = json!({"rules": [{"on": "downstream_data", "do": [{"append": "!"}]}]});
/// let _scenario = Scenario::network("buffers-append", "What is appended arrives behind the data", script)
///     .connect()
///     .client_sends("hello")
///     .client_ends()
///     .server_ends();
/// ```
///
/// All connections must have ended when it is over: what a scenario leaves behind would be seen by the next one.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, and that of its golden file: topic first, words joined by `-`.
    pub name: &'static str,
    /// The rule that it shows, as one sentence.
    pub rule: &'static str,
    /// The extension, by its root id.
    pub extension: &'static str,
    /// What the listener is like.
    pub listener: Listener,
    /// The extension's configuration.
    pub script: Value,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// Why the oldest Envoy does something else, which has a golden file of its own.
    pub differs_on_oldest: Option<&'static str>,
    /// The connection that the next step is about.
    current: usize,
}

/// What a listener is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it forwards.
    pub protocol: Protocol,
    /// Whether the extension is an access logger of the listener, not a filter.
    pub logs: bool,
    /// Whether the server behind it refuses connections.
    pub server_refuses: bool,
    /// `per_connection_buffer_limit_bytes`, if not Envoy's default.
    pub buffer_limit: Option<u32>,
    /// Whether its plugin can be configured anew while it runs.
    pub reconfigurable: bool,
    /// What stands behind the cluster that extensions call out to, if there is one. It is called like the scenario.
    pub oracle: Option<Oracle>,
    /// The key of filter state that its access log prints, one line per connection.
    pub logged_filter_state: Option<&'static str>,
}

/// What a listener forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// HTTP streams; clients and servers speak HTTP/2.
    Http,
    /// Nothing: there is no listener, the extension works in the background.
    Nothing,
}

/// What stands behind the cluster that extensions call out to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// A server that answers, in HTTP/2.
    Answers,
    /// A port on which nobody listens.
    Refuses,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A client connects.
    Connect,
    /// A client begins an HTTP stream: headers, and whether there is nothing more.
    Request(Fields, bool),
    /// A peer of a connection or HTTP stream does something.
    Peer(usize, Peer, Deed),
    /// A connection or request comes and goes: an access logger is told at the end, all the rest does not matter.
    Logged(Logged),
    /// Time passes: timers fire.
    Pass(Duration),
    /// The plugin gets another configuration.
    Reconfigure(Value),
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    /// A connection: what the client and then the server has sent; the client ends first.
    Connection(Vec<u8>, Vec<u8>),
    /// A GET request with these headers, and its response, of this status.
    Request(Fields, u16, Fields),
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Who connects to Envoy.
    Client,
    /// Whom Envoy connects to.
    Server,
    /// Whom an extension calls: numbered on its own, a number for each call.
    Oracle,
}

/// What a peer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Sends octets, which Envoy reads in one piece.
    Sends(Vec<u8>),
    /// Sends its last octets together with the end (FIN).
    SendsLast(Vec<u8>),
    /// Ends its side (FIN).
    Ends,
    /// Resets the connection (RST) or the HTTP stream.
    Resets,
    /// Sends a response's headers; whether there is nothing more.
    SendsHeaders(Fields, bool),
    /// Sends a piece of a body, which Envoy reads as one; whether there is nothing more.
    SendsBody(Vec<u8>, bool),
    /// Sends trailers.
    SendsTrailers(Fields),
    /// Answers an HTTP call.
    Answers(Answer),
    /// Begins to answer an HTTP call, and resets it.
    BreaksOff,
    /// Answers a gRPC call with a message and `OK`.
    AnswersGrpc(Vec<u8>),
    /// Answers a gRPC call, or ends a gRPC stream that it has not accepted, with this status and message.
    FailsGrpc(u32, String),
    /// Accepts a gRPC stream with this metadata.
    AcceptsGrpc(Fields),
    /// Sends a message on a gRPC stream.
    SendsGrpc(Vec<u8>),
    /// Ends a gRPC stream with this status and metadata.
    EndsGrpc(u32, Fields),
}

/// An answer to an HTTP call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers besides.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Fields,
}

/// Headers or trailers: names and values.
pub type Fields = Vec<(String, String)>;

impl Scenario {
    /// A scenario with a network filter.
    pub fn network(name: &'static str, rule: &'static str, script: Value) -> Self {
        Self::new(name, rule, "network", Protocol::Tcp, script)
    }

    /// A scenario with an HTTP filter.
    pub fn http(name: &'static str, rule: &'static str, script: Value) -> Self {
        Self::new(name, rule, "http", Protocol::Http, script)
    }

    /// A scenario with an access logger of a TCP listener.
    pub fn tcp_log(name: &'static str, rule: &'static str, script: Value) -> Self {
        let mut scenario = Self::new(name, rule, "access-log", Protocol::Tcp, script);
        scenario.listener.logs = true;
        scenario
    }

    /// A scenario with an access logger of an HTTP listener.
    pub fn http_log(name: &'static str, rule: &'static str, script: Value) -> Self {
        let mut scenario = Self::new(name, rule, "access-log", Protocol::Http, script);
        scenario.listener.logs = true;
        scenario
    }

    /// A scenario with a background service.
    pub fn background(name: &'static str, rule: &'static str, script: Value) -> Self {
        Self::new(name, rule, "background", Protocol::Nothing, script)
    }

    fn new(
        name: &'static str,
        rule: &'static str,
        extension: &'static str,
        protocol: Protocol,
        script: Value,
    ) -> Self {
        let listener = Listener {
            protocol,
            logs: false,
            server_refuses: false,
            buffer_limit: None,
            reconfigurable: false,
            oracle: None,
            logged_filter_state: None,
        };
        let steps = Vec::new();
        Self { name, rule, extension, listener, script, steps, differs_on_oldest: None, current: 0 }
    }

    /// The server behind the listener refuses connections.
    pub fn server_refuses(mut self) -> Self {
        self.listener.server_refuses = true;
        self
    }

    /// There is a cluster to call out to, called like the scenario.
    pub fn with_oracle(mut self, oracle: Oracle) -> Self {
        self.listener.oracle = Some(oracle);
        self
    }

    /// The oracle does something about a call, counted from 1 in the order in which calls are made.
    pub fn oracle(self, call: usize, deed: Deed) -> Self {
        self.step(Step::Peer(call - 1, Peer::Oracle, deed))
    }

    /// The oracle answers an HTTP call.
    pub fn oracle_answers(self, call: usize, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let (headers, body) = (fields(headers), body.into());
        self.oracle(call, Deed::Answers(Answer { status, headers, body, trailers: Vec::new() }))
    }

    /// The listener's `per_connection_buffer_limit_bytes`.
    pub fn buffer_limit(mut self, octets: u32) -> Self {
        self.listener.buffer_limit = Some(octets);
        self
    }

    /// The listener's access log prints this key of filter state.
    pub fn logs_filter_state(mut self, key: &'static str) -> Self {
        self.listener.logged_filter_state = Some(key);
        self
    }

    /// The oldest Envoy does something else, for this reason.
    pub fn differs_on_oldest(mut self, reason: &'static str) -> Self {
        self.differs_on_oldest = Some(reason);
        self
    }

    /// A client connects. The steps that follow are about its connection.
    pub fn connect(mut self) -> Self {
        self.current = self.connections();
        self.step(Step::Connect)
    }

    /// The steps that follow are about this connection, counted from 1 in the order of [`connect`](Self::connect).
    pub fn on_connection(mut self, number: usize) -> Self {
        self.current = number - 1;
        self
    }

    /// A client sends a request's headers: those that must be, and these. The steps that follow are about its stream.
    pub fn request(mut self, method: &str, path: &str, headers: &[(&str, &str)], end_stream: bool) -> Self {
        self.current = self.connections();
        self.step(Step::Request(request(method, path, headers), end_stream))
    }

    /// The client sends a piece of the request's body.
    pub fn request_body(self, octets: impl AsRef<[u8]>, end_stream: bool) -> Self {
        self.peer(Peer::Client, Deed::SendsBody(octets.as_ref().to_vec(), end_stream))
    }

    /// The client sends the request's trailers.
    pub fn request_trailers(self, trailers: &[(&str, &str)]) -> Self {
        self.peer(Peer::Client, Deed::SendsTrailers(fields(trailers)))
    }

    /// The server sends a response's headers: the status, and these.
    pub fn response(self, status: u16, headers: &[(&str, &str)], end_stream: bool) -> Self {
        let status = status.to_string();
        let headers = fields(&[&[(":status", status.as_str())][..], headers].concat());
        self.peer(Peer::Server, Deed::SendsHeaders(headers, end_stream))
    }

    /// The server sends a piece of the response's body.
    pub fn response_body(self, octets: impl AsRef<[u8]>, end_stream: bool) -> Self {
        self.peer(Peer::Server, Deed::SendsBody(octets.as_ref().to_vec(), end_stream))
    }

    /// The server sends the response's trailers.
    pub fn response_trailers(self, trailers: &[(&str, &str)]) -> Self {
        self.peer(Peer::Server, Deed::SendsTrailers(fields(trailers)))
    }

    /// The client sends octets.
    pub fn client_sends(self, octets: impl AsRef<[u8]>) -> Self {
        self.peer(Peer::Client, Deed::Sends(octets.as_ref().to_vec()))
    }

    /// The client sends its last octets together with the end.
    pub fn client_sends_last(self, octets: impl AsRef<[u8]>) -> Self {
        self.peer(Peer::Client, Deed::SendsLast(octets.as_ref().to_vec()))
    }

    /// The client ends its side.
    pub fn client_ends(self) -> Self {
        self.peer(Peer::Client, Deed::Ends)
    }

    /// The client resets the connection.
    pub fn client_resets(self) -> Self {
        self.peer(Peer::Client, Deed::Resets)
    }

    /// The server sends octets.
    pub fn server_sends(self, octets: impl AsRef<[u8]>) -> Self {
        self.peer(Peer::Server, Deed::Sends(octets.as_ref().to_vec()))
    }

    /// The server sends its last octets together with the end.
    pub fn server_sends_last(self, octets: impl AsRef<[u8]>) -> Self {
        self.peer(Peer::Server, Deed::SendsLast(octets.as_ref().to_vec()))
    }

    /// The server ends its side.
    pub fn server_ends(self) -> Self {
        self.peer(Peer::Server, Deed::Ends)
    }

    /// The server resets the connection.
    pub fn server_resets(self) -> Self {
        self.peer(Peer::Server, Deed::Resets)
    }

    /// A connection comes and goes: what the client and then the server has sent.
    pub fn logged_connection(self, client: &str, server: &str) -> Self {
        self.step(Step::Logged(Logged::Connection(client.into(), server.into())))
    }

    /// A request comes and goes.
    pub fn logged_request(
        self,
        path: &str,
        headers: &[(&str, &str)],
        status: u16,
        response: &[(&str, &str)],
    ) -> Self {
        let request = request("GET", path, headers);
        self.step(Step::Logged(Logged::Request(request, status, fields(response))))
    }

    /// So much time passes.
    pub fn pass(self, milliseconds: u64) -> Self {
        self.step(Step::Pass(Duration::from_millis(milliseconds)))
    }

    /// The plugin gets another configuration.
    pub fn reconfigure(mut self, script: Value) -> Self {
        self.listener.reconfigurable = true;
        self.step(Step::Reconfigure(script))
    }

    fn peer(self, peer: Peer, deed: Deed) -> Self {
        let connection = self.current;
        self.step(Step::Peer(connection, peer, deed))
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// How many connections or HTTP streams there are.
    pub fn connections(&self) -> usize {
        let begins = |step: &&Step| matches!(step, Step::Connect | Step::Request(..));
        self.steps.iter().filter(begins).count()
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Fields {
    let pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "example.com")];
    fields(&[&pseudo[..], headers].concat())
}

pub(crate) fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("a client connects"),
            Self::Request(headers, end) => write!(f, "a client requests {}", Message(headers, *end)),
            Self::Peer(connection, peer, deed) => write!(f, "{peer} {} {deed}", connection + 1),
            Self::Logged(Logged::Connection(client, server)) => {
                let [client, server] = [client, server].map(|octets| octets.escape_ascii());
                write!(f, "a connection with \"{client}\" and \"{server}\"")
            }
            Self::Logged(Logged::Request(request, status, response)) => {
                write!(
                    f,
                    "a request {} answered {status} {}",
                    Message(request, false),
                    Message(response, false)
                )
            }
            Self::Pass(duration) => write!(f, "{} ms pass", duration.as_millis()),
            Self::Reconfigure(script) => write!(f, "the configuration becomes {script}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Oracle => "oracle",
        })
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sends(octets) => write!(f, "sends \"{}\"", octets.escape_ascii()),
            Self::SendsLast(octets) => write!(f, "sends \"{}\" and ends", octets.escape_ascii()),
            Self::Ends => f.write_str("ends"),
            Self::Resets => f.write_str("resets"),
            Self::SendsHeaders(headers, end) => write!(f, "responds {}", Message(headers, *end)),
            Self::SendsBody(octets, end) => {
                write!(f, "sends a body \"{}\"{}", octets.escape_ascii(), if *end { " and ends" } else { "" })
            }
            Self::SendsTrailers(trailers) => write!(f, "ends with {}", Message(trailers, false)),
            Self::Answers(Answer { status, headers, body, trailers }) => {
                write!(f, "answers {status} {} \"{}\"", Message(headers, false), body.escape_ascii())?;
                if trailers.is_empty() { Ok(()) } else { write!(f, " {}", Message(trailers, false)) }
            }
            Self::BreaksOff => f.write_str("begins to answer and resets"),
            Self::AnswersGrpc(message) => write!(f, "answers \"{}\"", message.escape_ascii()),
            Self::FailsGrpc(status, message) => write!(f, "fails with {status} \"{message}\""),
            Self::AcceptsGrpc(metadata) => write!(f, "accepts with {}", Message(metadata, false)),
            Self::SendsGrpc(message) => write!(f, "sends \"{}\"", message.escape_ascii()),
            Self::EndsGrpc(status, metadata) => write!(f, "ends with {status} {}", Message(metadata, false)),
        }
    }
}

/// Headers on one line, and whether that is all.
struct Message<'a>(&'a Fields, bool);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={}", value.escape_default())).collect();
        write!(f, "{{{}}}{}", fields.join(" "), if self.1 { " and ends" } else { "" })
    }
}
