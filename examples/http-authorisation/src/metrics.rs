//! What the filter counts.

use envoy_sdk::metrics::{catalogue, label};

label! {
    /// What became of a request.
    pub enum Outcome: "outcome" {
        /// The service said yes.
        Allowed = "allowed",
        /// The service said no.
        Denied = "denied",
        /// The service did not decide, and the request went on.
        FailedOpen = "failed_open",
        /// The service did not decide, and the request was answered with 503.
        FailedClosed = "failed_closed",
        /// The client left before there was a decision.
        Abandoned = "abandoned",
    }
}

catalogue! {
    /// What the filter counts.
    pub static HTTP_AUTHORISATION: "http_authorisation" {
        /// Requests, by what became of them.
        counter REQUESTS: Outcome = "requests_total", Summary, FromStart;
        /// How long the service took to answer; up to the time-out where it did not.
        histogram CHECK_DURATION: () = "check_duration_milliseconds", Summary, OnUse;
    }
}
