//! Why a response, or a connection, ended as it did.

use std::fmt;

/// Envoy's response flags: a set of reasons (`envoy/stream_info/stream_info.h`, `CoreResponseFlag`).
///
/// It prints as access logs print `%RESPONSE_FLAGS%`:
///
/// ```
/// use envoy_sdk::ResponseFlags;
///
/// let flags = ResponseFlags::UPSTREAM_CONNECTION_FAILURE.union(ResponseFlags::UPSTREAM_RETRY_LIMIT_EXCEEDED);
/// assert_eq!(flags.to_string(), "UF,URX");
/// assert_eq!(ResponseFlags::NONE.to_string(), "-");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ResponseFlags(u64);

macro_rules! flags {
    ($($(#[doc = $doc:literal])+ $name:ident = $bit:literal, $short:literal, $long:literal;)*) => {
        impl ResponseFlags {
            $($(#[doc = $doc])+ #[doc = concat!("`", $short, "`, `", $long, "`.")] pub const $name: Self = Self(1 << $bit);)*

            /// Every flag that Envoy 1.40 has, with its names in access logs: the short and the long one.
            pub const ALL: &[(Self, &'static str, &'static str)] = &[$((Self::$name, $short, $long)),*];
        }
    };
}

flags! {
    /// This Envoy does not pass its own health check.
    FAILED_LOCAL_HEALTH_CHECK = 0, "LH", "FailedLocalHealthCheck";
    /// No server of the cluster is healthy.
    NO_HEALTHY_UPSTREAM = 1, "UH", "NoHealthyUpstream";
    /// The server took too long.
    UPSTREAM_REQUEST_TIMEOUT = 2, "UT", "UpstreamRequestTimeout";
    /// This Envoy has reset the stream to the server.
    LOCAL_RESET = 3, "LR", "LocalReset";
    /// The server has reset the stream, or the TCP connection (not on Envoy 1.36).
    UPSTREAM_REMOTE_RESET = 4, "UR", "UpstreamRemoteReset";
    /// The connection to the server could not be made.
    UPSTREAM_CONNECTION_FAILURE = 5, "UF", "UpstreamConnectionFailure";
    /// The connection to the server broke.
    UPSTREAM_CONNECTION_TERMINATION = 6, "UC", "UpstreamConnectionTermination";
    /// A circuit breaker of the cluster is open.
    UPSTREAM_OVERFLOW = 7, "UO", "UpstreamOverflow";
    /// No route, or no filter chain, for this.
    NO_ROUTE_FOUND = 8, "NR", "NoRouteFound";
    /// Delayed by fault injection.
    DELAY_INJECTED = 9, "DI", "DelayInjected";
    /// Aborted by fault injection.
    FAULT_INJECTED = 10, "FI", "FaultInjected";
    /// Above a rate limit.
    RATE_LIMITED = 11, "RL", "RateLimited";
    /// Denied by the external authorization service.
    UNAUTHORIZED_EXTERNAL_SERVICE = 12, "UAEX", "UnauthorizedExternalService";
    /// The rate limit service failed.
    RATE_LIMIT_SERVICE_ERROR = 13, "RLSE", "RateLimitServiceError";
    /// The client's connection ended before the response did.
    DOWNSTREAM_CONNECTION_TERMINATION = 14, "DC", "DownstreamConnectionTermination";
    /// No more retries, or no more attempts to connect.
    UPSTREAM_RETRY_LIMIT_EXCEEDED = 15, "URX", "UpstreamRetryLimitExceeded";
    /// Nothing happened for too long.
    STREAM_IDLE_TIMEOUT = 16, "SI", "StreamIdleTimeout";
    /// An `x-envoy-` header of the request has a value that it cannot have.
    INVALID_ENVOY_REQUEST_HEADERS = 17, "IH", "InvalidEnvoyRequestHeaders";
    /// The client broke the HTTP protocol.
    DOWNSTREAM_PROTOCOL_ERROR = 18, "DPE", "DownstreamProtocolError";
    /// The stream to the server lasted too long.
    UPSTREAM_MAX_STREAM_DURATION_REACHED = 19, "UMSDR", "UpstreamMaxStreamDurationReached";
    /// Answered from the cache filter.
    RESPONSE_FROM_CACHE_FILTER = 20, "RFCF", "ResponseFromCacheFilter";
    /// A filter's configuration did not arrive in time.
    NO_FILTER_CONFIG_FOUND = 21, "NFCF", "NoFilterConfigFound";
    /// The request or connection lasted too long.
    DURATION_TIMEOUT = 22, "DT", "DurationTimeout";
    /// The server broke the HTTP protocol.
    UPSTREAM_PROTOCOL_ERROR = 23, "UPE", "UpstreamProtocolError";
    /// There is no such cluster.
    NO_CLUSTER_FOUND = 24, "NC", "NoClusterFound";
    /// Ended by the overload manager.
    OVERLOAD_MANAGER = 25, "OM", "OverloadManagerTerminated";
    /// The server's name could not be resolved.
    DNS_RESOLUTION_FAILED = 26, "DF", "DnsResolutionFailed";
    /// Dropped because of the cluster's `drop_overload`.
    DROP_OVERLOAD = 27, "DO", "DropOverload";
    /// The client has reset the stream.
    DOWNSTREAM_REMOTE_RESET = 28, "DR", "DownstreamRemoteReset";
    /// Dropped because `drop_overload` is 100 percent.
    UNCONDITIONAL_DROP_OVERLOAD = 29, "UDO", "UnconditionalDropOverload";
}

impl ResponseFlags {
    /// No reason to tell.
    pub const NONE: Self = Self(0);

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whether any of these flags is set.
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Whether all of these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The number that Envoy gave. Bits beyond those of [`ALL`](Self::ALL) are flags of other extensions.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        let mut rest = self.0;
        let mut separator = "";
        for (flag, short, _) in Self::ALL {
            if self.intersects(*flag) {
                write!(f, "{separator}{short}")?;
                separator = ",";
                rest &= !flag.0;
            }
        }
        if rest == 0 { Ok(()) } else { write!(f, "{separator}{rest:#x}") }
    }
}

impl fmt::Debug for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseFlags({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_is_a_bit_of_its_own_and_in_order() {
        for (bit, (flag, short, long)) in ResponseFlags::ALL.iter().enumerate() {
            assert_eq!(flag.bits(), 1 << bit);
            assert_eq!(flag.to_string(), *short);
            assert!(long.len() > short.len());
        }
    }

    #[test]
    fn a_flag_that_is_not_known_keeps_its_number() {
        assert_eq!(ResponseFlags::from_bits(1 << 40 | 1 << 5).to_string(), "UF,0x10000000000");
    }

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        let both = ResponseFlags::NO_ROUTE_FOUND.union(ResponseFlags::LOCAL_RESET);
        assert!(both.contains(ResponseFlags::LOCAL_RESET) && both.intersects(ResponseFlags::NO_ROUTE_FOUND));
        assert!(!ResponseFlags::LOCAL_RESET.contains(both));
        assert!(!both.intersects(ResponseFlags::NO_HEALTHY_UPSTREAM) && !both.is_empty());
    }
}
