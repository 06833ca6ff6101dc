//! Envoy's admin interface on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::RunnerError;

/// What Envoy says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its full version: commit, version, state of the sources, kind of build, TLS library.
    pub version: String,
    /// `LIVE`, `DRAINING`, `PRE_INITIALIZING` or `INITIALIZING`.
    pub state: String,
}

pub(crate) struct Admin {
    address: SocketAddr,
    agent: ureq::Agent,
}

impl Admin {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            // Neither a proxy of the environment nor a redirect has any business here.
            .proxy(None)
            .max_redirects(0)
            .build();
        Self { address, agent: config.into() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn get(&self, path: &str) -> Result<String, RunnerError> {
        self.answer(path, self.agent.get(self.url(path)).call())
    }

    pub(crate) fn post(&self, path: &str) -> Result<String, RunnerError> {
        self.answer(path, self.agent.post(self.url(path)).send_empty())
    }

    pub(crate) fn get_json(&self, path: &str) -> Result<Value, RunnerError> {
        serde_json::from_str(&self.get(path)?)
            .map_err(|error| RunnerError::Admin { path: path.to_owned(), reason: error.to_string() })
    }

    /// Whether Envoy serves: its listeners are open and its filters loaded.
    pub(crate) fn is_ready(&self) -> bool {
        self.get("/ready").is_ok()
    }

    pub(crate) fn server_info(&self) -> Result<ServerInfo, RunnerError> {
        let info = self.get_json("/server_info")?;
        let text = |field: &str| info[field].as_str().unwrap_or_default().to_owned();
        Ok(ServerInfo { version: text("version"), state: text("state") })
    }

    /// The names of all listeners with the address that each really listens on.
    pub(crate) fn listeners(&self) -> Result<Vec<(String, SocketAddr)>, RunnerError> {
        let answer = self.get_json("/listeners?format=json")?;
        let statuses = answer["listener_statuses"].as_array().cloned().unwrap_or_default();
        statuses
            .iter()
            .map(|status| {
                let socket = &status["local_address"]["socket_address"];
                let address = format_address(&socket["address"], &socket["port_value"]);
                let name = status["name"].as_str();
                name.map(str::to_owned).zip(address).ok_or_else(|| RunnerError::Admin {
                    path: "/listeners".to_owned(),
                    reason: format!("a listener without name or address: {status}"),
                })
            })
            .collect()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn answer(
        &self,
        path: &str,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, RunnerError> {
        let failed = |reason: String| RunnerError::Admin { path: path.to_owned(), reason };
        let mut response = result.map_err(|error| failed(error.to_string()))?;
        let text = response
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_string()
            .map_err(|error| failed(error.to_string()))?;
        if response.status().is_success() {
            Ok(text)
        } else {
            Err(failed(format!("{}: {}", response.status(), text.trim())))
        }
    }
}

/// In bytes; a full scrape with many listeners is a few megabytes.
const LARGEST_ANSWER: u64 = 256 * 1024 * 1024;

fn format_address(ip: &Value, port: &Value) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.as_str()?.parse().ok()?, u16::try_from(port.as_u64()?).ok()?))
}
