//! Lists of controls.

use rasn::prelude::*;
use rasn_ldap::Control;

use super::fields::{Fields, Refused};
use crate::protocol::ber::Unreadable;
use crate::protocol::control::{Controls, Paging, PolicyError, SyncMode, ValueOf};

/// Reads the contents of a list of controls; see [`Controls::decode`].
///
/// # Errors
/// They are no such list.
pub fn controls(list: &[u8]) -> Result<Controls, Unreadable> {
    typed(list).or_else(|Refused| Controls::decode(list))
}

fn typed(list: &[u8]) -> Result<Controls, Refused> {
    let mut controls = Controls::default();
    let mut fields = Fields::of(list);
    while !fields.rest().is_empty() {
        let control: Control = fields.next()?;
        let what = controls.insert(&control.control_type);
        let Some(value) = control.control_value else { continue };
        match what {
            ValueOf::Paging => controls.paging = Some(paging(&value)?),
            ValueOf::SyncRequest => controls.sync_mode = Some(sync_mode(&value)?),
            ValueOf::PasswordPolicy => controls.policy_error = policy_error(&value)?,
            ValueOf::NoInterest => {}
        }
    }
    Ok(controls)
}

/// RFC 2696, 2.
#[derive(AsnType, Decode)]
struct RealSearchControlValue {
    size: u32,
    cookie: OctetString,
}

fn paging(value: &[u8]) -> Result<Paging, Refused> {
    let RealSearchControlValue { size, cookie } = decode(value)?;
    // INTEGER (0..maxInt).
    i32::try_from(size).map_err(|_| Refused)?;
    Ok(Paging { size, cookie_is_empty: cookie.is_empty() })
}

/// RFC 4533, 2.2.
#[derive(AsnType, Decode)]
struct SyncRequestValue {
    mode: Mode,
    #[expect(dead_code, reason = "to be skipped")]
    cookie: Option<OctetString>,
    #[rasn(default)]
    #[expect(dead_code, reason = "to be skipped")]
    reload_hint: bool,
}

#[derive(AsnType, Clone, Copy, Debug, Decode, PartialEq, Eq)]
#[rasn(enumerated)]
enum Mode {
    RefreshOnly = 1,
    RefreshAndPersist = 3,
}

fn sync_mode(value: &[u8]) -> Result<SyncMode, Refused> {
    Ok(match decode::<SyncRequestValue>(value)?.mode {
        Mode::RefreshOnly => SyncMode::RefreshOnly,
        Mode::RefreshAndPersist => SyncMode::RefreshAndPersist,
    })
}

/// draft-behera-ldap-password-policy, 6.2.
#[derive(AsnType, Decode)]
struct PasswordPolicyResponseValue {
    #[rasn(tag(0))]
    #[expect(dead_code, reason = "to be skipped")]
    warning: Option<Warning>,
    #[rasn(tag(1))]
    error: Option<PolicyErrorCode>,
}

#[derive(AsnType, Decode)]
#[rasn(choice)]
enum Warning {
    #[rasn(tag(0))]
    #[expect(dead_code, reason = "to be skipped")]
    TimeBeforeExpiration(u32),
    #[rasn(tag(1))]
    #[expect(dead_code, reason = "to be skipped")]
    GraceAuthNsRemaining(u32),
}

#[derive(AsnType, Clone, Copy, Debug, Decode, PartialEq, Eq)]
#[rasn(enumerated)]
enum PolicyErrorCode {
    PasswordExpired = 0,
    AccountLocked = 1,
    ChangeAfterReset = 2,
    PasswordModNotAllowed = 3,
    MustSupplyOldPassword = 4,
    InsufficientPasswordQuality = 5,
    PasswordTooShort = 6,
    PasswordTooYoung = 7,
    PasswordInHistory = 8,
}

