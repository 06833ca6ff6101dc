//! What the SDK counts about the extensions it carries.

use common_metrics::{catalogue, label};

label! {
    /// Where in an extension something went wrong.
    pub enum Callback: "callback" {
        /// The plugin's configuration.
        Configure = "configure",
        /// Making a filter for a connection or request.
        NewFilter = "new_filter",
        /// A new connection.
        NewConnection = "on_new_connection",
        /// Data from the client.
        DownstreamData = "on_downstream_data",
        /// Data from the server.
        UpstreamData = "on_upstream_data",
        /// The client's side closed.
        DownstreamClose = "on_downstream_close",
        /// The server's side closed.
        UpstreamClose = "on_upstream_close",
        /// The request's headers.
        RequestHeaders = "on_request_headers",
        /// A piece of the request's body.
        RequestBody = "on_request_body",
        /// The request's trailers.
        RequestTrailers = "on_request_trailers",
        /// The response's headers.
        ResponseHeaders = "on_response_headers",
        /// A piece of the response's body.
        ResponseBody = "on_response_body",
        /// The response's trailers.
        ResponseTrailers = "on_response_trailers",
        /// A timer.
        Timer = "on_timer",
        /// The answer to an HTTP call.
        HttpCallDone = "on_http_call_done",
        /// The answer to a gRPC call.
        GrpcCallDone = "on_grpc_call_done",
        /// Something on a gRPC stream.
        GrpcStream = "on_grpc_stream",
        /// Something in a shared queue.
        QueueReady = "on_queue_ready",
        /// The connection or request is over.
        StreamComplete = "on_stream_complete",
        /// The filter was dropped.
        Drop = "drop",
    }
}

catalogue! {
    /// What the SDK counts, for every extension, with the label `extension`.
    pub static SDK: "envoy_sdk" {
        /// Callbacks that returned an error.
        counter ERRORS: Callback = "errors_total", Summary, OnUse;
        /// Callbacks that panicked. The panic was caught: see the error policy for what it cost.
        counter PANICS: Callback = "panics_total", Summary, OnUse;
        /// Connections closed because their filter failed (error policy `close`).
        counter CONNECTIONS_CLOSED_ON_ERROR: () = "connections_closed_on_error_total", Summary, FromStart;
        /// Connections that went on without their filter because it failed (error policy `bypass`).
        counter CONNECTIONS_BYPASSED: () = "connections_bypassed_total", Summary, FromStart;
        /// Requests answered with 500 because their filter failed.
        counter REQUESTS_FAILED: () = "requests_failed_total", Summary, OnUse;
        /// HTTP streams reset because their filter failed when the response had begun.
        counter STREAMS_RESET_ON_ERROR: () = "streams_reset_on_error_total", Summary, OnUse;
        /// Connections and requests that got no filter because too many filters in a row had panicked.
        counter FILTERS_REFUSED: () = "filters_refused_total", Summary, FromStart;
        /// Log lines dropped by the rate limit.
        counter LOG_LINES_DROPPED: () = "log_lines_dropped_total", Summary, OnUse;
        /// Host calls for statistics that Envoy refused.
        counter STATS_REFUSED: () = "stats_refused_total", Summary, OnUse;
    }
}

catalogue! {
    /// What the SDK counts per module version, with the labels `extension`, `version` and `panic`.
    pub static VM: "envoy_sdk" {
        /// Plugins started, once in each VM: one per worker, one of the main thread, and one in which Envoy tries a
        /// configuration first. Tells versions apart during an upgrade, and shows reloads after a trap.
        counter VM_STARTS: () = "vm_starts_total", Summary, FromStart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogues_keep_the_rules() {
        assert_eq!(SDK.violations(&["extension"]), []);
        assert_eq!(VM.violations(&["extension", "version", "panic"]), []);
    }
}
