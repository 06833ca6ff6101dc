//! What is below the filters on the downstream side: TLS, and Envoy's tap.

use std::path::PathBuf;

use serde_json::{Value, json};

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

/// The `envoy.config.core.v3.TransportSocket` of a listener; `None` for connections as they are.
pub(crate) fn downstream(tls: Option<&DownstreamTls>, tap: Option<&Tap>) -> Option<Value> {
    let tls = tls.map(downstream_tls);
    let Some(tap) = tap else { return tls };
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
