//! What a network filter can do during a callback.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use crate::abi::host::{self, BufferKind, StreamKind};
use crate::buffer::Buffer;
use crate::error::Result;
use crate::shared_data::SharedData;
use crate::stats::Stats;
use crate::stream_info::StreamInfo;
use crate::vm;
use common_metrics::{Catalogue, Level};

/// Who closed (Envoy's `ConnectionEvent`, as far as it is told).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseType {
    /// Envoy does not say.
    Unknown,
    /// This Envoy.
    Local,
    /// The peer.
    Remote,
}

/// The connection, during one callback of its filter.
#[derive(Debug)]
pub struct NetworkContext<'a> {
    plugin: &'a vm::Plugin,
    context: u32,
    kind: BufferKind,
    len: usize,
    /// See [`vm::Plugin::close`].
    server_ends: bool,
    now: Cell<Option<SystemTime>>,
}

impl<'a> NetworkContext<'a> {
    pub(crate) fn new(plugin: &'a vm::Plugin, context: u32) -> Self {
        Self {
            plugin,
            context,
            kind: BufferKind::Downstream,
            len: 0,
            server_ends: false,
            now: Cell::new(None),
        }
    }

    pub(crate) fn with_data(plugin: &'a vm::Plugin, context: u32, data: vm::Data) -> Self {
        let server_ends = data.is_end_of_server();
        Self { kind: data.kind, len: data.len, server_ends, ..Self::new(plugin, context) }
    }

    /// The data of this callback; empty in callbacks that bring none.
    pub fn buffer(&self) -> Buffer<'_> {
        Buffer::new(self.kind, self.len)
    }

    /// What Envoy knows about the connection.
    pub fn stream_info(&self) -> StreamInfo {
        StreamInfo::new()
    }

    /// Wall time. Read from Envoy once per callback, so that everything in it happens at the same moment.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn now(&self) -> Result<SystemTime> {
        if let Some(now) = self.now.get() {
            return Ok(now);
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(host::now()?);
        self.now.set(Some(now));
        Ok(now)
    }

    /// Sets filter state that access logs print with `%FILTER_STATE(wasm.<key>:PLAIN)%`. Printed as it is:
    /// escape what a peer can choose.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn set_filter_state(&self, key: &str, value: &[u8]) -> Result<()> {
        Ok(host::set_property(key, value)?)
    }

    /// The metrics of a catalogue, for labels that are only known with a connection: define them once and
    /// keep them. See [`ConfigureContext::stats`](crate::ConfigureContext::stats).
    ///
    /// # Errors
    /// When a label value has a form that a stat name cannot carry, or Envoy refuses to define a metric.
    pub fn stats(
        &self,
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Stats> {
        Stats::new(catalogue, common, level)
    }

    /// Envoy's shared data.
    pub fn shared_data(&self) -> SharedData {
        SharedData::new()
    }

    /// Goes on reading from the client after [`FilterStatus::StopIteration`](crate::FilterStatus::StopIteration).
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn continue_reading(&self) -> Result<()> {
        Ok(host::continue_stream(StreamKind::Downstream)?)
    }

    /// Closes the connection when this callback returns. The octets of this callback are lost, also those that the
    /// filter has appended: see [`close_after_flush`](Self::close_after_flush). Only where the server ends its side
    /// in this same callback does Envoy close some milliseconds later; answer
    /// [`FilterStatus::StopIteration`](crate::FilterStatus::StopIteration) if the client must not see the octets.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn close(&self) -> Result<()> {
        self.plugin.close(self.context, self.server_ends)
    }

    /// Closes the connection once the octets of this callback are on their way, some milliseconds later.
    ///
    /// # Errors
    /// When Envoy refuses to start the timer that this needs.
    pub fn close_after_flush(&self) -> Result<()> {
        self.plugin.close_later(self.context)
    }
}
