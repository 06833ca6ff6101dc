//! Everything that one simulated VM and its host know, and the way into the VM.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};

use envoy_sdk::Module;
use envoy_sdk::native_host::exports;

use crate::access_log::LogEntry;
use crate::call_outs::{CallOuts, Part};
use crate::clock::Clock;
use crate::failures::Failures;
use crate::filter_state::Declarations;
use crate::http::HttpStream;
use crate::log_line::LogLine;
use crate::settings::Settings;
use crate::stats::Metrics;
use crate::stream::{Stream, Way};
use crate::trace::{Argument, Call, Direction};

/// One VM with its host. The state is never borrowed while the module runs: the module calls back.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) module: fn() -> Module,
    state: RefCell<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    /// Plugins that exist, by root context, with their configuration.
    pub(crate) roots: BTreeMap<u32, Root>,
    /// All connections there have been, by context.
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// All HTTP streams there have been, by context.
    pub(crate) http_streams: BTreeMap<u32, HttpStream>,
    pub(crate) last_context: u32,
    /// The calls into the VM that have not returned.
    running: Vec<Running>,
    /// The module has been loaded: until then it may do nothing but log.
    pub(crate) initialized: bool,
    /// A host call that the module has made too early.
    pub(crate) called_too_early: Option<&'static str>,
    /// Why Envoy itself would not have survived what the module did: the test fails when the callback has returned.
    pub(crate) fatal: Option<String>,
    /// What the module has asked for and Envoy does once the running call has returned.
    deferred: VecDeque<Deferred>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) call_outs: CallOuts,
    /// The entry that an access logger is writing.
    pub(crate) logging: Option<LogEntry>,
    /// What contexts have said about filter state.
    pub(crate) declarations: Declarations,
    pub(crate) log: Vec<LogLine>,
    pub(crate) trace: Vec<Call>,
    pub(crate) failures: Failures,
}

/// A plugin: one configuration of one extension.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) configuration: Vec<u8>,
    /// The configuration can be read only while the module is being configured.
    pub(crate) configuring: bool,
    /// Replaced by another configuration; goes when its last connection has gone.
    pub(crate) retired: bool,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    context: u32,
    /// Where host calls go instead, after `proxy_set_effective_context`.
    effective: Option<u32>,
}

/// Something that has to wait for the end of a call into the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deferred {
    Close(u32),
    ContinueReading(u32),
    ContinueHttp(u32, Way),
    ResetHttp(u32),
    /// The first of the local replies that the stream's filter has asked for.
    ReplyLocally(u32),
    /// What a plugin could read of an answer can be read no more.
    Forget {
        root: u32,
        part: Part,
    },
    /// A gRPC call-out whose token the module has never got has ended.
    EndStillborn(u32),
}

impl World {
    pub(crate) fn new(module: fn() -> Module, settings: Settings, failures: Failures) -> Self {
        let metrics = Metrics::new(settings.process.clone());
        let state = State {
            settings,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            http_streams: BTreeMap::new(),
            last_context: 0,
            running: Vec::new(),
            initialized: false,
            called_too_early: None,
            fatal: None,
            deferred: VecDeque::new(),
            metrics,
            clock: Clock::default(),
            call_outs: CallOuts::default(),
            logging: None,
            declarations: Declarations::default(),
            log: Vec::new(),
            trace: Vec::new(),
            failures,
        };
        Self { module, state: RefCell::new(state) }
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// Calls into the VM, then does what the module has asked for meanwhile.
    pub(crate) fn enter<R: Returned>(
        &self,
        function: &'static str,
        context: u32,
        arguments: &[Argument],
        export: impl FnOnce() -> R,
    ) -> R {
        {
            let mut state = self.state();
            let begin = Call::begin(Direction::IntoVm, function, arguments.to_vec());
            state.trace.push(begin);
            state.running.push(Running { context, effective: None });
        }
        let result = export();
        {
            let mut state = self.state();
            state.running.pop();
            state.trace.push(Call::end(Direction::IntoVm, function, result.as_argument()));
            let outermost = state.running.is_empty();
            if let Some(reason) = state.fatal.take_if(|_| outermost) {
                // This Envoy is dead: nothing of it goes on.
                state.deferred.clear();
                drop(state);
                panic!("{reason}");
            }
        }
        self.do_deferred();
        result
    }

    fn do_deferred(&self) {
        loop {
            let next = self.state().deferred.pop_front();
            match next {
                Some(Deferred::Close(context)) => self.close(context, crate::ClosedBy::Envoy),
                Some(Deferred::ContinueReading(context)) => self.continue_reading(context),
                Some(Deferred::ContinueHttp(context, way)) => self.continue_http(context, way),
                Some(Deferred::ResetHttp(context)) => self.reset_http(context),
                Some(Deferred::ReplyLocally(context)) => self.reply_for_filter(context),
                Some(Deferred::Forget { root, part }) => self.state().call_outs.received(root).forget(part),
                Some(Deferred::EndStillborn(token)) => self.end_stillborn(token),
                None => return,
            }
        }
    }

    /// Starts the VM. Returns a host call that the module has made too early, if any.
    pub(crate) fn initialize(&self) -> Option<&'static str> {
        self.enter("_initialize", 0, &[], || envoy_sdk::native_host::load(self.module));
        let mut state = self.state();
        state.initialized = true;
        state.called_too_early
    }

