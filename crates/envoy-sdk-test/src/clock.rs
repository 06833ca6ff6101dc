//! A clock that moves when the test says so, and the timers that hang on it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Where the clock stands at first, in seconds since the Unix epoch.
const START: u64 = 1_700_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Since the Unix epoch.
    now: Duration,
    /// One timer per plugin, by its root context.
    timers: BTreeMap<u32, Timer>,
    /// Call-outs that wait for an answer, by token.
    calls: BTreeMap<u32, Waiting>,
}

/// A call-out since it was begun.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    begun: Duration,
    /// `None` waits for ever.
    due: Option<Duration>,
}

/// Something whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The timer of this plugin fires.
    Tick(u32),
    /// The call-out of this token has waited for too long.
    TimeOut(u32),
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    period: Duration,
    due: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: Duration::from_secs(START), timers: BTreeMap::new(), calls: BTreeMap::new() }
    }
}

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now
    }

    pub(crate) fn nanoseconds(&self) -> u64 {
        u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sets a timer anew, whether it was running or not; a period of 0 stops it.
    pub(crate) fn set_timer(&mut self, root: u32, milliseconds: u32) {
        if milliseconds == 0 {
            self.timers.remove(&root);
        } else {
            let period = Duration::from_millis(milliseconds.into());
            self.timers.insert(root, Timer { period, due: self.now + period });
        }
    }

    pub(crate) fn period(&self, root: u32) -> Option<Duration> {
        self.timers.get(&root).map(|timer| timer.period)
    }

    /// A call-out begins to wait; without a time-out it does so for ever.
    pub(crate) fn begin_call(&mut self, token: u32, timeout: Option<Duration>) {
        let due = timeout.map(|timeout| self.now.saturating_add(timeout));
        self.calls.insert(token, Waiting { begun: self.now, due });
    }

    /// A call-out waits no more.
    pub(crate) fn end_call(&mut self, token: u32) {
        self.calls.remove(&token);
    }

    /// How long a call-out has been waiting.
    pub(crate) fn waited(&self, token: u32) -> Duration {
        self.calls.get(&token).map_or(Duration::ZERO, |call| self.now.saturating_sub(call.begun))
    }

    /// Moves on to what is due next, no later than `until`: a timer is started again, a call-out's time is over. `None`
    /// when there is nothing: the clock then stands at `until`.
    pub(crate) fn next_due(&mut self, until: Duration) -> Option<Due> {
        let tick = self.timers.iter_mut().min_by_key(|(_, timer)| timer.due);
        let tick = tick.filter(|(_, timer)| timer.due <= until);
        let calls = self.calls.iter().filter_map(|(token, call)| Some((*token, call.due?)));
        let call = calls.min_by_key(|(_, due)| *due).filter(|(_, due)| *due <= until);
        match (tick, call) {
            (Some((root, timer)), call) if call.is_none_or(|(_, due)| timer.due <= due) => {
                self.now = timer.due;
                timer.due = timer.due.saturating_add(timer.period);
                Some(Due::Tick(*root))
            }
            (_, Some((token, due))) => {
                self.now = due;
                self.calls.remove(&token);
                Some(Due::TimeOut(token))
            }
            (_, None) => {
                self.now = until;
                None
            }
        }
    }

    /// The moment so much later.
    pub(crate) fn after(&self, duration: Duration) -> Duration {
        self.now.saturating_add(duration)
    }

    /// Puts the clock somewhere else without any tick, as a correction of the machine's clock does.
    pub(crate) fn set(&mut self, now: SystemTime) {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for timer in self.timers.values_mut() {
            // Timers run on monotonic time: what was left of them is still left.
            timer.due = now + timer.due.saturating_sub(self.now);
        }
        for call in self.calls.values_mut() {
            call.begun = now.saturating_sub(self.now.saturating_sub(call.begun));
            call.due = call.due.map(|due| now + due.saturating_sub(self.now));
        }
        self.now = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(clock: &mut Clock, milliseconds: u64) -> Vec<Due> {
        let until = clock.after(Duration::from_millis(milliseconds));
        std::iter::from_fn(|| clock.next_due(until)).collect()
    }

    fn ticks(clock: &mut Clock, milliseconds: u64) -> Vec<u32> {
        let tick = |due| match due {
            Due::Tick(root) => root,
            Due::TimeOut(token) => panic!("call-out {token} has timed out"),
        };
        due(clock, milliseconds).into_iter().map(tick).collect()
    }

    #[test]
    fn timers_fire_in_order_and_again() {
        let mut clock = Clock::default();
        let start = clock.now();
        clock.set_timer(1, 30);
        clock.set_timer(2, 20);
        assert_eq!(ticks(&mut clock, 60), [2, 1, 2, 1, 2]);
        assert_eq!(clock.now(), start + Duration::from_millis(60));
        clock.set_timer(2, 0);
        assert_eq!(ticks(&mut clock, 30), [1]);
    }

    /// As Envoy 1.36.2 and 1.40.0 did.
    #[test]
    fn setting_a_timer_that_runs_starts_it_anew() {
        let mut clock = Clock::default();
        clock.set_timer(1, 500);
        assert_eq!(ticks(&mut clock, 400), [0; 0]);
        clock.set_timer(1, 500);
        assert_eq!(ticks(&mut clock, 400), [0; 0]);
        assert_eq!(ticks(&mut clock, 100), [1]);
    }

    #[test]
    fn call_outs_time_out_between_ticks() {
        let mut clock = Clock::default();
        clock.set_timer(1, 30);
        clock.begin_call(4, Some(Duration::from_millis(40)));
        clock.begin_call(8, Some(Duration::from_millis(10)));
        clock.begin_call(12, None);
        clock.end_call(8);
        assert_eq!(clock.waited(4), Duration::ZERO);
        assert_eq!(due(&mut clock, 39), [Due::Tick(1)]);
        assert_eq!((clock.waited(4), clock.waited(8)), (Duration::from_millis(39), Duration::ZERO));
        assert_eq!(due(&mut clock, 60), [Due::TimeOut(4), Due::Tick(1), Due::Tick(1)]);
        assert_eq!(clock.waited(12), Duration::from_millis(99));
    }

    #[test]
    fn a_corrected_clock_fires_nothing_early() {
        let mut clock = Clock::default();
        clock.set_timer(1, 50);
        clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(ticks(&mut clock, 49), [0; 0]);
        assert_eq!(ticks(&mut clock, 1), [1]);
    }
}
