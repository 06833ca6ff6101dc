//! What every protocol filter counts.

use common_metrics::{catalogue, label};

use crate::opening::proxy_header::ProxyVersion;
use crate::session::{Direction, OpaqueCause, Transport};

label! {
    /// Whether octets were looked into, and if not, why.
    pub enum Visibility: "visibility" {
        /// The session followed them.
        Parsed = "parsed",
        /// TLS after the protocol's own upgrade command.
        Starttls = "starttls",
        /// TLS from the first octet, not ended by this Envoy.
        Tls = "tls",
        /// A SASL security layer that encrypts.
        SaslSealed = "sasl_sealed",
        /// The session could no longer follow the framing.
        LostSync = "lost_sync",
        /// Switched off by configuration.
        Off = "off",
        /// The filter itself failed on this connection.
        InternalError = "internal_error",
    }
}

impl From<OpaqueCause> for Visibility {
    fn from(cause: OpaqueCause) -> Self {
        match cause {
            OpaqueCause::Starttls => Self::Starttls,
            OpaqueCause::Tls => Self::Tls,
            OpaqueCause::SaslSealed => Self::SaslSealed,
            OpaqueCause::LostSync => Self::LostSync,
        }
    }
}

label! {
    /// Which way octets flow.
    pub enum Flow: "direction" {
        /// From the client to the server.
        ToServer = "to_server",
        /// From the server to the client.
        ToClient = "to_client",
    }
}

impl From<Direction> for Flow {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::ToServer => Self::ToServer,
            Direction::ToClient => Self::ToClient,
        }
    }
}

catalogue! {
    /// What every protocol filter counts: `sharing` it puts these metrics first in a filter's own catalogue.
    pub static OBSERVER: "observer" {
        /// Connections that reached the filter.
        counter CONNECTIONS_OPENED: () = "connections_opened_total", Summary, FromStart;
        /// Connections that have ended, by how far the filter could see into them and how the client's leg
        /// was protected. A connection counts once, with what was true at its end.
        counter CONNECTIONS: (Visibility, Transport) = "connections_total", Summary, OnUse;
        /// PROXY protocol headers at the start of a connection, by version.
        counter PROXY_HEADERS: ProxyVersion = "proxy_headers_total", Summary, OnUse;
        /// Octets that passed, by direction and by whether they were looked into.
        counter BYTES: (Flow, Visibility) = "bytes_total", Summary, OnUse;
        /// Connections that went on unmeasured, or were closed, because the filter itself failed.
        counter INTERNAL_ERRORS: () = "internal_errors_total", Summary, FromStart;
        /// Time intervals that were dropped because the clock went backwards or jumped.
        counter CLOCK_ANOMALIES: () = "clock_anomalies_total", Summary, FromStart;
        /// Events written to the log.
        counter EVENTS: () = "events_total", Summary, FromStart;
        /// Events not written because of the rate limit. Sampled-out events are not counted.
        counter EVENTS_DROPPED: () = "events_dropped_total", Summary, FromStart;
        /// Configuration fields that were ignored because `strict` is off and this version does not know them.
        counter CONFIG_FIELDS_IGNORED: () = "config_fields_ignored_total", Summary, FromStart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_keeps_the_rules() {
        assert_eq!(OBSERVER.violations(&["stat_prefix", "reporter"]), []);
    }
}