    /// Makes a plugin and configures it. `None` when the module refuses.
    pub(crate) fn start_plugin(&self, configuration: &[u8]) -> Option<u32> {
        let root = self.create_context(0, |state, root| {
            let plugin = Root { configuration: configuration.to_vec(), configuring: false, retired: false };
            state.roots.insert(root, plugin);
        });
        let started = self
            .enter("proxy_on_vm_start", root, &[root.into(), 0_u32.into()], || exports::vm_start(root, 0));
        self.state().with_root(root, |plugin| plugin.configuring = true);
        let size = configuration.len();
        let configured = started
            && self.enter("proxy_on_configure", root, &[root.into(), size.into()], || {
                exports::configure(root, size)
            });
        self.state().with_root(root, |plugin| plugin.configuring = false);
        if configured {
            return Some(root);
        }
        self.delete_plugin(root);
        None
    }

    /// Ends a plugin whose connections have all gone.
    pub(crate) fn stop_plugin(&self, root: u32) {
        self.enter("proxy_on_done", root, &[root.into()], || exports::done(root));
        self.delete_plugin(root);
    }

    /// Ends a plugin that has been replaced, with the last of its streams.
    pub(crate) fn stop_plugin_if_unused(&self, root: u32) {
        let unused = {
            let state = self.state();
            state.roots.get(&root).is_some_and(|root| root.retired) && !state.is_used(root)
        };
        if unused {
            self.stop_plugin(root);
        }
    }

    pub(crate) fn delete_plugin(&self, root: u32) {
        self.state().clock.set_timer(root, 0);
        self.enter("proxy_on_delete", root, &[root.into()], || exports::delete(root));
        let mut state = self.state();
        state.roots.remove(&root);
        state.call_outs.forget_plugin(root);
    }

    /// Makes a context; `parent` 0 for a plugin's.
    pub(crate) fn create_context(&self, parent: u32, insert: impl FnOnce(&mut State, u32)) -> u32 {
        let context = {
            let mut state = self.state();
            state.last_context += 1;
            let context = state.last_context;
            insert(&mut state, context);
            context
        };
        self.enter("proxy_on_context_create", context, &[context.into(), parent.into()], || {
            exports::context_create(context, parent);
        });
        context
    }
}

impl State {
    /// The context that a host call is for.
    pub(crate) fn current(&self) -> Option<u32> {
        let running = self.running.last()?;
        Some(running.effective.filter(|context| self.exists(*context)).unwrap_or(running.context))
    }

    /// Whether the module is running. Otherwise only the test itself can make a host call: no Envoy would see that.
    pub(crate) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// The connection that a host call is for, unless it is a plugin's.
    pub(crate) fn current_stream(&mut self) -> Option<&mut Stream> {
        let context = self.current()?;
        self.streams.get_mut(&context)
    }

    /// The HTTP stream that a host call is for, unless it is a plugin's or a connection's.
    pub(crate) fn current_http(&mut self) -> Option<&mut HttpStream> {
        let context = self.current()?;
        self.http_streams.get_mut(&context)
    }

    /// The number that the next context will have.
    pub(crate) fn next_context(&self) -> u32 {
        self.last_context + 1
    }

    /// The plugin that a host call is for: its own, or the one of its connection.
    pub(crate) fn current_root(&self) -> Option<u32> {
        let context = self.current()?;
        let http = self.http_streams.get(&context).map(|stream| stream.root);
        Some(self.streams.get(&context).map(|stream| stream.root).or(http).unwrap_or(context))
    }

    pub(crate) fn exists(&self, context: u32) -> bool {
        self.roots.contains_key(&context)
            || self.streams.get(&context).is_some_and(|stream| !stream.deleted)
            || self.http_streams.get(&context).is_some_and(|stream| !stream.deleted)
    }

    /// Host calls of the running callback are for this context from now on.
    pub(crate) fn set_effective(&mut self, context: u32) {
        if let Some(running) = self.running.last_mut() {
            running.effective = Some(context);
        }
    }

    /// What a call into the module from inside a host call would do to Envoy, with what waits for the end of the running
    /// callback.
    pub(crate) fn harm_of_reentry(&self) -> Option<&'static str> {
        let waiting = self.deferred.iter().find(|action| !matches!(action, Deferred::Forget { .. }))?;
        Some(match waiting {
            Deferred::EndStillborn(_) => {
                "another call-out of the same callback had been refused with InternalFailure; the worker hangs for ever"
            }
            _ => {
                "had asked to close or continue a stream in the same callback; its callbacks come inside the running \
                 one, the proxy-wasm crate panics, and the VM is lost"
            }
        })
    }

    pub(crate) fn defer(&mut self, action: Deferred) {
        self.deferred.push_back(action);
    }

    /// Whether a connection of this plugin lives.
    pub(crate) fn is_used(&self, root: u32) -> bool {
        self.streams.values().any(|stream| stream.root == root && !stream.deleted)
            || self.http_streams.values().any(|stream| stream.root == root && !stream.deleted)
    }

    fn with_root(&mut self, root: u32, change: impl FnOnce(&mut Root)) {
        if let Some(root) = self.roots.get_mut(&root) {
            change(root);
        }
    }
}

/// The result of a function of the module, as it stands in the trace.
pub(crate) trait Returned {
    fn as_argument(&self) -> Option<Argument>;
}

impl Returned for () {
    fn as_argument(&self) -> Option<Argument> {
        None
    }
}

impl Returned for bool {
    fn as_argument(&self) -> Option<Argument> {
        Some((*self).into())
    }
}

impl Returned for u32 {
    fn as_argument(&self) -> Option<Argument> {
        Some((*self).into())
    }
}
