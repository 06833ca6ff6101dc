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
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    period: Duration,
    due: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: Duration::from_secs(START), timers: BTreeMap::new() }
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

    /// Moves on to the timer that is due next, no later than `until`, and starts it again. `None` when there is
    /// none: the clock then stands at `until`.
    pub(crate) fn next_tick(&mut self, until: Duration) -> Option<u32> {
        let next = self.timers.iter_mut().min_by_key(|(_, timer)| timer.due);
        match next {
            Some((root, timer)) if timer.due <= until => {
                self.now = timer.due;
                timer.due = timer.due.saturating_add(timer.period);
                Some(*root)
            }
            _ => {
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
        self.now = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(clock: &mut Clock, milliseconds: u64) -> Vec<u32> {
        let until = clock.after(Duration::from_millis(milliseconds));
        std::iter::from_fn(|| clock.next_tick(until)).collect()
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
    fn a_corrected_clock_fires_nothing_early() {
        let mut clock = Clock::default();
        clock.set_timer(1, 50);
        clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(ticks(&mut clock, 49), [0; 0]);
        assert_eq!(ticks(&mut clock, 1), [1]);
    }
}
