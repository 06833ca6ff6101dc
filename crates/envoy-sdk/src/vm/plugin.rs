//! One plugin of a VM: a root context.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::abi::Contexts;
use crate::abi::host::{self, BufferKind};
use crate::boundary;
use crate::callback_context::CallbackContext;
use crate::catalogue::{Callback, PANICS, SDK, VM, VM_STARTS};
use crate::configure::ConfigureContext;
use crate::error::{Context as _, HostError, Result};
use crate::shared_queue::SharedQueue;
use crate::stats::{self, Stats};
use crate::vm::timers::{MOST_AT_ONCE, Target, TimerId, Timers};
use crate::vm::{AnyExtension, Event, MODULE, call_outs, deferred, enter, streams};
use common_metrics::Level;

/// How soon a deferred close is tried.
const CLOSE_DELAY: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(crate) struct Plugin {
    context: u32,
    configured: RefCell<Option<Rc<Configured>>>,
    vm_configuration: RefCell<Vec<u8>>,
    timers: RefCell<Timers>,
    /// Envoy has taken it away: its tick does not come any more.
    released: Cell<bool>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("context", &self.context).finish_non_exhaustive()
    }
}

/// A plugin's extension as one configuration made it. Streams keep the one that they began with.
pub(crate) struct Configured {
    pub(crate) extension: Rc<dyn AnyExtension>,
    pub(crate) counts: Stats,
    pub(crate) panics_in_a_row: Cell<u32>,
}

impl Configured {
    /// Lets go of the extension. When it was the last to hold it, its destructor runs behind the boundary.
    pub(crate) fn release(self: Rc<Self>) {
        if Rc::strong_count(&self) > 1 {
            return;
        }
        let (name, mut counts) = (self.extension.name(), self.counts.clone());
        if boundary::quietly(move || drop(self)).is_none() {
            log::error!("{name} panicked while the factory was dropped");
            counts.add(&PANICS, Callback::Drop, 1);
            stats::flush();
        }
    }
}

impl Plugin {
    pub(crate) fn new(context: u32) -> Rc<Self> {
        Rc::new(Self { context, ..Self::default() })
    }

    pub(crate) fn context(&self) -> u32 {
        self.context
    }

    pub(crate) fn configured(&self) -> Option<Rc<Configured>> {
        self.configured.borrow().clone()
    }

    /// How this plugin's streams get their contexts; `None` for a plugin without streams.
    pub(crate) fn contexts(&self) -> Option<Contexts> {
        let configured = self.configured.borrow();
        configured.as_ref().and_then(|configured| configured.extension.contexts())
    }

    /// The VM starts: its configuration can be read now and at no other time.
    pub(crate) fn vm_start(&self, configuration_size: usize) {
        if configuration_size == 0 {
            return;
        }
        match host::read_buffer(BufferKind::VmConfiguration, 0, configuration_size) {
            Ok(octets) => *self.vm_configuration.borrow_mut() = octets,
            Err(error) => log::error!("read the VM's configuration: {error}"),
        }
    }

    /// Configures the plugin. `false` makes Envoy refuse what the plugin belongs to.
    pub(crate) fn configure(self: &Rc<Self>, configuration_size: usize) -> bool {
        crate::logger::follow_envoys_level();
        let module = MODULE.with(|module| module.borrow().clone());
        let (mut name, root_id) = (plugin_property("plugin_name"), plugin_property("plugin_root_id"));
        let registration = match module.select(&root_id) {
            Ok(registration) => registration,
            Err(error) => {
                log::error!("{name}: {error}");
                return false;
            }
        };
        if name.is_empty() {
            registration.name.clone_into(&mut name);
        }
        let counts = match Stats::new(&SDK, &[("extension", registration.name)], Level::Summary) {
            Ok(counts) => counts,
            Err(error) => {
                log::error!("{name}: the SDK's own metrics: {error}");
                return false;
            }
        };
        let outcome =
            boundary::run(registration.name, Callback::Configure, self.context, Some(&counts), || {
                count_start(registration.name, module.version)?;
                let octets = host::read_buffer(BufferKind::PluginConfiguration, 0, configuration_size)
                    .context("read the plugin's configuration")?;
                let vm_configuration = self.vm_configuration.borrow();
                let mut cx = ConfigureContext::new(self, &name, &root_id, &vm_configuration);
                (registration.configure)(&octets, &mut cx)
                    .context(format!("configuration of {:?} refused", registration.name))
            });
        let Ok(extension) = outcome else { return false };
        let configured = Configured { extension, counts, panics_in_a_row: Cell::default() };
        if let Some(before) = self.configured.replace(Some(Rc::new(configured))) {
            before.release();
        }
        true
    }

