//! The configuration, for tools.

use envoy_sdk::Result;
#[cfg(not(target_arch = "wasm32"))]
use session_driver::config::ObserverConfig;

use crate::filter::Ldap;
#[cfg(not(target_arch = "wasm32"))]
use crate::limits::LdapLimits;

/// Checks a configuration as the filter would when Envoy loads it, except that unknown fields are refused even
/// where it says `"strict": false`.
///
/// # Errors
/// What is wrong, with the path of the field.
pub fn check(octets: &[u8]) -> Result<()> {
    session_driver::check_config::<Ldap>(octets)
}

/// The JSON Schema of the configuration.
#[cfg(not(target_arch = "wasm32"))]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ObserverConfig<LdapLimits>).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        check(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_right_passes() {
        for json in ["", "{}", r#"{"level": "detailed", "events": {"enabled": true, "identities": "full"}}"#]
        {
            check(json.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_mistake_is_named() {
        assert!(
            refusal(r#"{"levle": "summary"}"#).starts_with("levle: unknown field `levle`, expected one of")
        );
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
        let schema = schema();
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
}
