//! What Envoy does when the call into the VM that is running returns: it closes, goes on, and forgets a call-out that it
//! has refused.
//!
//! Opening a gRPC stream to a cluster without hosts makes Envoy call the module before the host call returns, and do all
//! this then: a connection is closed inside its own callback, and the VM is lost; a refused call-out is ended again and
//! again, and the worker hangs (measured on 1.36.2 and 1.40.0; FakeEnvoy fails a test for each).

use std::cell::Cell;

use crate::error::{Error, Result};

thread_local! {
    /// Something has been left to be done.
    static LEFT: Cell<bool> = const { Cell::new(false) };
    /// This module opens gRPC streams.
    static OPENS_STREAMS: Cell<bool> = const { Cell::new(false) };
}

/// The running callback leaves something to be done.
pub(crate) fn leave() {
    LEFT.set(true);
}

/// Another VM begins in this thread.
pub(super) fn reset() {
    LEFT.set(false);
    OPENS_STREAMS.set(false);
}

/// The call into the VM returns.
pub(super) fn returned() {
    LEFT.set(false);
}

/// A gRPC stream is to be opened.
///
/// # Errors
/// Where it is not known what would come of it.
pub(crate) fn open_grpc_stream() -> Result<()> {
    OPENS_STREAMS.set(true);
    if LEFT.get() {
        return Err(Error::new(
            "no gRPC stream can be opened in a callback that has closed, continued or answered its stream, or whose \
             other call-out was refused: set a timer, and open it there",
        ));
    }
    Ok(())
}

/// Whether another timer can fire in the same call into the VM. It might open a gRPC stream; a module that never does is
/// not to wait.
pub(super) fn lets_another_fire() -> bool {
    !(LEFT.get() && OPENS_STREAMS.get())
}
