//! Host calls as safe functions that return what Envoy said.

use std::ptr::null_mut;

use super::imports;
use super::read_block::reads;
use crate::abi::{HostResult, pairs};
use crate::bytes::ByteString;
use crate::error::{HostError, Status};
use crate::headers::HeaderMap;
use crate::http::LocalReply;
use crate::vm::deferred;

pub(crate) use super::call_outs::{grpc_call, grpc_stream, http_call};
pub(crate) use crate::abi::kinds::{BufferKind, MapKind, MetricKind, StreamKind};

/// Envoy defines a metric whenever it is asked to.
pub(crate) const DEFINES_METRICS_LATER: bool = true;

/// Octets of a buffer: a copy, in one piece.
pub(crate) type Lent = Vec<u8>;

/// The pieces of what [`lend_buffer`] has lent.
pub(crate) fn pieces(lent: &Lent) -> impl Iterator<Item = &[u8]> {
    std::iter::once(lent.as_slice())
}

/// All of what [`lend_buffer`] has lent, in one piece.
pub(crate) fn into_bytes(lent: Lent) -> Vec<u8> {
    lent
}

pub(crate) fn log(level: u32, message: &str) -> HostResult<()> {
    // SAFETY: pointer and length describe one live allocation, which the host only reads.
    check("proxy_log", unsafe { imports::proxy_log(level, message.as_ptr(), message.len()) })
}

