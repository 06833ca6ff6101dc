//! The host's functions, as they answer on a TCP connection.

use envoy_sdk::Status;
use envoy_sdk::native_host::{Answer, Host, Pairs};

use crate::buffers::{self, BufferKind};
use crate::failures::HostCall;
use crate::header_maps::{self, MapKind};
use crate::http::SentLocalReply;
use crate::http::envoy_headers::decode;
use crate::log_line::{LogLevel, LogLine};
use crate::stream::Way;
use crate::trace::{Argument, Call, Direction};
use crate::world::{Deferred, State, World};

const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;
const LAST_STREAM_KIND: u32 = 3;

impl World {
    /// Answers one host call: traced, and failing where the test wants it to.
    pub(crate) fn answer<T>(
        &self,
        call: HostCall,
        arguments: Vec<Argument>,
        body: impl FnOnce(&mut State) -> Answer<T>,
    ) -> Answer<T> {
        self.answer_into(call, arguments, |_| 0, body)
    }

    /// As [`answer`](Self::answer), for a call that asks the module for so much memory to put the answer into.
    pub(crate) fn answer_into<T>(
        &self,
        call: HostCall,
        arguments: Vec<Argument>,
        memory: impl FnOnce(&T) -> usize,
        body: impl FnOnce(&mut State) -> Answer<T>,
    ) -> Answer<T> {
        self.begin_call(call, arguments);
        let answer = self.attempt(call, body);
        self.end_call(call, &answer, answer.as_ref().map_or(0, memory));
        answer
    }

    /// Traces that a host call begins.
    pub(crate) fn begin_call(&self, call: HostCall, arguments: Vec<Argument>) {
        let mut state = self.state();
        if state.is_running() {
            state.trace.push(Call::begin(Direction::IntoHost, call.name(), arguments));
        }
    }

    /// Answers a host call, unless it is to fail.
    pub(crate) fn attempt<T>(&self, call: HostCall, body: impl FnOnce(&mut State) -> Answer<T>) -> Answer<T> {
        let mut state = self.state();
        let too_early = state.is_running() && !state.initialized && call != HostCall::Log;
        if too_early {
            state.called_too_early = Some(call.name());
        }
        match state.failures.take(call) {
            _ if too_early => Err(Status::INTERNAL_FAILURE),
            Some(status) => Err(status),
            None => body(&mut state),
        }
    }

    /// Traces that a host call has ended, after it has asked the module for so much memory.
    pub(crate) fn end_call<T>(&self, call: HostCall, answer: &Answer<T>, size: usize) {
        let mut state = self.state();
        if state.is_running() {
            if size > 0 {
                state.trace.push(Call::begin(Direction::IntoVm, "malloc", vec![size.into()]));
                state.trace.push(Call::end(Direction::IntoVm, "malloc", Some(Argument::Address)));
            }
            let status = answer.as_ref().err().map_or(Status::OK, |status| *status).code();
            state.trace.push(Call::end(Direction::IntoHost, call.name(), Some(status.into())));
        }
    }

    /// As [`answer_into`](Self::answer_into), for a call that is answered with octets.
    fn answer_octets(
        &self,
        call: HostCall,
        arguments: Vec<Argument>,
        body: impl FnOnce(&mut State) -> Answer<Vec<u8>>,
    ) -> Answer<Option<Vec<u8>>> {
        self.answer_into(call, arguments, Vec::len, body).map(Some)
    }
}

/// The arguments by which a module passes octets: where they are, and how many.
pub(crate) fn passed(octets: &[u8]) -> [Argument; 2] {
    [Argument::Address, octets.len().into()]
}

/// The arguments by which a module says where it wants octets: their address, and their number.
const WANTED: [Argument; 2] = [Argument::Address; 2];

impl Host for World {
    fn log(&self, level: u32, message: &[u8]) -> Answer<()> {
        let [address, size] = passed(message);
        self.answer(HostCall::Log, vec![level.into(), address, size], |state| {
            let level = LogLevel::from_code(level).ok_or(Status::BAD_ARGUMENT)?;
            if level >= state.settings.log_level {
                let message = String::from_utf8_lossy(message).into_owned();
                let context = state.current();
                state.log.push(LogLine { level, context, message });
            }
            Ok(())
        })
    }

    fn log_level(&self) -> Answer<u32> {
        self.answer(HostCall::GetLogLevel, vec![Argument::Address], |state| {
            Ok(state.settings.log_level as u32)
        })
    }

