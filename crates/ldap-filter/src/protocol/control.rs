//! Controls (RFC 4511, 4.1.11), by the names of their OIDs.

use common_metrics::{LabelSet, label};

use super::ber::{self, Cursor, Unreadable, tag};

label! {
    /// A control, of a request or of a response.
    pub enum Control: "control" {
        /// 1.2.840.113556.1.4.319: RFC 2696.
        PagedResults = "paged_results",
        /// 2.16.840.1.113730.3.4.9 and .10: draft-ietf-ldapext-ldapv3-vlv.
        VirtualListView = "virtual_list_view",
        /// 1.2.840.113556.1.4.473 and .474: RFC 2891.
        Sort = "sort",
        /// 2.16.840.1.113730.3.4.18: RFC 4370.
        ProxiedAuthorization = "proxied_authorization",
        /// 2.16.840.1.113730.3.4.12: its predecessor.
        ProxiedAuthorizationV1 = "proxied_authorization_v1",
        /// 1.3.6.1.1.12: RFC 4528.
        Assertion = "assertion",
        /// 1.3.6.1.1.13.1: RFC 4527.
        PreRead = "pre_read",
        /// 1.3.6.1.1.13.2: RFC 4527.
        PostRead = "post_read",
        /// 2.16.840.1.113730.3.4.2: RFC 3296.
        ManageDsaIt = "manage_dsa_it",
        /// 1.3.6.1.4.1.4203.1.9.1.1 to .4: RFC 4533.
        ContentSync = "content_sync",
        /// 2.16.840.1.113730.3.4.3 and .7: draft-ietf-ldapext-psearch.
        PersistentSearch = "persistent_search",
        /// 1.2.840.113556.1.4.528: MS-ADTS.
        ChangeNotification = "change_notification",
        /// 1.2.840.113556.1.4.841: MS-ADTS.
        DirSync = "dir_sync",
        /// 1.2.840.113556.1.4.417: MS-ADTS.
        ShowDeleted = "show_deleted",
        /// 1.2.840.113556.1.4.801: MS-ADTS.
        SdFlags = "sd_flags",
        /// 1.2.840.113556.1.4.529: MS-ADTS.
        ExtendedDn = "extended_dn",
        /// 1.2.840.113556.1.4.1339: MS-ADTS.
        DomainScope = "domain_scope",
        /// 1.2.840.113556.1.4.1340: MS-ADTS.
        SearchOptions = "search_options",
        /// 1.2.840.113556.1.4.1413: MS-ADTS.
        PermissiveModify = "permissive_modify",
        /// 1.2.840.113556.1.4.805: MS-ADTS.
        TreeDelete = "tree_delete",
        /// 1.3.6.1.4.1.42.2.27.8.5.1: draft-behera-ldap-password-policy.
        PasswordPolicy = "password_policy",
        /// 2.16.840.1.113730.3.4.4 and .5: draft-vchu-ldap-pwd-policy.
        PasswordExpiry = "password_expiry",
        /// 2.16.840.1.113730.3.4.16 and .15: RFC 3829.
        AuthorizationIdentity = "authorization_identity",
        /// 1.3.6.1.1.22: RFC 6171.
        DontUseCopy = "dont_use_copy",
        /// 1.3.6.1.1.21.2: RFC 5805.
        Transaction = "transaction",
        /// Any other.
        Other = "other",
    }
}

