//! Extended operations (RFC 4511, 4.12), by the names of their OIDs.

use common_metrics::label;

use super::ber::{self, Cursor, Unreadable, tag};
use super::message::MessageId;

label! {
    /// An extended operation.
    pub enum ExtendedName: "extended" {
        /// 1.3.6.1.4.1.1466.20037: RFC 4511, 4.14.
        StartTls = "start_tls",
        /// 1.3.6.1.4.1.4203.1.11.1: RFC 3062.
        PasswordModify = "password_modify",
        /// 1.3.6.1.4.1.4203.1.11.3: RFC 4532.
        WhoAmI = "who_am_i",
        /// 1.3.6.1.1.8: RFC 3909.
        Cancel = "cancel",
        /// 1.2.840.113556.1.4.1781: MS-ADTS, binds at the connection's own risk.
        FastBind = "fast_bind",
        /// 1.3.6.1.4.1.1466.101.119.1: RFC 2589, and MS-ADTS.
        TtlRefresh = "ttl_refresh",
        /// 1.3.6.1.1.21.1 and .3: RFC 5805.
        Transaction = "transaction",
        /// 1.2.840.113556.1.4.2212: MS-ADTS, several requests in one.
        BatchRequest = "batch_request",
        /// Any other.
        Other = "other",
    }
}

impl ExtendedName {
    /// The operation with this OID, as sent: a dotted number.
    pub fn of_oid(oid: &[u8]) -> Self {
        match oid {
            b"1.3.6.1.4.1.1466.20037" => Self::StartTls,
            b"1.3.6.1.4.1.4203.1.11.1" => Self::PasswordModify,
            b"1.3.6.1.4.1.4203.1.11.3" => Self::WhoAmI,
            b"1.3.6.1.1.8" => Self::Cancel,
            b"1.2.840.113556.1.4.1781" => Self::FastBind,
            b"1.3.6.1.4.1.1466.101.119.1" => Self::TtlRefresh,
            b"1.3.6.1.1.21.1" | b"1.3.6.1.1.21.3" => Self::Transaction,
            b"1.2.840.113556.1.4.2212" => Self::BatchRequest,
            _ => Self::Other,
        }
    }
}

/// Whether an unsolicited notification with this OID says that the server is about to close (RFC 4511, 4.4.1).
pub fn is_notice_of_disconnection(oid: &[u8]) -> bool {
    oid == b"1.3.6.1.4.1.1466.20036"
}

/// What an extended request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedRequest {
    /// What it asks for.
    pub name: ExtendedName,
    /// The operation that it cancels: of [`ExtendedName::Cancel`] only, and only when its value can be read.
    pub cancels: Option<MessageId>,
}

impl ExtendedRequest {
    // RFC 4511, 4.12:
    //     ExtendedRequest ::= [APPLICATION 23] SEQUENCE {
    //          requestName      [0] LDAPOID,
    //          requestValue     [1] OCTET STRING OPTIONAL }
    /// Reads the contents of an extended request. Their beginning is enough, up to the name; then nothing is
    /// known of the value.
    ///
    /// # Errors
    /// They are none, or too few.
    pub fn decode(operation: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Cursor::new(operation);
        let name = ExtendedName::of_oid(fields.expect(tag::context(0))?);
        let cancels = match name {
            ExtendedName::Cancel => fields.expect(tag::context(1)).and_then(cancelled).ok(),
            _ => None,
        };
        Ok(Self { name, cancels })
    }
}

// RFC 3909, 2.1:
//     cancelRequestValue ::= SEQUENCE {
//         cancelID        MessageID }
fn cancelled(value: &[u8]) -> Result<MessageId, Unreadable> {
    let id = Cursor::new(value).sequence()?.expect(tag::INTEGER)?;
    ber::integer(id).map(MessageId).ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(oid: &str, value: &[u8]) -> ExtendedRequest {
        let contents = [&[0x80, oid.len() as u8], oid.as_bytes(), value].concat();
        ExtendedRequest::decode(&contents).unwrap()
    }

    #[test]
    fn names() {
        assert_eq!(request("1.3.6.1.4.1.1466.20037", b"").name, ExtendedName::StartTls);
        assert_eq!(request("1.3.6.1.4.1.4203.1.11.3", b"").name, ExtendedName::WhoAmI);
        assert_eq!(request("1.3.6.1.1.21.1", b"").name, ExtendedName::Transaction);
        assert_eq!(request("1.3.6.1.1.21.3", b"\x81\x00").name, ExtendedName::Transaction);
        assert_eq!(request("1.3.6.1.4.1.1466.20036", b"").name, ExtendedName::Other);
        assert_eq!(request("", b"").name, ExtendedName::Other);
    }

    #[test]
    fn what_is_cancelled() {
        let cancels = |value: &[u8]| request("1.3.6.1.1.8", value).cancels;
        assert_eq!(cancels(b"\x81\x05\x30\x03\x02\x01\x07"), Some(MessageId(7)));
        assert_eq!(cancels(b"\x81\x06\x30\x04\x02\x02\x01\x00"), Some(MessageId(256)));
        for value in [&b""[..], b"\x81\x00", b"\x81\x05\x30\x03\x02\x01", b"\x81\x04\x30\x02\x02\x00"] {
            assert_eq!(cancels(value), None, "{value:?}");
        }
        assert_eq!(request("1.3.6.1.1.9", b"\x81\x05\x30\x03\x02\x01\x07").cancels, None);
    }

    #[test]
    fn the_one_notice_that_is_known() {
        assert!(is_notice_of_disconnection(b"1.3.6.1.4.1.1466.20036"));
        assert!(!is_notice_of_disconnection(b"1.3.6.1.4.1.1466.20037"));
    }

    #[test]
    fn what_has_no_name_is_unreadable() {
        for contents in [&b""[..], b"\x80", b"\x80\x02x", b"\x81\x00", b"\x04\x00"] {
            assert_eq!(ExtendedRequest::decode(contents), Err(Unreadable), "{contents:?}");
        }
    }
}
