//! The actions that every callback can do.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use envoy_sdk::{
    ByteString, CallbackContext, ConfigureContext, Error, FilterStateDeclaration, FilterStateType, LifeSpan,
    Result, SharedQueue, Stats, TimerId,
};

use crate::call_outs::Called;
use crate::catalogue::{COUNTED, RECORDED, SHIFTED};
use crate::panic;
use crate::script::{Counts, Moment};
use crate::{Action, Script};

/// What actions remember from one callback to the next.
#[derive(Debug)]
pub(crate) struct Memory {
    stats: RefCell<Stats>,
    timer: Cell<Option<TimerId>>,
    time: Cell<SystemTime>,
    called: Called,
    queue: Cell<Option<SharedQueue>>,
}

impl Memory {
    pub(crate) fn new(stats: Stats) -> Self {
        Self {
            stats: stats.into(),
            timer: Cell::new(None),
            time: Cell::new(SystemTime::UNIX_EPOCH),
            called: Called::default(),
            queue: Cell::new(None),
        }
    }

    /// Follows the rules of a callback without data that has nothing but what every callback has.
    ///
    /// # Errors
    /// Those of the actions.
    pub(crate) fn follow(
        &self,
        script: &Script,
        counts: &Counts,
        cx: &CallbackContext<'_>,
        moment: Moment,
    ) -> Result<()> {
        let rules = script.rules_for(moment, counts, false, |_| Ok(false))?;
        rules.iter().flat_map(|rule| &rule.actions).try_for_each(|action| self.perform(cx, action))
    }

    /// Follows the rules of a plugin that is told of a queue.
    ///
    /// # Errors
    /// Those of the actions.
    pub(crate) fn follow_queue(
        &self,
        script: &Script,
        counts: &Counts,
        cx: &CallbackContext<'_>,
        queue: SharedQueue,
    ) -> Result<()> {
        self.queue.set(Some(queue));
        self.follow(script, counts, cx, Moment::QueueReady)
    }

    /// Follows the rules for a filter that is dropped.
    pub(crate) fn follow_dropped(&self, script: &Script, counts: &Counts) {
        let rules = script.rules_for(Moment::Drop, counts, false, |_| Ok(false));
        for action in rules.iter().flatten().flat_map(|rule| &rule.actions) {
            if let Err(error) = self.perform_anywhere(action) {
                log::warn!("dropped: {error}");
            }
        }
    }

    /// Does an action that every callback can do.
    ///
    /// # Errors
    /// Those of the API, and that this action belongs to other callbacks.
    pub(crate) fn perform(&self, cx: &CallbackContext<'_>, action: &Action) -> Result<()> {
        match action {
            Action::SetFilterState(key, value) => cx.filter_state().set(key, value.as_bytes())?,
            Action::FilterState(key) => {
                log::info!("filter state {key}: {}", shown(cx.filter_state().get(key)?.as_ref()));
            }
            Action::SetFilterStateObject(name, value) => {
                cx.filter_state().set_object(name, value, LifeSpan::Connection)?;
            }
            Action::FilterStateObject(name) => {
                log::info!("object {name}: {}", shown(cx.filter_state().object(name)?.as_ref()));
            }
            Action::CallForeignFunction(name, arguments) => {
                let answer = cx.call_foreign_function(name, arguments.as_bytes())?;
                log::info!("{name}: \"{}\"", answer.escape_ascii());
            }
            Action::Property(path) => {
                log::info!("{path}: {}", shown(property(cx, path)?.as_ref()));
            }
            Action::PropertySize(path) => {
                let size = property(cx, path)?.map(|value| value.as_bytes().len());
                log::info!("{path}: {size:?} octets");
            }
            Action::Now => {
                let now = cx.now()?;
                log::info!("time has passed: {}", now > self.time.replace(now));
            }
            Action::Timer(milliseconds) => {
                self.timer.set(Some(cx.set_timer(Duration::from_millis(*milliseconds))?));
            }
            Action::CancelTimer => {
                if let Some(timer) = self.timer.take() {
                    cx.cancel_timer(timer);
                }
            }
            other => {
                if !self.called.perform(cx, other)?
                    && !shared_data(cx, other)?
                    && !self.perform_on_queue(other)?
                {
                    self.perform_anywhere(other)?;
                }
            }
        }
        Ok(())
    }

