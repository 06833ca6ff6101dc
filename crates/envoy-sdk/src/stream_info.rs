//! What Envoy knows about a connection.

use crate::abi::host;
use crate::bytes::ByteString;
use crate::error::{Error, Result};

/// Which way a listener's traffic flows, seen from the workload (Envoy's `traffic_direction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficDirection {
    /// The listener does not say.
    Unspecified,
    /// Into the workload.
    Inbound,
    /// Out of the workload.
    Outbound,
}

/// Envoy's response flags, as a set of bits (`envoy/stream_info/stream_info.h`, `CoreResponseFlag`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseFlags(u64);

impl ResponseFlags {
    /// The server has reset the connection (`UR`).
    pub const UPSTREAM_REMOTE_RESET: Self = Self(1 << 4);
    /// The connection to the server could not be made (`UF`).
    pub const UPSTREAM_CONNECTION_FAILURE: Self = Self(1 << 5);
    /// The connection to the server broke (`UC`).
    pub const UPSTREAM_CONNECTION_TERMINATION: Self = Self(1 << 6);

    /// Whether any of these flags is set.
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// The flags of both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The number that Envoy gave.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// The attributes of a connection, read when asked for. Each costs one host call (about 1 µs).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StreamInfo;

impl StreamInfo {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// Envoy's number for the connection, unique in the process: `connection.id`.
    ///
    /// # Errors
    /// When Envoy refuses the call or answers something else than a number.
    pub fn connection_id(&self) -> Result<Option<u64>> {
        self.number(&["connection", "id"])
    }

    /// Whether the client has shown a certificate: `connection.mtls`.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn mtls(&self) -> Result<bool> {
        Ok(self.property(&["connection", "mtls"])?.is_some_and(|value| value.as_bytes() == [1]))
    }

    /// The TLS version of the downstream leg, when it is TLS: `connection.tls_version`.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn tls_version(&self) -> Result<Option<ByteString>> {
        self.property(&["connection", "tls_version"])
    }

    /// The client's address and port: `source.address`.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn source_address(&self) -> Result<Option<ByteString>> {
        self.property(&["source", "address"])
    }

    /// The address and port that the client called: `destination.address`.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn destination_address(&self) -> Result<Option<ByteString>> {
        self.property(&["destination", "address"])
    }

    /// The listener's direction: `xds.listener_direction`.
    ///
    /// # Errors
    /// When Envoy refuses the call or answers something else than a number.
    pub fn listener_direction(&self) -> Result<TrafficDirection> {
        Ok(match self.number(&["xds", "listener_direction"])? {
            Some(1) => TrafficDirection::Inbound,
            Some(2) => TrafficDirection::Outbound,
            _ => TrafficDirection::Unspecified,
        })
    }

    /// Why the connection ended, when Envoy has a reason: `response.flags`. Complete in the close callbacks.
    ///
    /// # Errors
    /// When Envoy refuses the call or answers something else than a number.
    pub fn response_flags(&self) -> Result<ResponseFlags> {
        Ok(ResponseFlags(self.number(&["response", "flags"])?.unwrap_or(0)))
    }

    /// Any attribute by its path, as octets; `None` when it does not exist here.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn property(&self, path: &[&str]) -> Result<Option<ByteString>> {
        Ok(host::property(path)?.map(ByteString::from))
    }

    /// Numbers, durations and times are eight octets, least significant first.
    fn number(&self, path: &[&str]) -> Result<Option<u64>> {
        let Some(value) = host::property(path)? else { return Ok(None) };
        let octets = <[u8; 8]>::try_from(value.as_slice())
            .map_err(|_| Error::new(format!("{} is not a number of 8 octets", path.join("."))))?;
        Ok(Some(u64::from_le_bytes(octets)))
    }
}
