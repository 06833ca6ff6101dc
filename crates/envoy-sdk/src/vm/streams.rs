//! The streams of a VM, and what happens to them.

use std::cell::RefCell;
use std::rc::Rc;

use slab::Slab;

use crate::boundary::{self, Failed};
use crate::callback_context::CallbackContext;
use crate::catalogue::{Callback, FILTERS_REFUSED};
use crate::stats;
use crate::vm::call_outs::{self, Token};
use crate::vm::plugin::{Configured, Plugin};
use crate::vm::progress::{Progress, Way};
use crate::vm::timers::Waiting;
use crate::vm::{Action, AnyFilter, Event, Failure, Remedy, TimerId, enter};

/// So many filters of one factory may panic without a single stream ending well in between; then the
/// factory refuses new filters until it is configured anew.
const MOST_PANICS_IN_A_ROW: u32 = 1_000;

thread_local! {
    static STREAMS: RefCell<Slab<Stream>> = const { RefCell::new(Slab::new()) };
}

/// An index into the slab of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamKey(usize);

/// A connection or an HTTP exchange.
struct Stream {
    context: u32,
    plugin: Rc<Plugin>,
    configured: Option<Rc<Configured>>,
    state: State,
    progress: Progress,
    awaited: Awaited,
}

/// What is to come back to a stream's filter, and ends with it.
#[derive(Default)]
struct Awaited {
    timers: Waiting,
    call_outs: Vec<Token>,
}

impl Awaited {
    /// Nobody waits any more.
    fn end(self, plugin: &Plugin) {
        if self.timers.len() > 0 {
            plugin.forget_timers(self.timers.len());
        }
        self.call_outs.into_iter().for_each(call_outs::end);
    }
}

enum State {
    /// No callback yet.
    New,
    Live(Box<dyn AnyFilter>),
    /// In a callback.
    Running,
    /// Its filter failed or could not be made, and it goes on without.
    Bypassed,
    /// Its filter failed, and Envoy has been told to close.
    Closing,
}

pub(crate) fn create(plugin: &Rc<Plugin>, context: u32) -> StreamKey {
    let stream = Stream {
        context,
        plugin: Rc::clone(plugin),
        configured: plugin.configured(),
        state: State::New,
        progress: Progress::default(),
        awaited: Awaited::default(),
    };
    StreamKey(STREAMS.with(|streams| streams.borrow_mut().insert(stream)))
}

/// Drops a stream's filter, outside of every borrow and behind the boundary.
pub(crate) fn delete(key: StreamKey) {
    let Some(stream) = STREAMS.with(|streams| streams.borrow_mut().try_remove(key.0)) else { return };
    let Stream { context, plugin, configured: Some(configured), state, awaited, .. } = stream else {
        return;
    };
    awaited.end(&plugin);
    let ended_well = matches!(state, State::Live(_));
    let dropped =
        boundary::run(configured.extension.name(), Callback::Drop, context, Some(&configured.counts), || {
            drop(state);
            Ok(())
        });
    if ended_well && dropped.is_ok() && configured.panics_in_a_row.get() < MOST_PANICS_IN_A_ROW {
        configured.panics_in_a_row.set(0);
    }
    configured.release();
}

/// Forgets all streams: another VM begins in this thread.
pub(crate) fn reset() {
    STREAMS.with(RefCell::take);
}

/// Something happens to a stream. One without a filter lets everything pass.
pub(crate) fn deliver(key: StreamKey, event: Event<'_>) -> Action {
    let Some((state, parts)) = take(key, &event) else { return Action::Continue };
    let _in_context = enter(parts.context);
    match state {
        State::Live(filter) => run(key, &parts, filter, event),
        State::New if !event.is_last() => match new_filter(key, &parts) {
            Ok(filter) => run(key, &parts, filter, event),
            Err(failed) => make_good(key, &parts, About::new(&event), failed),
        },
        State::Closing => {
            put_back(key, state);
            Action::Pause
        }
        other => {
            put_back(key, other);
            Action::Continue
        }
    }
}

/// A timer of a stream is due. It fires if the stream is still there and has not cancelled it.
pub(crate) fn timer(key: StreamKey, timer: TimerId) {
    if remove_timer(key, timer)
        && let Some((context, plugin)) = place(key)
        && plugin.act_as(context)
    {
        deliver(key, Event::Timer(timer));
    }
}

/// Notes a timer that is to go with its stream.
pub(crate) fn add_timer(key: StreamKey, timer: TimerId) {
    with(key, |stream| stream.awaited.timers.add(timer));
}

/// Forgets a timer; returns whether it was waiting.
pub(crate) fn remove_timer(key: StreamKey, timer: TimerId) -> bool {
    with(key, |stream| stream.awaited.timers.remove(timer)).unwrap_or_default()
}

pub(crate) fn has_timer(key: StreamKey, timer: TimerId) -> bool {
    with(key, |stream| stream.awaited.timers.contains(timer)).unwrap_or_default()
}

