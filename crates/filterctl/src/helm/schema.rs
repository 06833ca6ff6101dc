//! `values.schema.json`: the chart's values, and inside them each filter's own configuration.

use schemars::generate::SchemaSettings;
use schemars::transform::{RemoveRefSiblings, Transform};
use serde_json::{Map, Value, json};

use super::values::Values;
use crate::filters::FILTERS;

/// Where definitions stand. Only a name in draft 7: references are pointers.
const DEFINITIONS: &str = "$defs";

/// The schema of the values, as Helm reads it: draft 7, because Helm 3 up to 3.17 knows nothing newer. Later ones and Helm 4 know
/// it too.
#[must_use]
pub fn schema() -> Value {
    let mut schema = described();
    let mut filters = Vec::new();
    let mut definitions = Map::new();
    for filter in FILTERS {
        let name = format!("{}.config", filter.name);
        let (config, inner) = embedded(filter.name, filter.schema());
        definitions.extend(inner);
        filters.push(json!({
            "if": {"properties": {"filter": {"const": filter.name}}, "required": ["filter"]},
            "then": {"properties": {"config": {"$ref": format!("#/{DEFINITIONS}/{name}")}}},
        }));
        definitions.insert(name, config);
    }
    if let Some(all) = schema.get_mut(DEFINITIONS).and_then(Value::as_object_mut) {
        all.extend(definitions);
        if let Some(entry) = all.get_mut("FilterEntry").and_then(Value::as_object_mut) {
            entry.insert("allOf".to_owned(), Value::Array(filters));
        }
    }
    choices_as_lists(&mut schema);
    schema
}

/// The values' own schema, in which every choice still says what it means.
pub(super) fn described() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = format!("/{DEFINITIONS}").into();
    });
    settings.into_generator().into_root_schema_for::<Values>().to_value()
}

/// A filter's schema without what makes it a document of its own, and its definitions under names of its own.
fn embedded(filter: &str, mut schema: Value) -> (Value, Map<String, Value>) {
    rename_references(&mut schema, filter);
    // What stands beside a reference is not read in draft 7.
    if let Ok(typed) = <&mut schemars::Schema>::try_from(&mut schema) {
        RemoveRefSiblings::default().transform(typed);
    }
    let mut definitions = Map::new();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
        if let Some(Value::Object(inner)) = object.remove(DEFINITIONS) {
            definitions =
                inner.into_iter().map(|(name, inner)| (format!("{filter}.{name}"), inner)).collect();
        }
    }
    (schema, definitions)
}

fn rename_references(schema: &mut Value, filter: &str) {
    let prefix = format!("#/{DEFINITIONS}/");
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(&prefix)
            {
                *reference = format!("{prefix}{filter}.{name}");
            }
            object.values_mut().for_each(|value| rename_references(value, filter));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_references(item, filter)),
        _ => {}
    }
}

/// Writes a choice of described words as a plain list: Helm then says which words there are, where it otherwise says that
/// none of several schemas fits.
fn choices_as_lists(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(choices)) = object.get("oneOf")
                && let Some(words) = words(choices)
            {
                object.remove("oneOf");
                object.insert("enum".to_owned(), Value::Array(words));
            }
            object.values_mut().for_each(choices_as_lists);
        }
        Value::Array(items) => items.iter_mut().for_each(choices_as_lists),
        _ => {}
    }
}

/// The words of a choice, if it is made of nothing else.
fn words(choices: &[Value]) -> Option<Vec<Value>> {
    let mut words = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.push(word.clone()),
            (None, Some(several)) => words.extend(several.iter().cloned()),
            (None, None) => return None,
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(schema: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
        match schema {
            Value::Object(object) => {
                visit(object);
                object.values().for_each(|value| objects(value, visit));
            }
            Value::Array(items) => items.iter().for_each(|item| objects(item, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_object_with_fields_refuses_others() {
        let schema = schema();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        let mut seen = 0;
        objects(&schema, &mut |object| {
            if object.get("type") == Some(&json!("object")) && object.contains_key("properties") {
                assert_eq!(object.get("additionalProperties"), Some(&json!(false)), "{object:?}");
                seen += 1;
            }
        });
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let schema = schema();
        let mut seen = 0;
        objects(&schema, &mut |object| {
            let Some(Value::String(reference)) = object.get("$ref") else { return };
            let found = reference.strip_prefix('#').and_then(|pointer| schema.pointer(pointer));
            assert!(found.is_some(), "{reference}");
            seen += 1;
        });
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn each_filter_s_configuration_is_checked_by_its_own_schema() {
        let validator = jsonschema::draft7::new(&schema()).unwrap();
        let values = |filter: &str, config: Value| {
            json!({"filters": [{
                "name": "a", "filter": filter, "placement": "gateway", "listeners": [{"port": 25}],
                "source": {"file": "/a.wasm"}, "selector": {"app": "a"}, "config": config,
            }]})
        };
        for (filter, config, fits) in [
            ("smtp", json!({}), true),
            ("smtp", json!({"limits": {"max_reply_octets": 2048}}), true),
            ("ldap", json!({"limits": {"max_reply_octets": 2048}}), false),
            ("ldap", json!({"limits": {"max_pending_operations": 2048}}), true),
            ("smtp", json!({"levle": "detailed"}), false),
            ("smtp", json!({"events": {"hmac_key": {"id": "k", "secret": "short"}}}), false),
        ] {
            assert_eq!(validator.is_valid(&values(filter, config.clone())), fits, "{filter} {config}");
        }
    }
}
