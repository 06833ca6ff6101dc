//! Callbacks: from the exports of the `proxy-wasm` crate to the VM.
//!
//! The crate keeps one object per context. Ours hold an index and nothing else: the crate drops them under a
//! borrow of its own, where an extension's code must not run unguarded.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, PeerType};

use crate::abi::kinds::MapKind;
use crate::call_out::GrpcStreamEvent;
use crate::headers::Headers;
use crate::network::CloseType;
use crate::vm::streams::{self, StreamKey};
use crate::vm::{self, Event, Plugin, call_outs};

pub(crate) fn install() {
    proxy_wasm::set_root_context(|context| Box::new(Root { plugin: Plugin::new(context) }));
}

/// How contexts are made for the streams of one kind of extension.
///
/// The crate's traits bring code for everything that one could do with such a context; a module contains only that
/// of the kinds it has extensions of.
#[derive(Clone, Copy)]
pub(crate) struct Contexts {
    kind: ContextType,
    network: fn(StreamKey) -> Option<Box<dyn StreamContext>>,
    http: fn(StreamKey) -> Option<Box<dyn HttpContext>>,
}

impl Contexts {
    pub(crate) const NETWORK: Self = Self {
        kind: ContextType::StreamContext,
        network: |key| Some(Box::new(Stream { key })),
        http: |_| None,
    };

    pub(crate) const HTTP: Self = Self {
        kind: ContextType::HttpContext,
        network: |_| None,
        http: |key| Some(Box::new(Stream { key })),
    };
}

struct Root {
    plugin: Rc<Plugin>,
}

/// The answers to call-outs. The crate gives them to the context that was active when the call was made, which is
/// not always the one that made it: who waits for a number is known to [`call_outs`].
macro_rules! call_out_answers {
    () => {
        fn on_http_call_response(&mut self, token: u32, headers: usize, body_len: usize, _trailers: usize) {
            call_outs::http_answer(token, headers, body_len);
        }

        fn on_grpc_call_response(&mut self, token: u32, status: u32, len: usize) {
            if status == 0 {
                call_outs::grpc_message(token, len);
            } else {
                call_outs::grpc_close(token, status);
            }
        }

        fn on_grpc_stream_initial_metadata(&mut self, token: u32, _headers: u32) {
            let metadata = Headers::new(MapKind::GrpcInitialMetadata);
            call_outs::grpc_metadata(token, GrpcStreamEvent::InitialMetadata(metadata));
        }

        fn on_grpc_stream_message(&mut self, token: u32, len: usize) {
            call_outs::grpc_message(token, len);
        }

        fn on_grpc_stream_trailing_metadata(&mut self, token: u32, _trailers: u32) {
            let metadata = Headers::new(MapKind::GrpcTrailingMetadata);
            call_outs::grpc_metadata(token, GrpcStreamEvent::TrailingMetadata(metadata));
        }

        fn on_grpc_stream_close(&mut self, token: u32, status: u32) {
            call_outs::grpc_close(token, status);
        }
    };
}

impl Context for Root {
    call_out_answers!();
}

impl RootContext for Root {
    fn on_vm_start(&mut self, configuration_size: usize) -> bool {
        self.plugin.vm_start(configuration_size);
        true
    }

    fn on_configure(&mut self, configuration_size: usize) -> bool {
        self.plugin.configure(configuration_size)
    }

    fn on_tick(&mut self) {
        self.plugin.tick();
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.plugin.queue_ready(queue);
    }

    /// An access logger's entries come to the plugin itself.
    fn on_log(&mut self) {
        self.plugin.deliver(Event::Complete);
    }

    fn create_stream_context(&self, context: u32) -> Option<Box<dyn StreamContext>> {
        (self.plugin.contexts()?.network)(streams::create(&self.plugin, context))
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        (self.plugin.contexts()?.http)(streams::create(&self.plugin, context))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(self.plugin.contexts()?.kind)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.plugin.release();
    }
}

/// A connection or an HTTP exchange.
struct Stream {
    key: StreamKey,
}

impl Stream {
    fn deliver(&self, event: Event<'_>) -> Action {
        match streams::deliver(self.key, event) {
            vm::Action::Continue => Action::Continue,
            vm::Action::Pause => Action::Pause,
        }
    }
}

impl Context for Stream {
    call_out_answers!();
}

impl StreamContext for Stream {
    fn on_new_connection(&mut self) -> Action {
        self.deliver(Event::NewConnection)
    }

    fn on_downstream_data(&mut self, len: usize, end_stream: bool) -> Action {
        self.deliver(Event::DownstreamData { len, end_stream })
    }

    fn on_downstream_close(&mut self, peer: PeerType) {
        self.deliver(Event::DownstreamClose(close_type(peer)));
    }

    fn on_upstream_data(&mut self, len: usize, end_stream: bool) -> Action {
        self.deliver(Event::UpstreamData { len, end_stream })
    }

    fn on_upstream_close(&mut self, peer: PeerType) {
        self.deliver(Event::UpstreamClose(close_type(peer)));
    }

    fn on_log(&mut self) {
        self.deliver(Event::Complete);
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _headers: usize, end_stream: bool) -> Action {
        self.deliver(Event::RequestHeaders { end_stream })
    }

    fn on_http_request_body(&mut self, len: usize, end_stream: bool) -> Action {
        self.deliver(Event::RequestBody { len, end_stream })
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.deliver(Event::RequestTrailers)
    }

    fn on_http_response_headers(&mut self, _headers: usize, end_stream: bool) -> Action {
        self.deliver(Event::ResponseHeaders { end_stream })
    }

    fn on_http_response_body(&mut self, len: usize, end_stream: bool) -> Action {
        self.deliver(Event::ResponseBody { len, end_stream })
    }

    fn on_http_response_trailers(&mut self, _trailers: usize) -> Action {
        self.deliver(Event::ResponseTrailers)
    }

    fn on_log(&mut self) {
        self.deliver(Event::Complete);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        streams::delete(self.key);
    }
}

fn close_type(peer: PeerType) -> CloseType {
    match peer {
        PeerType::Local => CloseType::Local,
        PeerType::Remote => CloseType::Remote,
        _ => CloseType::Unknown,
    }
}
