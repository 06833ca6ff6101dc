//! What is counted. The comment of a metric is its help text.

use envoy_sdk::metrics::{catalogue, label};

label! {
    /// What came of a probe.
    pub enum Outcome: "result" {
        /// The server has answered with a status below 400.
        Healthy = "healthy",
        /// It has answered otherwise, or Envoy in its place: nobody was there, or not in time.
        Unhealthy = "unhealthy",
        /// Envoy could not even ask, or lost the answer on the way.
        Failed = "failed",
    }
}

catalogue! {
    /// Everything that this extension counts.
    pub static METRICS: "demo_filter" {
        /// Probes, by their result.
        counter PROBES: Outcome = "probes_total", Summary, FromStart;
        /// Whether the last probe found the server healthy: 1 or 0.
        gauge HEALTHY: () = "healthy", Summary, FromStart;
        /// Time from a probe to its answer.
        histogram LATENCY: () = "probe_latency_microseconds", Summary, FromStart;
    }
}
