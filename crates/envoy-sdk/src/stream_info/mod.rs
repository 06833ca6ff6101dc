//! What Envoy knows about a connection or request, and about itself.

mod connection;
mod endpoint;
mod metadata;
mod request;
mod response;
mod response_flags;
mod tls;
mod upstream;
pub(crate) mod value;
mod xds;

pub use connection::Connection;
pub use endpoint::Endpoint;
pub use metadata::{Metadata, MetadataValue};
pub use request::Request;
pub use response::Response;
pub use response_flags::ResponseFlags;
pub use upstream::{Locality, Upstream};
pub use value::{PropertyError, PropertyFault};
pub use xds::{Node, TrafficDirection, Xds};

use crate::bytes::ByteString;
use crate::error::Result;

/// What Envoy knows, in groups that are named as its attributes are: `connection.id` is `connection().id()`.
///
/// Nothing is read before it is asked for. Each value costs one host call (about 1 µs) and, unless it is empty, one
/// allocation. `None` means that Envoy does not serve the attribute here and now; every failure is a
/// [`PropertyError`] that names attribute and context.
///
/// # What is served where
/// Measured on Envoy 1.36.2 and 1.40.0, plain and with TLS on both sides. A dash: never.
///
/// | attributes | TCP filter | HTTP filter | access logger |
/// |---|---|---|---|
/// | `source.*`, `destination.*`, `connection.{id,mtls,requested_server_name}` | always | always | always |
/// | `connection.{tls_version,*_local_certificate}` | always, with TLS | always, with TLS | with TLS |
/// | `connection.{*_peer_certificate,sha256_peer_certificate_digest}` | from the first data on | always | always |
/// | `connection.termination_details` | at the end, where a filter of Envoy's has ended the connection | likewise | likewise |
/// | `connection.transport_failure_reason` | at the end, after a failed handshake (not on 1.36) | - | the listener's own |
/// | `request.{path,url_path,host,scheme,method,referer,useragent,id,query,headers}` | - | request headers, stream complete | HTTP |
/// | `request.protocol` | - | always | HTTP |
/// | `request.{time,size,total_size}` | always | always | always |
/// | `request.duration` | - | stream complete | always |
/// | `response.{code,code_details,grpc_status}` | - | from response headers on | HTTP |
/// | `response.headers` | - | response headers, stream complete | HTTP |
/// | `response.trailers` | - | response trailers, stream complete | HTTP |
/// | `response.{flags,size,total_size}` | always; flags complete in the close callbacks | always | always |
/// | `response.backend_latency` | - | once the server has answered in full | HTTP |
/// | `{request,response}.headers_bytes` (1.40) | 0 | as the headers, otherwise 0 | always |
/// | `upstream.{address,port,locality}`, `xds.upstream_host_*` | once connected, or refused | after request headers | always |
/// | `upstream.{local_address,cx_pool_ready_duration,tls_version,*certificate*}` | once connected; the duration also when refused | from response headers on | always |
/// | `upstream.num_endpoints`, `xds.cluster_*` | once Envoy connects | with a route | always |
/// | `upstream.{request_attempt_count,transport_failure_reason}` | always | the reason after request headers | always |
/// | `xds.{route_*,virtual_host_*}` | - | with a route | HTTP |
/// | `xds.{listener_direction,listener_metadata,filter_chain_name}`, `metadata` | always | always | always |
/// | `filter_state.<key>` | once set | once set | once set |
/// | `xds.node`, `plugin_name`, `plugin_root_id`, `plugin_vm_id` | always | always | always |
///
/// A plugin without a stream (configuration, timer, queue, background service) is served the last line only. In a
/// timer of a stream everything of the stream is served. `*.peer_certificate` came after 1.36.
///
/// A name without its group (`cluster_name`, `listener_direction`, `node` …) is not served any more; a whole group
/// (`connection`, `xds`) never was.
///
/// ```
/// use envoy_sdk::{NetworkContext, Result};
/// # use envoy_sdk::{ConfigureContext, Module, NetworkFilter, NetworkFilterFactory};
///
/// /// Who connects, for a log line.
/// fn client(cx: &NetworkContext<'_>) -> Result<String> {
///     let info = cx.stream_info();
///     let address = info.source().address()?.unwrap_or_default();
///     let tls = info.connection().tls_version()?;
///     Ok(format!("{address} {}", tls.map_or("plain".to_owned(), |version| version.to_string())))
/// }
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Witness;
/// # impl NetworkFilter for Witness {}
/// # impl NetworkFilterFactory for Witness {
/// #     const NAME: &'static str = "witness";
/// #     type Config = Config;
/// #     type Filter = Witness;
/// #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// #     fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Self> {
/// #         log::info!("{}", client(cx)?);
/// #         Ok(Self)
/// #     }
/// # }
/// # use envoy_sdk_test::{ConnectOptions, FakeEnvoy, LogLevel};
/// # let mut envoy = FakeEnvoy::new(|| Module::new().network_filter::<Witness>()).configure("{}")?;
/// # envoy.connect_with(ConnectOptions::new().client_address("203.0.113.7:4711"));
/// # assert_eq!(envoy.messages(LogLevel::Info), ["203.0.113.7:4711 plain"]);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StreamInfo;

