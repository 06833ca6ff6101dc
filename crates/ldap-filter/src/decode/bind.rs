//! Bind requests.

use super::fields::{Fields, Refused};
use crate::protocol::ber::{Cursor, Unreadable, tag};
use crate::protocol::bind::{BindMethod, BindRequest};
use crate::protocol::mechanism::Mechanism;

/// Reads the contents of a bind request, or their beginning; see [`BindRequest::decode`].
///
/// # Errors
/// They are none, or too few.
pub fn bind(operation: &[u8]) -> Result<BindRequest<'_>, Unreadable> {
    typed(operation).or_else(|Refused| BindRequest::decode(operation))
}

fn typed(operation: &[u8]) -> Result<BindRequest<'_>, Refused> {
    let mut fields = Fields::of(operation);
    let version: u8 = fields.next()?;
    let name = fields.string()?;
    // The two choices of `rasn_ldap::AuthenticationChoice`, but without a copy of the password or the credentials.
    let authentication = Cursor::new(fields.rest()).element()?;
    let method = match authentication.tag {
        SIMPLE => BindMethod::Simple { empty: authentication.contents.is_empty() },
        SASL => BindMethod::Sasl(Mechanism::from_octets(Fields::of(authentication.contents).string()?)),
        _ => return Err(Refused),
    };
    Ok(BindRequest { version: version.into(), name, method })
}

const SIMPLE: u8 = tag::context(0);
const SASL: u8 = tag::constructed(3);

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE_BIND: &[u8] = b"\x02\x01\x03\x04\x05cn=me\x80\x06secret";
    const SASL_BIND: &[u8] = b"\x02\x01\x03\x04\x00\xa3\x0c\x04\x06GSSAPI\x04\x02ab";

    #[test]
    fn both_readers_agree() {
        for operation in [SIMPLE_BIND, SASL_BIND, b"\x02\x01\x03\x04\x00\x80\x00"] {
            let typed = typed(operation).unwrap();
            assert_eq!(BindRequest::decode(operation), Ok(typed));
            assert_eq!(bind(operation), Ok(typed));
        }
    }

    #[test]
    fn what_rasn_refuses_is_read_lightly() {
        for operation in [
            &b"\x02\x01\x03\x04\x02\xff\xfe\x80\x01p"[..],
            b"\x02\x01\x03\x04\x00\x8a\x01n",
            b"\x02\x01\x03\x04\x00\x81\x01k",
            b"\x02\x01\x03\x04\x00\xa3\x03\x04\x01\xff",
            // Of a version that does not fit, and without the end of its credentials.
            b"\x02\x02\x01\x00\x04\x00\x80\x01p",
            &SASL_BIND[..SASL_BIND.len() - 4],
        ] {
            assert_eq!(typed(operation), Err(Refused), "{operation:?}");
            assert!(bind(operation).is_ok(), "{operation:?}");
            assert_eq!(bind(operation), BindRequest::decode(operation));
        }
    }

    #[test]
    fn what_neither_can_read_is_unreadable() {
        for operation in [&b""[..], b"\x02\x01\x03\x04\x05cn", b"\x04\x01\x03\x04\x00\x80\x00"] {
            assert_eq!(bind(operation), Err(Unreadable), "{operation:?}");
        }
    }
}
