//! The attributes of a TCP connection, as they become known one after another.

use std::time::{Duration, SystemTime};

use envoy_sdk::native_host::Answer;
use envoy_sdk::{ResponseFlags, Status};

use crate::access_log::LogEntry;
use crate::connect_options::ConnectOptions;
use crate::filter_state::FilterState;
use crate::properties::Properties;
use crate::stream::Stream;
use crate::world::State;

/// A list of pairs without any.
const EMPTY_MAP: &[u8] = &[0; 4];
/// Attributes of an HTTP message that a TCP connection has too, without content.
const EMPTY_MAPS: [[&str; 2]; 5] = [
    ["request", "headers"],
    ["response", "headers"],
    ["response", "trailers"],
    ["metadata", "filter_metadata"],
    ["metadata", "typed_filter_metadata"],
];
const TLS_VERSION: &[u8] = b"connection\0tls_version";
/// What it took to connect to the server. Any duration would do.
const CONNECT_TIME: Duration = Duration::from_millis(1);

/// What is known of a connection before the server has been connected to.
pub(crate) fn connection_properties(options: &ConnectOptions, id: u64, now: SystemTime) -> Properties {
    let mut properties = Properties::default();
    properties.set(&["connection", "id"], id);
    properties.set(&["connection_id"], id);
    // The handshake follows on_new_connection.
    properties.set(&["connection", "mtls"], false);
    properties.set(&["connection", "requested_server_name"], "");
    if let Some(version) = &options.tls_version {
        properties.set(&["connection", "tls_version"], version.as_str());
        properties.set(&["connection", "subject_local_certificate"], "CN=fake-envoy");
        properties.set(&["connection", "subject_peer_certificate"], "");
    }
    let client =
        options.client_address.clone().unwrap_or_else(|| format!("192.0.2.1:{}", 40_000 + id % 20_000));
    properties.set_address("source", &client);
    properties.set_address("destination", options.listener_address.as_deref().unwrap_or("192.0.2.25:25"));
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    properties.set(&["request", "time"], u64::try_from(time).unwrap_or(u64::MAX));
    for map in EMPTY_MAPS {
        properties.set(&map, EMPTY_MAP);
    }
    for headers in ["request", "response"] {
        properties.set(&[headers, "headers_bytes"], 0);
    }
    properties.set(&["response", "flags"], 0);
    properties.set(&["upstream", "request_attempt_count"], 0);
    properties.set(&["upstream", "transport_failure_reason"], "");
    properties
}

/// The server that Envoy has chosen.
pub(crate) fn set_server_address(properties: &mut Properties, options: &ConnectOptions) {
    properties.set_address("upstream", options.server_address.as_deref().unwrap_or("198.51.100.1:25"));
}

impl Stream {
    /// The client's handshake is done: Envoy knows its certificate.
    pub(crate) fn complete_handshake(&mut self) {
        self.properties.set(&["connection", "mtls"], self.options.mtls);
        self.handshake_done = true;
    }

    /// Envoy has chosen a server and connected to it, or tried.
    pub(crate) fn choose_server(&mut self) {
        let cluster = self.filter_state.object(b"envoy.tcp_proxy.cluster");
        let cluster = cluster.unwrap_or_else(|| b"fake-cluster".to_vec());
        let properties = &mut self.properties;
        set_server_address(properties, &self.options);
        properties.set(&["upstream", "locality"], "");
        properties.set(&["upstream", "num_endpoints"], 1);
        properties.set(&["upstream", "request_attempt_count"], 1);
        let took = u64::try_from(CONNECT_TIME.as_nanos()).unwrap_or(u64::MAX);
        properties.set(&["upstream", "cx_pool_ready_duration"], took);
        properties.set(&["xds", "cluster_name"], &cluster[..]);
        properties.set(&["xds", "cluster_metadata"], "");
        if self.options.server_refuses {
            properties
                .set(&["upstream", "transport_failure_reason"], "delayed connect error: Connection refused");
            self.set_response_flags(
                ResponseFlags::UPSTREAM_CONNECTION_FAILURE
                    .union(ResponseFlags::UPSTREAM_RETRY_LIMIT_EXCEEDED),
            );
        } else {
            properties.set(&["upstream", "local_address"], "198.51.100.25:50000");
        }
    }

