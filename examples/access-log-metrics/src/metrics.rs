//! What the logger counts.

use envoy_sdk::metrics::{Label as _, catalogue, label};

label! {
    /// The first digit of a status code.
    pub enum Class: "class" {
        Informational = "1xx", Success = "2xx", Redirection = "3xx", ClientError = "4xx", ServerError = "5xx",
        /// There was no response: the client left, for example.
        NoResponse = "none",
    }
}

impl Class {
    /// The class of a response's status code; Envoy logs 0, or nothing, where there was no response.
    pub(crate) fn of(code: Option<u16>) -> Self {
        match code.unwrap_or(0) {
            100..=199 => Self::Informational,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::NoResponse,
        }
    }
}

label! {
    /// Which way octets went.
    pub enum Direction: "direction" {
        /// From the client.
        Received = "received",
        /// To the client.
        Sent = "sent",
    }
}

label! {
    /// Why something went wrong, as Envoy's `%RESPONSE_FLAGS%` says it. These are the flags that an operator acts on;
    /// Envoy has more, and each label value costs a series.
    pub enum Flag: "flag" {
        NoHealthyUpstream = "UH",
        UpstreamConnectionFailure = "UF",
        UpstreamConnectionTermination = "UC",
        UpstreamRemoteReset = "UR",
        UpstreamRequestTimeout = "UT",
        UpstreamOverflow = "UO",
        NoRouteFound = "NR",
        DownstreamConnectionTermination = "DC",
        DownstreamProtocolError = "DPE",
        StreamIdleTimeout = "SI",
        Other = "other",
    }
}

impl Flag {
    /// The flag with this short name.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.iter().copied().find(|flag| flag.as_str() == name).unwrap_or(Self::Other)
    }
}

catalogue! {
    /// What the logger counts.
    pub static ACCESS_LOG: "access_log" {
        /// Requests that are over, by class of the response's status.
        counter REQUESTS: Class = "requests_total", Summary, OnUse;
        /// From the first octet of a request to the last of its response.
        histogram REQUEST_DURATION: Class = "request_duration_milliseconds", Summary, OnUse;
        /// TCP connections that are over.
        counter CONNECTIONS: () = "connections_total", Summary, OnUse;
        /// From the beginning of a TCP connection to its end.
        histogram CONNECTION_DURATION: () = "connection_duration_milliseconds", Summary, OnUse;
        /// Octets of TCP connections that are over.
        counter BYTES: Direction = "connection_bytes_total", Summary, OnUse;
        /// Requests and connections of which Envoy says that something went wrong; those with two flags count twice.
        counter RESPONSE_FLAGS: Flag = "response_flags_total", Summary, OnUse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_sdk::ResponseFlags;

    #[test]
    fn every_flag_is_one_of_envoys() {
        for flag in Flag::ALL {
            let known = ResponseFlags::ALL.iter().any(|(_, name, _)| *name == flag.as_str());
            assert!(known || *flag == Flag::Other, "{flag:?}");
        }
    }

    #[test]
    fn the_catalogue_keeps_the_rules() {
        assert_eq!(ACCESS_LOG.violations(&["stat_prefix"]), []);
    }
}
