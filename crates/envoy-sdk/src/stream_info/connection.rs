//! The client's connection.

use super::tls::tls_attributes;
use super::value;
use crate::bytes::ByteString;
use crate::error::Result;

/// The client's connection: `connection.*`. Served on every stream.
///
/// On a TCP connection the handshake is not done in `on_new_connection`: the client's certificate is known from
/// the first data on, unless the listener waits for it.
///
/// ```
/// use envoy_sdk::{CallbackContext, Result};
///
/// /// Whether the client has shown a certificate of this workload.
/// fn is(cx: &CallbackContext<'_>, identity: &str) -> Result<bool> {
///     let san = cx.stream_info().connection().uri_san_peer_certificate()?;
///     Ok(san.is_some_and(|san| san.to_str() == Some(identity)))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Connection(pub(super) ());

impl Connection {
    /// Envoy's number for the connection, unique in the process: `connection.id`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn id(&self) -> Result<Option<u64>> {
        value::number(&["connection", "id"])
    }

    /// Whether the client has shown a certificate: `connection.mtls`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn mtls(&self) -> Result<bool> {
        Ok(value::flag(&["connection", "mtls"])?.unwrap_or(false))
    }

    /// The TLS version, as `TLSv1.3`: `connection.tls_version`. `None` without TLS.
    ///
    /// **Not before the client's first data**: the handshake may not be done, also when the server has spoken, and Envoy
    /// then gives TLSv1.2 and *keeps* it, so that its own access logs of the connection are wrong too (measured on 1.36.2
    /// and 1.40.0). Whether the connection is TLS at all is safe to ask with [`is_tls`](Self::is_tls).
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn tls_version(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "tls_version"])
    }

    /// Whether Envoy terminates TLS on the connection: whether it has a certificate of its own there.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn is_tls(&self) -> Result<bool> {
        Ok(value::octets(&["connection", "subject_local_certificate"])?.is_some())
    }

    /// The server name that the client asked for (SNI): `connection.requested_server_name`. Empty when it asked
    /// for none, or when the listener has no `tls_inspector` and the handshake is not done.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn requested_server_name(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "requested_server_name"])
    }

    /// Why the handshake with the client failed: `connection.transport_failure_reason`. At the end of the connection:
    /// in the listener's access loggers, and not on Envoy 1.36 in `on_stream_complete` of a filter.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn transport_failure_reason(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "transport_failure_reason"])
    }

    /// Why Envoy has ended the connection, where a filter said: `connection.termination_details`. Not set by an
    /// ordinary end.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn termination_details(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "termination_details"])
    }
}

tls_attributes!(Connection, "connection");
