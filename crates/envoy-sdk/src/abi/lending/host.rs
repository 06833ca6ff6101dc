//! The host's side of the second ABI.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::abi::HostResult;
pub(crate) use crate::abi::kinds::{BufferKind, MapKind, MetricKind, StreamKind};
use crate::bytes::ByteString;
use crate::call_out::{GrpcRequest, HttpRequest};
use crate::error::{HostError, Result, Status};
use crate::headers::HeaderMap;
use crate::http::LocalReply;

/// Metrics are defined while a plugin is configured, or never.
pub(crate) const DEFINES_METRICS_LATER: bool = false;

/// Pieces of a buffer, shared with the host.
pub(crate) type Lent = Vec<Piece>;

/// A part of one of the host's slices.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    slice: Rc<[u8]>,
    start: usize,
    end: usize,
}

impl Piece {
    fn octets(&self) -> &[u8] {
        self.slice.get(self.start..self.end).unwrap_or_default()
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) configuring: bool,
    pub(super) configuration: Vec<u8>,
    pub(super) root_id: String,
    /// The slices of the data that the running callback presents, by direction.
    pub(super) downstream: Vec<Rc<[u8]>>,
    pub(super) upstream: Vec<Rc<[u8]>>,
    /// Names and values, by id.
    pub(super) metrics: Vec<(String, u64)>,
    pub(super) filter_state: BTreeMap<String, Vec<u8>>,
    pub(super) log: Vec<String>,
    pub(super) closed: bool,
    /// Since the epoch.
    pub(super) now: Duration,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

pub(super) fn with<T>(with: impl FnOnce(&mut State) -> T) -> T {
    STATE.with(|state| with(&mut state.borrow_mut()))
}

fn refuse<T>(call: &'static str, status: Status) -> HostResult<T> {
    Err(HostError { call, status, context: crate::vm::current_context() })
}

fn unimplemented<T>(call: &'static str) -> HostResult<T> {
    refuse(call, Status::UNIMPLEMENTED)
}

pub(crate) fn pieces(lent: &Lent) -> impl Iterator<Item = &[u8]> {
    lent.iter().map(Piece::octets)
}

pub(crate) fn into_bytes(lent: Lent) -> Vec<u8> {
    lent.iter().flat_map(Piece::octets).copied().collect()
}

pub(crate) fn lend_buffer(buffer: BufferKind, start: usize, max: usize) -> HostResult<Lent> {
    let slices = with(|state| match buffer {
        BufferKind::Downstream => state.downstream.clone(),
        BufferKind::Upstream => state.upstream.clone(),
        BufferKind::PluginConfiguration if state.configuring => vec![state.configuration.as_slice().into()],
        _ => Vec::new(),
    });
    let (mut skip, mut left) = (start, max);
    let mut lent = Vec::new();
    for slice in slices {
        let begin = skip.min(slice.len());
        let end = slice.len().min(begin.saturating_add(left));
        skip -= begin;
        left -= end - begin;
        if begin < end {
            lent.push(Piece { slice, start: begin, end });
        }
    }
    Ok(lent)
}

pub(crate) fn read_buffer(buffer: BufferKind, start: usize, max: usize) -> HostResult<Vec<u8>> {
    lend_buffer(buffer, start, max).map(into_bytes)
}

pub(crate) fn write_buffer(buffer: BufferKind, start: usize, size: usize, data: &[u8]) -> HostResult<()> {
    let all = read_buffer(buffer, 0, usize::MAX)?;
    let kept_behind = all.get(start.saturating_add(size)..).unwrap_or_default();
    let kept_before = all.get(..start).unwrap_or(&all);
    let slices = [kept_before, data, kept_behind].map(Rc::from).to_vec();
    match buffer {
        BufferKind::Downstream => with(|state| state.downstream = slices),
        BufferKind::Upstream => with(|state| state.upstream = slices),
        _ => return refuse("write_buffer", Status::BAD_ARGUMENT),
    }
    Ok(())
}

pub(crate) fn log(_level: u32, message: &str) -> HostResult<()> {
    with(|state| state.log.push(message.to_owned()));
    Ok(())
}

pub(crate) fn log_level() -> HostResult<u32> {
    Ok(0)
}

pub(crate) fn now() -> HostResult<u64> {
    Ok(with(|state| u64::try_from(state.now.as_nanos()).unwrap_or(u64::MAX)))
}

pub(crate) fn set_tick_period(_milliseconds: u32) -> HostResult<()> {
    Ok(())
}

pub(crate) fn property(path: &[&str]) -> HostResult<Option<Vec<u8>>> {
    Ok(match path {
        ["plugin_root_id"] => Some(with(|state| state.root_id.clone().into_bytes())),
        ["connection", "id"] => Some(1_u64.to_le_bytes().to_vec()),
        _ => None,
    })
}

pub(crate) fn set_property(key: &str, value: &[u8]) -> HostResult<()> {
    with(|state| state.filter_state.insert(key.to_owned(), value.to_vec()));
    Ok(())
}

pub(crate) fn define_metric(_kind: MetricKind, name: &str) -> HostResult<u32> {
    with(|state| {
        if !state.configuring {
            return refuse("define_metric", Status::BAD_ARGUMENT);
        }
        state.metrics.push((name.to_owned(), 0));
        Ok(u32::try_from(state.metrics.len() - 1).unwrap_or(u32::MAX))
    })
}

pub(crate) fn increment_metric(id: u32, offset: i64) -> HostResult<()> {
    change_metric("increment_metric", id, |value| value.wrapping_add_signed(offset))
}

/// A histogram counts its values here.
pub(crate) fn record_metric(id: u32, _value: u64) -> HostResult<()> {
    change_metric("record_metric", id, |count| count.wrapping_add(1))
}

fn change_metric(call: &'static str, id: u32, change: impl FnOnce(u64) -> u64) -> HostResult<()> {
    with(|state| match state.metrics.get_mut(id as usize) {
        Some((_, value)) => {
            *value = change(*value);
            Ok(())
        }
        None => refuse(call, Status::NOT_FOUND),
    })
}

pub(crate) fn close_stream(_stream: StreamKind) -> HostResult<()> {
    with(|state| state.closed = true);
    Ok(())
}

pub(crate) fn continue_stream(_stream: StreamKind) -> HostResult<()> {
    unimplemented("continue_stream")
}

pub(crate) fn set_effective_context(_context: u32) -> HostResult<()> {
    Ok(())
}

pub(crate) fn random(buffer: &mut [u8]) -> HostResult<()> {
    buffer.fill(7);
    Ok(())
}

pub(crate) fn shared_data(_key: &str) -> HostResult<Option<(Vec<u8>, u32)>> {
    unimplemented("shared_data")
}

pub(crate) fn set_shared_data(_key: &str, _value: &[u8], _cas: u32) -> HostResult<()> {
    unimplemented("set_shared_data")
}

pub(crate) fn register_shared_queue(_name: &str) -> HostResult<u32> {
    unimplemented("register_shared_queue")
}

pub(crate) fn resolve_shared_queue(_vm_id: &str, _name: &str) -> HostResult<Option<u32>> {
    unimplemented("resolve_shared_queue")
}

pub(crate) fn dequeue_shared_queue(_id: u32) -> HostResult<Option<Vec<u8>>> {
    unimplemented("dequeue_shared_queue")
}

pub(crate) fn enqueue_shared_queue(_id: u32, _value: &[u8]) -> HostResult<()> {
    unimplemented("enqueue_shared_queue")
}

pub(crate) fn call_foreign_function(_name: &str, _arguments: &[u8]) -> HostResult<Vec<u8>> {
    unimplemented("call_foreign_function")
}

pub(crate) fn header(_map: MapKind, _name: &str) -> HostResult<Option<Vec<u8>>> {
    unimplemented("header")
}

pub(crate) fn headers(_map: MapKind) -> HostResult<Vec<(ByteString, ByteString)>> {
    unimplemented("headers")
}

pub(crate) fn set_headers(_map: MapKind, _headers: &HeaderMap) -> HostResult<()> {
    unimplemented("set_headers")
}

pub(crate) fn set_header(_map: MapKind, _name: &str, _value: &[u8]) -> HostResult<()> {
    unimplemented("set_header")
}

pub(crate) fn add_header(_map: MapKind, _name: &str, _value: &[u8]) -> HostResult<()> {
    unimplemented("add_header")
}

pub(crate) fn remove_header(_map: MapKind, _name: &str) -> HostResult<()> {
    unimplemented("remove_header")
}

pub(crate) fn send_local_response(_reply: &LocalReply) -> HostResult<()> {
    unimplemented("send_local_response")
}

pub(crate) fn http_call(_cluster: &str, _request: &HttpRequest, _timeout: Duration) -> HostResult<u32> {
    unimplemented("http_call")
}

pub(crate) fn grpc_call(
    _cluster: &str,
    _request: &GrpcRequest<'_>,
    _message: &[u8],
    _timeout: Duration,
) -> Result<u32> {
    Ok(unimplemented("grpc_call")?)
}

pub(crate) fn grpc_stream(_cluster: &str, _request: &GrpcRequest<'_>) -> Result<u32> {
    Ok(unimplemented("grpc_stream")?)
}

pub(crate) fn grpc_send(_token: u32, _message: &[u8], _end_stream: bool) -> HostResult<()> {
    unimplemented("grpc_send")
}

pub(crate) fn grpc_close(_token: u32) -> HostResult<()> {
    unimplemented("grpc_close")
}

pub(crate) fn grpc_cancel(_token: u32) -> HostResult<()> {
    unimplemented("grpc_cancel")
}

pub(crate) fn grpc_status() -> HostResult<(u32, Vec<u8>)> {
    unimplemented("grpc_status")
}
