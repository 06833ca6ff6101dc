//! Call-outs begin through the `proxy-wasm` crate: it answers only to those that it has begun itself.
//!
//! It panics on a status that it does not expect, which is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use proxy_wasm::types::Status as CrateStatus;

use super::hostcalls::failed;
use crate::abi::HostResult;
use crate::call_out::{GrpcRequest, HttpRequest};
use crate::error::{Error, Result, Status};
use crate::vm::deferred;

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
) -> Result<u32> {
    let target = grpc_service(cluster)?;
    let message = Some(message).filter(|message| !message.is_empty());
    Ok(begin("proxy_grpc_call", || {
        let (service, method) = (request.service, request.method);
        let timeout = whole(timeout);
        proxy_wasm::hostcalls::dispatch_grpc_call(
            &target,
            service,
            method,
            metadata(request),
            message,
            timeout,
        )
    })?)
}

pub(crate) fn grpc_stream(cluster: &str, request: &GrpcRequest<'_>) -> Result<u32> {
    let target = grpc_service(cluster)?;
    deferred::open_grpc_stream()?;
    Ok(begin("proxy_grpc_stream", || {
        proxy_wasm::hostcalls::open_grpc_stream(&target, request.service, request.method, metadata(request))
    })?)
}

/// The message `GrpcService { envoy_grpc { cluster_name } }` (`envoy/config/core/v3/grpc_service.proto`), serialised.
///
/// Envoy also takes a cluster's bare name, but first tries to read it as such a message. Names that happen to be one,
/// `auth-grpc` and the empty one among them, end the whole process (measured on 1.36.2 and 1.40.0).
fn grpc_service(cluster: &str) -> Result<String> {
    /// Field 1, a message or text. Both fields on the way are number 1.
    const TAG: char = '\n';
    /// What the crate takes is text, and a length of more than 7 bits is none.
    const LONGEST: usize = 125;
    let length = |len: usize| u8::try_from(len).ok().map(char::from);
    match (length(cluster.len() + 2), length(cluster.len())) {
        (Some(outer), Some(inner)) if (1..=LONGEST).contains(&cluster.len()) => {
            Ok(String::from_iter([TAG, outer, TAG, inner]) + cluster)
        }
        _ => Err(Error::new(format!(
            "a gRPC call needs a cluster whose name has 1 to {LONGEST} octets, this has {}",
            cluster.len()
        ))),
    }
}

/// The crate cuts a time-out to milliseconds; Envoy takes 31 bits of them. 0 is none at all for an HTTP call, and over
/// at once for a gRPC call: it becomes one millisecond.
fn whole(timeout: Duration) -> Duration {
    timeout.clamp(Duration::from_millis(1), Duration::from_millis(i32::MAX as u64))
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
    let status = match catch_unwind(AssertUnwindSafe(dispatch)) {
        Ok(Ok(number)) => return Ok(number),
        Ok(Err(status)) => Status::from_code(status as u32),
        // What Envoy has answered, the crate keeps in the message of its panic.
        Err(_panic) => Status::INTERNAL_FAILURE,
    };
    if status == Status::INTERNAL_FAILURE {
        deferred::leave();
    }
    Err(failed(call, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_in_a_message() {
        assert_eq!(grpc_service("auth-grpc").unwrap().as_bytes(), b"\x0a\x0b\x0a\x09auth-grpc");
        assert!(grpc_service(&"c".repeat(125)).is_ok());
        for refused in ["", &"c".repeat(126), &"c".repeat(300)] {
            assert!(grpc_service(refused).unwrap_err().to_string().contains("1 to 125 octets"));
        }
    }

    #[test]
    fn no_time_out_is_none_at_all() {
        assert_eq!(whole(Duration::ZERO), Duration::from_millis(1));
        assert_eq!(whole(Duration::MAX).as_millis(), 2_147_483_647);
    }
}
