//! What a final response says (RFC 4511, 4.1.9).

use std::fmt;

use super::ber::{Cursor, Unreadable, tag};
use super::operation::Answered;
use super::result_code::ResultCode;

/// What a final response says. Its matched DN, its referrals, its SASL credentials and its value are not kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LdapResult<'a> {
    /// How it went.
    pub code: ResultCode,
    /// The same in words, for people. May tell names and addresses.
    pub diagnostic: &'a [u8],
    /// Other servers are named.
    pub has_referral: bool,
    /// The OID of an extended response: of an unsolicited notification what it notifies of.
    pub response_name: Option<&'a [u8]>,
}

// RFC 4511, 4.1.9:
//     LDAPResult ::= SEQUENCE {
//          resultCode         ENUMERATED { success (0), ...  },
//          matchedDN          LDAPDN,
//          diagnosticMessage  LDAPString,
//          referral           [3] Referral OPTIONAL }
// RFC 4511, 4.2.2 and 4.12:
//     BindResponse ::= [APPLICATION 1] SEQUENCE {
//          COMPONENTS OF LDAPResult,
//          serverSaslCreds    [7] OCTET STRING OPTIONAL }
//     ExtendedResponse ::= [APPLICATION 24] SEQUENCE {
//          COMPONENTS OF LDAPResult,
//          responseName     [10] LDAPOID OPTIONAL,
//          responseValue    [11] OCTET STRING OPTIONAL }
impl<'a> LdapResult<'a> {
    /// Reads the contents of a final response of this operation.
    ///
    /// # Errors
    /// They are none.
    pub fn decode(operation: &'a [u8], answered: Answered) -> Result<Self, Unreadable> {
        let mut fields = Cursor::new(operation);
        let code = read_code(&mut fields)?;
        fields.octet_string()?;
        let diagnostic = fields.octet_string()?;
        let mut result = Self { code, diagnostic, has_referral: false, response_name: None };
        while !fields.is_empty() {
            let field = fields.element()?;
            match (field.tag, answered) {
                (REFERRAL, _) => result.has_referral = true,
                (RESPONSE_NAME, Answered::Extended) => result.response_name = Some(field.contents),
                _ => {}
            }
        }
        Ok(result)
    }
}

/// Reads the result code alone, from the beginning of the contents of a final response.
///
/// # Errors
/// It does not begin with one.
pub fn result_code(operation: &[u8]) -> Result<ResultCode, Unreadable> {
    read_code(&mut Cursor::new(operation))
}

fn read_code(fields: &mut Cursor<'_>) -> Result<ResultCode, Unreadable> {
    u32::try_from(fields.enumerated()?).map(ResultCode).map_err(|_| Unreadable)
}

const REFERRAL: u8 = tag::constructed(3);
const RESPONSE_NAME: u8 = tag::context(10);

/// Prints nothing that the server wrote, but the code.
impl fmt::Debug for LdapResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapResult")
            .field("code", &self.code)
            .field("diagnostic_octets", &self.diagnostic.len())
            .field("has_referral", &self.has_referral)
            .field("has_response_name", &self.response_name.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest() {
        let result = LdapResult::decode(b"\x0a\x01\x00\x04\x00\x04\x00", Answered::Search).unwrap();
        let success = LdapResult {
            code: ResultCode::SUCCESS,
            diagnostic: b"",
            has_referral: false,
            response_name: None,
        };
        assert_eq!(result, success);
    }

    #[test]
    fn code_diagnostic_and_referral() {
        let contents = b"\x0a\x01\x0a\x04\x04dc=x\x04\x03why\xa3\x0a\x04\x08ldap://a";
        let result = LdapResult::decode(contents, Answered::Modify).unwrap();
        assert_eq!(
            (result.code, result.diagnostic, result.has_referral),
            (ResultCode(10), &b"why"[..], true)
        );
    }

    #[test]
    fn codes_beyond_one_octet() {
        let code = |contents: &[u8]| LdapResult::decode(contents, Answered::Search).map(|result| result.code);
        assert_eq!(code(b"\x0a\x02\x10\x00\x04\x00\x04\x00"), Ok(ResultCode(4096)));
        assert_eq!(code(b"\x0a\x04\x00\x00\x00\x31\x04\x00\x04\x00"), Ok(ResultCode(49)));
        assert_eq!(code(b"\x0a\x05\x00\xff\xff\xff\xff\x04\x00\x04\x00"), Ok(ResultCode(u32::MAX)));
        assert_eq!(code(b"\x0a\x01\xff\x04\x00\x04\x00"), Err(Unreadable));
        assert_eq!(code(b"\x02\x01\x00\x04\x00\x04\x00"), Err(Unreadable));
    }

    #[test]
    fn only_an_extended_response_has_a_name() {
        let contents = b"\x0a\x01\x00\x04\x00\x04\x00\x8a\x03\x31.2\x8b\x01v";
        let name = |answered| LdapResult::decode(contents, answered).unwrap().response_name;
        assert_eq!(name(Answered::Extended), Some(&b"1.2"[..]));
        assert_eq!(name(Answered::Bind), None);
    }

    #[test]
    fn the_beginning_tells_the_code() {
        let contents = b"\x0a\x01\x31\x04\x00\x04\x03why";
        for end in 0..contents.len() {
            let expected = if end < 3 { Err(Unreadable) } else { Ok(ResultCode(49)) };
            assert_eq!(result_code(&contents[..end]), expected, "{end}");
            assert_eq!(LdapResult::decode(&contents[..end], Answered::Bind), Err(Unreadable), "{end}");
        }
    }

    #[test]
    fn no_text_is_printed() {
        let contents = b"\x0a\x01\x31\x04\x04aaaa\x04\x04bbbb";
        let printed = format!("{:?}", LdapResult::decode(contents, Answered::Bind));
        assert!(!printed.contains("97") && !printed.contains("98") && printed.contains("49"), "{printed}");
    }
}
