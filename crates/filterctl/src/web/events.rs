//! The filter's events, out of what modules write to Envoy's log.

use serde_json::{Map, Value};

use super::state::Event;
use crate::said::Line;

/// How many are kept.
pub(super) const KEPT: usize = 200;

/// A text longer than this is cut, in characters: an event is to be looked at, and can hold hundreds of recipients.
const LONGEST: usize = 200;

/// A line of a module as an event: a JSON object as it is, anything else as its `text` and `level`.
pub(super) fn event(look: u64, line: Line) -> Event {
    let fields = match serde_json::from_str(&line.text) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::from_iter([("level".to_owned(), line.level.into()), ("text".to_owned(), line.text.into())]),
    };
    Event { look, fields: fields.into_iter().map(|(name, value)| (name, shortened(value))).collect() }
}

fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()).into(),
            None => text.into(),
        },
        Value::Array(values) => {
            let more = values.len().saturating_sub(LONGEST / 20);
            let mut shown: Vec<Value> = values.into_iter().take(LONGEST / 20).map(shortened).collect();
            if more > 0 {
                shown.push(format!("{more} more").into());
            }
            shown.into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        Value::Object(event(7, Line { level: "info".to_owned(), text: text.to_owned() }).fields)
    }

    #[test]
    fn an_event_keeps_its_fields_and_other_lines_are_text() {
        assert_eq!(read(r#"{"event":"transaction","outcome":"accepted"}"#)["outcome"], "accepted");
        assert_eq!(read("framing lost"), json!({"level": "info", "text": "framing lost"}));
        assert_eq!(read("[1]"), json!({"level": "info", "text": "[1]"}));
    }

    #[test]
    fn what_is_very_long_is_cut() {
        let long = "ü".repeat(1_000);
        let cut = read(&json!({"sender": long, "recipients": vec!["a@b.example"; 500]}).to_string());
        assert_eq!(cut["sender"].as_str().unwrap().chars().count(), LONGEST + 2);
        assert_eq!(cut["recipients"].as_array().unwrap().len(), 11);
        assert_eq!(cut["recipients"][10], "490 more");
    }
}
