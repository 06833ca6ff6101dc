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
