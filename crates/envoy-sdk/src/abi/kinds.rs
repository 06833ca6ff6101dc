//! What a host call is about. The numbers are Proxy-Wasm's.

/// Which of Envoy's buffers (`proxy_buffer_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum BufferKind {
    HttpRequestBody = 0,
    HttpResponseBody = 1,
    Downstream = 2,
    Upstream = 3,
    /// The body of the answer to an HTTP call.
    CallOut = 4,
    GrpcMessage = 5,
    VmConfiguration = 6,
    PluginConfiguration = 7,
}

/// Which of Envoy's maps (`proxy_header_map_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MapKind {
    HttpRequestHeaders = 0,
    HttpRequestTrailers = 1,
    HttpResponseHeaders = 2,
    HttpResponseTrailers = 3,
    GrpcInitialMetadata = 4,
    GrpcTrailingMetadata = 5,
    HttpCallResponseHeaders = 6,
    HttpCallResponseTrailers = 7,
}

/// Which side of a stream (`proxy_stream_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum StreamKind {
    HttpRequest = 0,
    HttpResponse = 1,
    Downstream = 2,
}

/// What kind of metric (`proxy_metric_type_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MetricKind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}
