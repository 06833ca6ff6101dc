//! The configuration that every protocol filter has.

use std::fmt;

use common_metrics::{Level, is_label_value};
use envoy_sdk::ErrorPolicy;
use serde::Deserialize;

use crate::limit;

#[cfg(not(target_arch = "wasm32"))]
use schemars::JsonSchema;

/// Describes a type in the JSON Schema. Not derived, because that would describe what the value is read from.
macro_rules! describe {
    ($name:ident: $schema:tt) => {
        #[cfg(not(target_arch = "wasm32"))]
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

/// The configuration of a protocol filter. Every field is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema), schemars(bound = "L: JsonSchema + Default"))]
#[serde(deny_unknown_fields, default, bound = "L: serde::de::DeserializeOwned + Default")]
pub struct ObserverConfig<L> {
    /// Tells the metrics of several listeners apart: the label `stat_prefix` of every series. Give each listener
    /// its own.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("default" = "default")))]
    pub stat_prefix: StatPrefix,
    /// Which hop this is: the label `reporter` of every series. A message that passes three proxies is
    /// counted three times, and dashboards select one reporter.
    pub reporter: Reporter,
    /// Whether the filter looks at data at all. Where the configuration comes from a file that Envoy watches
    /// (ECDS), the filter is switched off and on with it, and no connection is closed.
    pub mode: Mode,
    /// How many metrics are exported. `detailed` adds metrics, never labels, so dashboards hold for both.
    pub level: DetailLevel,
    /// Whether a field that this version does not know is refused. With `false` it is ignored, logged and
    /// counted (`config_fields_ignored_total`), so that a new configuration can meet an old module during a
    /// rollback.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("default" = true)))]
    pub strict: Strict,
    /// What happens to a connection on which the filter itself fails, by an error or a panic.
    pub on_internal_error: OnInternalError,
    /// What happens to a connection whose framing is lost: octets that the protocol does not allow, or more than
    /// the limits.
    pub on_protocol_error: OnProtocolError,
    /// One JSON object per transaction or operation, in Envoy's log.
    pub events: EventsConfig,
    /// Bounds on what one connection may make the filter remember.
    pub limits: L,
}

impl<L> ObserverConfig<L> {
    /// The metrics' level.
    pub fn metrics_level(&self) -> Level {
        match self.level {
            DetailLevel::Summary => Level::Summary,
            DetailLevel::Detailed => Level::Detailed,
        }
    }

    /// The SDK's policy for a filter that fails.
    pub fn error_policy(&self) -> ErrorPolicy {
        match self.on_internal_error {
            OnInternalError::Passthrough => ErrorPolicy::Bypass,
            OnInternalError::Close => ErrorPolicy::Close,
        }
    }
}

/// A label value that the operator chooses: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StatPrefix(String);

describe!(StatPrefix: {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"});

impl StatPrefix {
    /// The value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for StatPrefix {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl TryFrom<String> for StatPrefix {
    type Error = String;

    fn try_from(value: String) -> Result<Self, String> {
        if is_label_value(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value:?} cannot be a label: use 1 to 64 of A-Z a-z 0-9 _ -"))
        }
    }
}

/// Strictness about unknown fields; `true` unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(transparent)]
pub struct Strict(pub bool);

impl Default for Strict {
    fn default() -> Self {
        Self(true)
    }
}

/// A word of a closed list. The default stands in the JSON Schema too, by its word; a test compares the two.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $name:ident = $default:literal { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
        #[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema), schemars(extend("default" = $default)))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }
    };
}

choice! {
    /// Which hop reports.
    Reporter = "auto" {
        /// What the listener's traffic direction says, at the first connection.
        #[default]
        Auto,
        /// A sidecar in front of a server.
        Inbound,
        /// A sidecar behind a client.
        Outbound,
        /// A gateway in between.
        Gateway,
        /// Not said.
        Unspecified,
    }
}

choice! {
    /// Whether the filter looks at data.
    Mode = "observe" {
        /// It reads what it needs and counts.
        #[default]
        Observe,
        /// It reads nothing; connections and octets are counted as not seen.
        Off,
    }
}

choice! {
    /// How many metrics are exported.
    DetailLevel = "summary" {
        /// What dashboards and alerts need.
        #[default]
        Summary,
        /// More metrics, for looking closer.
        Detailed,
    }
}

choice! {
    /// What happens to a connection on which the filter itself fails.
    OnInternalError = "passthrough" {
        /// It goes on unmeasured, unchanged and counted: a message that upsets the filter must still arrive.
        #[default]
        Passthrough,
        /// It is closed.
        Close,
    }
}

choice! {
    /// What happens to a connection whose framing is lost.
    OnProtocolError = "passthrough" {
        /// It goes on unmeasured, unchanged and counted.
        #[default]
        Passthrough,
        /// It is closed.
        Close,
    }
}

choice! {
    /// What an event says about people.
    Identities = "off" {
        /// Nothing.
        #[default]
        Off,
        /// The domain of a mail address. Mail only.
        Domain,
        /// A keyed hash (HMAC-SHA-256), equal for equal identities under the same key.
        Hmac,
        /// The identity as it was sent. Can hold whatever a person typed in its place, a password included.
        Full,
    }
}

choice! {
    /// Where events go.
    EventSink = "log" {
        /// Envoy's log.
        #[default]
        Log,
    }
}

choice! {
    /// At which level events are logged.
    EventLogLevel = "info" {
        /// `debug`.
        Debug,
        /// `info`.
        #[default]
        Info,
        /// `warning`.
        Warn,
    }
}

/// Events: one JSON object per transaction or operation. Credentials, message bodies and unparsed octets are
/// in none of them, whatever is configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// Whether events are written.
    pub enabled: bool,
    /// Where they go: one line each. Other words are reserved for places to come.
    pub sink: EventSink,
    /// At which of Envoy's log levels. Envoy writes only what its own level lets through (`--log-level`, and
    /// `--component-log-level wasm:info` for modules alone).
    pub log_level: EventLogLevel,
    /// Which share of events is written, 0 to 1. Metrics always count everything.
    pub sample: Sample,
    /// Most events per second and worker; what is beyond is dropped and counted.
    pub per_second: EventRate,
    /// What an event says about people.
    pub identities: Identities,
    /// The key for `identities: hmac`. Without one a random key is made that is shared by all workers and
    /// lost when Envoy ends: hashes of two Envoys, or from before and after a restart, cannot be compared then.
    pub hmac_key: Option<HmacKey>,
}