impl Control {
    /// The control with this OID, as sent: a dotted number.
    pub fn of_oid(oid: &[u8]) -> Self {
        match oid {
            b"1.2.840.113556.1.4.319" => Self::PagedResults,
            b"2.16.840.1.113730.3.4.9" | b"2.16.840.1.113730.3.4.10" => Self::VirtualListView,
            b"1.2.840.113556.1.4.473" | b"1.2.840.113556.1.4.474" => Self::Sort,
            b"2.16.840.1.113730.3.4.18" => Self::ProxiedAuthorization,
            b"2.16.840.1.113730.3.4.12" => Self::ProxiedAuthorizationV1,
            b"1.3.6.1.1.12" => Self::Assertion,
            b"1.3.6.1.1.13.1" => Self::PreRead,
            b"1.3.6.1.1.13.2" => Self::PostRead,
            b"2.16.840.1.113730.3.4.2" => Self::ManageDsaIt,
            SYNC_REQUEST
            | b"1.3.6.1.4.1.4203.1.9.1.2"
            | b"1.3.6.1.4.1.4203.1.9.1.3"
            | b"1.3.6.1.4.1.4203.1.9.1.4" => Self::ContentSync,
            b"2.16.840.1.113730.3.4.3" | b"2.16.840.1.113730.3.4.7" => Self::PersistentSearch,
            b"1.2.840.113556.1.4.528" => Self::ChangeNotification,
            b"1.2.840.113556.1.4.841" => Self::DirSync,
            b"1.2.840.113556.1.4.417" => Self::ShowDeleted,
            b"1.2.840.113556.1.4.801" => Self::SdFlags,
            b"1.2.840.113556.1.4.529" => Self::ExtendedDn,
            b"1.2.840.113556.1.4.1339" => Self::DomainScope,
            b"1.2.840.113556.1.4.1340" => Self::SearchOptions,
            b"1.2.840.113556.1.4.1413" => Self::PermissiveModify,
            b"1.2.840.113556.1.4.805" => Self::TreeDelete,
            b"1.3.6.1.4.1.42.2.27.8.5.1" => Self::PasswordPolicy,
            PASSWORD_EXPIRED | b"2.16.840.1.113730.3.4.5" => Self::PasswordExpiry,
            b"2.16.840.1.113730.3.4.16" | b"2.16.840.1.113730.3.4.15" => Self::AuthorizationIdentity,
            b"1.3.6.1.1.22" => Self::DontUseCopy,
            b"1.3.6.1.1.21.2" => Self::Transaction,
            _ => Self::Other,
        }
    }
}

const SYNC_REQUEST: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.1";
const PASSWORD_EXPIRED: &[u8] = b"2.16.840.1.113730.3.4.4";

/// Which controls a message has, each once.
pub type ControlSet = LabelSet<Control>;

/// The controls of one message, and of their values what matters. A value that cannot be read is as good as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Which.
    pub set: ControlSet,
    /// Of paged results.
    pub paging: Option<Paging>,
    /// Of a content synchronisation that is asked for.
    pub sync_mode: Option<SyncMode>,
    /// What a password policy has against the operation.
    pub policy_error: Option<PolicyError>,
    /// The password has expired, as the first of the two controls of draft-vchu-ldap-pwd-policy says.
    pub password_expired: bool,
}

/// What paged results say (RFC 2696, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Of a request: how many entries a page may have. Of a response: how many there are in all, 0 for not known. In
    /// either 0 to 2^31-1.
    pub size: u32,
    /// Of a request: it is the first page that is asked for. Of a response: this was the last.
    pub cookie_is_empty: bool,
}

/// What is to happen when everything has been sent (RFC 4533, 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// The search ends.
    RefreshOnly,
    /// It stays open for what changes later.
    RefreshAndPersist,
}

/// What a password policy has against an operation (draft-behera-ldap-password-policy, 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// 0.
    PasswordExpired,
    /// 1.
    AccountLocked,
    /// 2.
    ChangeAfterReset,
    /// Others, all of them about a new password.
    Other,
}

impl Controls {
    // RFC 4511, 4.1.11:
    //     Controls ::= SEQUENCE OF control Control
    //     Control ::= SEQUENCE {
    //          controlType             LDAPOID,
    //          criticality             BOOLEAN DEFAULT FALSE,
    //          controlValue            OCTET STRING OPTIONAL }
    /// Reads the contents of a list of controls: none when there are none.
    ///
    /// # Errors
    /// They are no such list.
    pub fn decode(list: &[u8]) -> Result<Self, Unreadable> {
        let mut controls = Self::default();
        let mut list = Cursor::new(list);
        while !list.is_empty() {
            let mut fields = list.sequence()?;
            let oid = fields.octet_string()?;
            fields.optional(tag::BOOLEAN)?;
            let value = fields.optional(tag::OCTET_STRING)?;
            let what = controls.insert(oid);
            if let Some(value) = value {
                controls.read(what, value);
            }
        }
        Ok(controls)
    }

