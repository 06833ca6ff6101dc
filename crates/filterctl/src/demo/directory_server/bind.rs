//! Who may come in: RFC 4513, section 5.

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapBindCred, LdapBindRequest, LdapResultCode as Code};

use super::entries::{Entries, Entry};
use super::name::Name;

/// The password policy control, of the request and of the response
/// (draft-behera-ldap-password-policy-10, section 6).
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// The judgement on a bind.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What kind of bind it was.
    pub(super) kind: &'static str,
    /// Who the client is from now on, or why it is nobody.
    pub(super) who: Result<Option<Name>, Refusal>,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    /// A name for the reason, for the tally.
    pub(super) reason: &'static str,
    pub(super) text: String,
    pub(super) controls: Vec<LdapControl>,
}

/// What can be wrong with an account, or with what a client says about it.
struct Problem {
    /// What the tally calls it.
    reason: &'static str,
    /// What Active Directory writes behind `data`: MS-ADTS and its Win32 error codes, in hexadecimal.
    data: &'static str,
    /// The error of the password policy control, if it has one.
    policy: Option<u8>,
}

const WRONG_PASSWORD: Problem = Problem { reason: "wrong_password", data: "52e", policy: None };
const UNKNOWN_USER: Problem = Problem { reason: "unknown_user", data: "525", policy: None };

impl Problem {
    /// Of an account in this state.
    fn of(state: &str) -> Option<Self> {
        Some(match state {
            "locked" => Self { reason: "account_locked", data: "775", policy: Some(1) },
            "expired" => Self { reason: "password_expired", data: "532", policy: Some(0) },
            "must_change" => Self { reason: "must_change_password", data: "773", policy: Some(2) },
            "disabled" => Self { reason: "account_disabled", data: "533", policy: None },
            _ => return None,
        })
    }

    /// In the words of Active Directory; where the client understands it, in those of the password policy control.
    fn refusal(self, controls: &[LdapControl]) -> Refusal {
        let Self { reason, data, policy } = self;
        let is_policy = |control: &LdapControl| matches!(control, LdapControl::PasswordPolicyRequest { .. });
        let policy = policy.filter(|_| controls.iter().any(is_policy));
        let (text, controls) = match policy {
            Some(error) => {
                // PasswordPolicyResponseValue ::= SEQUENCE { ..., error [1] ENUMERATED OPTIONAL }
                let value = Some(vec![0x30, 3, 0x81, 1, error]);
                let control =
                    LdapControl::Unknown { oid: PASSWORD_POLICY.to_owned(), criticality: false, value };
                ("not let in".to_owned(), vec![control])
            }
            None => (format!("80090308: LdapErr: AcceptSecurityContext error, data {data}, v0"), Vec::new()),
        };
        Refusal { code: Code::InvalidCredentials, reason, text, controls }
    }
}

/// Judges a bind.
pub(super) fn judge(request: &LdapBindRequest, controls: &[LdapControl], entries: &Entries) -> Verdict {
    let refuse =
        |code, reason, text: &str| Err(Refusal { code, reason, text: text.to_owned(), controls: Vec::new() });
    let (kind, who) = match &request.cred {
        LdapBindCred::SASL(_) | LdapBindCred::Unsupported => {
            let text = "name and password are all that is understood here";
            ("sasl", refuse(Code::AuthMethodNotSupported, "method_not_supported", text))
        }
        LdapBindCred::Simple(password) if password.is_empty() && request.dn.is_empty() => {
            ("anonymous", Ok(None))
        }
        // RFC 4513, section 5.1.2: who takes this for a success has let in anybody.
        LdapBindCred::Simple(password) if password.is_empty() => {
            ("unauthenticated", refuse(Code::UnwillingToPerform, "other", "a name needs a password"))
        }
        LdapBindCred::Simple(password) => {
            ("simple", simple(request, password, entries).map_err(|problem| problem.refusal(controls)))
        }
    };
    if request.version != 3 {
        return Verdict { kind, who: refuse(Code::ProtocolError, "other", "LDAP 3 is spoken here") };
    }
    Verdict { kind, who }
}

