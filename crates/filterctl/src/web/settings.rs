//! A configuration as the page may show it: without secrets, and what is different in the next one.

use serde::Serialize;
use serde_json::Value;

/// Fields whose values nobody is shown.
const SECRET: [&str; 1] = ["secret"];

const HIDDEN: &str = "(hidden)";

/// A field that is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Change {
    /// Its path, such as `events.per_second`.
    pub(super) field: String,
    /// What it was; not there if the default was in force.
    pub(super) before: Option<Value>,
    /// What it is.
    pub(super) after: Option<Value>,
}

/// The same with secrets replaced.
pub(super) fn shown(configuration: &Value) -> Value {
    match configuration {
        Value::Object(fields) => {
            let shown = |(name, value): (&String, &Value)| {
                let is_secret = SECRET.contains(&name.as_str());
                (name.clone(), if is_secret { HIDDEN.into() } else { shown(value) })
            };
            Value::Object(fields.iter().map(shown).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(shown).collect()),
        other => other.clone(),
    }
}

/// The fields that are different, in the order of their paths. A secret that changed is one of them, hidden both times.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(field: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let is_group = |value: Option<&Value>| value.is_none_or(Value::is_object);
    if is_group(before) && is_group(after) {
        let fields = |value: Option<&Value>| {
            value
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|fields| fields.keys().cloned())
                .collect::<Vec<_>>()
        };
        let mut names = [fields(before), fields(after)].concat();
        names.sort();
        names.dedup();
        for name in names {
            let inside = |value: Option<&Value>| value.and_then(|value| value.get(&name)).cloned();
            let path = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
            compare(path, inside(before).as_ref(), inside(after).as_ref(), found);
        }
        return;
    }
    let is_secret = field.rsplit('.').next().is_some_and(|name| SECRET.contains(&name));
    let value =
        |value: Option<&Value>| value.map(|value| if is_secret { HIDDEN.into() } else { shown(value) });
    found.push(Change { field, before: value(before), after: value(after) });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_its_change_is() {
        let with = |secret: &str| json!({"events": {"hmac_key": {"id": "k", "secret": secret}}});
        let (before, after) = (with("0123456789abcdef"), with("fedcba9876543210"));
        assert_eq!(shown(&before), with("(hidden)"));
        let found = changes(&before, &after);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "events.hmac_key.secret");
        assert!(!format!("{found:?}").contains("0123"), "{found:?}");
    }

    #[test]
    fn changes_name_the_field() {
        let before = json!({"level": "summary", "events": {"enabled": true}, "mode": "off"});
        let after = json!({"level": "detailed", "events": {"enabled": true, "sample": 0.5}});
        let change = |field: &str, before: Option<Value>, after: Option<Value>| Change {
            field: field.to_owned(),
            before,
            after,
        };
        assert_eq!(
            changes(&before, &after),
            [
                change("events.sample", None, Some(json!(0.5))),
                change("level", Some(json!("summary")), Some(json!("detailed"))),
                change("mode", Some(json!("off")), None),
            ]
        );
        assert_eq!(changes(&json!({}), &json!({"events": {"enabled": false}}))[0].field, "events.enabled");
        assert_eq!(changes(&after, &after), []);
    }
}
