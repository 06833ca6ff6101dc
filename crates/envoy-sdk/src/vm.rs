//! The module's side of one VM: its plugins, its connections, and the callbacks that reach them.
//!
//! A VM is one thread. Filters live in a slab that this module owns; the ABI's contexts hold an index into
//! it. During a callback the filter is taken out, so nothing is borrowed while an extension's code runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use slab::Slab;

use crate::abi::host::{self, BufferKind};
use crate::boundary::{self, ErrorPolicy, Failed};
use crate::catalogue::{
    CONNECTIONS_BYPASSED, CONNECTIONS_CLOSED_ON_ERROR, Callback, FILTERS_REFUSED, PANICS, SDK, VM, VM_STARTS,
};
use crate::configure::ConfigureContext;
use crate::error::{Context as _, Result};
use crate::module::{Extension, Module};
use crate::network::{AnyNetworkFactory, CloseType, FilterStatus, NetworkContext, NetworkFilter};
use crate::stats::{self, Stats};
use common_metrics::{Level, Recorder as _};

/// So many filters of one factory may panic without a single connection ending well in between; then the
/// factory refuses new filters until it is configured anew.
const MOST_PANICS_IN_A_ROW: u32 = 1_000;
/// How soon a deferred close is tried, in milliseconds.
const CLOSE_DELAY: u32 = 1;

thread_local! {
    static MODULE: RefCell<Module> = RefCell::default();
    static STREAMS: RefCell<Slab<Stream>> = const { RefCell::new(Slab::new()) };
    static CURRENT: Cell<Option<u32>> = const { Cell::new(None) };
    static COUNTS: RefCell<Option<Stats>> = const { RefCell::new(None) };
}

/// Makes this thread a VM that runs `module`; whatever it ran before is forgotten.
pub fn load(module: fn() -> Module) {
    crate::logger::install();
    boundary::install_panic_hook();
    stats::reset();
    COUNTS.with(RefCell::take);
    STREAMS.with(RefCell::take);
    MODULE.with(|loaded| *loaded.borrow_mut() = module());
    crate::abi::proxy_wasm::dispatch::install();
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
        if let Ok(mut counts) = counts.try_borrow_mut() {
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
        }
    }
    Entered(CURRENT.with(|current| current.replace(Some(context))))
}

/// One plugin of this VM: a root context.
#[derive(Default)]
pub(crate) struct Plugin {
    context: u32,
    configured: RefCell<Option<Configured>>,
    /// Connections to close at the next tick.
    closing: RefCell<Vec<u32>>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("context", &self.context).finish_non_exhaustive()
    }
}

/// A plugin's extension as one configuration made it. Connections keep the one that they began with.
#[derive(Clone)]
struct Configured {
    factory: Rc<dyn AnyNetworkFactory>,
    counts: Stats,
    panics_in_a_row: Rc<Cell<u32>>,
}

