//! Configurations, as tools check and describe them.

use ldap_filter::Ldap;
use session_driver::{check_config, config_schema};

fn refusal(json: &str) -> String {
    check_config::<Ldap>(json.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_right_passes() {
    for json in ["", "{}", r#"{"level": "detailed", "events": {"enabled": true, "identities": "full"}}"#] {
        check_config::<Ldap>(json.as_bytes()).unwrap();
    }
}

#[test]
fn a_mistake_is_named() {
    assert!(refusal(r#"{"levle": "summary"}"#).starts_with("levle: unknown field `levle`, expected one of"));
    assert_eq!(
        refusal(r#"{"limits": {"max_filter_depth": 0}}"#),
        "limits.max_filter_depth: 0 is not a whole number from 1 to 100"
    );
    assert_eq!(
        refusal(r#"{"events": {"identities": "domain"}}"#),
        "events.identities: `domain` is for mail; ldap knows `off`, `hmac` and `full`"
    );
}

#[test]
fn a_tool_is_strict_even_where_the_filter_would_not_be() {
    assert!(refusal(r#"{"strict": false, "newer": 1}"#).starts_with("newer: unknown field"));
}

#[test]
fn the_schema_names_every_field() {
    let schema = config_schema::<Ldap>();
    let fields = schema["properties"].as_object().unwrap();
    for field in ["stat_prefix", "reporter", "mode", "level", "strict", "events", "limits"] {
        assert!(fields.contains_key(field), "{field} is missing");
    }
    assert_eq!(schema["additionalProperties"], false);
    let limits = serde_json::to_string(&schema).unwrap();
    assert!(
        limits.contains(r#""maximum":2147483647"#) && limits.contains("max_undecided_octets"),
        "{limits}"
    );
}
