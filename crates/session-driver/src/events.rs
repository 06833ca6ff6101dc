//! Events: one JSON object per transaction or operation.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use envoy_sdk::{LIMITED_BY_WRITER, RateLimit};
use serde_json::{Map, Value};

use crate::config::{EventLogLevel, EventsConfig};
use crate::session::Timestamp;

/// The version of the events' form. A field is only ever added; anything else makes a new version.
pub const EVENT_SCHEMA: u64 = 1;

/// Writes the events of one plugin in one worker.
#[derive(Debug)]
pub(crate) struct EventLog {
    filter: &'static str,
    stat_prefix: String,
    enabled: bool,
    level: log::Level,
    sample: f64,
    /// The share of an event that sampling still owes. `0 <= owed < 1`.
    owed: Cell<f64>,
    limit: RateLimit,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is in the log.
    Logged,
    /// The rate limit is used up.
    Dropped,
    /// Events are off, or this one was not sampled.
    Skipped,
}

impl EventLog {
    /// An event log as configured.
    pub(crate) fn new(filter: &'static str, stat_prefix: &str, config: &EventsConfig) -> Self {
        let level = match config.log_level {
            EventLogLevel::Debug => log::Level::Debug,
            EventLogLevel::Info => log::Level::Info,
            EventLogLevel::Warn => log::Level::Warn,
        };
        let rate = u32::try_from(config.per_second.get()).unwrap_or(u32::MAX);
        Self {
            filter,
            stat_prefix: stat_prefix.to_owned(),
            enabled: config.enabled,
            level,
            sample: config.sample.0,
            owed: Cell::new(0.0),
            limit: RateLimit::new(rate, rate.saturating_mul(2)),
        }
    }

    /// Writes one event, if it is to be written: `fill` is only called then.
    pub(crate) fn write(
        &self,
        kind: &'static str,
        now: Timestamp,
        connection: impl FnOnce() -> Option<u64>,
        fill: impl FnOnce(&mut Event),
    ) -> Written {
        if !self.enabled || log::max_level() < self.level {
            return Written::Skipped;
        }
        let owed = self.owed.get() + self.sample;
        if owed < 1.0 {
            self.owed.set(owed);
            return Written::Skipped;
        }
        self.owed.set(owed - 1.0);
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(now.0);
        if !self.limit.allow(time) {
            return Written::Dropped;
        }
        let mut event = Event { fields: Map::new() };
        event.set("event", kind);
        event.set("schema", EVENT_SCHEMA);
        event.set("time", humantime::format_rfc3339_micros(time).to_string());
        event.set("filter", self.filter);
        event.set("stat_prefix", self.stat_prefix.as_str());
        if let Some(connection) = connection() {
            event.set("connection", connection);
        }
        fill(&mut event);
        debug_assert!(event.fields.get("filter").is_some_and(|filter| filter == self.filter));
        // These have a limit of their own, above.
        log::log!(target: LIMITED_BY_WRITER, self.level, "{}", one_line(Value::Object(event.fields).to_string()));
        Written::Logged
    }
}

// RFC 8259, 7: a string may hold DEL, U+0080 to U+009F and the separators of lines and paragraphs as they are. Some
// terminals and readers of logs obey them.
/// JSON in which those are escaped as well. They stand nowhere but in strings, where an escape means the same.
fn one_line(json: String) -> String {
    let is_obeyed = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !json.contains(is_obeyed) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_obeyed(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// An event that is being filled. What a value holds cannot break out of its line: it is escaped.
#[derive(Debug)]
pub struct Event {
    fields: Map<String, Value>,
}

impl Event {
    /// Sets a field.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EventRate, Sample};

    const NOW: Timestamp = Timestamp(1_000_000_000_000_000);

    fn outcomes(config: &EventsConfig, count: usize) -> Vec<Written> {
        log::set_max_level(log::LevelFilter::Info);
        let events = EventLog::new("smtp", "default", config);
        (0..count).map(|_| events.write("transaction", NOW, || Some(7), |_| {})).collect()
    }

    fn config(sample: f64, per_second: u32) -> EventsConfig {
        EventsConfig {
            enabled: true,
            sample: Sample(sample),
            per_second: EventRate::try_from(f64::from(per_second)).unwrap(),
            ..EventsConfig::default()
        }
    }

    #[test]
    fn sampling_keeps_its_share_exactly() {
        let logged = outcomes(&config(0.25, 10_000), 100).iter().filter(|w| **w == Written::Logged).count();
        assert_eq!(logged, 25);
        assert!(outcomes(&config(0.0, 10), 50).iter().all(|written| *written == Written::Skipped));
    }

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let text = "a\u{7f}b\u{9b}2J\u{85}\u{2028}\u{1b}\r\né";
        let json = one_line(serde_json::json!({"name": text}).to_string());
        assert_eq!(json, r#"{"name":"a\u007fb\u009b2J\u0085\u2028\u001b\r\né"}"#);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["name"], text);
    }

    #[test]
    fn the_rate_limit_drops_and_says_so() {
        let written = outcomes(&config(1.0, 2), 10);
        assert_eq!(written.iter().filter(|w| **w == Written::Logged).count(), 4);
        assert_eq!(written.iter().filter(|w| **w == Written::Dropped).count(), 6);
    }

    #[test]
    fn off_is_off() {
        assert_eq!(outcomes(&EventsConfig::default(), 1), [Written::Skipped]);
    }
}
