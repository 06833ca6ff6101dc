//! A filter's own configuration as text: always in the same order.

use serde_json::{Map, Value};

use super::yaml::Yaml;

/// Fields that stand first: what tells the series of several listeners apart.
const FIRST: [&str; 2] = ["stat_prefix", "reporter"];

/// As JSON, a field per line.
pub(super) fn json(config: &Map<String, Value>) -> String {
    let fields: Vec<String> = ordered(config)
        .map(|(name, value)| {
            let value = serde_json::to_string_pretty(value).unwrap_or_default().replace('\n', "\n  ");
            format!("  {}: {value}", Value::from(name))
        })
        .collect();
    format!("{{\n{}\n}}\n", fields.join(",\n"))
}

/// As YAML.
pub(super) fn yaml(config: &Map<String, Value>) -> Yaml {
    ordered(config).fold(Yaml::map(), |map, (name, value)| map.with(name, Yaml::of(value)))
}

fn ordered(config: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let first = FIRST.iter().filter_map(|name| Some((*name, config.get(*name)?)));
    let mut rest: Vec<(&str, &Value)> = config.iter().map(|(name, value)| (name.as_str(), value)).collect();
    rest.retain(|(name, _)| !FIRST.contains(name));
    rest.sort_by_key(|(name, _)| *name);
    first.chain(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_labels_stand_first() {
        let config = json!({"level": "detailed", "events": {"enabled": true}, "reporter": "gateway", "stat_prefix": "x"});
        let Value::Object(config) = config else { panic!() };
        let text = "{\n  \"stat_prefix\": \"x\",\n  \"reporter\": \"gateway\",\n  \"events\": {\n    \"enabled\": true\n  },\n  \
                    \"level\": \"detailed\"\n}\n";
        assert_eq!(json(&config), text);
        assert_eq!(serde_json::from_str::<Value>(&json(&config)).unwrap(), Value::Object(config.clone()));
        let yaml = yaml(&config).document();
        assert_eq!(yaml, "stat_prefix: x\nreporter: gateway\nevents:\n  enabled: true\nlevel: detailed\n");
    }
}
