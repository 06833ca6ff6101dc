//! The server that Envoy has chosen, and the connection to it.

use std::time::Duration;

use super::metadata::wire;
use super::tls::tls_attributes;
use super::value;
use crate::bytes::ByteString;
use crate::error::Result;

/// The server's side: `upstream.*`.
///
/// On TCP served once Envoy has connected, or has tried: not in `on_new_connection`. On HTTP the server is chosen
/// after the request headers; its connection is known from the response headers on.
///
/// ```
/// use envoy_sdk::{AccessLogContext, Result};
///
/// /// Whether Envoy had to ask more than once.
/// fn was_retried(cx: &AccessLogContext<'_>) -> Result<bool> {
///     Ok(cx.stream_info().upstream().request_attempt_count()?.is_some_and(|count| count > 1))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upstream(pub(super) ());

/// Where a server stands (`envoy.config.core.v3.Locality`). What is not configured is empty.
///
/// ```
/// use envoy_sdk::{AccessLogContext, Result};
///
/// fn zone(cx: &AccessLogContext<'_>) -> Result<Option<String>> {
///     Ok(cx.stream_info().upstream().locality()?.map(|locality| locality.zone))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Locality {
    /// The region.
    pub region: String,
    /// The zone in the region.
    pub zone: String,
    /// The part of the zone.
    pub sub_zone: String,
}

impl Upstream {
    /// The server's address and port: `upstream.address`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn address(&self) -> Result<Option<ByteString>> {
        value::text(&["upstream", "address"])
    }

    /// The server's port: `upstream.port`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn port(&self) -> Result<Option<u16>> {
        value::small_number(&["upstream", "port"], "port")
    }

    /// Envoy's own address and port on this leg: `upstream.local_address`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn local_address(&self) -> Result<Option<ByteString>> {
        value::text(&["upstream", "local_address"])
    }

    /// The TLS version, as `TLSv1.3`: `upstream.tls_version`. `None` without TLS.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn tls_version(&self) -> Result<Option<ByteString>> {
        value::text(&["upstream", "tls_version"])
    }

    /// Why the connection to the server failed: `upstream.transport_failure_reason`. Empty when it has not.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn transport_failure_reason(&self) -> Result<Option<ByteString>> {
        value::text(&["upstream", "transport_failure_reason"])
    }

    /// How often Envoy has tried: `upstream.request_attempt_count`. 0 before it has.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn request_attempt_count(&self) -> Result<Option<u64>> {
        value::number(&["upstream", "request_attempt_count"])
    }

    /// How long it took to get a connection to the server: `upstream.cx_pool_ready_duration`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn cx_pool_ready_duration(&self) -> Result<Option<Duration>> {
        value::duration(&["upstream", "cx_pool_ready_duration"])
    }

    /// How many servers the cluster has: `upstream.num_endpoints`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn num_endpoints(&self) -> Result<Option<u64>> {
        value::number(&["upstream", "num_endpoints"])
    }

    /// Where the server stands: `upstream.locality`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn locality(&self) -> Result<Option<Locality>> {
        locality(&["upstream", "locality"])
    }

    /// Filter state of the connection to the server, as octets: `upstream_filter_state.<key>`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn filter_state(&self, key: &str) -> Result<Option<ByteString>> {
        value::text(&["upstream_filter_state", key])
    }
}

tls_attributes!(Upstream, "upstream");

pub(super) fn locality(path: &[&str]) -> Result<Option<Locality>> {
    let Some(octets) = value::octets(path)? else { return Ok(None) };
    let wire::Locality { region, zone, sub_zone } = value::message(path, &octets)?;
    Ok(Some(Locality { region, zone, sub_zone }))
}
