//! Requests that a module makes itself: HTTP and gRPC calls to Envoy's clusters, and what comes back.
//!
//! All of them hang on the plugin, whichever stream makes them.

mod clusters;
mod grpc_call;
mod grpc_stream;
mod host_calls;
mod http_call;
mod received;
mod story;
#[cfg(test)]
mod tests;
mod upstream;

use std::collections::BTreeMap;

pub(crate) use clusters::{Cluster, Clusters};
pub use grpc_call::{FakeGrpcEnd, GrpcCall};
pub use grpc_stream::GrpcStream;
pub use http_call::{FakeHttpAnswer, HttpCall};
pub(crate) use received::{Part, Received};

use envoy_sdk::native_host::exports;

use crate::header_maps::MapKind;
use crate::http::envoy_headers::EnvoyHeaders;
use crate::world::{Deferred, State, World};
use grpc_stream::OpenStream;

/// The lowest two bits of a token say what it is; each kind is counted on its own.
const TOKEN_STEP: u32 = 4;

/// The kinds of call-outs, with the lowest bits of their tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http = 0,
    GrpcCall = 1,
    GrpcStream = 2,
}

/// All call-outs of one VM.
#[derive(Debug, Default)]
pub(crate) struct CallOuts {
    begun: [u32; 3],
    http: BTreeMap<u32, Pending<HttpCall>>,
    grpc_calls: BTreeMap<u32, Pending<GrpcCall>>,
    /// Also those that the server has ended: Envoy keeps them until the module has closed them, too.
    grpc_streams: BTreeMap<u32, Pending<OpenStream>>,
    /// How gRPC call-outs have ended whose token the module has never got.
    stillborn: BTreeMap<u32, Pending<FakeGrpcEnd>>,
    received: BTreeMap<u32, Received>,
    /// HTTP calls that were never answered because their plugin has gone.
    unanswered: Vec<u32>,
}

/// A call-out that has not ended, with the plugin that it hangs on.
#[derive(Clone, Debug)]
struct Pending<T> {
    root: u32,
    call: T,
}

impl CallOuts {
    /// The number of a new call-out.
    fn next_token(&mut self, kind: Kind) -> u32 {
        let count = &mut self.begun[kind as usize];
        *count += 1;
        *count * TOKEN_STEP + kind as u32
    }

    pub(crate) fn header_map(&self, root: u32, kind: MapKind) -> Option<&EnvoyHeaders> {
        self.received.get(&root)?.header_map(kind)
    }

    /// What the plugin can read just now.
    pub(crate) fn received(&mut self, root: u32) -> &mut Received {
        self.received.entry(root).or_default()
    }

    /// A plugin goes, and with it what it has called: nothing of that is answered any more.
    pub(crate) fn forget_plugin(&mut self, root: u32) {
        let gone = self.http.extract_if(.., |_, pending| pending.root == root);
        self.unanswered.extend(gone.map(|(token, _)| token));
        self.grpc_calls.retain(|_, pending| pending.root != root);
        self.grpc_streams.retain(|_, pending| pending.root != root);
        self.stillborn.retain(|_, pending| pending.root != root);
        self.received.remove(&root);
    }
}

/// Makes the `proxy-wasm` crate forget all call-outs of a VM that has gone: it lives as long as its thread, and the next
/// VM counts from the beginning. It knows no context any more, so nobody is told.
pub(crate) fn forget_vm(call_outs: &CallOuts) {
    for token in &call_outs.unanswered {
        exports::http_call_response(0, *token, 0, 0, 0);
    }
    for kind in [Kind::GrpcCall, Kind::GrpcStream] {
        for count in 1..=call_outs.begun[kind as usize] {
            exports::grpc_close(0, count * TOKEN_STEP + kind as u32, 0);
        }
    }
}

impl State {
    /// Lets what is to be received be read during the next callback of its plugin only.
    fn receive(&mut self, root: u32, part: Part, set: impl FnOnce(&mut Received)) {
        set(self.call_outs.received(root));
        // Envoy forgets it first of all that it does after the callback.
        self.defer(Deferred::Forget { root, part });
    }
}

impl World {
    /// A call-out has waited for too long.
    pub(crate) fn time_out(&self, token: u32) {
        match token % TOKEN_STEP {
            0 => self.http_call_times_out(token),
            _ => self.grpc_call_times_out(token),
        }
    }
}