    /// Puts the control with this OID into the set, and says which it is and what its value means.
    pub fn insert(&mut self, oid: &[u8]) -> ValueOf {
        let control = Control::of_oid(oid);
        self.set.insert(control);
        self.password_expired |= oid == PASSWORD_EXPIRED;
        match control {
            Control::PagedResults => ValueOf::Paging,
            Control::ContentSync if oid == SYNC_REQUEST => ValueOf::SyncRequest,
            Control::PasswordPolicy => ValueOf::PasswordPolicy,
            _ => ValueOf::NoInterest,
        }
    }

    /// Reads the value of a control. One that cannot be read says nothing.
    pub fn read(&mut self, what: ValueOf, value: &[u8]) {
        match what {
            ValueOf::Paging => self.paging = Paging::decode(value).ok(),
            ValueOf::SyncRequest => self.sync_mode = SyncMode::decode(value).ok(),
            ValueOf::PasswordPolicy => self.policy_error = PolicyError::decode(value).ok().flatten(),
            ValueOf::NoInterest => {}
        }
    }
}

/// What the value of a control is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueOf {
    /// See [`Paging`].
    Paging,
    /// See [`SyncMode`].
    SyncRequest,
    /// See [`PolicyError`]; only a response has one.
    PasswordPolicy,
    /// Nothing that matters here.
    NoInterest,
}

impl Paging {
    // RFC 2696, 2:
    //     realSearchControlValue ::= SEQUENCE {
    //             size            INTEGER (0..maxInt),
    //                                     -- requested page size from client
    //                                     -- result set size estimate from server
    //             cookie          OCTET STRING }
    /// Reads the value of the control.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(value: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Cursor::new(value).sequence()?;
        let size = fields.integer_within(0..=i32::MAX as u32)?;
        Ok(Self { size, cookie_is_empty: fields.octet_string()?.is_empty() })
    }
}

impl SyncMode {
    // RFC 4533, 2.2:
    //     syncRequestValue ::= SEQUENCE {
    //         mode ENUMERATED {
    //             -- 0 unused
    //             refreshOnly       (1),
    //             -- 2 reserved
    //             refreshAndPersist (3)
    //         },
    //         cookie     syncCookie OPTIONAL,
    //         reloadHint BOOLEAN DEFAULT FALSE }
    /// Reads the value of the control.
    ///
    /// # Errors
    /// It is none, or of a mode that RFC 4533 does not know.
    pub fn decode(value: &[u8]) -> Result<Self, Unreadable> {
        match Cursor::new(value).sequence()?.enumerated()? {
            1 => Ok(Self::RefreshOnly),
            3 => Ok(Self::RefreshAndPersist),
            _ => Err(Unreadable),
        }
    }
}

