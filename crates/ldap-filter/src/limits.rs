//! Bounds on what one connection may make the filter remember.

use serde::Deserialize;
use session_driver::limit;

#[cfg(not(target_arch = "wasm32"))]
use schemars::JsonSchema;

limit! {
    /// Longest message that is believed, in octets.
    MaxMessageOctets: 65536..=2147483647, default 268435456
}
limit! {
    /// Longest message that is kept to look inside, in octets.
    MaxDecodedOctets: 512..=262144, default 16384
}
limit! {
    /// Most operations of a connection that may wait for their answers.
    MaxPendingOperations: 8..=65536, default 1024
}
limit! {
    /// Deepest search filter that is looked into.
    MaxFilterDepth: 1..=100, default 32
}
limit! {
    /// Most octets that are kept while only the answer to StartTLS can tell what they are.
    MaxUndecidedOctets: 512..=65536, default 4096
}
limit! {
    /// Longest name that is remembered of a bind, in octets.
    MaxIdentityOctets: 16..=4096, default 256
}

/// Bounds on what one connection may make the filter remember.
///
/// Within them everything is measured. What is beyond is passed on unchanged as ever; where that costs the
/// framing, the connection goes on unmeasured and is counted as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LdapLimits {
    /// Longest message that is believed, in octets: 65536 to 2147483647, 268435456 by default. Long messages
    /// cost nothing, they are not kept; a longer claim is no message, and the connection goes on unmeasured.
    pub max_message_octets: MaxMessageOctets,
    /// Longest message that is kept to look inside, in octets: 512 to 262144, 16384 by default. Of a longer
    /// one only its operation is known, and it is counted as undecoded where there was more to know.
    pub max_decoded_octets: MaxDecodedOctets,
    /// Most operations of a connection that may wait for their answers: 8 to 65536, 1024 by default. Those
    /// beyond are counted, but not paired with their answers; a bind and StartTLS always are.
    pub max_pending_operations: MaxPendingOperations,
    /// Deepest search filter that is looked into: 1 to 100, 32 by default. A deeper one is counted as an
    /// anomaly.
    pub max_filter_depth: MaxFilterDepth,
    /// Most octets that are kept between a StartTLS request and its answer: 512 to 65536, 4096 by default.
    /// With more the connection goes on unmeasured.
    pub max_undecided_octets: MaxUndecidedOctets,
    /// Longest name that is remembered of a bind, in octets: 16 to 4096, 256 by default; the rest is cut off.
    /// Nothing is kept unless the configuration asks for identities.
    pub max_identity_octets: MaxIdentityOctets,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<LdapLimits, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_is_optional() {
        assert_eq!(read("{}"), Ok(LdapLimits::default()));
        let limits = read(r#"{"max_decoded_octets": 1024.0}"#).unwrap_or_default();
        assert_eq!((limits.max_decoded_octets.get(), limits.max_pending_operations.get()), (1_024, 1_024));
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_range() {
        for bad in ["0", "-1", "65535", "2147483648", "65536.5"] {
            let error = read(&format!(r#"{{"max_message_octets": {bad}}}"#)).err().unwrap_or_default();
            assert!(error.contains("not a whole number from 65536 to 2147483647"), "{bad}: {error}");
        }
        assert!(
            read(r#"{"max_mesage_octets": 70000}"#).is_err_and(|error| error.contains("max_mesage_octets"))
        );
    }
}
