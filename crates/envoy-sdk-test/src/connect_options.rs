//! What a connection is like: its client, and the server behind it.

use crate::properties::{Properties, PropertyValue};

/// Describes a connection before it is made, for [`FakeEnvoy::connect_with`](crate::FakeEnvoy::connect_with).
///
/// ```
/// use envoy_sdk_test::ConnectOptions;
///
/// let _client = ConnectOptions::new().client_address("203.0.113.7:4711").mtls("TLSv1.3").connection_id(42);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    pub(crate) connection_id: Option<u64>,
    pub(crate) client_address: Option<String>,
    pub(crate) listener_address: Option<String>,
    pub(crate) tls_version: Option<String>,
    pub(crate) mtls: bool,
    pub(crate) slow_handshake: bool,
    pub(crate) server_address: Option<String>,
    pub(crate) server_refuses: bool,
    pub(crate) properties: Properties,
}

impl ConnectOptions {
    /// Plain text from 192.0.2.1 to a server that answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Envoy's number for the connection. Otherwise they are numbered from 1.
    #[must_use]
    pub fn connection_id(mut self, id: u64) -> Self {
        self.connection_id = Some(id);
        self
    }

    /// The client's address and port.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<String>) -> Self {
        self.client_address = Some(address.into());
        self
    }

    /// The address and port that the client called.
    #[must_use]
    pub fn listener_address(mut self, address: impl Into<String>) -> Self {
        self.listener_address = Some(address.into());
        self
    }

    /// The client speaks TLS, which Envoy terminates; `version` as Envoy writes it: `TLSv1.3`.
    #[must_use]
    pub fn tls(mut self, version: impl Into<String>) -> Self {
        self.tls_version = Some(version.into());
        self
    }

    /// As [`tls`](Self::tls), and the client has shown a certificate.
    #[must_use]
    pub fn mtls(self, version: impl Into<String>) -> Self {
        Self { mtls: true, ..self.tls(version) }
    }

    /// The client takes its time with the handshake: what it shows of itself is not known before its first data, also
    /// where the server speaks first. Otherwise it is known from the first callback behind `on_new_connection` on.
    #[must_use]
    pub fn slow_handshake(mut self) -> Self {
        self.slow_handshake = true;
        self
    }

    /// The server's address and port.
    #[must_use]
    pub fn server_address(mut self, address: impl Into<String>) -> Self {
        self.server_address = Some(address.into());
        self
    }

    /// The server refuses the connection: Envoy closes, and the filter never sees data.
    #[must_use]
    pub fn server_refuses(mut self) -> Self {
        self.server_refuses = true;
        self
    }

    /// Any other property, or another value for one that FakeEnvoy knows.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl Into<PropertyValue>) -> Self {
        self.properties.set(path, value);
        self
    }
}
