//! Why a bind failed.

use common_metrics::label;

use super::control::{Controls, PolicyError};
use super::result::LdapResult;
use super::result_code::ResultLabel;

label! {
    /// Why a bind failed: from the result code, from the password policy control
    /// (draft-behera-ldap-password-policy), and from the code that Active Directory writes into its message.
    pub enum BindFailure: "reason" {
        /// The name is not known: AD's `data 525`, `noSuchObject`.
        UnknownUser = "unknown_user",
        /// The password is wrong: AD's `data 52e`.
        WrongPassword = "wrong_password",
        /// `invalidCredentials` without a word on which of the two.
        InvalidCredentials = "invalid_credentials",
        /// Not at this time: AD's `data 530`.
        LogonHours = "logon_hours",
        /// Not from this machine: AD's `data 531`.
        Workstation = "workstation",
        /// The password has expired: AD's `data 532`, passwordExpired.
        PasswordExpired = "password_expired",
        /// The account is disabled: AD's `data 533`.
        AccountDisabled = "account_disabled",
        /// The account has expired: AD's `data 701`.
        AccountExpired = "account_expired",
        /// The password has to be changed first: AD's `data 773`, changeAfterReset.
        MustChangePassword = "must_change_password",
        /// The account is locked: AD's `data 775`, accountLocked.
        AccountLocked = "account_locked",
        /// `authMethodNotSupported`.
        MethodNotSupported = "method_not_supported",
        /// `strongerAuthRequired`, `confidentialityRequired`, `inappropriateAuthentication`.
        StrongerAuthRequired = "stronger_auth_required",
        /// `busy`, `unavailable`: no fault of the client's.
        Unavailable = "unavailable",
        /// Any other result.
        Other = "other",
    }
}

impl BindFailure {
    /// Of a bind that was answered like this. What says most decides: Active Directory's own code, then a password
    /// policy, then the result code.
    pub fn of(result: &LdapResult<'_>, controls: &Controls) -> Self {
        Self::of_active_directory(result.diagnostic)
            .or_else(|| Self::of_policy(controls))
            .unwrap_or_else(|| Self::of_result(result.code.label()))
    }

    /// By the code that Active Directory and Samba write into the diagnostic message; it is a Windows error code
    /// in hexadecimal digits, such as in
    /// `80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580`.
    fn of_active_directory(diagnostic: &[u8]) -> Option<Self> {
        const INTRODUCTION: &[u8] = b", data ";
        let at = diagnostic.windows(INTRODUCTION.len()).position(|window| window == INTRODUCTION)?;
        let behind = diagnostic.get(at.saturating_add(INTRODUCTION.len())..)?;
        let code = behind.split(|octet| !octet.is_ascii_hexdigit()).next()?;
        // MS-ERREF, 2.2. Samba and Windows write small letters.
        Some(match code {
            b"525" => Self::UnknownUser,
            b"52e" => Self::WrongPassword,
            b"530" => Self::LogonHours,
            b"531" => Self::Workstation,
            b"532" => Self::PasswordExpired,
            b"533" => Self::AccountDisabled,
            b"701" => Self::AccountExpired,
            b"773" => Self::MustChangePassword,
            b"775" => Self::AccountLocked,
            _ => return None,
        })
    }

    fn of_policy(controls: &Controls) -> Option<Self> {
        match controls.policy_error {
            Some(PolicyError::PasswordExpired) => Some(Self::PasswordExpired),
            Some(PolicyError::AccountLocked) => Some(Self::AccountLocked),
            Some(PolicyError::ChangeAfterReset) => Some(Self::MustChangePassword),
            Some(PolicyError::Other) | None => controls.password_expired.then_some(Self::PasswordExpired),
        }
    }

    fn of_result(result: ResultLabel) -> Self {
        match result {
            ResultLabel::InvalidCredentials => Self::InvalidCredentials,
            ResultLabel::NoSuchObject => Self::UnknownUser,
            ResultLabel::AuthMethodNotSupported => Self::MethodNotSupported,
            ResultLabel::StrongerAuthRequired
            | ResultLabel::ConfidentialityRequired
            | ResultLabel::InappropriateAuthentication => Self::StrongerAuthRequired,
            ResultLabel::Busy | ResultLabel::Unavailable => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::result_code::ResultCode;
    use super::*;

    fn reason(code: u32, diagnostic: &str, controls: Controls) -> BindFailure {
        let diagnostic = diagnostic.as_bytes();
        let result =
            LdapResult { code: ResultCode(code), diagnostic, has_referral: false, response_name: None };
        BindFailure::of(&result, &controls)
    }

    #[test]
    fn codes_of_active_directory() {
        use BindFailure::*;
        for (data, expected) in [
            ("525", UnknownUser),
            ("52e", WrongPassword),
            ("530", LogonHours),
            ("531", Workstation),
            ("532", PasswordExpired),
            ("533", AccountDisabled),
            ("701", AccountExpired),
            ("773", MustChangePassword),
            ("775", AccountLocked),
            ("52f", InvalidCredentials),
            ("52e1", InvalidCredentials),
            ("", InvalidCredentials),
        ] {
            let start = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error";
            let diagnostic = format!("{start}, data {data}, v2580\0");
            assert_eq!(reason(49, &diagnostic, Controls::default()), expected, "{data}");
            let diagnostic = format!("{start}, data {data}");
            assert_eq!(reason(49, &diagnostic, Controls::default()), expected, "{data} at the end");
        }
        assert_eq!(reason(49, "metadata 52e", Controls::default()), InvalidCredentials);
    }

    #[test]
    fn password_policies() {
        let policy = |policy_error| Controls { policy_error: Some(policy_error), ..Controls::default() };
        for (controls, expected) in [
            (policy(PolicyError::PasswordExpired), BindFailure::PasswordExpired),
            (policy(PolicyError::AccountLocked), BindFailure::AccountLocked),
            (policy(PolicyError::ChangeAfterReset), BindFailure::MustChangePassword),
            (policy(PolicyError::Other), BindFailure::InvalidCredentials),
            (Controls { password_expired: true, ..Controls::default() }, BindFailure::PasswordExpired),
        ] {
            assert_eq!(reason(49, "", controls), expected, "{controls:?}");
        }
    }

    #[test]
    fn result_codes() {
        use BindFailure::*;
        for (code, expected) in [
            (49, InvalidCredentials),
            (32, UnknownUser),
            (7, MethodNotSupported),
            (8, StrongerAuthRequired),
            (13, StrongerAuthRequired),
            (48, StrongerAuthRequired),
            (51, Unavailable),
            (52, Unavailable),
            (53, Other),
            (4096, Other),
        ] {
            assert_eq!(reason(code, "no comment", Controls::default()), expected, "{code}");
        }
    }
}
