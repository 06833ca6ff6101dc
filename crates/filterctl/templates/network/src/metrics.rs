//! What is counted. The comment of a metric is its help text.

use envoy_sdk::metrics::{catalogue, label};

label! {
    /// Who sent something.
    pub enum Sender: "sender" { Client = "client", Server = "server" }
}

label! {
    /// How a connection ended.
    pub enum Ending: "ending" { WithinQuota = "within_quota", OverQuota = "over_quota" }
}

catalogue! {
    /// Everything that this extension counts.
    pub static METRICS: "demo_filter" {
        /// Connections that have ended, by whether the client kept to its quota.
        counter CONNECTIONS: Ending = "connections_total", Summary, FromStart;
        /// Octets that arrived, by who sent them.
        counter BYTES: Sender = "bytes_total", Summary, FromStart;
    }
}
