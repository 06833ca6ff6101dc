//! What is counted. The comment of a metric is its help text.

use envoy_sdk::metrics::{catalogue, label};

label! {
    /// The first digit of a response's status; `none` where no response came.
    pub enum Class: "class" {
        Informational = "1xx", Success = "2xx", Redirection = "3xx", ClientError = "4xx", ServerError = "5xx",
        None = "none",
    }
}

impl Class {
    /// The class of a status code.
    pub fn of(status: u16) -> Self {
        match status {
            100..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500..600 => Self::ServerError,
            _ => Self::None,
        }
    }
}

catalogue! {
    /// Everything that this extension counts.
    pub static METRICS: "demo_filter" {
        /// Requests that are over, by the class of their response.
        counter REQUESTS: Class = "requests_total", Summary, FromStart;
        /// Responses that took longer than the configuration calls slow.
        counter SLOW: () = "slow_responses_total", Summary, FromStart;
        /// Time from the request's headers to the response's headers.
        histogram LATENCY: () = "response_latency_microseconds", Summary, FromStart;
    }
}