    /// The plugin goes. Its factory's destructor is the extension's code.
    pub(crate) fn release(&self) {
        let _in_context = enter(self.context);
        self.released.set(true);
        stats::flush_collected(self);
        call_outs::forget_plugin(self.context);
        if let Some(configured) = self.configured.take() {
            configured.release();
        }
    }

    /// Something happens to the plugin itself. An error or a panic is counted and logged; the factory stays.
    pub(crate) fn deliver(self: &Rc<Self>, event: Event<'_>) {
        let Some(configured) = self.configured() else { return };
        let Configured { extension, counts, .. } = &*configured;
        let _counted = boundary::run(extension.name(), event.callback(), self.context, Some(counts), || {
            extension.on_event(CallbackContext::of_plugin(self), event)
        });
        configured.release();
    }

    pub(crate) fn queue_ready(self: &Rc<Self>, queue: u32) {
        self.deliver(Event::QueueReady(SharedQueue::from_id(queue)));
    }

    pub(crate) fn set_timer(&self, target: Target, delay: Duration) -> Result<TimerId, HostError> {
        self.timers.borrow_mut().set(target, delay)
    }

    /// Cancels a timer of the plugin itself.
    pub(crate) fn cancel_timer(&self, timer: TimerId) {
        let mut timers = self.timers.borrow_mut();
        if timers.remove_of_plugin(timer) {
            timers.forgotten(1);
        }
    }

    /// A stream has forgotten so many of its timers.
    pub(crate) fn forget_timers(&self, timers: usize) {
        self.timers.borrow_mut().forgotten(timers);
    }

    /// Closes a connection of this plugin at the next tick.
    pub(crate) fn close_later(&self, context: u32) -> Result<()> {
        self.set_timer(Target::Close(context), CLOSE_DELAY)?;
        Ok(())
    }

    /// Gives Envoy the statistics that are collected until then, after this time. Returns the time that it is now, in
    /// nanoseconds; `None` where there is no timer to be had.
    pub(crate) fn deliver_statistics_in(&self, delay: Duration) -> Option<u64> {
        if self.released.get() {
            return None;
        }
        let mut timers = self.timers.borrow_mut();
        timers.set(Target::Statistics, delay).ok()?;
        Some(timers.latest())
    }

    pub(crate) fn tick(self: &Rc<Self>) {
        let _in_context = enter(self.context);
        self.timers.borrow_mut().begin_tick();
        for _ in 0..MOST_AT_ONCE {
            let due = deferred::lets_another_fire().then(|| self.timers.borrow_mut().take_due());
            let Some((timer, target)) = due.flatten() else { break };
            match target {
                Target::Plugin => {
                    if self.timers.borrow_mut().remove_of_plugin(timer) && self.act_as(self.context) {
                        self.deliver(Event::Timer(timer));
                    }
                }
                Target::Stream(key) => streams::timer(key, timer),
                Target::Statistics => stats::flush_collected(self),
                Target::Close(context) => {
                    // The connection may have gone in the meantime: then Envoy refuses, and nothing is left to do.
                    if host::set_effective_context(context).is_ok() {
                        let _gone = host::close_stream(host::StreamKind::Downstream);
                    }
                }
            }
        }
        let returned = host::set_effective_context(self.context);
        let rearmed = self.timers.borrow_mut().rearm();
        if let Err(error) = returned.and(rearmed) {
            log::warn!("the plugin's timers: {error}");
        }
        stats::flush();
    }

    /// Makes host calls be for this context; says so when Envoy refuses.
    pub(crate) fn act_as(&self, context: u32) -> bool {
        match host::set_effective_context(context) {
            Ok(()) => true,
            Err(error) => {
                log::warn!("{error}");
                false
            }
        }
    }
}

fn plugin_property(name: &str) -> String {
    let value = host::property(&[name]).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}

fn count_start(extension: &'static str, version: &'static str) -> Result<()> {
    let version =
        if version.is_empty() { "unversioned".to_owned() } else { version.replace(['.', '+'], "-") };
    let panic = if crate::UNWINDING { "unwind" } else { "abort" };
    let common = [("extension", extension), ("version", version.as_str()), ("panic", panic)];
    let mut stats = Stats::new(&VM, &common, Level::Summary).context("the module's version")?;
    stats.add(&VM_STARTS, (), 1);
    Ok(())
}
