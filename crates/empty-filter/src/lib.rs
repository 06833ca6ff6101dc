//! The smallest network filter that Envoy can run in Wasm: it is called for every event of a connection, does nothing,
//! and lets everything pass.
//!
//! It stands on the `proxy-wasm` crate alone, so that what it costs is what Envoy, V8 and that crate cost, and nothing
//! of this suite. `cargo filterctl bench` compares the filters with it.

use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, PeerType};

#[cfg(target_arch = "wasm32")]
#[allow(missing_docs)]
mod entry_point {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(super::Plugin));
    }}
}

/// The plugin, of which there is one per VM.
#[derive(Clone, Copy, Debug)]
pub struct Plugin;

impl Context for Plugin {}

impl RootContext for Plugin {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }

    fn create_stream_context(&self, _: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection))
    }
}

/// One connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection;

impl Context for Connection {}

// As the trait's own methods, written out so that they are seen to be all there is.
impl StreamContext for Connection {
    fn on_new_connection(&mut self) -> Action {
        Action::Continue
    }

    fn on_downstream_data(&mut self, _: usize, _: bool) -> Action {
        Action::Continue
    }

    fn on_downstream_close(&mut self, _: PeerType) {}

    fn on_upstream_data(&mut self, _: usize, _: bool) -> Action {
        Action::Continue
    }

    fn on_upstream_close(&mut self, _: PeerType) {}
}
