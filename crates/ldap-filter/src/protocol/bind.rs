//! Bind requests (RFC 4511, 4.2; MS-ADTS, 5.1.1.1.3).

use std::fmt;

use common_metrics::label;

use super::ber::{Cursor, Header, Unreadable, tag};
use super::mechanism::Mechanism;

label! {
    /// How a client proves who it is.
    pub enum BindKind: "kind" {
        /// No name and no password (RFC 4513, 5.1.1).
        Anonymous = "anonymous",
        /// A name without a password (RFC 4513, 5.1.2): who forgets to check has let anybody in.
        Unauthenticated = "unauthenticated",
        /// Name and password (RFC 4513, 5.1.3).
        Simple = "simple",
        /// RFC 4513, 5.2.
        Sasl = "sasl",
        /// The NTLM forms of MS-ADTS, 5.1.1.1.3.
        Sicily = "sicily",
        /// It could not be decoded.
        Other = "other",
    }
}

/// What a bind request says. Passwords and SASL credentials are not kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BindRequest<'a> {
    /// The version of the protocol, as sent: 3, rarely 2.
    pub version: i64,
    /// Who the client wants to be: mostly a DN, to Active Directory also `user@domain` or `DOMAIN\user`. Empty
    /// for anonymous, and mostly with SASL.
    pub name: &'a [u8],
    /// How the client proves it.
    pub method: BindMethod,
}

/// How a bind request proves who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindMethod {
    /// By a password.
    Simple {
        /// The password is empty.
        empty: bool,
    },
    /// By SASL.
    Sasl(Mechanism),
    /// By a round of Sicily.
    Sicily(Sicily),
    /// By something that is not known, such as the Kerberos forms of LDAPv2.
    Other,
}

/// A round of Sicily, Active Directory's authentication by NTLM (MS-ADTS, 5.1.1.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sicily {
    /// `sicilyPackageDiscovery`, 9: what does the server know?
    PackageDiscovery,
    /// `sicilyNegotiate`, 10: NTLM's first message.
    Negotiate,
    /// `sicilyResponse`, 11: NTLM's last message.
    Response,
}

impl<'a> BindRequest<'a> {
    // RFC 4511, 4.2:
    //     BindRequest ::= [APPLICATION 0] SEQUENCE {
    //          version                 INTEGER (1 ..  127),
    //          name                    LDAPDN,
    //          authentication          AuthenticationChoice }
    //     AuthenticationChoice ::= CHOICE {
    //          simple                  [0] OCTET STRING,
    //                                  -- 1 and 2 reserved
    //          sasl                    [3] SaslCredentials,
    //          ...  }
    //     SaslCredentials ::= SEQUENCE {
    //          mechanism               LDAPString,
    //          credentials             OCTET STRING OPTIONAL }
    // MS-ADTS, 5.1.1.1.3 adds:
    //          sicilyPackageDiscovery  [9] OCTET STRING,
    //          sicilyNegotiate         [10] OCTET STRING,
    //          sicilyResponse          [11] OCTET STRING
    /// Reads the contents of a bind request. Their beginning is enough, up to the SASL mechanism: a Kerberos ticket
    /// behind it may be long.
    ///
    /// # Errors
    /// They are none, or too few.
    pub fn decode(operation: &'a [u8]) -> Result<Self, Unreadable> {
        let mut fields = Cursor::new(operation);
        let version = fields.integer()?;
        let name = fields.octet_string()?;
        let authentication = Header::parse(fields.rest()).map_err(|_| Unreadable)?;
        let method = match authentication.tag {
            SIMPLE => BindMethod::Simple { empty: authentication.content_len == 0 },
            SASL => {
                let credentials = fields.rest().get(authentication.header_len..).unwrap_or_default();
                BindMethod::Sasl(Mechanism::from_octets(Cursor::new(credentials).octet_string()?))
            }
            SICILY_PACKAGE_DISCOVERY => BindMethod::Sicily(Sicily::PackageDiscovery),
            SICILY_NEGOTIATE => BindMethod::Sicily(Sicily::Negotiate),
            SICILY_RESPONSE => BindMethod::Sicily(Sicily::Response),
            _ => BindMethod::Other,
        };
        Ok(Self { version, name, method })
    }

    /// How the client proves who it is, as counted.
    pub const fn kind(&self) -> BindKind {
        match (self.method, self.name.is_empty()) {
            (BindMethod::Simple { empty: true }, true) => BindKind::Anonymous,
            (BindMethod::Simple { empty: true }, false) => BindKind::Unauthenticated,
            (BindMethod::Simple { empty: false }, _) => BindKind::Simple,
            (BindMethod::Sasl(_), _) => BindKind::Sasl,
            (BindMethod::Sicily(_), _) => BindKind::Sicily,
            (BindMethod::Other, _) => BindKind::Other,
        }
    }