fn simple(request: &LdapBindRequest, password: &str, entries: &Entries) -> Result<Option<Name>, Problem> {
    let name = Name::parse(&request.dn);
    let account = entries.get(&name).filter(|entry| entry.text("accountState").is_some());
    let account: &Entry = account.ok_or(UNKNOWN_USER)?;
    if account.text("userPassword") != Some(password) {
        return Err(WRONG_PASSWORD);
    }
    match account.text("accountState").and_then(Problem::of) {
        Some(problem) => Err(problem),
        None => Ok(Some(name)),
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::proto::SaslCredentials;

    use super::super::content;
    use super::*;

    fn verdict(user: &str, password: &str, controls: &[LdapControl]) -> Verdict {
        let dn =
            if user.is_empty() { String::new() } else { format!("uid={user},ou=people,{}", content::ROOT) };
        let cred = LdapBindCred::Simple(password.to_owned());
        judge(&LdapBindRequest { version: 3, dn, cred }, controls, &content::entries())
    }

    #[test]
    fn a_failure_names_its_reason_as_active_directory_does() {
        for (user, password, reason, data) in [
            ("alice", "wrong", "wrong_password", "data 52e,"),
            ("nobody", "x", "unknown_user", "data 525,"),
            ("user0001", "x", "unknown_user", "data 525,"),
            ("erin", "erin-password", "account_locked", "data 775,"),
            ("erin", "wrong", "wrong_password", "data 52e,"),
            ("frank", "frank-password", "password_expired", "data 532,"),
            ("grace", "grace-password", "must_change_password", "data 773,"),
            ("heidi", "heidi-password", "account_disabled", "data 533,"),
        ] {
            let refusal = verdict(user, password, &[]).who.unwrap_err();
            assert_eq!((refusal.reason, refusal.code), (reason, Code::InvalidCredentials), "{user}");
            assert!(refusal.text.contains(data), "{}", refusal.text);
        }
    }

    #[test]
    fn who_asks_for_the_password_policy_gets_the_reason_there() {
        let asked = [LdapControl::PasswordPolicyRequest { criticality: false }];
        let refusal = verdict("erin", "erin-password", &asked).who.unwrap_err();
        assert!(!refusal.text.contains("data"));
        let [LdapControl::Unknown { value: Some(value), .. }] = refusal.controls.as_slice() else {
            panic!("{:?}", refusal.controls)
        };
        assert_eq!(value, &[0x30, 3, 0x81, 1, 1]);
        assert_eq!(verdict("alice", "wrong", &asked).who.unwrap_err().controls, []);
    }

    #[test]
    fn a_name_without_a_password_is_nobody() {
        let verdict_of = |user, password| verdict(user, password, &[]);
        assert!(matches!(verdict_of("", "").who, Ok(None)));
        assert_eq!(verdict_of("", "").kind, "anonymous");
        assert_eq!(verdict_of("alice", "").who.unwrap_err().code, Code::UnwillingToPerform);
        assert!(matches!(verdict_of("alice", "alice-password").who, Ok(Some(_))));
    }

    #[test]
    fn other_ways_and_other_versions_are_refused() {
        let sasl =
            LdapBindCred::SASL(SaslCredentials { mechanism: "EXTERNAL".to_owned(), credentials: Vec::new() });
        let mut request = LdapBindRequest { version: 3, dn: String::new(), cred: sasl };
        let judged = judge(&request, &[], &content::entries());
        assert_eq!((judged.kind, judged.who.unwrap_err().code), ("sasl", Code::AuthMethodNotSupported));
        request.version = 2;
        assert_eq!(judge(&request, &[], &content::entries()).who.unwrap_err().code, Code::ProtocolError);
    }
}
