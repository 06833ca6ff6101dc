//! The chart's README: how to use it, and a table of all values, from the types' own words.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schema::described;

/// What stands above the tables.
const HEAD: &str = include_str!("readme.template");

/// The text.
pub(super) fn readme() -> String {
    let schema = described();
    let mut text = HEAD.to_owned();
    section(&mut text, &schema, "All values", &schema);
    let of = |name: &str| schema.pointer(&format!("/$defs/{name}"));
    for (title, name) in [
        ("`filters[]`", "FilterEntry"),
        ("`filters[].listeners[]`", "Listener"),
        ("`filters[].source`", "Source"),
        ("`filters[].external`", "External"),
        ("`filters[].targetRefs[]`", "TargetRef"),
        ("`istio`", "Istio"),
        ("`monitoring.prometheusRule`", "PrometheusRule"),
        ("`monitoring.dashboards`", "Dashboards"),
        ("`monitoring.istioStats`", "IstioStats"),
        ("`test`", "TestPod"),
    ] {
        if let Some(object) = of(name) {
            section(&mut text, &schema, title, object);
        }
    }
    text
}

// Writing to a string cannot fail: nothing is done about it below.

fn section(text: &mut String, schema: &Value, title: &str, object: &Value) {
    let Some(fields) = object.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> = object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let _ = write!(
        text,
        "\n## {title}\n\n| value | what may stand there | default | meaning |\n|---|---|---|---|\n"
    );
    for (name, field) in fields {
        let meant = resolved(schema, field);
        let default = field.get("default").or_else(|| meant.get("default"));
        let default = match default {
            _ if required.contains(&name.as_str()) => "needed".to_owned(),
            // Its fields have a table of their own.
            Some(_) if meant.get("properties").is_some() => String::new(),
            Some(default) if !default.is_null() => format!("`{default}`"),
            _ => String::new(),
        };
        let description = field.get("description").or_else(|| meant.get("description"));
        let description = description.and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        let _ = writeln!(text, "| `{name}` | {} | {default} | {description} |", kind(schema, meant));
        for (word, says) in choices(meant) {
            let _ = writeln!(text, "| | `{word}` | | {} |", says.replace('\n', " "));
        }
    }
}

/// What a field's schema refers to, if it refers.
fn resolved<'a>(schema: &'a Value, field: &'a Value) -> &'a Value {
    let reference = field.get("$ref").or_else(|| field.pointer("/allOf/0/$ref")).and_then(Value::as_str);
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| schema.pointer(pointer)).unwrap_or(field)
}

/// The words of a choice, with what they mean.
fn choices(field: &Value) -> Vec<(&str, &str)> {
    let choices = field.get("oneOf").and_then(Value::as_array);
    let text = |choice: &'_ Map<String, Value>, key: &str| choice.get(key).and_then(Value::as_str).is_some();
    choices
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .filter(|choice| text(choice, "const"))
        .map(|choice| {
            let of = |key: &str| choice.get(key).and_then(Value::as_str).unwrap_or_default();
            (of("const"), of("description"))
        })
        .collect()
}

/// What may stand in a field, in a few words.
fn kind(schema: &Value, field: &Value) -> String {
    if field.get("oneOf").is_some() {
        return "one of".to_owned();
    }
    let number = |key: &str| field.get(key).and_then(Value::as_f64);
    match field.get("type").and_then(Value::as_str) {
        Some("string") => match field.get("pattern").and_then(Value::as_str) {
            Some(pattern) => format!("text: `{}`", pattern.replace('|', "\\|")),
            None => "text".to_owned(),
        },
        Some("integer") => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            _ => "number".to_owned(),
        },
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") => {
            let items = field.get("items").map(|items| kind(schema, resolved(schema, items)));
            format!("list of {}", items.unwrap_or_default())
        }
        Some("object") if field.get("properties").is_some() => "object".to_owned(),
        Some("object") => "names and values".to_owned(),
        _ => String::new(),
    }
}