impl PolicyError {
    // draft-behera-ldap-password-policy, 6.2:
    //     PasswordPolicyResponseValue ::= SEQUENCE {
    //        warning [0] CHOICE {
    //           timeBeforeExpiration [0] INTEGER (0 .. maxInt),
    //           graceAuthNsRemaining [1] INTEGER (0 .. maxInt) } OPTIONAL,
    //        error   [1] ENUMERATED {
    //           passwordExpired             (0),
    //           accountLocked               (1),
    //           changeAfterReset            (2),
    //           ... } OPTIONAL }
    /// Reads the value of the control; `None` when there is no error in it.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(value: &[u8]) -> Result<Option<Self>, Unreadable> {
        let mut fields = Cursor::new(value).sequence()?;
        fields.optional(tag::constructed(0))?;
        let Some(error) = fields.optional(tag::context(1))? else { return Ok(None) };
        ber::integer(error).map(|number| Some(Self::of_number(number))).ok_or(Unreadable)
    }

    fn of_number(number: i64) -> Self {
        match number {
            0 => Self::PasswordExpired,
            1 => Self::AccountLocked,
            2 => Self::ChangeAfterReset,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list with one control.
    fn list(oid: &str, critical: Option<u8>, value: Option<&[u8]>) -> Vec<u8> {
        let string = |octets: &[u8]| [&[tag::OCTET_STRING, octets.len() as u8], octets].concat();
        let mut fields = string(oid.as_bytes());
        fields.extend(critical.into_iter().flat_map(|critical| [tag::BOOLEAN, 1, critical]));
        fields.extend(value.into_iter().flat_map(string));
        [&[tag::SEQUENCE, 0x84, 0, 0, 0, fields.len() as u8], &fields[..]].concat()
    }

    fn decode(oid: &str, value: &[u8]) -> Controls {
        Controls::decode(&list(oid, Some(0xff), Some(value))).unwrap()
    }

    const PAGED: &str = "1.2.840.113556.1.4.319";
    const SYNC: &str = "1.3.6.1.4.1.4203.1.9.1.1";
    const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
    const POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

    #[test]
    fn several_each_once() {
        let lists = [
            list(PAGED, None, Some(b"\x30\x05\x02\x01\x64\x04\x00")),
            list("2.16.840.1.113730.3.4.2", None, None),
            list("1.2.3.4", Some(0), None),
            list("1.2.3.5", Some(0xff), Some(b"whatever")),
        ];
        let controls = Controls::decode(&lists.concat()).unwrap();
        let names: Vec<_> = controls.set.iter().collect();
        assert_eq!(names, [Control::PagedResults, Control::ManageDsaIt, Control::Other]);
        assert_eq!(controls.paging, Some(Paging { size: 100, cookie_is_empty: true }));
        assert_eq!(Controls::decode(b""), Ok(Controls::default()));
    }

    #[test]
    fn pages() {
        let paging = |value| decode(PAGED, value).paging;
        assert_eq!(
            paging(b"\x30\x07\x02\x02\x03\xe8\x04\x01c"),
            Some(Paging { size: 1_000, cookie_is_empty: false })
        );
        assert_eq!(
            paging(b"\x30\x84\x00\x00\x00\x05\x02\x01\x00\x04\x00"),
            Some(Paging { size: 0, cookie_is_empty: true })
        );
        for value in [&b""[..], b"\x30\x00", b"\x30\x05\x02\x01\xff\x04\x00", b"\x30\x03\x02\x01\x05"] {
            assert_eq!(paging(value), None, "{value:?}");
        }
    }

    #[test]
    fn only_a_request_says_how_to_synchronise() {
        let mode = |oid, mode| decode(oid, &[0x30, 3, 0x0a, 1, mode]).sync_mode;
        assert_eq!(mode(SYNC, 1), Some(SyncMode::RefreshOnly));
        assert_eq!(mode(SYNC, 3), Some(SyncMode::RefreshAndPersist));
        assert_eq!(mode(SYNC, 2), None);
        assert_eq!(mode(SYNC_STATE, 3), None);
        assert!(decode(SYNC_STATE, b"").set.contains(Control::ContentSync));
    }

    #[test]
    fn what_a_password_policy_says() {
        let error = |value| decode(POLICY, value).policy_error;
        assert_eq!(error(b"\x30\x03\x81\x01\x00"), Some(PolicyError::PasswordExpired));
        assert_eq!(error(b"\x30\x03\x81\x01\x01"), Some(PolicyError::AccountLocked));
        assert_eq!(error(b"\x30\x08\xa0\x03\x81\x01\x02\x81\x01\x02"), Some(PolicyError::ChangeAfterReset));
        assert_eq!(error(b"\x30\x03\x81\x01\x08"), Some(PolicyError::Other));
        assert_eq!(error(b"\x30\x05\xa0\x03\x80\x01\x02"), None);
        assert_eq!(error(b"\x30\x00"), None);
        assert_eq!(error(b"\x30\x02\x81\x00"), None);
    }

    #[test]
    fn an_expired_password_is_told_from_one_that_will_expire() {
        let expired = |oid| decode(oid, b"0").password_expired;
        assert!(expired("2.16.840.1.113730.3.4.4"));
        assert!(!expired("2.16.840.1.113730.3.4.5"));
        assert!(decode("2.16.840.1.113730.3.4.5", b"600").set.contains(Control::PasswordExpiry));
    }

    #[test]
    fn what_is_no_list_is_unreadable() {
        let whole = list(PAGED, Some(0xff), Some(b"v"));
        for end in 1..whole.len() {
            assert_eq!(Controls::decode(&whole[..end]), Err(Unreadable), "{end}");
        }
        assert_eq!(Controls::decode(b"\x30\x00"), Err(Unreadable));
        assert_eq!(Controls::decode(b"\x04\x00"), Err(Unreadable));
    }
}