    fn current_time_nanoseconds(&self) -> Answer<u64> {
        let call = HostCall::GetCurrentTimeNanoseconds;
        self.answer(call, vec![Argument::Address], |state| Ok(state.clock.nanoseconds()))
    }

    fn set_tick_period_milliseconds(&self, period: u32) -> Answer<()> {
        self.answer(HostCall::SetTickPeriodMilliseconds, vec![period.into()], |state| {
            if let Some(root) = state.current_root() {
                state.clock.set_timer(root, period);
            }
            Ok(())
        })
    }

    fn buffer_bytes(&self, buffer: u32, start: usize, max_size: usize) -> Answer<Option<Vec<u8>>> {
        let mut arguments = vec![buffer.into(), start.into(), max_size.into()];
        arguments.extend(WANTED);
        self.answer_octets(HostCall::GetBufferBytes, arguments, |state| {
            with_buffer(state, buffer, |octets| match octets {
                Some(octets) => Ok(buffers::read(octets, start, max_size)),
                None => Ok(Vec::new()),
            })
        })
    }

    fn set_buffer_bytes(&self, buffer: u32, start: usize, size: usize, data: &[u8]) -> Answer<()> {
        let mut arguments = vec![buffer.into(), start.into(), size.into()];
        arguments.extend(passed(data));
        self.answer(HostCall::SetBufferBytes, arguments, |state| {
            let kind = BufferKind::from_code(buffer)?;
            let writable = [
                BufferKind::Http(Way::ToServer),
                BufferKind::Http(Way::ToClient),
                BufferKind::Downstream,
                BufferKind::Upstream,
                BufferKind::GrpcMessage,
            ]
            .contains(&kind);
            with_buffer(state, buffer, |octets| match octets {
                Some(octets) if writable => buffers::write(octets, start, size, data),
                _ => Err(Status::BAD_ARGUMENT),
            })
        })
    }

    fn header_map_pairs(&self, map: u32) -> Answer<Option<Vec<u8>>> {
        let arguments = [map.into()].into_iter().chain(WANTED).collect();
        self.answer_octets(HostCall::GetHeaderMapPairs, arguments, |state| {
            Ok(header_maps::pairs(state.header_map(MapKind::from_code(map)?)))
        })
    }

    fn header_map_value(&self, map: u32, key: &[u8]) -> Answer<Option<Vec<u8>>> {
        let arguments = [map.into()].into_iter().chain(passed(key)).chain(WANTED).collect();
        self.answer_octets(HostCall::GetHeaderMapValue, arguments, |state| {
            state.header_value(MapKind::from_code(map)?, key)
        })
    }

    fn set_header_map_pairs(&self, map: u32, pairs: Pairs<'_>) -> Answer<()> {
        let arguments = [map.into()].into_iter().chain(passed(pairs)).collect();
        self.answer(HostCall::SetHeaderMapPairs, arguments, |state| {
            state.with_writable_map(map, |map| map.refill(&decode(pairs)))
        })
    }

    fn replace_header_map_value(&self, map: u32, key: &[u8], value: &[u8]) -> Answer<()> {
        let arguments = [map.into()].into_iter().chain(passed(key)).chain(passed(value)).collect();
        self.answer(HostCall::ReplaceHeaderMapValue, arguments, |state| {
            state.with_writable_map(map, |map| map.replace(key, value))
        })
    }

    fn add_header_map_value(&self, map: u32, key: &[u8], value: &[u8]) -> Answer<()> {
        let arguments = [map.into()].into_iter().chain(passed(key)).chain(passed(value)).collect();
        self.answer(HostCall::AddHeaderMapValue, arguments, |state| {
            state.with_writable_map(map, |map| map.add(key, value))
        })
    }

    fn remove_header_map_value(&self, map: u32, key: &[u8]) -> Answer<()> {
        let arguments = [map.into()].into_iter().chain(passed(key)).collect();
        self.answer(HostCall::RemoveHeaderMapValue, arguments, |state| {
            state.with_writable_map(map, |map| map.remove(key))
        })
    }

