//! The client's connection.

use super::tls::tls_attributes;
use super::value;
use crate::bytes::ByteString;
use crate::error::Result;

/// The client's connection: `connection.*`. Served on every stream.
///
/// On a TCP connection the handshake is not done in `on_new_connection`: the client's certificate is known from
/// the first data on, unless the listener waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Connection(pub(super) ());

impl Connection {
    /// Envoy's number for the connection, unique in the process: `connection.id`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::PropertyError), when Envoy refuses the call.
    pub fn id(&self) -> Result<Option<u64>> {
        value::number(&["connection", "id"])
    }

    /// Whether the client has shown a certificate: `connection.mtls`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::PropertyError), when Envoy refuses the call.
    pub fn mtls(&self) -> Result<bool> {
        Ok(value::flag(&["connection", "mtls"])?.unwrap_or(false))
    }

    /// The server name that the client asked for (SNI): `connection.requested_server_name`. Empty when it asked
    /// for none, or when the listener has no `tls_inspector` and the handshake is not done.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::PropertyError), when Envoy refuses the call.
    pub fn requested_server_name(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "requested_server_name"])
    }

    /// Why the handshake with the client failed: `connection.transport_failure_reason`. At the end of the connection:
    /// in the listener's access loggers, and not on Envoy 1.36 in `on_stream_complete` of a filter.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::PropertyError), when Envoy refuses the call.
    pub fn transport_failure_reason(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "transport_failure_reason"])
    }

    /// Why Envoy has ended the connection, where a filter said: `connection.termination_details`. Not set by an
    /// ordinary end.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::PropertyError), when Envoy refuses the call.
    pub fn termination_details(&self) -> Result<Option<ByteString>> {
        value::text(&["connection", "termination_details"])
    }
}

tls_attributes!(Connection, "connection");