pub(crate) fn log_level() -> HostResult<u32> {
    let mut level = 0;
    // SAFETY: the host writes one u32.
    check("proxy_get_log_level", unsafe { imports::proxy_get_log_level(&raw mut level) })?;
    Ok(level)
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now() -> HostResult<u64> {
    let mut time = 0;
    // SAFETY: the host writes one u64.
    let status = unsafe { imports::proxy_get_current_time_nanoseconds(&raw mut time) };
    check("proxy_get_current_time_nanoseconds", status)?;
    Ok(time)
}

pub(crate) fn set_tick_period(milliseconds: u32) -> HostResult<()> {
    // SAFETY: no pointers.
    let status = unsafe { imports::proxy_set_tick_period_milliseconds(milliseconds) };
    check("proxy_set_tick_period_milliseconds", status)
}

/// Reads at most `max` octets from `start` on. An absent buffer reads as empty.
pub(crate) fn read_buffer(buffer: BufferKind, start: usize, max: usize) -> HostResult<Vec<u8>> {
    returned("proxy_get_buffer_bytes", |data, size| {
        // SAFETY: the host writes one pointer and one size.
        reads(|| unsafe { imports::proxy_get_buffer_bytes(buffer as u32, start, max, data, size) })
    })
    .map(Option::unwrap_or_default)
    .or_else(|error| if error.status == Status::NOT_FOUND { Ok(Vec::new()) } else { Err(error) })
}

/// As [`read_buffer`], for who can do with pieces.
pub(crate) fn lend_buffer(buffer: BufferKind, start: usize, max: usize) -> HostResult<Lent> {
    read_buffer(buffer, start, max)
}

/// Replaces `size` octets from `start` on by `data`.
pub(crate) fn write_buffer(buffer: BufferKind, start: usize, size: usize, data: &[u8]) -> HostResult<()> {
    // SAFETY: pointer and length describe one live allocation, which the host only reads.
    let status =
        unsafe { imports::proxy_set_buffer_bytes(buffer as u32, start, size, data.as_ptr(), data.len()) };
    check("proxy_set_buffer_bytes", status)
}

/// The value of a property, or `None` when it does not exist here.
pub(crate) fn property(path: &[&str]) -> HostResult<Option<Vec<u8>>> {
    let path = path.join("\0");
    let value = returned("proxy_get_property", |data, size| {
        // SAFETY: pointer and length describe one live allocation; the host writes one pointer and one size.
        unsafe { imports::proxy_get_property(path.as_ptr(), path.len(), data, size) }
    });
    match value {
        Ok(value) => Ok(Some(value.unwrap_or_default())),
        Err(error) if error.status == Status::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn set_property(key: &str, value: &[u8]) -> HostResult<()> {
    // SAFETY: pointers and lengths describe live allocations, which the host only reads.
    let status = unsafe { imports::proxy_set_property(key.as_ptr(), key.len(), value.as_ptr(), value.len()) };
    check("proxy_set_property", status)
}

/// A shared value and the version to give back to [`set_shared_data`].
pub(crate) fn shared_data(key: &str) -> HostResult<Option<(Vec<u8>, u32)>> {
    let mut cas = 0;
    let value = returned("proxy_get_shared_data", |data, size| {
        // SAFETY: as for `property`; the host writes one u32 more.
        unsafe { imports::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas) }
    });
    match value {
        Ok(value) => Ok(Some((value.unwrap_or_default(), cas))),
        Err(error) if error.status == Status::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores a shared value; with `cas` only if nobody has changed it since. A `cas` of 0 means always.
pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> HostResult<()> {
    // SAFETY: pointers and lengths describe live allocations, which the host only reads.
    let status =
        unsafe { imports::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) };
    check("proxy_set_shared_data", status)
}

/// Makes a queue of this VM's id, or finds it, and makes this VM the one that is told of what is put into it.
pub(crate) fn register_shared_queue(name: &str) -> HostResult<u32> {
    let mut id = 0;
    // SAFETY: pointer and length describe one live allocation; the host writes one u32.
    let status = unsafe { imports::proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut id) };
    check("proxy_register_shared_queue", status)?;
    Ok(id)
}

/// Finds a queue that a VM of this id has registered.
pub(crate) fn resolve_shared_queue(vm_id: &str, name: &str) -> HostResult<Option<u32>> {
    let mut id = 0;
    // SAFETY: pointers and lengths describe live allocations; the host writes one u32.
    let status = unsafe {
        imports::proxy_resolve_shared_queue(
            vm_id.as_ptr(),
            vm_id.len(),
            name.as_ptr(),
            name.len(),
            &raw mut id,
        )
    };
    match check("proxy_resolve_shared_queue", status) {
        Ok(()) => Ok(Some(id)),
        Err(error) if error.status == Status::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the oldest message out of a queue; `None` when it is empty.
pub(crate) fn dequeue_shared_queue(id: u32) -> HostResult<Option<Vec<u8>>> {
    let value = returned("proxy_dequeue_shared_queue", |data, size| {
        // SAFETY: the host writes one pointer and one size.
        unsafe { imports::proxy_dequeue_shared_queue(id, data, size) }
    });
    match value {
        Ok(value) => Ok(Some(value.unwrap_or_default())),
        Err(error) if error.status == Status::EMPTY => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn enqueue_shared_queue(id: u32, value: &[u8]) -> HostResult<()> {
    // SAFETY: pointer and length describe one live allocation, which the host only reads.
    let status = unsafe { imports::proxy_enqueue_shared_queue(id, value.as_ptr(), value.len()) };
    check("proxy_enqueue_shared_queue", status)
}

pub(crate) fn call_foreign_function(name: &str, arguments: &[u8]) -> HostResult<Vec<u8>> {
    let results = returned("proxy_call_foreign_function", |data, size| {
        // SAFETY: pointers and lengths describe live allocations; the host writes one pointer and one size.
        unsafe {
            imports::proxy_call_foreign_function(
                name.as_ptr(),
                name.len(),
                arguments.as_ptr(),
                arguments.len(),
                data,
                size,
            )
        }
    });
    results.map(Option::unwrap_or_default)
}

pub(crate) fn continue_stream(stream: StreamKind) -> HostResult<()> {
    deferred::leave();
    // SAFETY: no pointers.
    check("proxy_continue_stream", unsafe { imports::proxy_continue_stream(stream as u32) })
}

pub(crate) fn close_stream(stream: StreamKind) -> HostResult<()> {
    deferred::leave();
    // SAFETY: no pointers.
    check("proxy_close_stream", unsafe { imports::proxy_close_stream(stream as u32) })
}

/// Makes host calls go to another context than the one of the running callback.
pub(crate) fn set_effective_context(context: u32) -> HostResult<()> {
    // SAFETY: no pointers.
    check("proxy_set_effective_context", unsafe { imports::proxy_set_effective_context(context) })
        .map_err(|error| HostError { context: Some(context), ..error })
}

/// Defines a metric. Every call makes a new id that Envoy never frees: see [`Stats`](crate::Stats).
pub(crate) fn define_metric(kind: MetricKind, name: &str) -> HostResult<u32> {
    let mut id = 0;
    // SAFETY: pointer and length describe one live allocation; the host writes one u32.
    let status = unsafe { imports::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) };
    check("proxy_define_metric", status)?;
    Ok(id)
}

pub(crate) fn increment_metric(id: u32, offset: i64) -> HostResult<()> {
    // SAFETY: no pointers.
    check("proxy_increment_metric", unsafe { imports::proxy_increment_metric(id, offset) })
}

pub(crate) fn record_metric(id: u32, value: u64) -> HostResult<()> {
    // SAFETY: no pointers.
    check("proxy_record_metric", unsafe { imports::proxy_record_metric(id, value) })
}

/// Fills a buffer with random octets from the operating system.
#[cfg(target_arch = "wasm32")]
pub(crate) fn random(buffer: &mut [u8]) -> HostResult<()> {
    // SAFETY: pointer and length describe one live allocation, which the host fills.
    let errno = unsafe { imports::random_get(buffer.as_mut_ptr(), buffer.len()) };
    if errno == 0 { Ok(()) } else { Err(failed("random_get", Status::INTERNAL_FAILURE)) }
}

/// Fills a buffer with random octets from the operating system.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn random(buffer: &mut [u8]) -> HostResult<()> {
    // std seeds each of these from the operating system.
    use std::hash::{BuildHasher, RandomState};
    for (counter, chunk) in buffer.chunks_mut(8).enumerate() {
        let octets = RandomState::new().hash_one(counter).to_le_bytes();
        chunk.copy_from_slice(octets.get(..chunk.len()).unwrap_or_default());
    }
    Ok(())
}

/// The value of a header, the first of several. Envoy answers `BadArgument` where the whole map does
/// not exist: no trailers have come, say.
pub(crate) fn header(map: MapKind, name: &str) -> HostResult<Option<Vec<u8>>> {
    let value = returned("proxy_get_header_map_value", |data, size| {
        // SAFETY: pointer and length describe one live allocation; the host writes one pointer and one size.
        unsafe { imports::proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size) }
    });
    match value {
        Ok(value) => Ok(Some(value.unwrap_or_default())),
        Err(error) if matches!(error.status, Status::NOT_FOUND | Status::BAD_ARGUMENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names and values of a whole map; none where there is no such map.
pub(crate) fn headers(map: MapKind) -> HostResult<Vec<(ByteString, ByteString)>> {
    const CALL: &str = "proxy_get_header_map_pairs";
    let octets = returned(CALL, |data, size| {
        // SAFETY: the host writes one pointer and one size.
        unsafe { imports::proxy_get_header_map_pairs(map as u32, data, size) }
    })?;
    let Some(octets) = octets else { return Ok(Vec::new()) };
    pairs::read(&octets).ok_or_else(|| failed(CALL, Status::PARSE_FAILURE))
}

pub(crate) fn set_headers(map: MapKind, headers: &HeaderMap) -> HostResult<()> {
    let octets = pairs::write(headers.entries());
    // SAFETY: pointer and length describe one live allocation, which the host only reads.
    let status = unsafe { imports::proxy_set_header_map_pairs(map as u32, octets.as_ptr(), octets.len()) };
    check("proxy_set_header_map_pairs", status)
}

pub(crate) fn set_header(map: MapKind, name: &str, value: &[u8]) -> HostResult<()> {
    let (map, name, name_len) = (map as u32, name.as_ptr(), name.len());
    // SAFETY: pointers and lengths describe live allocations, which the host only reads.
    let status =
        unsafe { imports::proxy_replace_header_map_value(map, name, name_len, value.as_ptr(), value.len()) };
    check("proxy_replace_header_map_value", status)
}

pub(crate) fn add_header(map: MapKind, name: &str, value: &[u8]) -> HostResult<()> {
    let (map, name, name_len) = (map as u32, name.as_ptr(), name.len());
    // SAFETY: pointers and lengths describe live allocations, which the host only reads.
    let status =
        unsafe { imports::proxy_add_header_map_value(map, name, name_len, value.as_ptr(), value.len()) };
    check("proxy_add_header_map_value", status)
}

pub(crate) fn remove_header(map: MapKind, name: &str) -> HostResult<()> {
    // SAFETY: pointer and length describe one live allocation, which the host only reads.
    let status = unsafe { imports::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    check("proxy_remove_header_map_value", status)
}

pub(crate) fn send_local_response(reply: &LocalReply) -> HostResult<()> {
    /// Leaves the choice to Envoy.
    const NO_GRPC_STATUS: i32 = -1;
    let headers = pairs::write(reply.headers.entries());
    let grpc_status = reply.grpc_status.map(|status| i32::try_from(status.code()).unwrap_or(NO_GRPC_STATUS));
    deferred::leave();
    // SAFETY: pointers and lengths describe live allocations, which the host only reads.
    let status = unsafe {
        imports::proxy_send_local_response(
            reply.status.into(),
            reply.details.as_ptr(),
            reply.details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status.unwrap_or(NO_GRPC_STATUS),
        )
    };
    check("proxy_send_local_response", status)
}

pub(crate) fn grpc_send(token: u32, message: &[u8], end_stream: bool) -> HostResult<()> {
    // SAFETY: pointer and length describe one live allocation, which the host only reads.
    let status = unsafe { imports::proxy_grpc_send(token, message.as_ptr(), message.len(), end_stream) };
    check("proxy_grpc_send", status)
}

pub(crate) fn grpc_close(token: u32) -> HostResult<()> {
    // SAFETY: no pointers.
    check("proxy_grpc_close", unsafe { imports::proxy_grpc_close(token) })
}

pub(crate) fn grpc_cancel(token: u32) -> HostResult<()> {
    // SAFETY: no pointers.
    check("proxy_grpc_cancel", unsafe { imports::proxy_grpc_cancel(token) })
}

/// Status and message of the gRPC call or stream that the running callback says has ended.
pub(crate) fn grpc_status() -> HostResult<(u32, Vec<u8>)> {
    let mut code = 0;
    let message = returned("proxy_get_status", |data, size| {
        // SAFETY: the host writes one u32, one pointer and one size.
        unsafe { imports::proxy_get_status(&raw mut code, data, size) }
    })?;
    Ok((code, message.unwrap_or_default()))
}

/// Calls a host function that returns a value in memory that it has asked the guest to allocate.
fn returned(
    call: &'static str,
    function: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> HostResult<Option<Vec<u8>>> {
    let mut data = null_mut();
    let mut size = 0;
    check(call, function(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(None);
    }
    // SAFETY: the host got `data` from this module's own allocation export, which makes a boxed slice of
    // exactly `size` octets and gives up ownership of it.
    Ok(Some(unsafe { Vec::from_raw_parts(data, size, size) }))
}

fn check(call: &'static str, status: u32) -> HostResult<()> {
    match Status::from_code(status) {
        Status::OK => Ok(()),
        status => Err(failed(call, status)),
    }
}

pub(super) fn failed(call: &'static str, status: Status) -> HostError {
    HostError { call, status, context: crate::vm::current_context() }
}
