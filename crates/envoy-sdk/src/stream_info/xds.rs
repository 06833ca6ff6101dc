//! What the configuration says about the stream.

use super::metadata::Metadata;
use super::upstream::{Locality, locality};
use super::value;
use crate::bytes::ByteString;
use crate::error::Result;

/// Which way a listener's traffic flows, seen from the workload (Envoy's `traffic_direction`).
///
/// ```
/// use envoy_sdk::{NetworkContext, Result, TrafficDirection};
///
/// fn is_server_side(cx: &NetworkContext<'_>) -> Result<bool> {
///     Ok(cx.stream_info().xds().listener_direction()? == TrafficDirection::Inbound)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficDirection {
    /// The listener does not say.
    Unspecified,
    /// Into the workload.
    Inbound,
    /// Out of the workload.
    Outbound,
}

/// The configuration around a stream: `xds.*`. Only [`node`](Self::node) is served to a plugin without a stream.
///
/// ```
/// use envoy_sdk::{AccessLogContext, ByteString, Result};
///
/// fn cluster(cx: &AccessLogContext<'_>) -> Result<ByteString> {
///     Ok(cx.stream_info().xds().cluster_name()?.unwrap_or_default())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Xds(pub(super) ());

/// Attributes of the configuration.
macro_rules! attributes {
    ($($(#[doc = $doc:literal])+ $name:ident -> $type:ty = $read:expr;)*) => {
        impl Xds {
            $(
                $(#[doc = $doc])+
                ///
                /// # Errors
                /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
                pub fn $name(&self) -> Result<Option<$type>> {
                    $read(&["xds", stringify!($name)])
                }
            )*
        }
    };
}

attributes! {
    /// The cluster's name: `xds.cluster_name`. On TCP once Envoy has begun to connect; on HTTP wherever there is a
    /// route.
    cluster_name -> ByteString = value::text;
    /// The cluster's metadata: `xds.cluster_metadata`. Where its name is.
    cluster_metadata -> Metadata = Metadata::read;
    /// The route's name: `xds.route_name`. HTTP. After a change of request headers the old one until the callback
    /// has returned.
    route_name -> ByteString = value::text;
    /// The route's metadata: `xds.route_metadata`. HTTP.
    route_metadata -> Metadata = Metadata::read;
    /// The virtual host's name: `xds.virtual_host_name`. HTTP.
    virtual_host_name -> ByteString = value::text;
    /// The virtual host's metadata: `xds.virtual_host_metadata`. HTTP.
    virtual_host_metadata -> Metadata = Metadata::read;
    /// The server's metadata: `xds.upstream_host_metadata`. Where its address is; `None` also when it has none.
    upstream_host_metadata -> Metadata = Metadata::read;
    /// The metadata of the server's locality: `xds.upstream_host_locality_metadata`. As with
    /// [`upstream_host_metadata`](Self::upstream_host_metadata).
    upstream_host_locality_metadata -> Metadata = Metadata::read;
    /// The listener's metadata: `xds.listener_metadata`.
    listener_metadata -> Metadata = Metadata::read;
    /// The name of the filter chain: `xds.filter_chain_name`.
    filter_chain_name -> ByteString = value::text;
}

impl Xds {
    /// The listener's direction: `xds.listener_direction`. Not served while a plugin is configured, and then
    /// [`TrafficDirection::Unspecified`].
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn listener_direction(&self) -> Result<TrafficDirection> {
        Ok(match value::number(&["xds", "listener_direction"])? {
            Some(1) => TrafficDirection::Inbound,
            Some(2) => TrafficDirection::Outbound,
            _ => TrafficDirection::Unspecified,
        })
    }

    /// This Envoy itself: `xds.node`. Served everywhere.
    pub fn node(&self) -> Node {
        Node(())
    }
}

/// This Envoy (`envoy.config.core.v3.Node`). There is no way to read it as a whole here: that is about 60 KB.
///
/// ```
/// use envoy_sdk::{ConfigureContext, Result};
///
/// /// Which Istio workload this is: a value in the node's metadata.
/// fn workload(cx: &ConfigureContext<'_>) -> Result<Option<String>> {
///     let name = cx.stream_info().xds().node().metadata(&["WORKLOAD_NAME"])?;
///     Ok(name.map(|name| name.to_string()))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Node(());

impl Node {
    /// The node's id: `xds.node.id`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn id(&self) -> Result<Option<ByteString>> {
        value::text(&["xds", "node", "id"])
    }

    /// The node's cluster, usually the name of a service: `xds.node.cluster`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn cluster(&self) -> Result<Option<ByteString>> {
        value::text(&["xds", "node", "cluster"])
    }

    /// Where the node stands: `xds.node.locality`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn locality(&self) -> Result<Option<Locality>> {
        locality(&["xds", "node", "locality"])
    }

    /// One value of the node's metadata by its path, such as `["NAMESPACE"]` with Istio: `xds.node.metadata.<path>`.
    /// Octets as Envoy passes them: a text as it is, a number as a little-endian `f64`, a truth value as one octet.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn metadata(&self, path: &[&str]) -> Result<Option<ByteString>> {
        value::text(&[&["xds", "node", "metadata"], path].concat())
    }

    /// Envoy's version as its build says, `major.minor.patch`: `xds.node.user_agent_build_version.version`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn version(&self) -> Result<Option<(u64, u64, u64)>> {
        let part = |name| {
            let path = ["xds", "node", "user_agent_build_version", "version", name];
            Ok::<_, crate::Error>(value::number(&path)?.unwrap_or(0))
        };
        let version = (part("major_number")?, part("minor_number")?, part("patch")?);
        Ok((version != (0, 0, 0)).then_some(version))
    }
}
