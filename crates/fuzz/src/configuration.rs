//! Configurations, and what an operator's words become in a stat name.

use common_metrics::{Catalogue, StatName, is_label_value, stats_tags};
use envoy_sdk::Module;
use envoy_sdk_test::FakeEnvoy;
use serde_json::Value;
use session_driver::config::ObserverConfig;
use session_driver::{Protocol, check_config};

/// Judges a configuration: what the tool checks, the filter takes; numbers may be floats, as Istio writes them; the schema's
/// ranges are those in force; and a refusal is one line.
///
/// # Panics
/// When an oracle refuses what came of it.
pub fn judge<P: Protocol>(module: fn() -> Module, schema: &Value, data: &[u8]) {
    let checked = check_config::<P>(data).map_err(|error| error.to_string());
    let configured = FakeEnvoy::new(module).configure(data).map(drop);
    if let Err(reason) = &checked {
        assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}");
        // A new configuration may meet an old module: the filter is lenient where it says so, the tool never.
        let lenient =
            serde_json::from_slice::<Value>(data).is_ok_and(|config| config["strict"] == Value::Bool(false));
        assert!(configured.is_err() || lenient, "refused by the tool, and not by the filter: {reason}");
        return;
    }
    assert!(configured.is_ok(), "checked by the tool, and refused by the filter");
    let Ok(config) = serde_json::from_slice::<Value>(data) else { return };
    let read = |config: &Value| -> ObserverConfig<P::Limits> {
        envoy_sdk::from_json(config.to_string().as_bytes()).expect("it was read before").0
    };
    let as_floats = floats(&config);
    check_config::<P>(as_floats.to_string().as_bytes()).expect("numbers may be floats");
    let taken = read(&config);
    assert_eq!(read(&as_floats).events.per_second, taken.events.per_second);
    assert!(is_label_value(taken.stat_prefix.as_str()));
    assert!(fits(&config, schema, schema), "the schema refuses what is taken: {config}");
}

/// The same, with every whole number written as a float.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        Value::Array(values) => values.iter().map(floats).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

/// Whether a value is what a JSON Schema describes, as far as ours goes: fields, ranges, words.
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    if let Some(place) = schema["$ref"].as_str() {
        return root.pointer(place.trim_start_matches('#')).is_some_and(|schema| fits(value, schema, root));
    }
    for (any, key) in [(true, "anyOf"), (true, "oneOf"), (false, "allOf")] {
        if let Some(schemas) = schema[key].as_array() {
            let mut fitting = schemas.iter().map(|schema| fits(value, schema, root));
            let fits = if any { fitting.any(|fits| fits) } else { fitting.all(|fits| fits) };
            if !fits {
                return false;
            }
        }
    }
    let fields = schema["properties"].as_object();
    let known = value.as_object().is_none_or(|values| {
        values.iter().all(|(name, value)| match fields.and_then(|fields| fields.get(name)) {
            Some(schema) => fits(value, schema, root),
            None => schema["additionalProperties"] != Value::Bool(false),
        })
    });
    let bound = |name: &str| schema[name].as_f64();
    let number = value.as_f64();
    let within = number.is_none_or(|number| {
        bound("minimum").is_none_or(|least| number >= least)
            && bound("maximum").is_none_or(|most| number <= most)
    });
    let words = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    known && within && words && constant
}

/// Judges label values that an operator chooses: what is taken comes out of a stat name again by the tag rules, whole and
/// alone, for every metric of a catalogue.
pub fn stat_names(catalogue: &Catalogue, data: &[u8]) {
    let Ok(value) = std::str::from_utf8(data) else { return };
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    assert_eq!(is_label_value(value), plain && (1..=64).contains(&value.len()));
    if !is_label_value(value) {
        return;
    }
    let which = data.iter().fold(0_usize, |sum, octet| sum.wrapping_mul(31).wrapping_add((*octet).into()));
    let metrics: Vec<_> = catalogue.metrics().collect();
    let metric = metrics[which % metrics.len()];
    let common = [("stat_prefix", value), ("reporter", "inbound")];
    let name = StatName {
        filter: catalogue.filter,
        common: &common,
        metric,
        series: which % metric.series().max(1),
    };
    let mut left = name.to_string();
    let labels =
        ["stat_prefix", "reporter"].into_iter().chain(metric.dimensions.iter().map(|label| label.name));
    let mut found = Vec::new();
    for tag in stats_tags(labels) {
        // The rule is `(name=\.=(.*?);\.;)`: the first place where the label's name stands, up to the next separator.
        let start = left.find(&format!("{}=.=", tag.tag_name)).expect("the label stands there");
        let inside = &left[start + tag.tag_name.len() + 3..];
        let end = inside.find(";.;").expect("and ends");
        found.push((tag.tag_name.clone(), inside[..end].to_owned()));
        let behind = inside[end + 3..].to_owned();
        left = left[..start].to_owned() + &behind;
    }
    assert_eq!(left, format!("{}.{}", catalogue.filter, metric.name), "a metric's name is what is left");
    assert_eq!(found[0], ("stat_prefix".to_owned(), value.to_owned()));
}
