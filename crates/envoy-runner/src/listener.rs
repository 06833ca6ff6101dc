//! A TCP listener: where it listens, its filters, and where it forwards to.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Upstream, WasmFilter};

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

/// Where a line per closed connection goes, and its format (Envoy's `%COMMAND%` operators; a line end is
/// added).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Into this file; a relative path is meant from the run directory.
    File {
        /// The file.
        path: PathBuf,
        /// The format of a line.
        format: String,
    },
    /// To Envoy's standard output, which is then our own.
    Stdout {
        /// The format of a line.
        format: String,
    },
}

/// The listener's own certificate, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownstreamTls {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
    /// If given, clients must show a certificate that this authority signed.
    pub client_authority: Option<PathBuf>,
}

/// The form of what Envoy's tap writes, one file per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapFormat {
    /// JSON with the octets in base64 (`JSON_BODY_AS_BYTES`).
    Json,
    /// Length-delimited `TraceWrapper` messages (`PROTO_BINARY_LENGTH_DELIMITED`), written as they happen.
    LengthDelimited,
    /// One binary `TraceWrapper` (`PROTO_BINARY`).
    Binary,
    /// The text form of protobuf (`PROTO_TEXT`).
    Text,
}

/// Envoy's tap on the downstream side of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// What the file names begin with; Envoy appends `_<connection id>.<format>`.
    pub path_prefix: PathBuf,
    /// The form of the files.
    pub format: TapFormat,
    /// Octets kept per direction and connection.
    pub max_buffered_bytes: u32,
}

/// A TCP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) filters: Vec<WasmFilter>,
    pub(crate) upstream: Upstream,
    direction: TrafficDirection,
    tls: Option<DownstreamTls>,
    tap: Option<Tap>,
    access_log: Option<AccessLog>,
    buffer_limit: Option<u32>,
    idle_timeout: Option<Duration>,
}

impl Listener {
    /// A listener on 127.0.0.1 and a free port, that forwards to `upstream` without any filter.
    pub fn new(name: impl Into<String>, upstream: Upstream) -> Self {
        Self {
            name: name.into(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            filters: Vec::new(),
            upstream,
            direction: TrafficDirection::default(),
            tls: None,
            tap: None,
            access_log: None,
            buffer_limit: None,
            idle_timeout: None,
        }
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

    /// Adds a filter behind those already there.
    pub fn filter(mut self, filter: WasmFilter) -> Self {
        self.filters.push(filter);
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

    /// One line per closed connection.
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
        let modules = self.filters.iter().map(|filter| ("Wasm module", filter.module()));
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

    /// The file through which this filter is configured, for [`Delivery::File`](crate::Delivery::File).
    pub(crate) fn discovery_file(&self, filter: &WasmFilter, run_dir: &Path) -> PathBuf {
        run_dir.join(format!("filter-{}-{}.json", self.name, filter.name()))
    }

    /// The `envoy.config.listener.v3.Listener`.
    pub(crate) fn to_json(&self, run_dir: &Path) -> Value {
        let mut filters: Vec<Value> = self
            .filters
            .iter()
            .map(|filter| filter.chain_entry(&self.discovery_file(filter, run_dir)))
            .collect();
        filters.push(self.tcp_proxy(run_dir));
        let mut chain = json!({"filters": filters});
        if let Some(socket) = self.transport_socket() {
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
            config["idle_timeout"] = json!(format!("{}.{:09}s", timeout.as_secs(), timeout.subsec_nanos()));
        }
        if let Some(log) = &self.access_log {
            config["access_log"] = json!([access_logger(log, run_dir)]);
        }
        json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": config})
    }

    fn transport_socket(&self) -> Option<Value> {
        let tls = self.tls.as_ref().map(downstream_tls);
        let Some(tap) = &self.tap else { return tls };
        Some(json!({
            "name": "envoy.transport_sockets.tap",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tap.v3.Tap",
                "common_config": {"static_config": {
                    "match": {"any_match": true},
                    "output_config": {
                        "sinks": [{
                            "format": match tap.format {
                                TapFormat::Json => "JSON_BODY_AS_BYTES",
                                TapFormat::LengthDelimited => "PROTO_BINARY_LENGTH_DELIMITED",
                                TapFormat::Binary => "PROTO_BINARY",
                                TapFormat::Text => "PROTO_TEXT",
                            },
                            "file_per_tap": {"path_prefix": tap.path_prefix},
                        }],
                        "max_buffered_rx_bytes": tap.max_buffered_bytes,
                        "max_buffered_tx_bytes": tap.max_buffered_bytes,
                        // The other forms cannot be appended to, so they are written when the connection ends.
                        "streaming": tap.format == TapFormat::LengthDelimited,
                    },
                }},
                "transport_socket": tls.unwrap_or_else(raw_buffer),
            },
        }))
    }
}

/// A connection as it is.
pub(crate) fn raw_buffer() -> Value {
    json!({
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
        },
    })
}

fn downstream_tls(tls: &DownstreamTls) -> Value {
    let mut common = json!({
        "tls_certificates": [{
            "certificate_chain": {"filename": tls.certificate},
            "private_key": {"filename": tls.private_key},
        }],
    });
    if let Some(authority) = &tls.client_authority {
        common["validation_context"] = json!({"trusted_ca": {"filename": authority}});
    }
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": tls.client_authority.is_some(),
            "common_tls_context": common,
        },
    })
}

fn access_logger(log: &AccessLog, run_dir: &Path) -> Value {
    let (name, kind, path, format) = match log {
        AccessLog::File { path, format } => {
            ("file", "file.v3.FileAccessLog", Some(run_dir.join(path)), format)
        }
        AccessLog::Stdout { format } => ("stdout", "stream.v3.StdoutAccessLog", None, format),
    };
    let mut config = json!({
        "@type": format!("type.googleapis.com/envoy.extensions.access_loggers.{kind}"),
        "log_format": {"text_format_source": {"inline_string": format!("{format}\n")}},
    });
    if let Some(path) = path {
        config["path"] = json!(path);
    }
    json!({"name": format!("envoy.access_loggers.{name}"), "typed_config": config})
}