    pub(crate) fn set_response_flags(&mut self, flags: ResponseFlags) {
        self.properties.set(&["response", "flags"], flags.bits());
    }

    /// Asked before the handshake is done, Envoy gives the lowest version that it has, and keeps it for the connection.
    fn ask_for_tls_version(&mut self) {
        if self.options.tls_version.is_some() && !self.handshake_done {
            self.properties.set(&["connection", "tls_version"], "TLSv1.2");
        }
    }

    /// Attributes that change with every octet.
    fn counted(&self, path: &[u8]) -> Option<[u8; 8]> {
        let octets = match path {
            b"request\0size" | b"request\0total_size" => self.to_server.presented,
            b"response\0size" | b"response\0total_size" => self.to_client.delivered.len() as u64,
            _ => return None,
        };
        Some(octets.to_le_bytes())
    }

    fn serve(&self, path: &[u8]) -> Option<Vec<u8>> {
        let counted = self.counted(path).map(Vec::from);
        counted.or_else(|| self.properties.get(path).map(<[u8]>::to_vec))
    }
}

impl State {
    /// `proxy_get_property`.
    pub(crate) fn read_property(&mut self, path: &[u8]) -> Answer<Vec<u8>> {
        if path == TLS_VERSION
            && let Some(stream) = self.current_stream()
        {
            stream.ask_for_tls_version();
        }
        let context = self.current();
        let of_plugin = self.settings.plugin_properties();
        let request = self.log_entry().and_then(LogEntry::request);
        if let Some(stream) = request.or_else(|| self.http_streams.get(&context?)) {
            return self.read_http_property(stream, path);
        }
        let logged = self.log_entry().and_then(LogEntry::connection);
        let Some(stream) = logged.or_else(|| self.streams.get(&context?)) else {
            return of_plugin.get(path).map_or_else(|| unserved(path, None), |value| Ok(value.to_vec()));
        };
        // What the test has set comes first.
        let set = stream.options.properties.get(path).or_else(|| self.settings.properties.get(path));
        let known = set.map(<[u8]>::to_vec).or_else(|| stream.serve(path));
        let of_listener = self.settings.listener_properties();
        let known =
            known.or_else(|| of_listener.get(path).or_else(|| of_plugin.get(path)).map(<[u8]>::to_vec));
        known.map_or_else(|| unserved(path, Some(stream)), Ok)
    }
}

/// Groups of attributes: asked for as a whole, they cannot be serialised.
const GROUPS: [&[u8]; 7] =
    [b"connection", b"source", b"destination", b"request", b"response", b"upstream", b"filter_state"];
/// Attributes of a server that has no metadata.
const UNSET_METADATA: [&[u8]; 2] = [b"xds\0upstream_host_metadata", b"xds\0upstream_host_locality_metadata"];

/// What Envoy answers for a path that is no attribute here: filter state, or a reason.
fn unserved(path: &[u8], stream: Option<&Stream>) -> Answer<Vec<u8>> {
    if path.is_empty() || path == b"xds" {
        return Err(Status::SERIALIZATION_FAILURE);
    }
    let Some(stream) = stream else { return Err(Status::NOT_FOUND) };
    let reached = stream.properties.get(b"upstream\0local_address").is_some();
    let chosen = stream.properties.get(b"upstream\0address").is_some();
    if GROUPS.contains(&path)
        || (chosen && UNSET_METADATA.contains(&path))
        || (reached && path == b"upstream_filter_state")
    {
        return Err(Status::SERIALIZATION_FAILURE);
    }
    from_filter_state(path, &stream.filter_state)
}

pub(crate) fn from_filter_state(path: &[u8], state: &FilterState) -> Answer<Vec<u8>> {
    if let Some(name) = path.strip_prefix(b"filter_state\0") {
        return state.served(name);
    }
    // A key of several segments can be written but never be read again.
    let readable = !path.contains(&0);
    readable.then(|| state.value(path)).flatten().ok_or(Status::NOT_FOUND)
}
