//! What an HTTP stream is like: its client, and the server behind it.

use crate::properties::{Properties, PropertyValue};

/// Describes an HTTP stream before it begins, for [`FakeEnvoy::http_stream_with`](crate::FakeEnvoy::http_stream_with).
///
/// ```
/// use envoy_sdk_test::HttpOptions;
///
/// let _stream = HttpOptions::new().client_address("203.0.113.7:4711").server_refuses();
/// ```
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    pub(crate) connection_id: Option<u64>,
    pub(crate) client_address: Option<String>,
    pub(crate) listener_address: Option<String>,
    pub(crate) server_refuses: bool,
    pub(crate) stop_headers_only: bool,
    pub(crate) properties: Properties,
}

impl HttpOptions {
    /// HTTP/2 in plain text from 192.0.2.1, to a server that answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Envoy's number for the client's connection. Requests with the same number come on the same connection, and share
    /// filter state that lives as long. Otherwise each has a connection of its own, numbered from 1.
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

    /// The server refuses the connection: Envoy answers 503 as soon as the filter lets the request's headers pass.
    #[must_use]
    pub fn server_refuses(mut self) -> Self {
        self.server_refuses = true;
        self
    }

    /// The plugin has `allow_on_headers_stop_iteration: true`: pausing on headers does not keep the body from being
    /// presented. Otherwise (Envoy's default) nothing more is presented until the filter continues.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self) -> Self {
        self.stop_headers_only = true;
        self
    }

    /// Any other property, or another value for one that FakeEnvoy knows.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl Into<PropertyValue>) -> Self {
        self.properties.set(path, value);
        self
    }
}
