//! Configurations, as tools check and describe them.

use session_driver::{check_config, config_schema};
use smtp_filter::Smtp;

fn refusal(json: &str) -> String {
    check_config::<Smtp>(json.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_right_passes() {
    for json in ["", "{}", r#"{"level": "detailed", "events": {"enabled": true, "identities": "domain"}}"#] {
        check_config::<Smtp>(json.as_bytes()).unwrap();
    }
}

#[test]
fn a_mistake_is_named() {
    assert!(refusal(r#"{"levle": "summary"}"#).starts_with("levle: unknown field `levle`, expected one of"));
    assert!(refusal(r#"{"level": 3}"#).starts_with("level: "));
    assert_eq!(
        refusal(r#"{"limits": {"max_command_line": 1}}"#),
        "limits.max_command_line: 1 is not a whole number from 512 to 65536"
    );
}

#[test]
fn a_tool_is_strict_even_where_the_filter_would_not_be() {
    assert!(refusal(r#"{"strict": false, "newer": 1}"#).starts_with("newer: unknown field"));
}

#[test]
fn the_schema_names_every_field() {
    let schema = config_schema::<Smtp>();
    let fields = schema["properties"].as_object().unwrap();
    for field in ["stat_prefix", "reporter", "mode", "level", "strict", "events", "limits"] {
        assert!(fields.contains_key(field), "{field} is missing");
    }
    assert_eq!(schema["additionalProperties"], false);
}
