//! The fake Envoy itself.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use envoy_sdk::native_host::{exports, install_host};
use envoy_sdk::{Module, Status};

use crate::bootstrap::{Bootstrap, Refused};
use crate::call_outs;
use crate::clock::Due;
use crate::connect_options::ConnectOptions;
use crate::connection::Connection;
use crate::failures::HostCall;
use crate::http::{HttpExchange, HttpOptions, HttpRequest};
use crate::log_line::{LogLevel, LogLine};
use crate::settings::Settings;
use crate::stats::StatsSnapshot;
use crate::stream::ClosedBy;
use crate::trace::Call;
use crate::world::World;

/// So many lines of log are shown when a test fails.
const LINES_SHOWN: usize = 40;

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// A listener with one plugin, and the clients and servers on both sides of it: see the [crate's page](crate).
///
/// When it is dropped, Envoy stops: connections that are left are closed, the plugin goes. A test that fails shows
/// the last lines of the log.
#[derive(Debug)]
pub struct FakeEnvoy {
    world: Rc<World>,
    root: u32,
    configuration: Vec<u8>,
}

impl FakeEnvoy {
    /// A listener that runs this module, to be set up and then [configured](Bootstrap::configure).
    #[expect(clippy::new_ret_no_self, reason = "there is no Envoy before it has a configuration")]
    pub fn new(module: fn() -> Module) -> Bootstrap {
        Bootstrap::new(module)
    }

    #[track_caller]
    pub(crate) fn start(world: World, configuration: &[u8]) -> Result<Self, Refused> {
        assert!(!RUNNING.get(), "this thread has a FakeEnvoy already: drop it first, or use another thread");
        RUNNING.set(true);
        let world = Rc::new(world);
        install_host(Some(Rc::clone(&world) as Rc<_>));
        if let Some(call) = world.initialize() {
            stop_host();
            panic!(
                "the module called {call} while it was being loaded: Envoy allows only proxy_log then, and the VM fails"
            );
        }
        match world.start_plugin(configuration) {
            Some(root) => {
                world.settle();
                Ok(Self { world, root, configuration: configuration.to_vec() })
            }
            None => {
                stop_host();
                call_outs::forget_vm(&world.state().call_outs);
                Err(Refused { log: std::mem::take(&mut world.state().log) })
            }
        }
    }

    /// A connection that there is or was, by its [context](Connection::context).
    ///
    /// # Panics
    /// When there was none.
    #[track_caller]
    pub fn connection(&self, context: u32) -> Connection {
        let exists = self.world.state().streams.contains_key(&context);
        assert!(exists, "there is no connection with the context {context}");
        Connection::new(&self.world, context)
    }

    /// How this Envoy was set up.
    pub(crate) fn settings(&self) -> Settings {
        self.world.state().settings.clone()
    }

    /// See [`World::settle`].
    pub(crate) fn settle(&self) {
        self.world.settle();
    }

    pub(crate) fn world(&self) -> Rc<World> {
        Rc::clone(&self.world)
    }

    /// The context of the plugin as it is configured now.
    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    /// A client connects.
    pub fn connect(&mut self) -> Connection {
        self.connect_with(ConnectOptions::new())
    }

    /// A client connects, as described.
    pub fn connect_with(&mut self, options: ConnectOptions) -> Connection {
        let context = self.world.open(self.root, options);
        self.world.settle();
        Connection::new(&self.world, context)
    }

    /// A client is about to send a request, to a plugin that is an HTTP filter.
    pub fn http_stream(&mut self) -> HttpExchange {
        self.http_stream_with(HttpOptions::new())
    }

    /// A client is about to send a request, as described.
    pub fn http_stream_with(&mut self, options: HttpOptions) -> HttpExchange {
        HttpExchange::new(&self.world, self.root, options)
    }

    /// A client sends a whole request: headers, then the body in one piece, then trailers. It stops where the stream
    /// ends under way.
    #[track_caller]
    pub fn http_request(&mut self, request: HttpRequest) -> HttpExchange {
        let mut exchange = self.http_stream();
        exchange.send(request);
        exchange
    }

    /// The plugin gets another configuration, as through extension config discovery: connections that are open keep
    /// the one they began with, new ones get the new one. The same configuration again changes nothing.
    ///
    /// Envoy tries a configuration in a VM of its own first; here it is this one, but one that is refused leaves no trace.
    ///
    /// # Errors
    /// When the module refuses it: the one before stays in force.
    pub fn reconfigure(&mut self, configuration: impl AsRef<[u8]>) -> Result<(), Refused> {
        let configuration = configuration.as_ref();
        if configuration == self.configuration {
            return Ok(());
        }
        let (lines, calls, contexts) = {
            let state = self.world.state();
            (state.log.len(), state.trace.len(), state.last_context)
        };
        let Some(root) = self.world.start_plugin(configuration) else {
            let mut state = self.world.state();
            // The VM that serves connections has not seen it.
            state.trace.truncate(calls);
            state.last_context = contexts;
            return Err(Refused { log: state.log.split_off(lines) });
        };
        let old = std::mem::replace(&mut self.root, root);
        self.configuration = configuration.to_vec();
        let used = {
            let mut state = self.world.state();
            if let Some(old) = state.roots.get_mut(&old) {
                old.retired = true;
            }
            state.is_used(old)
        };
        if !used {
            self.world.stop_plugin(old);
        }
        self.world.settle();
        Ok(())
    }

