//! Filter state: what filters of one stream, or of one connection, leave for one another and for access logs.

use prost::Message;

use crate::abi::host;
use crate::bytes::ByteString;
use crate::configure::ConfigureContext;
use crate::error::{Error, HostError, Result, Status};
use crate::foreign_function;
use crate::stream_info::value;

/// How long filter state stays (`StreamInfo::FilterState::LifeSpan`).
///
/// See [`FilterStateDeclaration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LifeSpan {
    /// With the chain of filters that set it: one request of an HTTP connection, or a TCP connection.
    #[default]
    FilterChain,
    /// With the request, also over internal redirects.
    Request,
    /// With the client's connection: later requests on it see it too.
    Connection,
}

impl LifeSpan {
    /// `LifeSpan` in Envoy's `declare_property.proto`.
    const fn code(self) -> i32 {
        match self {
            Self::FilterChain => 0,
            Self::Request => 1,
            Self::Connection => 2,
        }
    }
}

/// What the octets of a value are, for whoever reads them with an expression or an access log.
///
/// See [`FilterStateDeclaration`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterStateType {
    /// Just octets.
    #[default]
    Bytes,
    /// UTF-8 text.
    String,
    /// A protobuf message of the type with this URL, such as `type.googleapis.com/google.protobuf.Struct`. Access
    /// logs print it as JSON, where Envoy knows the type; `:PLAIN` gives the octets.
    Protobuf(String),
}

/// Says before it is set what a key of this extension's filter state is like. Without it: octets that anyone may
/// overwrite, for the filter chain.
///
/// ```
/// use envoy_sdk::{ConfigureContext, FilterStateDeclaration, FilterStateType, LifeSpan, Result};
///
/// fn declare(cx: &ConfigureContext<'_>) -> Result<()> {
///     FilterStateDeclaration::new("tenant")
///         .of_type(FilterStateType::String)
///         .life_span(LifeSpan::Connection)
///         .read_only()
///         .declare(cx)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterStateDeclaration {
    key: String,
    of_type: FilterStateType,
    life_span: LifeSpan,
    read_only: bool,
}

impl FilterStateDeclaration {
    /// As if it had not been declared.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            of_type: FilterStateType::default(),
            life_span: LifeSpan::default(),
            read_only: false,
        }
    }

    /// What its octets are.
    #[must_use]
    pub fn of_type(mut self, of_type: FilterStateType) -> Self {
        self.of_type = of_type;
        self
    }

    /// How long it stays.
    #[must_use]
    pub fn life_span(mut self, life_span: LifeSpan) -> Self {
        self.life_span = life_span;
        self
    }

    /// Set once, it cannot be changed: by no extension, as long as it lives.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Declares the key for all streams of the plugin. Only possible while it is configured: from a callback of a stream
    /// Envoy accepts a declaration and does not heed it (measured on 1.36.2 and 1.40.0).
    ///
    /// # Errors
    /// `BadArgument`, when the key has been declared already; or when the key is empty or holds a zero octet.
    pub fn declare(&self, _cx: &ConfigureContext<'_>) -> Result<()> {
        check_key(&self.key)?;
        let (type_code, schema) = match &self.of_type {
            FilterStateType::Bytes => (0, ""),
            FilterStateType::String => (1, ""),
            FilterStateType::Protobuf(url) => (3, url.as_str()),
        };
        let arguments = wire::DeclareProperty {
            name: self.key.clone(),
            read_only: self.read_only,
            type_code,
            schema: schema.as_bytes().to_vec(),
            life_span: self.life_span.code(),
        };
        foreign_function::call("declare_property", &arguments.encode_to_vec()).map(drop)
    }
}

