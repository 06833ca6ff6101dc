//! Callbacks: from the exports of the `proxy-wasm` crate to the VM.
//!
//! The crate keeps one object per context. Ours hold an index and nothing else: the crate drops them under a
//! borrow of its own, where an extension's code must not run unguarded.

use std::rc::Rc;

use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, PeerType};

use crate::network::{CloseType, FilterStatus};
use crate::vm::{self, Plugin, StreamKey};

pub(crate) fn install() {
    proxy_wasm::set_root_context(|context| Box::new(Root { plugin: Plugin::new(context) }));
}

struct Root {
    plugin: Rc<Plugin>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, configuration_size: usize) -> bool {
        self.plugin.configure(configuration_size)
    }

    fn on_tick(&mut self) {
        self.plugin.tick();
    }

    fn create_stream_context(&self, context: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection { key: vm::create_stream(Rc::clone(&self.plugin), context) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.plugin.release();
    }
}

struct Connection {
    key: StreamKey,
}

impl Context for Connection {}

impl StreamContext for Connection {
    fn on_new_connection(&mut self) -> Action {
        action(vm::new_connection(self.key))
    }

    fn on_downstream_data(&mut self, len: usize, end_stream: bool) -> Action {
        action(vm::downstream_data(self.key, len, end_stream))
    }

    fn on_downstream_close(&mut self, peer: PeerType) {
        vm::downstream_close(self.key, close_type(peer));
    }

    fn on_upstream_data(&mut self, len: usize, end_stream: bool) -> Action {
        action(vm::upstream_data(self.key, len, end_stream))
    }

    fn on_upstream_close(&mut self, peer: PeerType) {
        vm::upstream_close(self.key, close_type(peer));
    }

    fn on_log(&mut self) {
        vm::stream_complete(self.key);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        vm::delete_stream(self.key);
    }
}

fn action(status: FilterStatus) -> Action {
    match status {
        FilterStatus::Continue => Action::Continue,
        FilterStatus::StopIteration => Action::Pause,
    }
}

fn close_type(peer: PeerType) -> CloseType {
    match peer {
        PeerType::Local => CloseType::Local,
        PeerType::Remote => CloseType::Remote,
        _ => CloseType::Unknown,
    }
}
