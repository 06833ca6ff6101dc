//! Bounds on what one connection may make the filter remember.

use serde::Deserialize;
use session_driver::limit;

#[cfg(not(target_arch = "wasm32"))]
use schemars::JsonSchema;

limit! {
    /// Longest command line that is looked at whole, in octets, CR LF included.
    MaxCommandLine: 512..=65536, default 12288
}
limit! {
    /// Longest reply line that is looked at whole, in octets, CR LF included.
    MaxReplyLine: 512..=65536, default 2048
}
limit! {
    /// Longest reply, all its lines together, in octets.
    MaxReplyOctets: 1024..=1048576, default 65536
}
limit! {
    /// Most commands that may wait for their replies.
    MaxPendingCommands: 16..=65536, default 4096
}
limit! {
    /// Most octets that are kept while only the next reply can tell what they are.
    MaxUndecidedOctets: 512..=65536, default 4096
}
limit! {
    /// Most recipients that an event about a transaction names.
    MaxRecipientsKept: 0..=1000, default 10
}

/// Bounds on what one connection may make the filter remember.
///
/// Within them everything is measured. What is beyond is passed on unchanged as ever; where that costs the
/// framing, the connection goes on unmeasured and is counted as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SmtpLimits {
    /// Longest command line that is looked at whole, in octets, CR LF included: 512 to 65536, 12288 by
    /// default. RFC 5321, 4.5.3.1.4 asks for 512, AUTH for 12288 (RFC 4954, 4). A longer line is counted as
    /// an anomaly; its verb is still known, and the session goes on.
    pub max_command_line: MaxCommandLine,
    /// Longest reply line that is looked at whole, in octets, CR LF included: 512 to 65536, 2048 by default.
    /// RFC 5321, 4.5.3.1.5 asks for 512. A longer line is counted as an anomaly, and the session goes on.
    pub max_reply_line: MaxReplyLine,
    /// Longest reply, all its lines together, in octets: 1024 to 1048576, 65536 by default. With a longer one
    /// the connection goes on unmeasured.
    pub max_reply_octets: MaxReplyOctets,
    /// Most commands that may wait for their replies: 16 to 65536, 4096 by default, 16 octets each. With more
    /// the connection goes on unmeasured.
    pub max_pending_commands: MaxPendingCommands,
    /// Most octets that are kept while only the next reply can tell what they are, behind DATA, AUTH and
    /// STARTTLS: 512 to 65536, 4096 by default. With more behind DATA they are taken for the mail; behind the
    /// others the connection goes on unmeasured.
    pub max_undecided_octets: MaxUndecidedOctets,
    /// Most recipients that an event about a transaction names: 0 to 1000, 10 by default. Nothing is kept
    /// unless the configuration asks for identities.
    pub max_recipients_kept: MaxRecipientsKept,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<SmtpLimits, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_is_optional_and_numbers_may_be_floats() {
        assert_eq!(read("{}"), Ok(SmtpLimits::default()));
        let limits = read(r#"{"max_command_line": 1000.0, "max_recipients_kept": 0}"#).unwrap_or_default();
        assert_eq!((limits.max_command_line.get(), limits.max_recipients_kept.get()), (1000, 0));
        assert_eq!(SmtpLimits::default().max_command_line.get(), 12_288);
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_range() {
        for bad in ["0", "-1", "511", "65537", "512.5", "1e30"] {
            let error = read(&format!(r#"{{"max_command_line": {bad}}}"#)).err().unwrap_or_default();
            assert!(error.contains("not a whole number from 512 to 65536"), "{bad}: {error}");
        }
        assert!(read(r#"{"max_command_line": "a"}"#).is_err());
        assert!(read(r#"{"max_comand_line": 600}"#).is_err_and(|error| error.contains("max_comand_line")));
    }

    #[test]
    fn the_schema_says_the_ranges() {
        let schema = serde_json::to_string(&schemars::schema_for!(SmtpLimits)).unwrap_or_default();
        assert!(schema.contains(r#""minimum":512"#) && schema.contains(r#""maximum":65536"#), "{schema}");
    }
}
