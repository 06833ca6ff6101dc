//! Typed configuration from JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// Most fields that a lenient configuration may have ignored; with more it is not meant for this extension.
const MOST_IGNORED: usize = 64;

/// A field that this version does not know and that the configuration allowed to be ignored.
///
/// See [the guide](crate::guides::configure#an-old-module-and-a-new-configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What was ignored, and what is known in its place.
    pub reason: String,
}

/// Reads a configuration. No octets at all are the same as `{}`.
///
/// An error names the field by its path. When the top level says `"strict": false`, fields that the type
/// refuses as unknown are left out and returned instead, so that a new configuration can meet an old module
/// during a rollback; everything else is an error as always.
///
/// ```
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Limits { line: u16 }
///
/// let error = envoy_sdk::from_json::<Limits>(br#"{"line": "long"}"#).err().map(|error| error.to_string());
/// assert_eq!(error.as_deref(), Some("line: invalid type: string \"long\", expected u16"));
/// ```
///
/// # Errors
/// What does not fit the type, and where.
pub fn from_json<C: DeserializeOwned>(octets: &[u8]) -> Result<(C, Vec<Ignored>)> {
    let octets = if octets.iter().all(u8::is_ascii_whitespace) { b"{}" } else { octets };
    let mut value: Value =
        serde_json::from_slice(octets).map_err(|error| Error::new(format!("not valid JSON: {error}")))?;
    let strict = value.get("strict").and_then(Value::as_bool).unwrap_or(true);
    let mut ignored = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, C>(&value) {
            Ok(config) => return Ok((config, ignored)),
            Err(error) => error,
        };
        let path = error.path().to_string();
        let reason = error.inner().to_string();
        let removed = !strict
            && ignored.len() < MOST_IGNORED
            && unknown_field(&reason).is_some_and(|field| remove(&mut value, &path, field));
        // A path of "." is the top level; there is nothing to name then.
        let message = one_line(if path == "." { reason } else { format!("{path}: {reason}") });
        if !removed {
            return Err(Error::new(message));
        }
        ignored.push(Ignored { reason: message });
    }
}

/// The field's name in serde's message for `deny_unknown_fields`.
fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// The same without control characters: a name or a word of the configuration may hold any, and a refusal is one line of
/// a log.
fn one_line(message: String) -> String {
    if !message.contains(char::is_control) {
        return message;
    }
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    message.chars().map(shown).collect()
}

/// Takes `field` out of the object at `path`. The path of an unknown field may or may not name the field itself.
fn remove(value: &mut Value, path: &str, field: &str) -> bool {
    let mut segments = path.split('.').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    if segments.last() == Some(&field) {
        segments.pop();
    }
    let mut at = value;
    for segment in segments {
        let (name, indices) = segment.split_once('[').map_or((segment, ""), |(name, rest)| (name, rest));
        let Some(next) = (if name.is_empty() { Some(at) } else { at.get_mut(name) }) else { return false };
        at = next;
        for index in indices.split('[').filter_map(|index| index.trim_end_matches(']').parse::<usize>().ok())
        {
            let Some(next) = at.get_mut(index) else { return false };
            at = next;
        }
    }
    at.as_object_mut().is_some_and(|object| object.remove(field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Config {
        strict: bool,
        limits: Limits,
        rules: Vec<Limits>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Limits {
        line: u16,
    }

    impl Default for Config {
        fn default() -> Self {
            Self { strict: true, limits: Limits { line: 7 }, rules: Vec::new() }
        }
    }

    fn error(json: &str) -> String {
        from_json::<Config>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_is_one_line_whatever_the_configuration_says() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}

        let error = from_json::<Nothing>(b"{\"a\\nb\\u001b[2J\": 1}").unwrap_err().to_string();
        assert!(error.contains(r"a\nb\u{1b}[2J") && !error.contains(char::is_control), "{error}");
    }

    #[test]
    fn nothing_is_the_default() {
        assert_eq!(from_json::<Config>(b" \n").unwrap(), (Config::default(), vec![]));
    }

    #[test]
    fn an_error_names_the_field() {
        assert_eq!(
            error(r#"{"limits": {"line": 70000}}"#),
            "limits.line: invalid value: integer `70000`, expected u16"
        );
        assert_eq!(error(r#"{"limits": {"lime": 1}}"#), "limits.lime: unknown field `lime`, expected `line`");
        assert_eq!(error(r#"{"rules": [{}, {"x": 1}]}"#), "rules[1].x: unknown field `x`, expected `line`");
        assert!(error("{").starts_with("not valid JSON: EOF"));
        assert!(error("3").contains("invalid type"), "{}", error("3"));
    }

    #[test]
    fn lenient_leaves_unknown_fields_out_and_says_so() {
        let json = r#"{"strict": false, "new": 1, "limits": {"line": 9, "newer": {}}, "rules": [{"x": 1}]}"#;
        let (config, ignored) = from_json::<Config>(json.as_bytes()).unwrap();
        assert_eq!((config.limits.line, config.rules.len()), (9, 1));
        let reasons: Vec<_> = ignored.iter().map(|ignored| ignored.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "limits.newer: unknown field `newer`, expected `line`",
                "new: unknown field `new`, expected one of `strict`, `limits`, `rules`",
                "rules[0].x: unknown field `x`, expected `line`",
            ]
        );
    }

    #[test]
    fn lenient_forgives_nothing_else() {
        assert!(
            error(r#"{"strict": false, "limits": {"line": -1}}"#).starts_with("limits.line: invalid value")
        );
    }
}
