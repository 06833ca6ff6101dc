//! Host calls that fail because a test wants them to.

use std::collections::{BTreeMap, VecDeque};

use envoy_sdk::Status;

/// A function that the module calls, to make it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Each is the ABI's own word: see `HostCall::name`.
pub enum HostCall {
    Log,
    GetLogLevel,
    GetCurrentTimeNanoseconds,
    SetTickPeriodMilliseconds,
    GetBufferBytes,
    SetBufferBytes,
    GetProperty,
    SetProperty,
    GetSharedData,
    SetSharedData,
    GetHeaderMapPairs,
    GetHeaderMapValue,
    SetHeaderMapPairs,
    ReplaceHeaderMapValue,
    AddHeaderMapValue,
    RemoveHeaderMapValue,
    SendLocalResponse,
    HttpCall,
    GrpcCall,
    GrpcStream,
    GrpcSend,
    GrpcCancel,
    GrpcClose,
    GetStatus,
    RegisterSharedQueue,
    ResolveSharedQueue,
    DequeueSharedQueue,
    EnqueueSharedQueue,
    CallForeignFunction,
    ContinueStream,
    CloseStream,
    SetEffectiveContext,
    DefineMetric,
    GetMetric,
    RecordMetric,
    IncrementMetric,
}

impl HostCall {
    /// The function's name in the ABI.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "proxy_log",
            Self::GetLogLevel => "proxy_get_log_level",
            Self::GetCurrentTimeNanoseconds => "proxy_get_current_time_nanoseconds",
            Self::SetTickPeriodMilliseconds => "proxy_set_tick_period_milliseconds",
            Self::GetBufferBytes => "proxy_get_buffer_bytes",
            Self::SetBufferBytes => "proxy_set_buffer_bytes",
            Self::GetProperty => "proxy_get_property",
            Self::SetProperty => "proxy_set_property",
            Self::GetSharedData => "proxy_get_shared_data",
            Self::SetSharedData => "proxy_set_shared_data",
            Self::GetHeaderMapPairs => "proxy_get_header_map_pairs",
            Self::GetHeaderMapValue => "proxy_get_header_map_value",
            Self::SetHeaderMapPairs => "proxy_set_header_map_pairs",
            Self::ReplaceHeaderMapValue => "proxy_replace_header_map_value",
            Self::AddHeaderMapValue => "proxy_add_header_map_value",
            Self::RemoveHeaderMapValue => "proxy_remove_header_map_value",
            Self::SendLocalResponse => "proxy_send_local_response",
            Self::HttpCall => "proxy_http_call",
            Self::GrpcCall => "proxy_grpc_call",
            Self::GrpcStream => "proxy_grpc_stream",
            Self::GrpcSend => "proxy_grpc_send",
            Self::GrpcCancel => "proxy_grpc_cancel",
            Self::GrpcClose => "proxy_grpc_close",
            Self::GetStatus => "proxy_get_status",
            Self::RegisterSharedQueue => "proxy_register_shared_queue",
            Self::ResolveSharedQueue => "proxy_resolve_shared_queue",
            Self::DequeueSharedQueue => "proxy_dequeue_shared_queue",
            Self::EnqueueSharedQueue => "proxy_enqueue_shared_queue",
            Self::CallForeignFunction => "proxy_call_foreign_function",
            Self::ContinueStream => "proxy_continue_stream",
            Self::CloseStream => "proxy_close_stream",
            Self::SetEffectiveContext => "proxy_set_effective_context",
            Self::DefineMetric => "proxy_define_metric",
            Self::GetMetric => "proxy_get_metric",
            Self::RecordMetric => "proxy_record_metric",
            Self::IncrementMetric => "proxy_increment_metric",
        }
    }
}

/// Which host calls are to fail, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures {
    next: BTreeMap<HostCall, VecDeque<Status>>,
    always: BTreeMap<HostCall, Status>,
}

impl Failures {
    #[track_caller]
    pub(crate) fn fail_next(&mut self, call: HostCall, status: Status) {
        assert_failure(call, status);
        self.next.entry(call).or_default().push_back(status);
    }

    #[track_caller]
    pub(crate) fn fail_always(&mut self, call: HostCall, status: Status) {
        assert_failure(call, status);
        self.always.insert(call, status);
    }

    pub(crate) fn succeed(&mut self, call: HostCall) {
        self.next.remove(&call);
        self.always.remove(&call);
    }

    /// How this call fails, if it is to.
    pub(crate) fn take(&mut self, call: HostCall) -> Option<Status> {
        let once = self.next.get_mut(&call).and_then(VecDeque::pop_front);
        once.or_else(|| self.always.get(&call).copied())
    }
}

#[track_caller]
fn assert_failure(call: HostCall, status: Status) {
    assert!(status != Status::OK, "Ok is no failure: use `succeed` to let a call through again");
    // These calls go through the proxy-wasm crate, whose `Status` lacks the two values.
    let by_crate = matches!(call, HostCall::HttpCall | HostCall::GrpcCall | HostCall::GrpcStream);
    assert!(
        !by_crate || ![6, 12].contains(&status.code()),
        "{} goes through the proxy-wasm crate, whose type for a status has no value {}: what follows is undefined. No \
         Envoy answers it here; BAD_ARGUMENT, PARSE_FAILURE or INTERNAL_FAILURE are its refusals",
        call.name(),
        status.code()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_comes_before_always() {
        let mut failures = Failures::default();
        failures.fail_always(HostCall::Log, Status::INTERNAL_FAILURE);
        failures.fail_next(HostCall::Log, Status::NOT_FOUND);
        let answers = [(); 3].map(|()| failures.take(HostCall::Log));
        assert_eq!(
            answers,
            [Some(Status::NOT_FOUND), Some(Status::INTERNAL_FAILURE), Some(Status::INTERNAL_FAILURE)]
        );
        failures.succeed(HostCall::Log);
        assert_eq!(failures.take(HostCall::Log), None);
    }
}
