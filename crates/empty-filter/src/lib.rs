//! The smallest network filter that Envoy can run in Wasm: it is called for every event of a connection, does nothing,
//! and lets everything pass.
//!
//! With the configuration `read` it also has Envoy copy the octets of each callback into the module, and looks at none of them:
//! what every filter pays that looks at what passes.
//!
//! It stands on the `proxy-wasm` crate alone, so that what it costs is what Envoy, V8 and that crate cost, and nothing
//! of this suite. `cargo filterctl bench` compares the filters with it.

use std::hint::black_box;

use proxy_wasm::hostcalls::get_buffer;
use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, BufferType, ContextType, PeerType};

/// Octets that are read at once, as session-driver does.
const PIECE: usize = 64 * 1024;

#[cfg(target_arch = "wasm32")]
#[allow(missing_docs)]
mod entry_point {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(super::Plugin::default()));
    }}
}

/// The plugin, of which there is one per VM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plugin {
    reads: bool,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _: usize) -> bool {
        self.reads = self.get_plugin_configuration().is_some_and(|configuration| configuration == b"read");
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }

    fn create_stream_context(&self, _: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection { reads: self.reads }))
    }
}

/// One connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    reads: bool,
}

impl Connection {
    fn data(self, buffer: BufferType, octets: usize) -> Action {
        if self.reads {
            for start in (0..octets).step_by(PIECE) {
                let _ = black_box(get_buffer(buffer, start, PIECE));
            }
        }
        Action::Continue
    }
}

impl Context for Connection {}

// As the trait's own methods, written out so that they are seen to be all there is.
impl StreamContext for Connection {
    fn on_new_connection(&mut self) -> Action {
        Action::Continue
    }

    fn on_downstream_data(&mut self, octets: usize, _: bool) -> Action {
        self.data(BufferType::DownstreamData, octets)
    }

    fn on_downstream_close(&mut self, _: PeerType) {}

    fn on_upstream_data(&mut self, octets: usize, _: bool) -> Action {
        self.data(BufferType::UpstreamData, octets)
    }

    fn on_upstream_close(&mut self, _: PeerType) {}
}