/// Notes a call-out that is to end with its stream.
pub(crate) fn add_call_out(key: StreamKey, token: Token) {
    with(key, |stream| stream.awaited.call_outs.push(token));
}

pub(crate) fn remove_call_out(key: StreamKey, token: Token) {
    with(key, |stream| stream.awaited.call_outs.retain(|open| *open != token));
}

/// How far a stream has come.
pub(crate) fn progress<T>(key: StreamKey, ask: impl FnOnce(&mut Progress) -> T) -> Option<T> {
    with(key, |stream| ask(&mut stream.progress))
}

/// A stream's context and plugin.
pub(crate) fn place(key: StreamKey) -> Option<(u32, Rc<Plugin>)> {
    with(key, |stream| (stream.context, Rc::clone(&stream.plugin)))
}

/// What a callback needs to know of its stream while it runs.
struct Parts {
    context: u32,
    plugin: Rc<Plugin>,
    configured: Rc<Configured>,
}

impl Parts {
    fn cx(&self, key: StreamKey) -> CallbackContext<'_> {
        CallbackContext::of_stream(&self.plugin, self.context, key)
    }
}

/// What remains to be known of an event when it has been given away.
#[derive(Clone, Copy)]
struct About {
    is_last: bool,
    is_complete: bool,
    way: Option<Way>,
}

impl About {
    fn new(event: &Event<'_>) -> Self {
        Self { is_last: event.is_last(), is_complete: matches!(event, Event::Complete), way: event.way() }
    }
}

fn run(key: StreamKey, parts: &Parts, mut filter: Box<dyn AnyFilter>, event: Event<'_>) -> Action {
    let Configured { extension, counts, .. } = &*parts.configured;
    let (callback, about) = (event.callback(), About::new(&event));
    let outcome = boundary::run(extension.name(), callback, parts.context, Some(counts), || {
        filter.on_event(parts.cx(key), event)
    });
    let action = match outcome {
        Ok(action) => {
            with(key, |stream| {
                stream.state = State::Live(filter);
                if let Some(way) = about.way {
                    stream.progress.answered(way, action);
                }
            });
            action
        }
        Err(failed) => {
            let name = extension.name();
            let _dropped = boundary::run(name, Callback::Drop, parts.context, Some(counts), || {
                drop(filter);
                Ok(())
            });
            make_good(key, parts, about, failed)
        }
    };
    if about.is_complete {
        end_awaited(key, &parts.plugin);
        stats::flush_overdue();
    }
    action
}

fn new_filter(key: StreamKey, parts: &Parts) -> Result<Box<dyn AnyFilter>, Failed> {
    let Configured { extension, counts, panics_in_a_row } = &*parts.configured;
    if panics_in_a_row.get() >= MOST_PANICS_IN_A_ROW {
        counts.clone().add(&FILTERS_REFUSED, (), 1);
        return Err(Failed::Error);
    }
    boundary::run(extension.name(), Callback::NewFilter, parts.context, Some(counts), || {
        extension.new_filter(parts.cx(key))
    })
}

fn end_awaited(key: StreamKey, plugin: &Plugin) {
    if let Some(awaited) = with(key, |stream| std::mem::take(&mut stream.awaited)) {
        awaited.end(plugin);
    }
}

/// Does to a stream without its filter what its kind of extension wants.
fn make_good(key: StreamKey, parts: &Parts, about: About, failed: Failed) -> Action {
    let Configured { extension, counts, panics_in_a_row } = &*parts.configured;
    end_awaited(key, &parts.plugin);
    if failed == Failed::Panic {
        panics_in_a_row.set(panics_in_a_row.get().saturating_add(1));
    }
    if about.is_last {
        // The stream is over: there is nothing left to close or to go on with.
        put_back(key, State::Bypassed);
        return Action::Continue;
    }
    let (responding, ending, stopped) =
        progress(key, |progress| (progress.responding, progress.ending, progress.is_stopped(Way::Request)))
            .unwrap_or_default();
    let failure = Failure {
        cx: parts.cx(key),
        holds_client: stopped && about.way != Some(Way::Request),
        responding,
        ending,
        counts: &mut counts.clone(),
    };
    let action = match extension.make_good(failure) {
        Remedy::Bypass(action) => {
            put_back(key, State::Bypassed);
            action
        }
        Remedy::Close => {
            put_back(key, State::Closing);
            Action::Pause
        }
    };
    stats::flush();
    action
}

/// Takes a stream's state out for the time of a callback.
fn take(key: StreamKey, event: &Event<'_>) -> Option<(State, Parts)> {
    with(key, |stream| {
        let configured = Rc::clone(stream.configured.as_ref()?);
        stream.progress.begin(event);
        let parts = Parts { context: stream.context, plugin: Rc::clone(&stream.plugin), configured };
        Some((std::mem::replace(&mut stream.state, State::Running), parts))
    })
    .flatten()
}

fn put_back(key: StreamKey, state: State) {
    with(key, |stream| stream.state = state);
}

fn with<T>(key: StreamKey, with: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    STREAMS.with(|streams| streams.borrow_mut().get_mut(key.0).map(with))
}
