//! Many one-shot timers on the one tick that Envoy gives a plugin.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::time::Duration;

use crate::abi::host;
use crate::error::HostError;
use crate::vm::streams::{self, StreamKey};

/// Envoy's tick knows milliseconds, and 0 turns it off.
const MILLISECOND: u64 = 1_000_000;
/// So many cancelled timers may wait in vain before it is looked whether it pays to take them out.
const MOST_CANCELLED: usize = 64;
/// So many timers fire in one tick; the others a millisecond later.
///
/// What they ask Envoy to close is closed when the tick is over, each inside the one before: with 7,500 connections the
/// stack is used up and the VM lost (measured on 1.40.0).
pub(super) const MOST_AT_ONCE: usize = 100;

thread_local! {
    /// The last timer of this VM. Plugins share the streams that timers are noted with, so they share the numbers.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

/// A timer that has been set, to be told from others and to be cancelled.
///
/// ```
/// use envoy_sdk::{NetworkContext, NetworkFilter, Result, TimerId};
///
/// /// Warns first, then closes.
/// struct Patience {
///     warn: TimerId,
///     close: TimerId,
/// }
///
/// impl NetworkFilter for Patience {
///     fn on_timer(&mut self, cx: &mut NetworkContext<'_>, timer: TimerId) -> Result<()> {
///         if timer == self.warn {
///             log::warn!("still waiting");
///         } else if timer == self.close {
///             cx.close()?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

/// What happens when a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The plugin is told.
    Plugin,
    /// A stream's filter is told, if the stream still knows of the timer.
    Stream(StreamKey),
    /// The connection with this context is closed, if it is still there.
    Close(u32),
    /// Envoy is given the statistics that were collected.
    Statistics,
}

/// The timers of one plugin. The tick is off while there are none.
///
/// Envoy gives modules wall time only. A clock that is put back does not delay them; one that is put forward lets
/// them fire early. All times are nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// When each is due, earliest first. Cancelled ones stay until it pays to take them out.
    waiting: BinaryHeap<Reverse<(u64, TimerId, Target)>>,
    /// How many of those have been cancelled.
    cancelled: usize,
    /// Those of the plugin itself that have not been cancelled.
    of_plugin: Waiting,
    /// Until when the tick lets Envoy sleep; 0 while it is there.
    armed: Option<u64>,
    /// The latest time seen.
    latest: u64,
    /// By how much the wall clock has been put back in all.
    shifted: u64,
}

impl Timers {
    /// Sets a timer. A stream has to note those that it sets.
    pub(crate) fn set(&mut self, target: Target, delay: Duration) -> Result<TimerId, HostError> {
        let now = self.now()?;
        let delay = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX).max(MILLISECOND);
        let due = now.saturating_add(delay);
        if self.armed.is_none_or(|armed| due < armed) {
            self.arm(now, due)?;
        }
        let timer = TimerId(LAST.get().wrapping_add(1));
        LAST.set(timer.0);
        self.waiting.push(Reverse((due, timer, target)));
        if target == Target::Plugin {
            self.of_plugin.add(timer);
        }
        Ok(timer)
    }

    /// A stream has forgotten so many timers that were waiting. The tick that they might have needed still comes, once.
    pub(crate) fn forgotten(&mut self, timers: usize) {
        self.cancelled = self.cancelled.saturating_add(timers);
        if self.cancelled > self.waiting.len() / 2 + MOST_CANCELLED {
            let of_plugin = &self.of_plugin;
            self.waiting.retain(|Reverse((_, timer, target))| match target {
                Target::Plugin => of_plugin.contains(*timer),
                Target::Stream(key) => streams::has_timer(*key, *timer),
                Target::Close(_) | Target::Statistics => true,
            });
            self.cancelled = 0;
        }
    }

    /// Takes a timer of the plugin itself out of those that are to fire; returns whether it was one.
    pub(crate) fn remove_of_plugin(&mut self, timer: TimerId) -> bool {
        self.of_plugin.remove(timer)
    }

    /// The latest time seen, in nanoseconds.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// Envoy's tick has come. What has been waited for is due whatever the clock says.
    pub(crate) fn begin_tick(&mut self) {
        let armed = self.armed.replace(0).unwrap_or_default();
        let _unknown = self.now();
        self.latest = self.latest.max(armed);
    }

    /// Takes out a timer that is due in this tick, cancelled ones included.
    pub(crate) fn take_due(&mut self) -> Option<(TimerId, Target)> {
        let next = self.waiting.peek_mut()?;
        let Reverse((due, timer, target)) = *next;
        (due <= self.latest).then(|| {
            PeekMut::pop(next);
            (timer, target)
        })
    }

    /// Lets the tick come when the next timer is due, or turns it off.
    pub(crate) fn rearm(&mut self) -> Result<(), HostError> {
        // When Envoy refuses, the next timer that is set tries again.
        self.armed = None;
        match self.waiting.peek().map(|Reverse((due, ..))| *due) {
            Some(due) => {
                let now = self.now()?;
                self.arm(now, due)
            }
            None => {
                self.cancelled = 0;
                host::set_tick_period(0)
            }
        }
    }

    fn arm(&mut self, now: u64, due: u64) -> Result<(), HostError> {
        let milliseconds = due.saturating_sub(now).div_ceil(MILLISECOND).max(1);
        let period = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        host::set_tick_period(period)?;
        self.armed = Some(due.min(now.saturating_add(u64::from(period).saturating_mul(MILLISECOND))));
        Ok(())
    }

    /// A time that does not run backwards.
    fn now(&mut self) -> Result<u64, HostError> {
        let wall = host::now()?;
        let now = wall.saturating_add(self.shifted);
        if now < self.latest {
            self.shifted = self.latest.saturating_sub(wall);
            return Ok(self.latest);
        }
        self.latest = now;
        Ok(now)
    }
}

/// Timers that have been set and are neither cancelled nor over, in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Waiting(VecDeque<TimerId>);

impl Waiting {
    /// Adds one that was set after all others.
    pub(crate) fn add(&mut self, timer: TimerId) {
        self.0.push_back(timer);
    }

    /// Takes one out; returns whether it was there. Who waits for the same time each time is found in front.
    pub(crate) fn remove(&mut self, timer: TimerId) -> bool {
        self.0.binary_search(&timer).is_ok_and(|at| self.0.remove(at).is_some())
    }

    pub(crate) fn contains(&self, timer: TimerId) -> bool {
        self.0.binary_search(&timer).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
