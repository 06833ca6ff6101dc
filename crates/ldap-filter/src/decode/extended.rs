//! Extended requests.

use rasn::prelude::*;
use rasn_ldap::LdapOid;

use super::fields::{Fields, Refused};
use crate::protocol::ber::Unreadable;
use crate::protocol::extended::{ExtendedName, ExtendedRequest};
use crate::protocol::message::MessageId;

/// Reads the contents of an extended request, or their beginning; see [`ExtendedRequest::decode`].
///
/// # Errors
/// They are none, or too few.
pub fn extended(operation: &[u8]) -> Result<ExtendedRequest, Unreadable> {
    typed(operation).or_else(|Refused| ExtendedRequest::decode(operation))
}

/// The fields of a `rasn_ldap::ExtendedRequest`; the value only where it is of interest, for it may be a password.
fn typed(operation: &[u8]) -> Result<ExtendedRequest, Refused> {
    let mut fields = Fields::of(operation);
    let oid: LdapOid = fields.tagged(Tag::new(Class::Context, 0))?;
    let name = ExtendedName::of_oid(&oid);
    let cancels = match name {
        ExtendedName::Cancel => {
            let value: OctetString = fields.tagged(Tag::new(Class::Context, 1))?;
            let value: CancelRequestValue = rasn::ber::decode(&value).map_err(|_| Refused)?;
            Some(MessageId(value.cancel_id.into()))
        }
        _ => None,
    };
    Ok(ExtendedRequest { name, cancels })
}

/// RFC 3909, 2.1.
#[derive(AsnType, Decode)]
struct CancelRequestValue {
    cancel_id: rasn_ldap::MessageId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readers_agree() {
        for operation in [
            &b"\x80\x161.3.6.1.4.1.1466.20037"[..],
            b"\x80\x071.2.3.4\x81\x01v",
            b"\x80\x0b1.3.6.1.1.8\x81\x05\x30\x03\x02\x01\x07",
            b"\x80\x84\0\0\0\x0b1.3.6.1.1.8\x81\x84\0\0\0\x09\x30\x84\0\0\0\x03\x02\x01\x07",
        ] {
            let typed = typed(operation).unwrap();
            assert_eq!(ExtendedRequest::decode(operation), Ok(typed));
            assert_eq!(extended(operation), Ok(typed));
        }
        assert_eq!(
            typed(b"\x80\x0b1.3.6.1.1.8\x81\x05\x30\x03\x02\x01\x07").unwrap().cancels,
            Some(MessageId(7))
        );
    }

    #[test]
    fn what_rasn_refuses_is_read_lightly() {
        for operation in [
            &b"\x80\x0b1.3.6.1.1.8"[..],
            b"\x80\x0b1.3.6.1.1.8\x81\x00",
            b"\x80\x0b1.3.6.1.1.8\x81\x05\x30\x03\x02\x01\xff",
        ] {
            assert_eq!(typed(operation), Err(Refused), "{operation:?}");
            assert_eq!(extended(operation), ExtendedRequest::decode(operation));
            assert_eq!(extended(operation).map(|request| request.name), Ok(ExtendedName::Cancel));
        }
    }

    #[test]
    fn what_neither_can_read_is_unreadable() {
        for operation in [&b""[..], b"\x80\x02x", b"\x81\x00"] {
            assert_eq!(extended(operation), Err(Unreadable), "{operation:?}");
        }
    }
}
