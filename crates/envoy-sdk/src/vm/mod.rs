//! The module's side of one VM: its plugins, its streams, and the callbacks that reach them.
//!
//! A VM is one thread. Filters live in a slab that this module owns; the ABI's contexts hold an index into
//! it. During a callback the filter is taken out, so nothing is borrowed while an extension's code runs.
//!
//! What happens is an [`Event`]; who it happens to is a stream's filter ([`streams`]) or the plugin itself
//! ([`plugin`]). Which kind of extension that is, only the adapters in `network`, `http`, `access_log` and
//! `background` know.

pub(crate) mod call_outs;
pub(crate) mod deferred;
mod extension;
mod plugin;
pub(crate) mod progress;
pub(crate) mod streams;
mod timers;

use std::cell::{Cell, RefCell};

use crate::boundary;
use crate::module::Module;
use crate::stats::{self, Stats};

pub(crate) use extension::{Action, AnyExtension, AnyFilter, Event, Failure, Remedy, tell};
pub(crate) use plugin::Plugin;
pub(crate) use timers::Target;
pub use timers::TimerId;

thread_local! {
    static MODULE: RefCell<Module> = RefCell::default();
    static CURRENT: Cell<Option<u32>> = const { Cell::new(None) };
    static COUNTS: RefCell<Option<Stats>> = const { RefCell::new(None) };
}

/// Makes this thread a VM that runs `module`; whatever it ran before is forgotten.
pub fn load(module: fn() -> Module) {
    crate::logger::install();
    boundary::install_panic_hook();
    stats::reset();
    COUNTS.with(RefCell::take);
    streams::reset();
    call_outs::reset();
    deferred::reset();
    MODULE.with(|loaded| *loaded.borrow_mut() = module());
    crate::abi::install();
}

/// The context that the running callback belongs to.
pub(crate) fn current_context() -> Option<u32> {
    CURRENT.with(Cell::get)
}

/// The SDK's own counters of the plugin that the running callback belongs to.
pub(crate) fn current_counts() -> Option<Stats> {
    COUNTS.with(|counts| counts.try_borrow().ok()?.clone())
}

/// Says whose counters [`current_counts`] are.
pub(crate) fn set_current_counts(current: &Stats) {
    COUNTS.with(|counts| {
        if let Ok(mut counts) = counts.try_borrow_mut()
            && !counts.as_ref().is_some_and(|counts| counts.is(current))
        {
            *counts = Some(current.clone());
        }
    });
}

/// Marks the running callback's context until the guard is dropped.
pub(crate) fn enter(context: u32) -> impl Drop {
    struct Entered(Option<u32>);
    impl Drop for Entered {
        fn drop(&mut self) {
            CURRENT.with(|current| current.set(self.0));
            if self.0.is_none() {
                deferred::returned();
            }
        }
    }
    Entered(CURRENT.with(|current| current.replace(Some(context))))
}