    /// The SASL mechanism; `None` when it is not SASL.
    pub const fn mechanism(&self) -> Option<Mechanism> {
        match self.method {
            BindMethod::Sasl(mechanism) => Some(mechanism),
            _ => None,
        }
    }
}

const SIMPLE: u8 = tag::context(0);
const SASL: u8 = tag::constructed(3);
const SICILY_PACKAGE_DISCOVERY: u8 = tag::context(9);
const SICILY_NEGOTIATE: u8 = tag::context(10);
const SICILY_RESPONSE: u8 = tag::context(11);

/// Prints everything but the name.
impl fmt::Debug for BindRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindRequest")
            .field("version", &self.version)
            .field("name_octets", &self.name.len())
            .field("method", &self.method)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of version 3, with this name and authentication.
    fn contents(name: &[u8], authentication: &[u8]) -> Vec<u8> {
        let mut contents = vec![0x02, 0x01, 0x03, 0x04, name.len() as u8];
        contents.extend(name);
        contents.extend(authentication);
        contents
    }

    fn kind(name: &[u8], authentication: &[u8]) -> Result<(BindKind, Option<Mechanism>), Unreadable> {
        let contents = contents(name, authentication);
        BindRequest::decode(&contents).map(|bind| {
            assert_eq!((bind.version, bind.name), (3, name));
            (bind.kind(), bind.mechanism())
        })
    }

    #[test]
    fn by_password() {
        assert_eq!(kind(b"", b"\x80\x00"), Ok((BindKind::Anonymous, None)));
        assert_eq!(kind(b"cn=app", b"\x80\x00"), Ok((BindKind::Unauthenticated, None)));
        assert_eq!(kind(b"cn=app", b"\x80\x01p"), Ok((BindKind::Simple, None)));
        assert_eq!(kind(b"", b"\x80\x01p"), Ok((BindKind::Simple, None)));
        assert_eq!(kind(b"\xff\xfe", b"\x80\x84\x00\x00\x00\x01p"), Ok((BindKind::Simple, None)));
    }

    #[test]
    fn by_sasl_with_and_without_credentials() {
        let gssapi = Ok((BindKind::Sasl, Some(Mechanism::Gssapi)));
        assert_eq!(kind(b"", b"\xa3\x08\x04\x06GSSAPI"), gssapi);
        assert_eq!(kind(b"", b"\xa3\x0b\x04\x06GSSAPI\x04\x01c"), gssapi);
        // RFC 4513, 5.2.1.2: an empty mechanism gives a negotiation up.
        assert_eq!(kind(b"", b"\xa3\x02\x04\x00"), Ok((BindKind::Sasl, Some(Mechanism::Other))));
        assert_eq!(kind(b"", b"\xa3\x00"), Err(Unreadable));
    }

    #[test]
    fn by_sicily() {
        for (tag, round) in
            [(0x89, Sicily::PackageDiscovery), (0x8a, Sicily::Negotiate), (0x8b, Sicily::Response)]
        {
            let contents = contents(b"NTLM", &[tag, 1, b'x']);
            let bind = BindRequest::decode(&contents).unwrap();
            assert_eq!((bind.kind(), bind.method), (BindKind::Sicily, BindMethod::Sicily(round)));
        }
    }

    #[test]
    fn what_is_not_known_is_other_and_trailing_fields_are_ignored() {
        assert_eq!(kind(b"", b"\x81\x00"), Ok((BindKind::Other, None)));
        assert_eq!(kind(b"", b"\x80\x01p\x99\x01x"), Ok((BindKind::Simple, None)));
    }

    #[test]
    fn the_beginning_is_enough() {
        let whole = contents(b"", b"\xa3\x82\x40\x00\x04\x06GSSAPI\x04\x82\x3f\xf4ticket");
        let end = whole.len() - b"\x04\x82\x3f\xf4ticket".len();
        let bind = BindRequest::decode(&whole[..end]);
        assert_eq!(bind.map(|bind| bind.mechanism()), Ok(Some(Mechanism::Gssapi)));
        assert_eq!(bind, BindRequest::decode(&whole));
    }

    #[test]
    fn what_is_none_is_unreadable() {
        let whole = contents(b"cn=app", b"\xa3\x08\x04\x06GSSAPI");
        for end in 0..whole.len() {
            assert_eq!(BindRequest::decode(&whole[..end]), Err(Unreadable), "{end}");
        }
        assert_eq!(BindRequest::decode(b"\x04\x01\x03\x04\x00\x80\x00"), Err(Unreadable));
    }

    #[test]
    fn no_name_is_printed() {
        let contents = contents(b"cn=secret", b"\x80\x06secret");
        let printed = format!("{:?}", BindRequest::decode(&contents));
        assert!(!printed.contains("115, 101") && !printed.contains("secret"), "{printed}");
    }
}
