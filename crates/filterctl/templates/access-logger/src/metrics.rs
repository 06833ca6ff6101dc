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
    pub fn of(status: Option<u16>) -> Self {
        match status {
            Some(100..200) => Self::Informational,
            Some(200..300) => Self::Success,
            Some(300..400) => Self::Redirection,
            Some(400..500) => Self::ClientError,
            Some(500..600) => Self::ServerError,
            _ => Self::None,
        }
    }
}

catalogue! {
    /// Everything that this extension counts.
    pub static METRICS: "demo_filter" {
        /// Requests that are over, by the class of their response.
        counter REQUESTS: Class = "requests_total", Summary, FromStart;
        /// Octets of the bodies of responses.
        counter BYTES: () = "response_body_bytes_total", Summary, FromStart;
        /// Time from the first octet of a request to the last one of its response.
        histogram DURATION: () = "request_duration_microseconds", Summary, FromStart;
    }
}
