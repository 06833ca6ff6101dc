//! A network filter that asks a service about every new connection, by the client's address.
//!
//! Until the answer is there, the connection waits: Envoy neither connects to the server nor passes anything on. The
//! service is a cluster of Envoy's and decides by its status: 2xx lets the client in, 403 does not; with any other
//! answer, or none, the configuration decides. Under wasm32 this crate is the module `connection-gate.wasm`; see
//! README.md for how to run it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use envoy_sdk::metrics::{Level, catalogue, label};
use envoy_sdk::{
    ConfigureContext, Context as _, Error, FilterStatus, HttpCallError, HttpCallId, HttpRequest,
    HttpResponse, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result, Stats,
};
use serde::Deserialize;

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).network_filter::<ConnectionGate>()
}
envoy_sdk::entry_point!(module);

label! {
    /// What became of a connection.
    pub enum Outcome: "outcome" {
        /// The service let it in.
        Admitted = "admitted",
        /// The service refused it.
        Refused = "refused",
        /// The service did not decide, and the connection was let in.
        FailedOpen = "failed_open",
        /// The service did not decide, and the connection was closed.
        FailedClosed = "failed_closed",
        /// Envoy closed it before there was a decision, because it was drained, for example. That the client leaves is
        /// not noticed meanwhile: before it has a server, `tcp_proxy` lets Envoy read nothing.
        Abandoned = "abandoned",
    }
}

catalogue! {
    /// What the filter counts.
    pub static CONNECTION_GATE: "connection_gate" {
        /// Connections, by what became of them.
        counter CONNECTIONS: Outcome = "connections_total", Summary, FromStart;
        /// Connections that wait for a decision.
        gauge WAITING: () = "connections_waiting", Summary, FromStart;
    }
}

/// The plugin's configuration. Only `cluster` has to be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster that is asked.
    pub cluster: String,
    /// The path of the question; the client's address follows as its last segment.
    #[serde(default = "default_path")]
    pub path: String,
    /// How long the service may take, in milliseconds; 1 or more.
    #[serde(default = "default_timeout")]
    pub timeout_milliseconds: u32,
    /// What happens to a connection when the service has not decided: fail open or closed.
    #[serde(default)]
    pub without_decision: Verdict,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on to the server.
    Admit,
    /// It is closed.
    #[default]
    Refuse,
}

fn default_path() -> String {
    "/admit".to_owned()
}

fn default_timeout() -> u32 {
    500
}

/// Makes the filters of one plugin.
#[derive(Debug)]
pub struct ConnectionGate {
    config: Rc<Config>,
    stats: Stats,
}

impl NetworkFilterFactory for ConnectionGate {
    const NAME: &'static str = "connection-gate";
    type Config = Config;
    type Filter = Gate;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if config.cluster.is_empty() {
            return Err(Error::new("cluster: must name a cluster"));
        }
        if !config.path.starts_with('/') {
            return Err(Error::new("path: must begin with /"));
        }
        if config.timeout_milliseconds == 0 {
            return Err(Error::new("timeout_milliseconds: must be 1 or more"));
        }
        Ok(Self { config: config.into(), stats: cx.stats(&CONNECTION_GATE, &[], Level::Summary)? })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Gate> {
        Ok(Gate { config: Rc::clone(&self.config), stats: self.stats.clone(), waits: false })
    }

    // `error_policy` is left as it is: a filter that guards a server closes what it cannot judge.
}

/// The filter of one connection.
#[derive(Debug)]
pub struct Gate {
    config: Rc<Config>,
    stats: Stats,
    waits: bool,
}

impl NetworkFilter for Gate {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        let address = cx.stream_info().source().address()?.unwrap_or_default();
        let client: SocketAddr = address.to_str().unwrap_or_default().parse().context("client address")?;
        let question = HttpRequest::get("connection-gate", &format!("{}/{}", self.config.path, client.ip()));
        let timeout = Duration::from_millis(self.config.timeout_milliseconds.into());
        match cx.http_call(&self.config.cluster, &question, timeout) {
            Ok(_) => {
                self.waits = true;
                self.stats.shift(&WAITING, (), 1);
                Ok(FilterStatus::StopIteration)
            }
            Err(error) => {
                log::warn!("the cluster {:?} cannot be asked: {error}", self.config.cluster);
                match self.without_decision() {
                    Verdict::Admit => Ok(FilterStatus::Continue),
                    Verdict::Refuse => {
                        cx.close()?;
                        Ok(FilterStatus::StopIteration)
                    }
                }
            }
        }
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut NetworkContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        self.waits_no_more();
        match self.judge(response)? {
            Verdict::Admit => cx.continue_reading(),
            Verdict::Refuse => cx.close(),
        }
    }

    fn on_stream_complete(&mut self, _cx: &mut NetworkContext<'_>) -> Result<()> {
        if self.waits {
            self.waits_no_more();
            self.count(Outcome::Abandoned);
        }
        Ok(())
    }
}

impl Gate {
    fn judge(&mut self, response: Result<HttpResponse<'_>, HttpCallError>) -> Result<Verdict> {
        let Ok(response) = response else { return Ok(self.without_decision()) };
        match response.status()? {
            200..=299 => {
                self.count(Outcome::Admitted);
                Ok(Verdict::Admit)
            }
            403 => {
                self.count(Outcome::Refused);
                Ok(Verdict::Refuse)
            }
            // Envoy's own 503 and 504 among them: nobody could be asked, or nobody answered in time.
            _ => Ok(self.without_decision()),
        }
    }

    /// What the configuration decides where the service has not.
    fn without_decision(&mut self) -> Verdict {
        let verdict = self.config.without_decision;
        self.count(match verdict {
            Verdict::Admit => Outcome::FailedOpen,
            Verdict::Refuse => Outcome::FailedClosed,
        });
        verdict
    }

    fn count(&mut self, outcome: Outcome) {
        self.stats.add(&CONNECTIONS, outcome, 1);
    }

    fn waits_no_more(&mut self) {
        self.waits = false;
        self.stats.shift(&WAITING, (), -1);
    }
}
