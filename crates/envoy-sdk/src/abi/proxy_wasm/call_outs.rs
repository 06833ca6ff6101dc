//! Call-outs begin through the `proxy-wasm` crate: it answers only to those that it has begun itself.
//!
//! It panics on a status that it does not expect, which is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use proxy_wasm::types::Status as CrateStatus;

use super::hostcalls::{HostResult, failed};
use crate::call_out::{GrpcRequest, HttpRequest};
use crate::error::Status;

pub(crate) fn http_call(cluster: &str, request: &HttpRequest, timeout: Duration) -> HostResult<u32> {
    let headers = request.headers.iter().map(as_strs).collect();
    let trailers = request.trailers.iter().map(as_strs).collect();
    let body = Some(request.body.as_slice()).filter(|body| !body.is_empty());
    begin("proxy_http_call", || {
        proxy_wasm::hostcalls::dispatch_http_call(cluster, headers, body, trailers, whole(timeout))
    })
}

pub(crate) fn grpc_call(
    cluster: &str,
    request: &GrpcRequest<'_>,
    message: &[u8],
    timeout: Duration,
) -> HostResult<u32> {
    begin("proxy_grpc_call", || {
        proxy_wasm::hostcalls::dispatch_grpc_call(
            cluster,
            request.service,
            request.method,
            metadata(request),
            Some(message).filter(|message| !message.is_empty()),
            whole(timeout),
        )
    })
}

pub(crate) fn grpc_stream(cluster: &str, request: &GrpcRequest<'_>) -> HostResult<u32> {
    begin("proxy_grpc_stream", || {
        proxy_wasm::hostcalls::open_grpc_stream(cluster, request.service, request.method, metadata(request))
    })
}

/// The crate cuts a time-out to milliseconds, and into 32 bits. A time-out of 0 would be none at all: it becomes one
/// millisecond.
fn whole(timeout: Duration) -> Duration {
    timeout.clamp(Duration::from_millis(1), Duration::from_millis(u32::MAX.into()))
}

fn as_strs(header: &(String, String)) -> (&str, &str) {
    (&header.0, &header.1)
}

/// Names that are not UTF-8 cannot come into a `GrpcRequest`.
fn metadata<'a>(request: &'a GrpcRequest<'_>) -> Vec<(&'a str, &'a [u8])> {
    let text =
        |(name, value): (crate::ByteStr<'a>, crate::ByteStr<'a>)| Some((name.to_str()?, value.as_bytes()));
    request.metadata.iter().filter_map(text).collect()
}

fn begin(call: &'static str, dispatch: impl FnOnce() -> Result<u32, CrateStatus>) -> HostResult<u32> {
    match catch_unwind(AssertUnwindSafe(dispatch)) {
        Ok(answer) => answer.map_err(|status| failed(call, Status::from_code(status as u32))),
        // What Envoy has answered, the crate keeps in the message of its panic.
        Err(_panic) => Err(failed(call, Status::INTERNAL_FAILURE)),
    }
}
