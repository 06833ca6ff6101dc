//! A listener: where it listens, its filters, and where it forwards to.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::access_log::{self, AccessLog};
use crate::http;
use crate::transport_socket::{self, DownstreamTls, Tap};
use crate::wasm_filter::FilterChain;
use crate::{Upstream, WasmFilter, WasmPlugin};

/// Which way connections go through a listener, seen from the workload that Envoy stands beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficDirection {
    /// Not said.
    #[default]
    Unspecified,
    /// To the workload.
    Inbound,
    /// From the workload.
    Outbound,
}

/// A listener that forwards connections ([`new`](Self::new)) or HTTP requests ([`http`](Self::http)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) filters: Vec<WasmFilter>,
    own_filters: Vec<Value>,
    upstream: Upstream,
    protocol: Protocol,
    direction: TrafficDirection,
    tls: Option<DownstreamTls>,
    tap: Option<Tap>,
    access_log: Option<AccessLog>,
    access_loggers: Vec<WasmPlugin>,
    buffer_limit: Option<u32>,
    idle_timeout: Option<Duration>,
}

/// What a listener forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// Whole connections, by `tcp_proxy`.
    Tcp,
    /// Requests, by the HTTP connection manager and its router.
    Http {
        /// Whether Envoy adds headers of its own.
        own_headers: bool,
    },
}

