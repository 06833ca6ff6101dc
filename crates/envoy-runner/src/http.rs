//! What a listener needs to forward HTTP requests.

use serde_json::{Value, json};

/// The `HttpConnectionManager` that sends every request to this cluster.
pub(crate) fn connection_manager(name: &str, cluster: &str, own_headers: bool, filters: &[Value]) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http_filters": filters,
        "http_protocol_options": {"enable_trailers": true},
        "generate_request_id": own_headers,
        "server_header_transformation": if own_headers { "OVERWRITE" } else { "PASS_THROUGH" },
        "route_config": {
            "name": name,
            "virtual_hosts": [{
                "name": name,
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}],
            }],
        },
    })
}

/// The last filter of every chain.
pub(crate) fn router(own_headers: bool) -> Value {
    json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": !own_headers,
        },
    })
}
