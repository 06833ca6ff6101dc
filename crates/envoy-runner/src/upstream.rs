//! Where a listener forwards its connections to.

use std::net::IpAddr;

use serde_json::{Value, json};

/// The version of the PROXY protocol header that Envoy writes in front of each upstream connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// The one-line text form.
    V1,
    /// The binary form.
    V2,
}

/// One or more servers behind a listener, or that extensions call out to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    endpoints: Vec<(String, u16)>,
    proxy_protocol: Option<ProxyProtocol>,
    http: Option<HttpVersion>,
    connection_limit: Option<u32>,
}

/// How Envoy speaks HTTP to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HttpVersion {
    Http1,
    Http2,
}

impl Upstream {
    /// One server, by address or by a host name that Envoy resolves.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            endpoints: vec![(host.into(), port)],
            proxy_protocol: None,
            http: None,
            connection_limit: None,
        }
    }

    /// One more server; connections are spread over all of them.
    pub fn and(mut self, host: impl Into<String>, port: u16) -> Self {
        self.endpoints.push((host.into(), port));
        self
    }

    /// Tells the server the client's address by a PROXY protocol header.
    pub fn proxy_protocol(mut self, version: ProxyProtocol) -> Self {
        self.proxy_protocol = Some(version);
        self
    }

    /// Connections that may be open or waiting to open at the same time; Envoy closes what comes beyond. Its default is
    /// 1,024.
    pub fn connection_limit(mut self, connections: u32) -> Self {
        self.connection_limit = Some(connections);
        self
    }

    /// Speaks HTTP/2 to the server, in clear text and without asking first, as gRPC needs it.
    pub fn http2(mut self) -> Self {
        self.http = Some(HttpVersion::Http2);
        self
    }

    /// The server of an HTTP listener.
    pub(crate) fn with_http(mut self) -> Self {
        self.http.get_or_insert(HttpVersion::Http1);
        self
    }

    /// The Envoy cluster of this name.
    pub(crate) fn cluster(&self, name: &str) -> Value {
        let resolved = self.endpoints.iter().all(|(host, _)| host.parse::<IpAddr>().is_ok());
        let discovery = match self.endpoints.as_slice() {
            _ if resolved => "STATIC",
            // All addresses of the name are tried in turn, so a server may listen on one of them only.
            [_] => "LOGICAL_DNS",
            _ => "STRICT_DNS",
        };
        let endpoints: Vec<Value> = self
            .endpoints
            .iter()
            .map(|(host, port)| {
                json!({"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}})
            })
            .collect();
        let mut cluster = json!({
            "name": name,
            "type": discovery,
            // `ALL` would make each address an endpoint of its own where a name is one of several.
            "dns_lookup_family": if discovery == "LOGICAL_DNS" { "ALL" } else { "V4_PREFERRED" },
            "connect_timeout": "5s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        });
        if let Some(limit) = self.connection_limit {
            let thresholds = json!([{"max_connections": limit, "max_pending_requests": limit}]);
            cluster["circuit_breakers"] = json!({"thresholds": thresholds});
        }
        if let Some(version) = self.proxy_protocol {
            cluster["transport_socket"] = json!({
                "name": "envoy.transport_sockets.upstream_proxy_protocol",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
                    "config": {"version": match version { ProxyProtocol::V1 => "V1", ProxyProtocol::V2 => "V2" }},
                    "transport_socket": crate::transport_socket::raw_buffer(),
                },
            });
        }
        if let Some(version) = self.http {
            let explicit = match version {
                HttpVersion::Http1 => json!({"http_protocol_options": {"enable_trailers": true}}),
                HttpVersion::Http2 => json!({"http2_protocol_options": {}}),
            };
            cluster["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": explicit,
                },
            });
        }
        cluster
    }
}
