//! The host's functions for call-outs, traced.

use envoy_sdk::native_host::Answer;

use super::grpc_stream::Opening;
use crate::failures::HostCall;
use crate::host::passed;
use crate::trace::Argument;
use crate::world::World;

impl World {
    pub(crate) fn call_http(&self, upstream: &[u8], message: [&[u8]; 3], timeout: u32) -> Answer<u32> {
        let [headers, body, trailers] = message;
        let passed = [upstream, headers, body, trailers].into_iter().flat_map(passed);
        let arguments = passed.chain([timeout.into(), Argument::Address]).collect();
        self.answer(HostCall::HttpCall, arguments, |state| {
            state.begin_http_call(upstream, headers, body, trailers, timeout)
        })
    }

    pub(crate) fn call_grpc(
        &self,
        upstream: &[u8],
        method: [&[u8]; 2],
        [metadata, message]: [&[u8]; 2],
        timeout: u32,
    ) -> Answer<u32> {
        let passed = [upstream, method[0], method[1], metadata, message].into_iter().flat_map(passed);
        let arguments = passed.chain([timeout.into(), Argument::Address]).collect();
        self.answer(HostCall::GrpcCall, arguments, |state| {
            state.begin_grpc_call(upstream, method, metadata, message, timeout)
        })
    }

    /// Where there is nobody to ask, the module is called before this returns.
    pub(crate) fn open_grpc(&self, upstream: &[u8], method: [&[u8]; 2], metadata: &[u8]) -> Answer<u32> {
        let passed = [upstream, method[0], method[1], metadata].into_iter().flat_map(passed);
        self.begin_call(HostCall::GrpcStream, passed.chain([Argument::Address]).collect());
        let answer =
            self.attempt(HostCall::GrpcStream, |state| state.open_grpc_stream(upstream, method, metadata));
        let answer = answer.and_then(|opening| match opening {
            Opening::Opened(token) => Ok(token),
            Opening::NoHosts(token) => Err(self.open_and_end_grpc_stream(token)),
        });
        self.end_call(HostCall::GrpcStream, &answer, 0);
        answer
    }

    pub(crate) fn send_on_grpc(&self, token: u32, message: &[u8], end: bool) -> Answer<()> {
        let [address, size] = passed(message);
        let arguments = vec![token.into(), address, size, end.into()];
        self.answer(HostCall::GrpcSend, arguments, |state| state.send_grpc(token, message, end))
    }

    /// The status of the gRPC call-out that has ended last.
    pub(crate) fn ended_grpc_status(&self) -> Answer<(u32, Option<Vec<u8>>)> {
        let memory = |(_, message): &(u32, Vec<u8>)| message.len();
        let answer = self.answer_into(HostCall::GetStatus, vec![Argument::Address; 3], memory, |state| {
            Ok(state.current_root().map(|root| state.call_outs.received(root).status()).unwrap_or_default())
        });
        answer.map(|(status, message)| (status, Some(message)))
    }
}