impl Listener {
    /// A TCP listener on 127.0.0.1 and a free port, that forwards to `upstream` without any filter. Its
    /// [filters](Self::filter) are network filters.
    pub fn new(name: impl Into<String>, upstream: Upstream) -> Self {
        Self {
            name: name.into(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            filters: Vec::new(),
            own_filters: Vec::new(),
            upstream,
            protocol: Protocol::Tcp,
            direction: TrafficDirection::default(),
            tls: None,
            tap: None,
            access_log: None,
            access_loggers: Vec::new(),
            buffer_limit: None,
            idle_timeout: None,
        }
    }

    /// An HTTP listener on 127.0.0.1 and a free port, that forwards every request to `upstream` without any filter.
    /// Its [filters](Self::filter) are HTTP filters.
    ///
    /// Clients may speak HTTP/1.1 or HTTP/2 in clear text; the server is spoken to in HTTP/1.1, unless the upstream
    /// [says otherwise](Upstream::http2). Trailers pass in HTTP/1.1 too, which Envoy's own default is not.
    pub fn http(name: impl Into<String>, upstream: Upstream) -> Self {
        Self {
            upstream: upstream.with_http(),
            protocol: Protocol::Http { own_headers: true },
            ..Self::new(name, Upstream::new("127.0.0.1", 0))
        }
    }

    /// Of an HTTP listener: adds no headers that differ from request to request (`x-request-id`,
    /// `x-envoy-upstream-service-time` and their kin), and leaves the server's `server` as it is. Of a TCP listener:
    /// nothing.
    pub fn without_own_headers(mut self) -> Self {
        if let Protocol::Http { own_headers } = &mut self.protocol {
            *own_headers = false;
        }
        self
    }

    /// The port on 127.0.0.1; 0 means any free one.
    pub fn port(self, port: u16) -> Self {
        self.address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The address to listen on.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Adds a filter behind those already there: a network filter, or an HTTP filter of an HTTP listener.
    pub fn filter(mut self, filter: impl Into<WasmFilter>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// Adds one of Envoy's own filters in front of the Wasm filters, such as `envoy.filters.network.zookeeper_proxy`, with
    /// its configuration: the `typed_config`, `@type` included.
    pub fn envoy_filter(mut self, name: &str, typed_config: &Value) -> Self {
        self.own_filters.push(json!({"name": name, "typed_config": typed_config}));
        self
    }

    /// Adds a Wasm module that is told of each connection, or request of an HTTP listener, when it is over.
    pub fn access_logger(mut self, plugin: WasmPlugin) -> Self {
        self.access_loggers.push(plugin);
        self
    }

    /// The direction that filters and access logs are told.
    pub fn direction(mut self, direction: TrafficDirection) -> Self {
        self.direction = direction;
        self
    }

    /// Speaks TLS to clients; filters see clear text.
    pub fn tls(mut self, tls: DownstreamTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Writes down what passes on the downstream side.
    pub fn tap(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// One line per closed connection, or per request of an HTTP listener.
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Octets that Envoy buffers per connection and direction before it stops reading; 1 MiB by default.
    pub fn buffer_limit(mut self, bytes: u32) -> Self {
        self.buffer_limit = Some(bytes);
        self
    }

    /// A connection silent for so long is closed; zero means never. Envoy's default is one hour.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Files that must be there before Envoy starts, with what they are for.
    pub(crate) fn input_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let filters = self.filters.iter().map(WasmFilter::module);
        let modules = filters.chain(self.access_loggers.iter().map(WasmPlugin::module));
        let modules = modules.map(|path| ("Wasm module", path));
        let tls = self.tls.iter().flat_map(|tls| {
            [("TLS certificate", &*tls.certificate), ("TLS private key", &*tls.private_key)]
                .into_iter()
                .chain(tls.client_authority.as_deref().map(|path| ("TLS client authority", path)))
        });
        modules.chain(tls)
    }

    pub(crate) fn logs_to_stdout(&self) -> bool {
        matches!(self.access_log, Some(AccessLog::Stdout { .. }))
    }

    /// The name of the Envoy cluster behind this listener.
    pub(crate) fn cluster_name(&self) -> String {
        format!("{}_upstream", self.name)
    }

    /// The Envoy cluster behind this listener.
    pub(crate) fn cluster(&self) -> Value {
        self.upstream.cluster(&self.cluster_name())
    }

    /// The kind of its filters.
    pub(crate) fn filter_chain(&self) -> FilterChain {
        match self.protocol {
            Protocol::Tcp => FilterChain::Network,
            Protocol::Http { .. } => FilterChain::Http,
        }
    }

    /// The file through which this filter is configured, for [`Delivery::File`](crate::Delivery::File).
    pub(crate) fn discovery_file(&self, filter: &WasmFilter, run_dir: &Path) -> PathBuf {
        run_dir.join(format!("filter-{}-{}.json", self.name, filter.name()))
    }

    /// The `envoy.config.listener.v3.Listener`.
    pub(crate) fn to_json(&self, run_dir: &Path) -> Value {
        let kind = self.filter_chain();
        let entry = |filter: &WasmFilter| filter.chain_entry(kind, &self.discovery_file(filter, run_dir));
        let mut filters: Vec<Value> =
            self.own_filters.iter().cloned().chain(self.filters.iter().map(entry)).collect();
        match self.protocol {
            Protocol::Tcp => filters.push(self.tcp_proxy(run_dir)),
            Protocol::Http { own_headers } => {
                filters.push(http::router(own_headers));
                filters = vec![self.connection_manager(own_headers, &filters, run_dir)];
            }
        }
        let mut chain = json!({"filters": filters});
        if let Some(socket) = transport_socket::downstream(self.tls.as_ref(), self.tap.as_ref()) {
            chain["transport_socket"] = socket;
        }
        let mut listener = json!({
            "name": self.name,
            "stat_prefix": self.name,
            "address": {"socket_address": {
                "address": self.address.ip(),
                "port_value": self.address.port(),
            }},
            "traffic_direction": match self.direction {
                TrafficDirection::Unspecified => "UNSPECIFIED",
                TrafficDirection::Inbound => "INBOUND",
                TrafficDirection::Outbound => "OUTBOUND",
            },
            "filter_chains": [chain],
        });
        if let Some(bytes) = self.buffer_limit {
            listener["per_connection_buffer_limit_bytes"] = json!(bytes);
        }
        listener
    }

    fn tcp_proxy(&self, run_dir: &Path) -> Value {
        let mut config = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": self.name,
            "cluster": self.cluster_name(),
        });
        if let Some(timeout) = self.idle_timeout {
            config["idle_timeout"] = json!(duration(timeout));
        }
        config["access_log"] = self.access_logs(run_dir);
        json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": config})
    }

    fn connection_manager(&self, own_headers: bool, filters: &[Value], run_dir: &Path) -> Value {
        let mut config = http::connection_manager(&self.name, &self.cluster_name(), own_headers, filters);
        if let Some(timeout) = self.idle_timeout {
            config["common_http_protocol_options"] = json!({"idle_timeout": duration(timeout)});
        }
        config["access_log"] = self.access_logs(run_dir);
        json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": config})
    }

    fn access_logs(&self, run_dir: &Path) -> Value {
        let lines = self.access_log.iter().map(|log| log.to_json(run_dir));
        lines.chain(self.access_loggers.iter().map(access_log::wasm)).collect()
    }
}

/// As protobuf's JSON writes a `Duration`.
fn duration(duration: Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}
