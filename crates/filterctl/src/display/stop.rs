//! The wish to stop: Ctrl-C, or a signal to end.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether the user asked to stop. From the first [`Stop::listen`] on, Ctrl-C and SIGTERM no longer end the
/// process: who listens has to ask, and to end in order.
#[derive(Clone, Copy, Debug)]
pub struct Stop(());

impl Stop {
    /// Begins to listen; further calls listen to the same.
    ///
    /// # Errors
    ///
    /// When the system allows no handler for signals.
    pub fn listen() -> Result<Self> {
        static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
        HANDLER
            .get_or_init(|| {
                ctrlc::set_handler(|| ASKED.store(true, Ordering::SeqCst)).map_err(|error| error.to_string())
            })
            .clone()
            .map_err(anyhow::Error::msg)
            .context("cannot listen for Ctrl-C")?;
        Ok(Self(()))
    }

    /// Whether somebody asked.
    pub fn is_asked(self) -> bool {
        ASKED.load(Ordering::SeqCst)
    }
}
