//! A scenario on FakeEnvoy.

mod oracle;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use envoy_sdk::HeaderMap;
use envoy_sdk_test::{
    ConnectOptions, Connection, FakeEnvoy, HttpExchange, HttpLogEntry, HttpOptions, HttpRequest,
    HttpResponse, Received, TcpLogEntry,
};

use crate::observation::{self, Arrival, Observation, Section};
use crate::real_host::masking::without_delay;
use crate::scenario::{Deed, Fields, Logged, Peer, Scenario, Step};
use crate::statistics::{self, Statistics};

use oracle::Oracle;

/// What the plugin is called on both hosts: its length stands in the trace.
pub(crate) const PLUGIN_NAME: &str = "scenario";

/// Runs a scenario and says what was seen.
///
/// # Errors
/// If the module refuses its configuration, or a connection is still open at the end.
///
/// # Panics
/// Where FakeEnvoy refuses a step, because on a real Envoy it could not happen or would cost the VM.
pub fn run(scenario: &Scenario) -> Result<Observation> {
    let mut bootstrap = FakeEnvoy::new(scenario_extension::module)
        .plugin_name(PLUGIN_NAME)
        .root_id(scenario.extension)
        .vm_id(scenario.name);
    if scenario.listener.oracle.is_some() {
        bootstrap = bootstrap.cluster(scenario.name);
    }
    if let Some(octets) = scenario.listener.buffer_limit {
        bootstrap = bootstrap.buffer_limit(octets as usize);
    }
    let envoy = bootstrap.configure(scenario.script.to_string())?;
    let statistics = statistics::of_fake(&envoy.stats());
    let oracle = Oracle::new(scenario.listener.oracle);
    let mut stage = Stage { statistics, envoy, connections: Vec::new(), oracle };
    let mut observation = Observation::default();
    observation.sections.push(stage.section("start"));
    for step in &scenario.steps {
        stage.perform(scenario, step)?;
        observation.sections.push(stage.section(&step.to_string()));
    }
    ensure!(stage.connections.iter().all(Seen::is_over), "a connection or stream is open at the end");
    observation.statistics =
        statistics::changes(&stage.statistics, &statistics::of_fake(&stage.envoy.stats()));
    if let Some(key) = scenario.listener.logged_filter_state {
        observation.access_log = stage.access_log(key);
    }
    Ok(observation)
}

struct Stage {
    envoy: FakeEnvoy,
    connections: Vec<Seen>,
    oracle: Oracle,
    /// As they were when the VM had started.
    statistics: Statistics,
}

/// A connection or HTTP stream, and how much of what its peers received has been noted.
struct Seen {
    passage: Passage,
    noted: BTreeMap<Peer, Arrival>,
    /// Who has reset it sees nothing any more.
    reset_by: Option<Peer>,
}

enum Passage {
    Connection(Connection),
    Exchange(HttpExchange),
}

impl Stage {
    fn perform(&mut self, scenario: &Scenario, step: &Step) -> Result<()> {
        match step {
            Step::Connect => {
                let connection = self.envoy.connect_with(connect_options(scenario));
                self.connections.push(Seen::new(Passage::Connection(connection)));
            }
            Step::Request(headers, end) => {
                let mut exchange = self.envoy.http_stream_with(http_options(scenario));
                exchange.client_sends_headers(headers.iter().cloned(), *end);
                self.connections.push(Seen::new(Passage::Exchange(exchange)));
            }
            Step::Peer(number, Peer::Oracle, deed) => self.oracle.act(&mut self.envoy, *number, deed)?,
            Step::Peer(number, peer, deed) => {
                let seen = self.connections.get_mut(*number).context("nothing of that number")?;
                if *deed == Deed::Resets {
                    seen.reset_by = Some(*peer);
                }
                match &mut seen.passage {
                    Passage::Connection(connection) => act_on_connection(connection, *peer, deed)?,
                    Passage::Exchange(exchange) => act_on_exchange(exchange, *peer, deed)?,
                }
            }
            Step::Logged(Logged::Connection(client, server)) => {
                let entry = TcpLogEntry::new(connect_options(scenario));
                self.envoy.log_tcp(entry.received(client.len()).sent(server.len()));
            }
            Step::Logged(Logged::Request(request, status, response)) => {
                self.envoy.log_http(http_entry(request, *status, response).options(http_options(scenario)));
            }
            Step::Pass(duration) => self.envoy.advance(*duration),
            Step::Reconfigure(script) => {
                // What was wrong stands in the log.
                let _refused = self.envoy.reconfigure(script.to_string());
            }
        }
        Ok(())
    }

    /// What has been seen since the last section.
    fn section(&mut self, heading: &str) -> Section {
        let called = self.oracle.listen(&mut self.envoy);
        let mut section = Section {
            heading: heading.to_owned(),
            calls: self.envoy.take_trace().iter().map(|call| without_delay(&call.to_string())).collect(),
            log: self.envoy.take_log().iter().map(ToString::to_string).collect(),
            arrivals: BTreeMap::new(),
        };
        for (number, seen) in self.connections.iter_mut().enumerate() {
            for peer in [Peer::Client, Peer::Server] {
                let arrival = seen.new_arrival(peer);
                if !arrival.is_nothing() {
                    section.arrivals.insert((number, peer), arrival);
                }
            }
        }
        section
            .arrivals
            .extend(called.into_iter().map(|(number, arrival)| ((number, Peer::Oracle), arrival)));
        section
    }