    fn send_local_response(
        &self,
        status_code: u32,
        details: &[u8],
        body: &[u8],
        headers: Pairs<'_>,
        grpc_status: i32,
    ) -> Answer<()> {
        let octets = [details, body, headers].into_iter().flat_map(passed);
        let mut arguments = vec![status_code.into()];
        arguments.extend(octets);
        arguments.push(grpc_status.cast_unsigned().into());
        self.answer(HostCall::SendLocalResponse, arguments, |state| {
            state.send_local_reply(SentLocalReply::from_filter(
                status_code,
                details,
                body,
                headers,
                grpc_status,
            ));
            Ok(())
        })
    }

    fn property(&self, path: &[u8]) -> Answer<Option<Vec<u8>>> {
        let arguments = passed(path).into_iter().chain(WANTED).collect();
        self.answer_octets(HostCall::GetProperty, arguments, |state| state.read_property(path))
    }

    fn set_property(&self, path: &[u8], value: &[u8]) -> Answer<()> {
        let arguments = passed(path).into_iter().chain(passed(value)).collect();
        self.answer(HostCall::SetProperty, arguments, |state| state.set_filter_state(path, value))
    }

    fn shared_data(&self, key: &[u8]) -> Answer<(Option<Vec<u8>>, u32)> {
        let arguments = passed(key).into_iter().chain(WANTED).chain([Argument::Address]).collect();
        let memory = |(value, _): &(Vec<u8>, u32)| value.len();
        let answer = self
            .answer_into(HostCall::GetSharedData, arguments, memory, |state| state.shared_data().get(key));
        answer.map(|(value, version)| (Some(value), version))
    }

    fn set_shared_data(&self, key: &[u8], value: &[u8], cas: u32) -> Answer<()> {
        let arguments = passed(key).into_iter().chain(passed(value)).chain([cas.into()]).collect();
        self.answer(HostCall::SetSharedData, arguments, |state| state.shared_data().set(key, value, cas))
    }

    fn register_shared_queue(&self, name: &[u8]) -> Answer<u32> {
        let arguments = passed(name).into_iter().chain([Argument::Address]).collect();
        self.answer(HostCall::RegisterSharedQueue, arguments, |state| state.register_queue(name))
    }

    fn resolve_shared_queue(&self, vm_id: &[u8], name: &[u8]) -> Answer<u32> {
        let arguments = passed(vm_id).into_iter().chain(passed(name)).chain([Argument::Address]).collect();
        self.answer(HostCall::ResolveSharedQueue, arguments, |state| state.queues().resolve(vm_id, name))
    }

    fn dequeue_shared_queue(&self, queue: u32) -> Answer<Option<Vec<u8>>> {
        let arguments = [queue.into()].into_iter().chain(WANTED).collect();
        self.answer_octets(HostCall::DequeueSharedQueue, arguments, |state| state.queues().dequeue(queue))
    }

    fn enqueue_shared_queue(&self, queue: u32, value: &[u8]) -> Answer<()> {
        let arguments = [queue.into()].into_iter().chain(passed(value)).collect();
        self.answer(HostCall::EnqueueSharedQueue, arguments, |state| state.queues().enqueue(queue, value))
    }

    fn call_foreign_function(&self, name: &[u8], arguments: &[u8]) -> Answer<Option<Vec<u8>>> {
        let traced = passed(name).into_iter().chain(passed(arguments)).chain(WANTED).collect();
        self.answer_octets(HostCall::CallForeignFunction, traced, |state| {
            state.call_foreign_function(name, arguments)
        })
    }

    fn continue_stream(&self, stream: u32) -> Answer<()> {
        self.answer(HostCall::ContinueStream, vec![stream.into()], |state| match stream {
            UPSTREAM => Err(Status::UNIMPLEMENTED),
            kind => defer(state, kind, Deferred::ContinueReading),
        })
    }

    fn close_stream(&self, stream: u32) -> Answer<()> {
        self.answer(HostCall::CloseStream, vec![stream.into()], |state| defer(state, stream, Deferred::Close))
    }

    fn http_call(
        &self,
        upstream: &[u8],
        headers: Pairs<'_>,
        body: &[u8],
        trailers: Pairs<'_>,
        timeout: u32,
    ) -> Answer<u32> {
        self.call_http(upstream, [headers, body, trailers], timeout)
    }

    fn grpc_call(
        &self,
        upstream: &[u8],
        service: &[u8],
        method: &[u8],
        initial_metadata: Pairs<'_>,
        message: &[u8],
        timeout: u32,
    ) -> Answer<u32> {
        self.call_grpc(upstream, [service, method], [initial_metadata, message], timeout)
    }

