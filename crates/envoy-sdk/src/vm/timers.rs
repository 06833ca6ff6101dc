//! Many one-shot timers on the one tick that Envoy gives a plugin.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::abi::host;
use crate::error::HostError;
use crate::vm::streams::StreamKey;

/// Envoy's tick knows milliseconds, and 0 turns it off.
const SHORTEST: Duration = Duration::from_millis(1);

/// A timer that has been set, to be told from others and to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    /// By the clock of [`Timers`].
    due: Duration,
    number: u64,
}

/// What happens when a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The plugin is told.
    Plugin,
    /// A stream's filter is told. The stream cancels its timers when it goes.
    Stream(StreamKey),
    /// The connection with this context is closed, if it is still there.
    Close(u32),
}

/// The timers of one plugin. The tick is off while there are none.
///
/// Envoy gives modules wall time only. A clock that is put back does not delay them; one that is put forward lets
/// them fire early.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<TimerId, Target>,
    last_number: u64,
    /// Until when the tick lets Envoy sleep.
    armed: Option<Duration>,
    /// The latest time seen.
    latest: Duration,
    /// By how much the wall clock has been put back in all.
    shifted: Duration,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, target: Target, delay: Duration) -> Result<TimerId, HostError> {
        let now = self.now()?;
        self.last_number = self.last_number.wrapping_add(1);
        let due = now.saturating_add(delay.max(SHORTEST));
        let timer = TimerId { due, number: self.last_number };
        if self.armed.is_none_or(|armed| due < armed) {
            self.arm(now, due)?;
        }
        self.waiting.insert(timer, target);
        Ok(timer)
    }

    /// Forgets a timer; it need not be there any more. The tick that it might have needed still comes, once.
    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.waiting.remove(&timer);
    }

    /// Envoy's tick has come: takes out what is due.
    ///
    /// What has been waited for is due whatever the clock says.
    pub(crate) fn take_due(&mut self) -> Vec<(TimerId, Target)> {
        let armed = self.armed.unwrap_or_default();
        let now = self.now().map_or(armed, |now| now.max(armed));
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if first.key().due > now {
                break;
            }
            due.push(first.remove_entry());
        }
        due
    }

    /// Lets the tick come when the next timer is due, or turns it off.
    pub(crate) fn rearm(&mut self) -> Result<(), HostError> {
        match self.waiting.first_key_value().map(|(timer, _)| timer.due) {
            Some(due) if self.armed == Some(due) => Ok(()),
            Some(due) => {
                let now = self.now()?;
                self.arm(now, due)
            }
            None => {
                self.armed = None;
                host::set_tick_period(0)
            }
        }
    }

    fn arm(&mut self, now: Duration, due: Duration) -> Result<(), HostError> {
        let milliseconds = due.saturating_sub(now).max(SHORTEST).as_nanos().div_ceil(1_000_000);
        host::set_tick_period(u32::try_from(milliseconds).unwrap_or(u32::MAX))?;
        self.armed = Some(due);
        Ok(())
    }

    /// A time that does not run backwards.
    fn now(&mut self) -> Result<Duration, HostError> {
        let wall = Duration::from_nanos(host::now()?);
        let now = wall.saturating_add(self.shifted);
        if now < self.latest {
            self.shifted = self.latest.saturating_sub(wall);
            return Ok(self.latest);
        }
        self.latest = now;
        Ok(now)
    }
}