    fn access_log(&self, key: &str) -> Vec<String> {
        self.connections.iter().map(|seen| printed(seen.filter_state(key))).collect()
    }
}

impl Seen {
    fn new(passage: Passage) -> Self {
        Self { passage, noted: BTreeMap::new(), reset_by: None }
    }

    fn is_over(&self) -> bool {
        match &self.passage {
            Passage::Connection(connection) => !connection.is_open(),
            Passage::Exchange(exchange) => !exchange.is_open(),
        }
    }

    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        match &self.passage {
            Passage::Connection(connection) => connection.filter_state(key),
            Passage::Exchange(exchange) => exchange.filter_state(key),
        }
    }

    fn new_arrival(&mut self, peer: Peer) -> Arrival {
        if self.reset_by == Some(peer) {
            return Arrival::default();
        }
        let all = match (&self.passage, peer) {
            (Passage::Connection(connection), Peer::Client) => Arrival {
                octets: connection.received_by_client(),
                end: connection.client_has_seen_end(),
                ..Arrival::default()
            },
            (Passage::Connection(connection), Peer::Server) => Arrival {
                connected: connection.has_reached_server(),
                octets: connection.received_by_server(),
                end: connection.has_reached_server() && connection.server_has_seen_end(),
                ..Arrival::default()
            },
            (Passage::Exchange(exchange), Peer::Client) => arrival(&exchange.received_by_client()),
            (Passage::Exchange(exchange), Peer::Server) => arrival(&exchange.received_by_server()),
            (_, Peer::Oracle) => Arrival::default(),
        };
        let before = self.noted.insert(peer, all.clone()).unwrap_or_default();
        all.since(&before)
    }
}

fn arrival(received: &Received) -> Arrival {
    let fields = |map: &HeaderMap| {
        observation::fields(map.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    };
    Arrival {
        connected: false,
        headers: fields(&received.headers),
        octets: received.body.clone(),
        trailers: fields(&received.trailers),
        end: received.ended,
        reset: received.reset,
    }
}

// Lengths stand in the trace: loopback, and ports of five digits as the system gives them out.
const CLIENT: &str = "127.0.0.1:40001";
const LISTENER: &str = "127.0.0.1:40002";
const SERVER: &str = "127.0.0.1:40003";

fn connect_options(scenario: &Scenario) -> ConnectOptions {
    let options =
        ConnectOptions::new().client_address(CLIENT).listener_address(LISTENER).server_address(SERVER);
    if scenario.listener.server_refuses { options.server_refuses() } else { options }
}

fn http_options(scenario: &Scenario) -> HttpOptions {
    let options = HttpOptions::new().client_address(CLIENT).listener_address(LISTENER);
    if scenario.listener.server_refuses { options.server_refuses() } else { options }
}

fn act_on_connection(connection: &mut Connection, peer: Peer, deed: &Deed) -> Result<()> {
    match (peer, deed) {
        (Peer::Client, Deed::Sends(octets)) => drop(connection.client_sends(octets)),
        (Peer::Client, Deed::SendsLast(octets)) => drop(connection.client_sends_last(octets)),
        (Peer::Client, Deed::Ends) => drop(connection.client_ends()),
        (Peer::Client, Deed::Resets) => connection.client_resets(),
        (Peer::Server, Deed::Sends(octets)) => drop(connection.server_sends(octets)),
        (Peer::Server, Deed::SendsLast(octets)) => drop(connection.server_sends_last(octets)),
        (Peer::Server, Deed::Ends) => drop(connection.server_ends()),
        (Peer::Server, Deed::Resets) => connection.server_resets(),
        (peer, deed) => bail!("{peer} {deed}: on an HTTP stream only"),
    }
    Ok(())
}

fn act_on_exchange(exchange: &mut HttpExchange, peer: Peer, deed: &Deed) -> Result<()> {
    match (peer, deed) {
        (Peer::Client, Deed::SendsBody(octets, end)) => drop(exchange.client_sends_body(octets, *end)),
        (Peer::Client, Deed::SendsTrailers(trailers)) => {
            exchange.client_sends_trailers(trailers.iter().cloned());
        }
        (Peer::Client, Deed::Resets) => exchange.client_resets(),
        (Peer::Server, Deed::SendsHeaders(headers, end)) => {
            exchange.server_sends_headers(headers.iter().cloned(), *end);
        }
        (Peer::Server, Deed::SendsBody(octets, end)) => drop(exchange.server_sends_body(octets, *end)),
        (Peer::Server, Deed::SendsTrailers(trailers)) => {
            exchange.server_sends_trailers(trailers.iter().cloned());
        }
        (Peer::Server, Deed::Resets) => exchange.server_resets(),
        (peer, deed) => bail!("{peer} {deed}: not on an HTTP stream"),
    }
    Ok(())
}

fn http_entry(request: &Fields, status: u16, response: &Fields) -> HttpLogEntry {
    // Pseudo headers replace those that are there.
    let request = request.iter().fold(HttpRequest::get("/"), |all, (name, value)| all.header(name, value));
    let response =
        response.iter().fold(HttpResponse::new(status), |all, (name, value)| all.header(name, value));
    HttpLogEntry::new(request, response)
}

/// As `%FILTER_STATE(wasm.<key>:PLAIN)%` prints it.
fn printed(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "-".to_owned(), |octets| String::from_utf8_lossy(&octets).into_owned())
}