    /// Does an action on a queue. `false`: it is none.
    fn perform_on_queue(&self, action: &Action) -> Result<bool> {
        let queue = || self.queue.get().ok_or_else(|| Error::new("no queue was registered"));
        match action {
            Action::RegisterQueue(name) => self.queue.set(Some(SharedQueue::register(name)?)),
            Action::Enqueue(message) => queue()?.enqueue(message.as_bytes())?,
            Action::Dequeue => {
                let message = queue()?.dequeue()?.map(ByteString::from);
                log::info!("from the queue: {}", shown(message.as_ref()));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Does an action that needs no context.
    ///
    /// # Errors
    /// The one that is asked for, and that this action belongs to other callbacks.
    pub(crate) fn perform_anywhere(&self, action: &Action) -> Result<()> {
        match action {
            Action::Count(amount) => self.stats.borrow_mut().add(&COUNTED, (), *amount),
            Action::Shift(difference) => self.stats.borrow_mut().shift(&SHIFTED, (), *difference),
            Action::Record(value) => self.stats.borrow_mut().record(&RECORDED, (), *value),
            Action::Log(text) => log::info!("{text}"),
            Action::LogAtEachLevel(text) => {
                for level in log::Level::iter() {
                    log::log!(level, "{text}");
                }
            }
            Action::Error(message) => return Err(Error::new(message.clone())),
            Action::Panic(message) => panic::panic(message),
            other => return Err(Error::new(format!("{other:?} cannot be done in this callback"))),
        }
        Ok(())
    }
}

/// What every extension does when it is configured.
///
/// # Errors
/// Those of the actions.
pub(crate) fn configured(script: &Script, memory: &Memory, cx: &ConfigureContext<'_>) -> Result<()> {
    // Tells in Envoy's log which VM this is.
    log::debug!("configured");
    for action in script
        .rules_for(Moment::Configure, &Counts::default(), false, |_| Ok(false))?
        .iter()
        .flat_map(|rule| &rule.actions)
    {
        match action {
            Action::DeclareFilterState(key) => {
                let declaration = FilterStateDeclaration::new(key).of_type(FilterStateType::String);
                declaration.read_only().declare(cx)?;
            }
            other => memory.perform(cx, other)?,
        }
    }
    Ok(())
}

/// As a log line shows what was found.
pub(crate) fn shown(found: Option<&ByteString>) -> String {
    found.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}

fn property(cx: &CallbackContext<'_>, path: &str) -> Result<Option<ByteString>> {
    let path: Vec<&str> = path.split('.').collect();
    cx.stream_info().property(&path)
}

/// Does an action on shared data. `false`: it is none.
fn shared_data(cx: &CallbackContext<'_>, action: &Action) -> Result<bool> {
    let shared = cx.shared_data();
    match action {
        Action::SharedGet(key) => {
            let value = shared.get(key)?.map(|(value, _)| ByteString::from(value));
            log::info!("shared {key}: {}", shown(value.as_ref()));
        }
        Action::SharedSet(key, value) => shared.set(key, value.as_bytes())?,
        Action::SharedReplace(key, value) | Action::SharedReplaceTooLate(key, value) => {
            let Some((_, cas)) = shared.get(key)? else {
                return Err(Error::new(format!("nothing is shared as {key}")));
            };
            if matches!(action, Action::SharedReplaceTooLate(..)) {
                shared.set(key, b"somebody was faster")?;
            }
            log::info!("replaced: {}", shared.replace(key, value.as_bytes(), cas)?);
        }
        _ => return Ok(false),
    }
    Ok(true)
}