/// A share, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Sample(pub f64);

describe!(Sample: {"type": "number", "minimum": 0, "maximum": 1, "default": 1});

impl Default for Sample {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for Sample {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not between 0 and 1"))
        }
    }
}

limit! {
    /// Most events per second and worker.
    EventRate: 1..=10_000, default 100
}

/// A key for hashed identities.
#[derive(Clone, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HmacKey {
    /// Names the key in every event, so that keys can be changed.
    pub id: StatPrefix,
    /// The key: at least 16 octets. It is in no log, metric or event.
    pub secret: Secret,
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({})", self.id.as_str())
    }
}

/// A secret of the configuration; prints as nothing.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

describe!(Secret: {"type": "string", "minLength": 16});

impl Secret {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(value: String) -> Result<Self, &'static str> {
        if value.len() < 16 { Err("a key has at least 16 characters") } else { Ok(Self(value)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct NoLimits {}

    fn parse(json: &str) -> Result<ObserverConfig<NoLimits>, String> {
        envoy_sdk::from_json(json.as_bytes()).map(|(config, _)| config).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        let config = parse("{}").unwrap();
        assert_eq!(config.stat_prefix.as_str(), "default");
        assert_eq!(
            (config.mode, config.level, config.strict),
            (Mode::Observe, DetailLevel::Summary, Strict(true))
        );
        assert_eq!(config.error_policy(), ErrorPolicy::Bypass);
        assert!(!config.events.enabled);
    }

    #[test]
    fn a_mistake_is_named_with_what_would_be_right() {
        for (json, message) in [
            (
                r#"{"stat_prefix": "a.b"}"#,
                "stat_prefix: \"a.b\" cannot be a label: use 1 to 64 of A-Z a-z 0-9 _ -",
            ),
            (r#"{"level": "all"}"#, "level: unknown variant `all`, expected `summary` or `detailed`"),
            (r#"{"events": {"sample": 2}}"#, "events.sample: 2 is not between 0 and 1"),
            (
                r#"{"events": {"per_second": 0.5}}"#,
                "events.per_second: 0.5 is not a whole number from 1 to 10000",
            ),
            (
                r#"{"events": {"hmac_key": {"id": "k", "secret": "short"}}}"#,
                "events.hmac_key.secret: a key has at least 16 characters",
            ),
            (r#"{"limits": {"x": 1}}"#, "limits.x: unknown field `x`, there are no fields"),
        ] {
            assert_eq!(parse(json).unwrap_err(), message);
        }
    }

    #[test]
    fn numbers_may_come_as_floats_as_istio_sends_them() {
        assert_eq!(
            parse(r#"{"events": {"per_second": 250.0}}"#).unwrap().events.per_second,
            EventRate::try_from(250.0).unwrap()
        );
    }

    #[test]
    fn the_schema_says_what_is_allowed() {
        let schema = schemars::schema_for!(ObserverConfig<NoLimits>).to_value().to_string();
        for part in [
            r#""maximum":10000"#,
            r#""minLength":16"#,
            r#""pattern":"^[A-Za-z0-9_-]{1,64}$""#,
            r#""maximum":1,"#,
            r#""additionalProperties":false"#,
        ] {
            assert!(schema.contains(part), "{part} is not in {schema}");
        }
    }

    #[test]
    fn the_defaults_of_the_schema_are_those_in_force() {
        let schema = schemars::schema_for!(ObserverConfig<NoLimits>).to_value();
        let default = format!("{:?}", ObserverConfig::<NoLimits>::default());
        let of = |field: &serde_json::Value| match field["$ref"].as_str() {
            Some(name) => schema.pointer(name.trim_start_matches('#')).unwrap().clone(),
            None => field.clone(),
        };
        let mut checked = 0;
        for parent in ["", "events"] {
            let fields = if parent.is_empty() { schema.clone() } else { of(&schema["properties"][parent]) };
            for (name, field) in fields["properties"].as_object().unwrap() {
                let value = if field["default"].is_null() {
                    of(field)["default"].clone()
                } else {
                    field["default"].clone()
                };
                if value.is_null() {
                    assert!(
                        ["events", "limits", "hmac_key"].contains(&name.as_str()),
                        "{name} has no default"
                    );
                    continue;
                }
                let json = if parent.is_empty() {
                    serde_json::json!({name: value})
                } else {
                    serde_json::json!({parent: {name: value}})
                };
                assert_eq!(format!("{:?}", parse(&json.to_string()).unwrap()), default, "{json}");
                checked += 1;
            }
        }
        assert_eq!(checked, 13, "fields with a default");
    }

    #[test]
    fn a_secret_never_prints() {
        let json = r#"{"events": {"hmac_key": {"id": "k1", "secret": "0123456789abcdef"}}}"#;
        let text = format!("{:?}", parse(json).unwrap());
        assert!(text.contains("HmacKey(k1)") && !text.contains("0123456789"), "{text}");
    }
}