    fn grpc_stream(
        &self,
        upstream: &[u8],
        service: &[u8],
        method: &[u8],
        initial_metadata: Pairs<'_>,
    ) -> Answer<u32> {
        self.open_grpc(upstream, [service, method], initial_metadata)
    }

    fn grpc_send(&self, token: u32, message: &[u8], end_stream: bool) -> Answer<()> {
        self.send_on_grpc(token, message, end_stream)
    }

    fn grpc_cancel(&self, token: u32) -> Answer<()> {
        self.answer(HostCall::GrpcCancel, vec![token.into()], |state| state.cancel_grpc(token))
    }

    fn grpc_close(&self, token: u32) -> Answer<()> {
        self.answer(HostCall::GrpcClose, vec![token.into()], |state| state.close_grpc(token))
    }

    fn grpc_status(&self) -> Answer<(u32, Option<Vec<u8>>)> {
        self.ended_grpc_status()
    }

    fn set_effective_context(&self, context: u32) -> Answer<()> {
        self.answer(HostCall::SetEffectiveContext, vec![context.into()], |state| {
            if !state.exists(context) {
                return Err(Status::BAD_ARGUMENT);
            }
            state.set_effective(context);
            Ok(())
        })
    }

    fn define_metric(&self, kind: u32, name: &[u8]) -> Answer<u32> {
        let [address, size] = passed(name);
        let arguments = vec![kind.into(), address, size, Argument::Address];
        self.answer(HostCall::DefineMetric, arguments, |state| state.metrics.define(kind, name))
    }

    fn metric(&self, id: u32) -> Answer<u64> {
        self.answer(HostCall::GetMetric, vec![id.into(), Argument::Address], |state| state.metrics.get(id))
    }

    fn record_metric(&self, id: u32, value: u64) -> Answer<()> {
        let arguments = vec![id.into(), value.into()];
        self.answer(HostCall::RecordMetric, arguments, |state| state.metrics.record(id, value))
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Answer<()> {
        let arguments = vec![id.into(), offset.cast_unsigned().into()];
        self.answer(HostCall::IncrementMetric, arguments, |state| state.metrics.increment(id, offset))
    }
}

/// Closing and going on happen once the callback has returned. For a plugin's context, or a kind of stream that
/// a TCP connection has not, nothing happens and all is well.
fn defer(state: &mut State, stream_kind: u32, action: fn(u32) -> Deferred) -> Answer<()> {
    if stream_kind > LAST_STREAM_KIND {
        return Err(Status::BAD_ARGUMENT);
    }
    if let Some(context) = state.current().filter(|context| state.http_streams.contains_key(context)) {
        match action(context) {
            Deferred::Close(_) => state.close_http(context, stream_kind),
            _ => state.continue_http(context, stream_kind),
        }
        return Ok(());
    }
    if (DOWNSTREAM..=UPSTREAM).contains(&stream_kind)
        && let Some(context) = state.current().filter(|context| state.streams.contains_key(context))
    {
        state.defer(action(context));
    }
    Ok(())
}

/// Finds a buffer; `None` is one that could be there but is not.
fn with_buffer<T>(
    state: &mut State,
    code: u32,
    with: impl FnOnce(Option<&mut Vec<u8>>) -> Answer<T>,
) -> Answer<T> {
    let way = match BufferKind::from_code(code)? {
        BufferKind::Downstream => Way::ToServer,
        BufferKind::Upstream => Way::ToClient,
        BufferKind::Http(way) => return with(state.http_body(way)),
        BufferKind::VmConfiguration | BufferKind::CallData => return with(None),
        BufferKind::CallResponseBody => {
            let root = state.current_root().ok_or(Status::NOT_FOUND)?;
            return with(Some(state.call_outs.received(root).body().ok_or(Status::NOT_FOUND)?));
        }
        BufferKind::GrpcMessage => {
            let root = state.current_root().ok_or(Status::NOT_FOUND)?;
            return with(state.call_outs.received(root).message());
        }
        BufferKind::PluginConfiguration => {
            let context = state.current().ok_or(Status::NOT_FOUND)?;
            let root = state.roots.get_mut(&context).filter(|root| root.configuring);
            return with(Some(&mut root.ok_or(Status::NOT_FOUND)?.configuration));
        }
    };
    let flow = state.current_stream().map(|stream| stream.flow(way));
    with(flow.filter(|flow| flow.reachable).map(|flow| &mut flow.buffer))
}