fn policy_error(value: &[u8]) -> Result<Option<PolicyError>, Refused> {
    Ok(decode::<PasswordPolicyResponseValue>(value)?.error.map(|error| match error {
        PolicyErrorCode::PasswordExpired => PolicyError::PasswordExpired,
        PolicyErrorCode::AccountLocked => PolicyError::AccountLocked,
        PolicyErrorCode::ChangeAfterReset => PolicyError::ChangeAfterReset,
        PolicyErrorCode::PasswordModNotAllowed
        | PolicyErrorCode::MustSupplyOldPassword
        | PolicyErrorCode::InsufficientPasswordQuality
        | PolicyErrorCode::PasswordTooShort
        | PolicyErrorCode::PasswordTooYoung
        | PolicyErrorCode::PasswordInHistory => PolicyError::Other,
    }))
}

fn decode<T: Decode>(value: &[u8]) -> Result<T, Refused> {
    rasn::ber::decode(value).map_err(|_| Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of one control.
    fn list(oid: &[u8], value: &[u8]) -> Vec<u8> {
        let string = |octets: &[u8]| [&[0x04, octets.len() as u8], octets].concat();
        let fields = [string(oid), b"\x01\x01\xff".to_vec(), string(value)].concat();
        [&[0x30, 0x84, 0, 0, 0, fields.len() as u8], &fields[..]].concat()
    }

    const PAGED: &[u8] = b"1.2.840.113556.1.4.319";
    const SYNC: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.1";
    const POLICY: &[u8] = b"1.3.6.1.4.1.42.2.27.8.5.1";

    #[test]
    fn both_readers_agree() {
        let lists = [
            list(PAGED, b"\x30\x05\x02\x01\x64\x04\x00"),
            list(PAGED, b"\x30\x84\x00\x00\x00\x06\x02\x01\x64\x04\x01c"),
            list(SYNC, b"\x30\x03\x0a\x01\x01"),
            list(SYNC, b"\x30\x09\x0a\x01\x03\x04\x01c\x01\x01\xff"),
            list(POLICY, b"\x30\x00"),
            list(POLICY, b"\x30\x03\x81\x01\x01"),
            list(POLICY, b"\x30\x08\xa0\x03\x80\x01\x05\x81\x01\x02"),
            list(POLICY, b"\x30\x05\xa0\x03\x81\x01\x05"),
            list(b"2.16.840.1.113730.3.4.4", b"0"),
            list(b"1.2.3.4", b"whatever"),
        ];
        for list in lists.iter().chain([&lists.concat(), &Vec::new()]) {
            let typed = typed(list).unwrap();
            assert_eq!(Controls::decode(list), Ok(typed));
            assert_eq!(controls(list), Ok(typed));
        }
        assert_eq!(typed(&lists[1]).unwrap().paging, Some(Paging { size: 100, cookie_is_empty: false }));
        assert_eq!(typed(&lists[3]).unwrap().sync_mode, Some(SyncMode::RefreshAndPersist));
        assert_eq!(typed(&lists[6]).unwrap().policy_error, Some(PolicyError::ChangeAfterReset));
    }

    #[test]
    fn what_rasn_refuses_is_read_lightly() {
        for list in [
            list(PAGED, b"\x30\x05\x02\x01\xff\x04\x00"),
            list(PAGED, b"\x30\x09\x02\x05\x00\x80\x00\x00\x00\x04\x00"),
            list(SYNC, b"\x30\x03\x0a\x01\x02"),
            list(POLICY, b"\x30\x03\x81\x01\x09"),
            // A field behind the ones that are known.
            b"\x30\x08\x04\x031.2\x99\x01x".to_vec(),
        ] {
            assert_eq!(typed(&list), Err(Refused), "{list:?}");
            assert!(controls(&list).is_ok(), "{list:?}");
            assert_eq!(controls(&list), Controls::decode(&list));
        }
    }

    #[test]
    fn what_neither_can_read_is_unreadable() {
        for list in [&b"\x30\x00"[..], b"\x30\x03\x04\x031", b"\x04\x00"] {
            assert_eq!(controls(list), Err(Unreadable), "{list:?}");
        }
    }
}
