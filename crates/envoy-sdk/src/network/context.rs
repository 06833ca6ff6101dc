//! What a network filter can do during a callback.

use std::cell::Cell;
use std::ops::Deref;

use crate::abi::host::{self, BufferKind, StreamKind};
use crate::buffer::Buffer;
use crate::callback_context::CallbackContext;
use crate::error::Result;
use crate::vm::progress::{Progress, Way};
use crate::vm::streams;

/// Who closed (Envoy's `ConnectionEvent`, as far as it is told).
///
/// See [`NetworkFilter::on_downstream_close`](crate::NetworkFilter::on_downstream_close).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseType {
    /// Envoy does not say.
    Unknown,
    /// This Envoy.
    Local,
    /// The peer.
    Remote,
}

/// The connection, during one callback of its filter. What every callback can do besides is in
/// [`CallbackContext`].
///
/// ```
/// use envoy_sdk::{NetworkContext, Result};
///
/// /// In `on_upstream_data`: replaces what the server says, and says good-bye.
/// fn refuse(cx: &NetworkContext<'_>) -> Result<()> {
///     cx.buffer().replace(b"421 Come back later\r\n")?;
///     cx.close_after_flush()
/// }
/// ```
#[derive(Debug)]
pub struct NetworkContext<'a> {
    callback: CallbackContext<'a>,
    kind: BufferKind,
    len: Cell<usize>,
}

impl<'a> Deref for NetworkContext<'a> {
    type Target = CallbackContext<'a>;

    fn deref(&self) -> &CallbackContext<'a> {
        &self.callback
    }
}

impl<'a> NetworkContext<'a> {
    pub(crate) fn new(callback: CallbackContext<'a>) -> Self {
        Self::with_data(callback, BufferKind::Downstream, 0)
    }

    pub(crate) fn with_data(callback: CallbackContext<'a>, kind: BufferKind, len: usize) -> Self {
        Self { callback, kind, len: Cell::new(len) }
    }

    /// The data of this callback; empty in callbacks that bring none.
    pub fn buffer(&self) -> Buffer<'_> {
        Buffer::new(self.kind, &self.len)
    }

    /// Goes on reading from the client after [`FilterStatus::StopIteration`](crate::FilterStatus::StopIteration).
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn continue_reading(&self) -> Result<()> {
        host::continue_stream(StreamKind::Downstream)?;
        self.progress(|progress| progress.go_on(Way::Request));
        Ok(())
    }

    /// Closes the connection when this callback returns. The octets of this callback are lost, also those that the
    /// filter has appended: see [`close_after_flush`](Self::close_after_flush). Only where the server ends its side
    /// in this same callback does Envoy close some milliseconds later; answer
    /// [`FilterStatus::StopIteration`](crate::FilterStatus::StopIteration) if the client must not see the octets.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn close(&self) -> Result<()> {
        if self.progress(|progress| progress.server_ends) {
            // Envoy would call `on_upstream_close` for a context that it has deleted by then, and the VM would be lost.
            return self.close_after_flush();
        }
        Ok(host::close_stream(StreamKind::Downstream)?)
    }

    /// Closes the connection once the octets of this callback are on their way, some milliseconds later.
    ///
    /// # Errors
    /// When Envoy refuses to start the timer that this needs.
    pub fn close_after_flush(&self) -> Result<()> {
        self.callback.plugin().close_later(self.callback.context())
    }

    fn progress(&self, ask: impl FnOnce(&mut Progress) -> bool) -> bool {
        self.callback.stream().and_then(|key| streams::progress(key, ask)).unwrap_or_default()
    }
}
