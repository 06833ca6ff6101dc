//! Where errors and panics of an extension end.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::catalogue::{Callback, ERRORS, PANICS};
use crate::error::Error;
use crate::stats::{self, Stats};
use crate::vm;
use common_metrics::Label as _;

/// What happens to a connection whose network filter returns an error or panics.
///
/// ```
/// use envoy_sdk::ErrorPolicy;
///
/// assert_eq!(ErrorPolicy::default(), ErrorPolicy::Close);
/// ```
///
/// [`NetworkFilterFactory::error_policy`](crate::NetworkFilterFactory::error_policy) says which; HTTP filters have no choice
/// (see [the guide](crate::guides::handle_errors)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// The connection is closed. What a filter that decides about traffic needs.
    #[default]
    Close,
    /// The filter is dropped and never called again; the connection goes on. What a filter that only
    /// observes wants.
    Bypass,
}

/// A callback failed. What went wrong has been logged and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    Error,
    Panic,
}

/// Runs one callback of an extension: in its context, behind `catch_unwind`, with its statistics flushed.
pub(crate) fn run<T>(
    extension: &'static str,
    callback: Callback,
    context: u32,
    counts: Option<&Stats>,
    body: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Failed> {
    let _in_context = vm::enter(context);
    if let Some(counts) = counts {
        vm::set_current_counts(counts);
    }
    // What a panicking callback leaves half-changed is its own filter, which is dropped, and counters, which
    // are plain numbers.
    let outcome = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(report_error(extension, callback, context, counts, error)),
        Err(payload) => Err(report_panic(extension, callback, context, counts, payload)),
    };
    stats::flush();
    outcome
}

#[cold]
#[inline(never)]
fn report_error(
    extension: &'static str,
    callback: Callback,
    context: u32,
    counts: Option<&Stats>,
    error: Error,
) -> Failed {
    // The error's message and destructor may be the extension's code too.
    let message = quietly(move || error.to_string());
    let message = message.as_deref().unwrap_or("(an error that panicked when asked what it was)");
    log::error!("{extension} {} failed in context {context}: {message}", callback.as_str());
    count(counts, &ERRORS, callback);
    Failed::Error
}

#[cold]
#[inline(never)]
fn report_panic(
    extension: &'static str,
    callback: Callback,
    context: u32,
    counts: Option<&Stats>,
    payload: Box<dyn Any + Send>,
) -> Failed {
    let place = LAST_PANIC.with(RefCell::take).unwrap_or_default();
    // Only a message that was written in the source is safe to repeat: any other may hold what a
    // peer has sent.
    let message = payload.downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
    log::error!("{extension} {} panicked in context {context}{place}: {message}", callback.as_str());
    count(counts, &PANICS, callback);
    // A payload is a value with a destructor of its own.
    if quietly(move || drop(payload)).is_none() {
        log::error!("{extension}: dropping the panic's own value panicked too");
    }
    Failed::Panic
}

/// Runs code of an extension that has no callback to fail: `None` when it panics.
pub(crate) fn quietly<T>(body: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // A payload may panic when it is dropped, with another of its kind: leak it.
            std::mem::forget(payload);
            None
        }
    }
}

fn count(counts: Option<&Stats>, counter: &common_metrics::Counter<Callback>, callback: Callback) {
    if let Some(mut counts) = counts.cloned() {
        counts.add(counter, callback, 1);
    }
}

thread_local! {
    /// Where the panic that is being unwound began: ` at file:line`.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where a panic began. Natively the previous hook is called as well, so that a test still shows it.
pub(crate) fn install_panic_hook() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
            if !crate::UNWINDING {
                // Nothing will catch this one: say it while there is somebody to say it.
                log::error!(
                    "panic{}; this module was built without unwinding, its VM is lost",
                    place.as_deref().unwrap_or("")
                );
            } else if cfg!(target_arch = "wasm32") && vm::current_context().is_none() {
                log::error!(
                    "panic{} outside of an extension's callbacks; its VM is lost. Does Envoy use this plugin as the kind \
                     of extension that its root_id names?",
                    place.as_deref().unwrap_or("")
                );
            }
            LAST_PANIC.with(|last| *last.borrow_mut() = place);
            if !cfg!(target_arch = "wasm32") {
                previous(info);
            }
        }));
    });
}