/// The filter state of the stream that the running callback belongs to.
///
/// An extension's own values are kept under `wasm.<key>`: an access log prints one with
/// `%FILTER_STATE(wasm.<key>:PLAIN)%`, as it is, and other Wasm extensions on the stream read and write it too. Objects
/// of Envoy's own extensions, such as `envoy.tcp_proxy.cluster`, are made from a text by the extension that knows them.
///
/// ```
/// use envoy_sdk::{LifeSpan, NetworkContext, Result};
///
/// /// In `on_new_connection`: chooses the cluster that `tcp_proxy` connects to.
/// fn choose(cx: &NetworkContext<'_>) -> Result<()> {
///     let state = cx.filter_state();
///     let cluster = match state.get("tenant")? {
///         Some(tenant) if tenant.as_bytes() == b"acme" => "mail-acme",
///         _ => "mail",
///     };
///     state.set_object("envoy.tcp_proxy.cluster", cluster, LifeSpan::Connection)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FilterState;

impl FilterState {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// A value of a Wasm extension.
    ///
    /// # Errors
    /// When the key is empty or holds a zero octet, or Envoy refuses the call.
    pub fn get(&self, key: &str) -> Result<Option<ByteString>> {
        check_key(key)?;
        let name = format!("wasm.{key}");
        match value::octets(&["filter_state", &name]) {
            Ok(octets) => Ok(octets.map(ByteString::from)),
            // A value that was declared as a message is served under its bare name only.
            Err(error) if is(&error, Status::SERIALIZATION_FAILURE) => {
                Ok(value::octets(&[key])?.map(ByteString::from))
            }
            Err(error) => Err(error),
        }
    }

    /// Sets a value of this extension, or changes it; see [`FilterStateDeclaration`].
    ///
    /// # Errors
    /// When the key is empty or holds a zero octet, the value was declared read-only and is set (`BadArgument`), there
    /// is no stream (`NotFound`), or Envoy refuses the call.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        check_key(key)?;
        Ok(host::set_property(key, value)?)
    }

    /// Any object in the filter state by its full name, as its octets: `filter_state.<name>`. `None` also for an object
    /// that has no octets to show.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn object(&self, name: &str) -> Result<Option<ByteString>> {
        Ok(value::octets(&["filter_state", name])?.map(ByteString::from))
    }

    /// Puts an object of one of Envoy's extensions into the filter state, made from `value` by the factory that is
    /// registered under `name`.
    ///
    /// Envoy's documentation lists them under "well known filter state objects". `envoy.tcp_proxy.cluster`, set in
    /// `on_new_connection`, makes `tcp_proxy` connect to that cluster; `envoy.network.upstream_server_name` sets the SNI
    /// towards the server. From a timer this needs Envoy 1.40 (1.36 answers `NotFound`).
    ///
    /// # Errors
    /// `NotFound`, when Envoy has no such factory or there is no stream; `BadArgument`, when the factory makes nothing of
    /// the value.
    pub fn set_object(&self, name: &str, value: &str, life_span: LifeSpan) -> Result<()> {
        let arguments = wire::SetEnvoyFilterState {
            path: name.to_owned(),
            value: value.to_owned(),
            life_span: life_span.code(),
        };
        foreign_function::call("set_envoy_filter_state", &arguments.encode_to_vec()).map(drop)
    }
}

/// Envoy accepts other keys and never finds their values again.
fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.contains('\0') {
        return Err(Error::new("a key of filter state is not empty and holds no zero octet"));
    }
    Ok(())
}

fn is(error: &Error, status: Status) -> bool {
    error.downcast_ref::<HostError>().is_some_and(|error| error.status == status)
}

/// The arguments as Envoy wants them: `source/extensions/common/wasm/ext/*.proto`.
mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct DeclareProperty {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(bool, tag = "2")]
        pub(super) read_only: bool,
        #[prost(int32, tag = "3")]
        pub(super) type_code: i32,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) schema: Vec<u8>,
        #[prost(int32, tag = "5")]
        pub(super) life_span: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct SetEnvoyFilterState {
        #[prost(string, tag = "1")]
        pub(super) path: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
        #[prost(int32, tag = "3")]
        pub(super) life_span: i32,
    }
}
