//! Drives a module through the second ABI.

use std::rc::Rc;
use std::time::Duration;

use super::host::{self, State};
use crate::module::Module;
use crate::network::CloseType;
use crate::vm::streams::{self, StreamKey};
use crate::vm::{self, Action, Event, Plugin};

/// A plugin in a host of the second ABI. One per thread.
#[derive(Debug)]
pub struct LendingHost {
    plugin: Rc<Plugin>,
    connections: u32,
}

/// A connection. Each callback gets its data in the slices in which it is given.
#[derive(Debug)]
pub struct Connection {
    key: StreamKey,
}

impl LendingHost {
    /// Loads and configures an extension.
    ///
    /// # Errors
    /// When it refuses: what it has logged.
    pub fn start(module: fn() -> Module, root_id: &str, configuration: &str) -> Result<Self, Vec<String>> {
        host::with(|state| {
            *state = State {
                configuring: true,
                configuration: configuration.as_bytes().to_vec(),
                root_id: root_id.to_owned(),
                now: Duration::from_secs(1_700_000_000),
                ..State::default()
            };
        });
        vm::load(module);
        let plugin = Plugin::new(1);
        let configured = plugin.configure(configuration.len());
        host::with(|state| state.configuring = false);
        if configured { Ok(Self { plugin, connections: 0 }) } else { Err(Self::log()) }
    }

    /// A client connects.
    pub fn connect(&mut self) -> Connection {
        self.connections += 1;
        let key = streams::create(&self.plugin, self.connections + 1);
        streams::deliver(key, Event::NewConnection);
        Connection { key }
    }

    /// Time passes.
    pub fn advance(duration: Duration) {
        host::with(|state| state.now += duration);
    }

    /// The value of all metrics whose stat name ends so.
    pub fn metric(&self, suffix: &str) -> u64 {
        let ends = |(name, _): &&(String, u64)| name.ends_with(suffix);
        host::with(|state| state.metrics.iter().filter(ends).map(|(_, value)| value).sum())
    }

    /// What has been logged.
    pub fn log() -> Vec<String> {
        host::with(|state| state.log.clone())
    }
}

impl Connection {
    /// The client sends these slices; returns whether they may pass.
    pub fn client_sends(&mut self, slices: &[&[u8]]) -> bool {
        let len = slices.iter().map(|slice| slice.len()).sum();
        host::with(|state| state.downstream = slices.iter().copied().map(Rc::from).collect());
        streams::deliver(self.key, Event::DownstreamData { len, end_stream: false }) == Action::Continue
    }

    /// The server sends these slices; returns whether they may pass.
    pub fn server_sends(&mut self, slices: &[&[u8]]) -> bool {
        let len = slices.iter().map(|slice| slice.len()).sum();
        host::with(|state| state.upstream = slices.iter().copied().map(Rc::from).collect());
        streams::deliver(self.key, Event::UpstreamData { len, end_stream: false }) == Action::Continue
    }

    /// What a callback of the server's data has left in the buffer.
    pub fn upstream_buffer(&self) -> Vec<u8> {
        host::read_buffer(crate::abi::kinds::BufferKind::Upstream, 0, usize::MAX).unwrap_or_default()
    }

    /// The connection ends.
    pub fn close(self) {
        streams::deliver(self.key, Event::DownstreamClose(CloseType::Remote));
        streams::deliver(self.key, Event::Complete);
        streams::delete(self.key);
    }
}
