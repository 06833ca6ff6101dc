//! The host's functions, as they answer on a TCP connection.

use envoy_sdk::Status;
use envoy_sdk::native_host::{Answer, Host};

use crate::buffers::{self, BufferKind};
use crate::failures::HostCall;
use crate::log_line::{LogLevel, LogLine};
use crate::properties;
use crate::stream::Way;
use crate::trace::{Argument, Call, Direction};
use crate::world::{Deferred, State, World};

const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;
const LAST_STREAM_KIND: u32 = 3;

impl World {
    /// Answers one host call: traced, and failing where the test wants it to.
    fn answer<T>(
        &self,
        call: HostCall,
        arguments: Vec<Argument>,
        body: impl FnOnce(&mut State) -> Answer<T>,
    ) -> Answer<T> {
        self.answer_into(call, arguments, |_| 0, body)
    }

    /// As [`answer`](Self::answer), for a call that asks the module for so much memory to put the answer into.
    fn answer_into<T>(
        &self,
        call: HostCall,
        arguments: Vec<Argument>,
        memory: impl FnOnce(&T) -> usize,
        body: impl FnOnce(&mut State) -> Answer<T>,
    ) -> Answer<T> {
        let mut state = self.state();
        // Outside of a callback only the test itself can have called: no Envoy would see that.
        let traced = state.current().is_some();
        if traced {
            state.trace.push(Call::begin(Direction::IntoHost, call.name(), arguments));
        }
        let too_early = traced && !state.initialized && call != HostCall::Log;
        if too_early {
            state.called_too_early = Some(call.name());
        }
        let answer = match state.failures.take(call) {
            _ if too_early => Err(Status::INTERNAL_FAILURE),
            Some(status) => Err(status),
            None => body(&mut state),
        };
        if traced {
            let size = answer.as_ref().map_or(0, memory);
            if size > 0 {
                state.trace.push(Call::begin(Direction::IntoVm, "malloc", vec![size.into()]));
                state.trace.push(Call::end(Direction::IntoVm, "malloc", Some(Argument::Address)));
            }
            let status = answer.as_ref().err().map_or(Status::OK, |status| *status).code();
            state.trace.push(Call::end(Direction::IntoHost, call.name(), Some(status.into())));
        }
        answer
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
fn passed(octets: &[u8]) -> [Argument; 2] {
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
            let writable =
                matches!(BufferKind::from_code(buffer)?, BufferKind::Downstream | BufferKind::Upstream);
            with_buffer(state, buffer, |octets| match octets {
                Some(octets) if writable => buffers::write(octets, start, size, data),
                _ => Err(Status::BAD_ARGUMENT),
            })
        })
    }

    fn property(&self, path: &[u8]) -> Answer<Option<Vec<u8>>> {
        let arguments = passed(path).into_iter().chain(WANTED).collect();
        self.answer_octets(HostCall::GetProperty, arguments, |state| read_property(state, path))
    }

    fn set_property(&self, path: &[u8], value: &[u8]) -> Answer<()> {
        let arguments = passed(path).into_iter().chain(passed(value)).collect();
        self.answer(HostCall::SetProperty, arguments, |state| {
            // Filter state belongs to a connection: a plugin has none.
            let stream = state.current_stream().ok_or(Status::NOT_FOUND)?;
            stream.filter_state.insert(path.to_vec(), value.to_vec());
            Ok(())
        })
    }

    fn shared_data(&self, key: &[u8]) -> Answer<(Option<Vec<u8>>, u32)> {
        let arguments = passed(key).into_iter().chain(WANTED).chain([Argument::Address]).collect();
        let memory = |(value, _): &(Vec<u8>, u32)| value.len();
        let answer =
            self.answer_into(HostCall::GetSharedData, arguments, memory, |state| state.shared.get(key));
        answer.map(|(value, version)| (Some(value), version))
    }

    fn set_shared_data(&self, key: &[u8], value: &[u8], cas: u32) -> Answer<()> {
        let arguments = passed(key).into_iter().chain(passed(value)).chain([cas.into()]).collect();
        self.answer(HostCall::SetSharedData, arguments, |state| state.shared.set(key, value, cas))
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
        BufferKind::HttpBody | BufferKind::VmConfiguration => return with(None),
        BufferKind::CallOut => return Err(Status::NOT_FOUND),
        BufferKind::PluginConfiguration => {
            let context = state.current().ok_or(Status::NOT_FOUND)?;
            let root = state.roots.get_mut(&context).filter(|root| root.configuring);
            return with(Some(&mut root.ok_or(Status::NOT_FOUND)?.configuration));
        }
    };
    let flow = state.current_stream().map(|stream| stream.flow(way));
    with(flow.filter(|flow| flow.reachable).map(|flow| &mut flow.buffer))
}

fn read_property(state: &State, path: &[u8]) -> Answer<Vec<u8>> {
    let of_plugin = state.settings.plugin_properties();
    let context = state.current();
    let Some(stream) = context.and_then(|context| state.streams.get(&context)) else {
        return match of_plugin.get(path) {
            Some(value) => Ok(value.to_vec()),
            None => properties::fallback(path, None),
        };
    };
    let sizes = match path {
        b"request\0size" => Some(stream.to_server.presented.to_le_bytes()),
        b"response\0size" => Some((stream.to_client.delivered.len() as u64).to_le_bytes()),
        _ => None,
    };
    let of_listener = state.settings.listener_properties();
    // What the test has set comes first.
    let known = stream.options.properties.get(path).or_else(|| state.settings.properties.get(path));
    let known = known.or_else(|| sizes.as_ref().map(<[u8; 8]>::as_slice));
    let known = known.or_else(|| stream.properties.get(path));
    match known.or_else(|| of_listener.get(path)).or_else(|| of_plugin.get(path)) {
        Some(value) => Ok(value.to_vec()),
        None => properties::fallback(path, Some(&stream.filter_state)),
    }
}