    /// Time passes: timers fire, and call-outs that have waited for too long are answered by Envoy itself.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.world.state().clock.after(duration);
        loop {
            let next = self.world.state().clock.next_due(until);
            match next {
                Some(Due::Tick(root)) => {
                    self.world.enter("proxy_on_tick", root, &[root.into()], || exports::tick(root));
                }
                Some(Due::TimeOut(token)) => self.world.time_out(token),
                None => return,
            }
            self.world.settle();
        }
    }

    /// What the module's clock shows.
    pub fn now(&self) -> SystemTime {
        self.world.state().clock.now()
    }

    /// Puts the wall clock somewhere else, forwards or backwards, as an administrator does: no timer fires.
    pub fn set_clock(&mut self, now: SystemTime) {
        self.world.state().clock.set(now);
    }

    /// The plugin's tick period, while its timer runs.
    pub fn tick_period(&self) -> Option<Duration> {
        self.world.state().clock.period(self.root)
    }

    /// What Envoy has been given of what was counted so far.
    pub fn stats(&self) -> StatsSnapshot {
        self.world.state().metrics.snapshot()
    }

    /// What a scrape finds that comes a second later: time passes, and what is
    /// [collected](envoy_sdk::CallbackContext::stats_collected_for) meanwhile is given to Envoy.
    pub fn scrape(&mut self) -> StatsSnapshot {
        self.advance(Duration::from_secs(1));
        self.stats()
    }

    /// All lines that got into Envoy's log.
    pub fn log(&self) -> Vec<LogLine> {
        self.world.state().log.clone()
    }

    /// The messages in Envoy's log from this level on.
    pub fn messages(&self, from: LogLevel) -> Vec<String> {
        let state = self.world.state();
        state.log.iter().filter(|line| line.level >= from).map(|line| line.message.clone()).collect()
    }

    /// Takes the lines that got into Envoy's log since the last time.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.world.state().log)
    }

    /// All calls between host and VM.
    pub fn trace(&self) -> Vec<Call> {
        self.world.state().trace.clone()
    }

    /// Takes the calls between host and VM since the last time.
    pub fn take_trace(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.world.state().trace)
    }

    /// How often the module has called this function since the trace was last taken.
    pub fn count_calls(&self, call: HostCall) -> usize {
        let state = self.world.state();
        state.trace.iter().filter(|line| line.is_call_of(call)).count()
    }

    /// A value in shared data.
    pub fn shared_data(&self, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        self.world.state().shared_data().get(key.as_ref()).ok().map(|(value, _)| value)
    }

    /// Another VM stores a value in shared data.
    pub fn set_shared_data(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let _always_stored = self.world.state().shared_data().set(key.as_ref(), value.as_ref(), 0);
    }

    /// Makes the next call of this function fail.
    #[track_caller]
    pub fn fail_next(&mut self, call: HostCall, status: Status) {
        self.world.state().failures.fail_next(call, status);
    }

    /// Makes all calls of this function fail, until it may [succeed](Self::succeed) again.
    #[track_caller]
    pub fn fail_always(&mut self, call: HostCall, status: Status) {
        self.world.state().failures.fail_always(call, status);
    }

    /// Lets calls of this function through again.
    pub fn succeed(&mut self, call: HostCall) {
        self.world.state().failures.succeed(call);
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.world.state().streams.values().filter(|stream| stream.closed.is_none()).count()
    }
}

impl Drop for FakeEnvoy {
    fn drop(&mut self) {
        let failing = std::thread::panicking() || self.settings().process.has_failed();
        let (streams, requests, roots) = {
            let state = self.world.state();
            if failing {
                let skipped = state.log.len().saturating_sub(LINES_SHOWN);
                for line in state.log.iter().skip(skipped) {
                    eprintln!("FakeEnvoy's log: {line}");
                }
            }
            let left =
                state.streams.iter().filter(|(_, stream)| !stream.deleted).map(|(context, _)| *context);
            let requests =
                state.http_streams.iter().filter(|(_, stream)| !stream.deleted).map(|(context, _)| *context);
            let roots = state.roots.keys().copied();
            (left.collect::<Vec<_>>(), requests.collect::<Vec<_>>(), roots.collect::<Vec<_>>())
        };
        // In a test that is failing, nothing is called that could fail once more; but the contexts have to go, or
        // the next FakeEnvoy of this thread could not use their numbers again.
        for context in streams {
            if failing {
                self.world.delete_stream(context);
            } else {
                self.world.close(context, ClosedBy::Envoy);
            }
        }
        for context in requests {
            // What a failed assertion has left half ended goes without further callbacks as well.
            let ending = self.world.with_http(context, |_| ()).is_none();
            if failing || ending {
                self.world.delete_http(context);
            } else {
                self.world.reset_http(context);
            }
        }
        for root in roots {
            let exists = self.world.state().roots.contains_key(&root);
            match (exists, failing) {
                (true, true) => self.world.delete_plugin(root),
                (true, false) => self.world.stop_plugin(root),
                (false, _) => {}
            }
        }
        stop_host();
        call_outs::forget_vm(&self.world.state().call_outs);
    }
}

fn stop_host() {
    install_host(None);
    RUNNING.set(false);
}