impl Configured {
    /// Lets go of the factory. When it was the last to hold it, the factory's destructor runs behind the boundary.
    fn release(self) {
        let (name, mut counts) = (self.factory.name(), self.counts.clone());
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

    /// Configures the plugin. `false` makes Envoy refuse the listener.
    pub(crate) fn configure(&self, configuration_size: usize) -> bool {
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
                let mut cx = ConfigureContext {
                    plugin: &name,
                    root_id: &root_id,
                    #[cfg(feature = "json")]
                    ignored_fields: Vec::new(),
                };
                let Extension::Network(factory) = (registration.configure)(&octets, &mut cx)
                    .context(format!("configuration of {:?} refused", registration.name))?;
                Ok(factory)
            });
        let Ok(factory) = outcome else { return false };
        let configured = Configured { factory, counts, panics_in_a_row: Rc::default() };
        if let Some(before) = self.configured.replace(Some(configured)) {
            before.release();
        }
        true
    }

    /// The plugin goes. Its factory's destructor is the extension's code.
    pub(crate) fn release(&self) {
        let _in_context = enter(self.context);
        if let Some(configured) = self.configured.take() {
            configured.release();
        }
    }

    /// Closes a connection of this plugin when the running callback returns.
    ///
    /// Except where the server ends its side in this callback: Envoy would call `on_upstream_close` for a context that
    /// it has deleted by then, and the VM would be lost.
    pub(crate) fn close(&self, context: u32, server_ends: bool) -> Result<()> {
        if server_ends {
            return self.close_later(context);
        }
        Ok(host::close_stream(host::StreamKind::Downstream)?)
    }

    /// Closes a connection of this plugin at the next tick.
    pub(crate) fn close_later(&self, context: u32) -> Result<()> {
        if self.closing.borrow().is_empty() {
            host::set_tick_period(CLOSE_DELAY)?;
        }
        self.closing.borrow_mut().push(context);
        Ok(())
    }

    pub(crate) fn tick(&self) {
        let _in_context = enter(self.context);
        for context in self.closing.take() {
            // The connection may have gone in the meantime: then Envoy refuses, and nothing is left to do.
            if host::set_effective_context(context).is_ok() {
                let _gone = host::close_stream(host::StreamKind::Downstream);
            }
        }
        if let Err(error) = host::set_effective_context(self.context).and_then(|()| host::set_tick_period(0))
        {
            log::warn!("the timer for deferred closes goes on: {error}");
        }
        stats::flush();
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

/// One connection.
struct Stream {
    context: u32,
    plugin: Rc<Plugin>,
    configured: Option<Configured>,
    state: StreamState,
}

enum StreamState {
    /// No callback yet.
    New,
    Live(Box<dyn NetworkFilter>),
    /// In a callback.
    Running,
    /// Its filter failed or could not be made, and it goes on without.
    Bypassed,
    /// Its filter failed, and Envoy has been told to close.
    Closing,
}

/// An index into the slab of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey(usize);

pub(crate) fn create_stream(plugin: Rc<Plugin>, context: u32) -> StreamKey {
    let configured = plugin.configured.borrow().clone();
    let stream = Stream { context, plugin, configured, state: StreamState::New };
    StreamKey(STREAMS.with(|streams| streams.borrow_mut().insert(stream)))
}

/// Drops a connection's filter, outside of every borrow and behind the boundary.
pub(crate) fn delete_stream(key: StreamKey) {
    let Some(stream) = STREAMS.with(|streams| streams.borrow_mut().try_remove(key.0)) else { return };
    let Stream { context, configured: Some(configured), state, .. } = stream else { return };
    let ended_well = matches!(state, StreamState::Live(_));
    let dropped =
        boundary::run(configured.factory.name(), Callback::Drop, context, Some(&configured.counts), || {
            drop(state);
            Ok(())
        });
    if ended_well && dropped.is_ok() && configured.panics_in_a_row.get() < MOST_PANICS_IN_A_ROW {
        configured.panics_in_a_row.set(0);
    }
    configured.release();
}

/// What a data callback brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data {
    pub(crate) kind: BufferKind,
    pub(crate) len: usize,
    end_stream: bool,
}

impl Data {
    /// Whether the server ends its side with this: see [`Plugin::close`].
    pub(crate) fn is_end_of_server(self) -> bool {
        self.kind == BufferKind::Upstream && self.end_stream
    }
}

pub(crate) fn new_connection(key: StreamKey) -> FilterStatus {
    let Some((context, plugin, configured)) = parts(key) else { return FilterStatus::Continue };
    let Some(configured) = configured else { return FilterStatus::Continue };
    if configured.panics_in_a_row.get() >= MOST_PANICS_IN_A_ROW {
        let mut counts = configured.counts.clone();
        counts.add(&FILTERS_REFUSED, (), 1);
        return fail(key, context, &plugin, &configured, Failed::Error, false);
    }
    let filter = boundary::run(
        configured.factory.name(),
        Callback::NewFilter,
        context,
        Some(&configured.counts),
        || configured.factory.new_filter(&mut NetworkContext::new(&plugin, context)),
    );
    match filter {
        Ok(filter) => {
            put_back(key, StreamState::Live(filter));
            call(key, Callback::NewConnection, None, &mut |filter, cx| filter.on_new_connection(cx))
        }
        Err(failed) => fail(key, context, &plugin, &configured, failed, false),
    }
}

pub(crate) fn downstream_data(key: StreamKey, len: usize, end_stream: bool) -> FilterStatus {
    let data = Data { kind: BufferKind::Downstream, len, end_stream };
    call(key, Callback::DownstreamData, Some(data), &mut |filter, cx| {
        filter.on_downstream_data(cx, end_stream)
    })
}

pub(crate) fn upstream_data(key: StreamKey, len: usize, end_stream: bool) -> FilterStatus {
    let data = Data { kind: BufferKind::Upstream, len, end_stream };
    call(key, Callback::UpstreamData, Some(data), &mut |filter, cx| filter.on_upstream_data(cx, end_stream))
}

pub(crate) fn downstream_close(key: StreamKey, close_type: CloseType) {
    call(key, Callback::DownstreamClose, None, &mut |filter, cx| {
        filter.on_downstream_close(cx, close_type).map(|()| FilterStatus::Continue)
    });
}

