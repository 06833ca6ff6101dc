//! JSON of which there is only one.

use serde_json::{Map, Value};

/// The same value with the keys of every object in order. Whether `serde_json` keeps them sorted or as they came depends
/// on which other crates are compiled into a program; what is released must not.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            let sorted = sorted.into_iter().map(|(key, value)| (key.clone(), canonical(value)));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// As text to be read by people and programs, with a line feed at its end.
///
/// # Errors
/// When the value cannot be written as JSON.
pub(super) fn pretty(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let value = canonical(&serde_json::to_value(value)?);
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_in_order_at_every_depth_and_lists_stay_as_they_are() {
        let value = json!({"b": [{"z": 1, "y": [3, 1, 2]}], "a": null});
        let text = serde_json::to_string(&canonical(&value)).unwrap();
        assert_eq!(text, r#"{"a":null,"b":[{"y":[3,1,2],"z":1}]}"#);
    }
}