impl StreamInfo {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// The client's end of its connection: `source.*`.
    pub fn source(&self) -> Endpoint {
        Endpoint { group: "source" }
    }

    /// Envoy's end of the client's connection: `destination.*`.
    pub fn destination(&self) -> Endpoint {
        Endpoint { group: "destination" }
    }

    /// The client's connection: `connection.*`.
    pub fn connection(&self) -> Connection {
        Connection(())
    }

    /// The request: `request.*`.
    pub fn request(&self) -> Request {
        Request(())
    }

    /// The response: `response.*`.
    pub fn response(&self) -> Response {
        Response(())
    }

    /// The server's side: `upstream.*`.
    pub fn upstream(&self) -> Upstream {
        Upstream(())
    }

    /// What the configuration says: `xds.*`.
    pub fn xds(&self) -> Xds {
        Xds(())
    }

    /// Dynamic metadata, which other filters have attached to the stream: `metadata`. Wasm cannot write it.
    ///
    /// # Errors
    /// A [`PropertyError`], when Envoy refuses the call.
    pub fn metadata(&self) -> Result<Option<Metadata>> {
        Metadata::read(&["metadata"])
    }

    /// The plugin's name in the configuration: `plugin_name`. Istio changes it: show it, never parse it.
    ///
    /// # Errors
    /// A [`PropertyError`], when Envoy refuses the call.
    pub fn plugin_name(&self) -> Result<Option<ByteString>> {
        value::text(&["plugin_name"])
    }

    /// Which extension of the module the plugin is: `plugin_root_id`.
    ///
    /// # Errors
    /// A [`PropertyError`], when Envoy refuses the call.
    pub fn plugin_root_id(&self) -> Result<Option<ByteString>> {
        value::text(&["plugin_root_id"])
    }

    /// The VM's id in the configuration: `plugin_vm_id`.
    ///
    /// # Errors
    /// A [`PropertyError`], when Envoy refuses the call.
    pub fn plugin_vm_id(&self) -> Result<Option<ByteString>> {
        value::text(&["plugin_vm_id"])
    }

    /// Any attribute by its path, as octets; `None` when it does not exist here. Numbers, times and durations are 8
    /// octets, least significant first (times and durations in nanoseconds), truth values one octet, messages
    /// protobuf.
    ///
    /// # Errors
    /// A [`PropertyError`], when Envoy refuses the call: a whole group cannot be read.
    pub fn property(&self, path: &[&str]) -> Result<Option<ByteString>> {
        value::text(path)
    }
}