pub(crate) fn upstream_close(key: StreamKey, close_type: CloseType) {
    call(key, Callback::UpstreamClose, None, &mut |filter, cx| {
        filter.on_upstream_close(cx, close_type).map(|()| FilterStatus::Continue)
    });
}

pub(crate) fn stream_complete(key: StreamKey) {
    call(key, Callback::StreamComplete, None, &mut |filter, cx| {
        filter.on_stream_complete(cx).map(|()| FilterStatus::Continue)
    });
}

/// Runs one callback of a connection's filter. A connection without a filter lets everything pass.
fn call(
    key: StreamKey,
    callback: Callback,
    data: Option<Data>,
    body: &mut dyn FnMut(&mut dyn NetworkFilter, &mut NetworkContext<'_>) -> Result<FilterStatus>,
) -> FilterStatus {
    let Some((mut filter, context, plugin, configured)) = take(key) else { return without_filter(key) };
    let outcome =
        boundary::run(configured.factory.name(), callback, context, Some(&configured.counts), || {
            let mut cx = match data {
                Some(data) => NetworkContext::with_data(&plugin, context, data),
                None => NetworkContext::new(&plugin, context),
            };
            body(filter.as_mut(), &mut cx)
        });
    match outcome {
        Ok(status) => {
            put_back(key, StreamState::Live(filter));
            status
        }
        Err(failed) => {
            let name = configured.factory.name();
            let _dropped = boundary::run(name, Callback::Drop, context, Some(&configured.counts), || {
                drop(filter);
                Ok(())
            });
            if matches!(callback, Callback::DownstreamClose | Callback::StreamComplete) {
                // The connection is over: there is nothing left to close or to go on with.
                put_back(key, StreamState::Bypassed);
                count_panic(&configured, failed);
                return FilterStatus::Continue;
            }
            let server_ends = data.is_some_and(Data::is_end_of_server);
            fail(key, context, &plugin, &configured, failed, server_ends)
        }
    }
}

/// What a connection without a filter answers: nothing passes any more where it is to be closed.
fn without_filter(key: StreamKey) -> FilterStatus {
    let closing = STREAMS.with(|streams| {
        streams.borrow().get(key.0).is_some_and(|stream| matches!(stream.state, StreamState::Closing))
    });
    if closing { FilterStatus::StopIteration } else { FilterStatus::Continue }
}

fn count_panic(configured: &Configured, failed: Failed) {
    if failed == Failed::Panic {
        configured.panics_in_a_row.set(configured.panics_in_a_row.get().saturating_add(1));
    }
}

/// Does to a connection what its factory's policy says.
fn fail(
    key: StreamKey,
    context: u32,
    plugin: &Plugin,
    configured: &Configured,
    failed: Failed,
    server_ends: bool,
) -> FilterStatus {
    count_panic(configured, failed);
    let mut counts = configured.counts.clone();
    let policy = boundary::quietly(|| configured.factory.error_policy()).unwrap_or_default();
    let status = match policy {
        ErrorPolicy::Close => {
            put_back(key, StreamState::Closing);
            counts.add(&CONNECTIONS_CLOSED_ON_ERROR, (), 1);
            let _in_context = enter(context);
            if let Err(error) = plugin.close(context, server_ends) {
                log::error!("{} could not close: {error}", configured.factory.name());
            }
            FilterStatus::StopIteration
        }
        ErrorPolicy::Bypass => {
            put_back(key, StreamState::Bypassed);
            counts.add(&CONNECTIONS_BYPASSED, (), 1);
            FilterStatus::Continue
        }
    };
    stats::flush();
    status
}

fn parts(key: StreamKey) -> Option<(u32, Rc<Plugin>, Option<Configured>)> {
    STREAMS.with(|streams| {
        let streams = streams.borrow();
        let stream = streams.get(key.0)?;
        Some((stream.context, Rc::clone(&stream.plugin), stream.configured.clone()))
    })
}

type Taken = (Box<dyn NetworkFilter>, u32, Rc<Plugin>, Configured);

fn take(key: StreamKey) -> Option<Taken> {
    STREAMS.with(|streams| {
        let mut streams = streams.borrow_mut();
        let stream = streams.get_mut(key.0)?;
        let configured = stream.configured.clone()?;
        match std::mem::replace(&mut stream.state, StreamState::Running) {
            StreamState::Live(filter) => {
                Some((filter, stream.context, Rc::clone(&stream.plugin), configured))
            }
            other => {
                stream.state = other;
                None
            }
        }
    })
}

fn put_back(key: StreamKey, state: StreamState) {
    STREAMS.with(|streams| {
        if let Some(stream) = streams.borrow_mut().get_mut(key.0) {
            stream.state = state;
        }
    });
}
