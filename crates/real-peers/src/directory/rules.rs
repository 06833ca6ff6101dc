//! What OpenLDAP's directory holds and how it answers.
//!
//! ```text
//! dc=example,dc=test
//!   ou=people      the users below, each as uid=NAME
//!   ou=groups      one group for each of GROUPS_OF_USERS; members are users
//!   ou=staff       as many generated people as were asked for; nobody can log in as one. Of their attributes
//!                  only uidNumber can be sorted by: OpenLDAP's schema has no order for names
//!   ou=policies    password policies
//!   ou=branches    with ou=abroad, a referral to a server that is not there
//! ```
//!
//! Everyone may read everything but passwords, also without a login; users may change their own entry; only
//! [`ADMIN_DN`] may change the rest.

/// The root of the tree.
pub const SUFFIX: &str = "dc=example,dc=test";

/// The Kerberos realm of the users.
pub const REALM: &str = "EXAMPLE.TEST";

/// Who may do everything, without any limit.
pub const ADMIN_DN: &str = "cn=admin,dc=example,dc=test";

/// The password of [`ADMIN_DN`]. It opens nothing but these servers.
pub const ADMIN_PASSWORD: &str = "admin-secret";

/// Where the people are who can log in.
pub const PEOPLE: &str = "ou=people,dc=example,dc=test";

/// Where the groups are.
pub const GROUPS: &str = "ou=groups,dc=example,dc=test";

/// Where the generated people are.
pub const STAFF: &str = "ou=staff,dc=example,dc=test";

/// Where the password policies are.
pub const POLICIES: &str = "ou=policies,dc=example,dc=test";

/// Where the referral is. A search of its subtree, or of the whole tree's, gets one reference.
pub const BRANCHES: &str = "ou=branches,dc=example,dc=test";

/// What the referral refers to.
pub const REFERRAL: &str = "ldap://127.0.0.1:1/ou=abroad,dc=example,dc=test";

/// The password of every person below [`PEOPLE`].
pub const PASSWORD: &str = "Secret-2026";

/// People who can log in, by short name (`uid`, SASL name and Kerberos principal).
pub const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// A person whose account is locked: with the right password, bind is answered with `invalidCredentials`
/// (49), and the password policy's control says `accountLocked`.
pub const LOCKED: &str = "locked";

/// A person whose password is too old: with the right password, bind is answered with `invalidCredentials`
/// (49), and the password policy's control says `passwordExpired`.
pub const EXPIRED: &str = "expired";

/// A person who can log in but must then change the password first: everything else is answered with
/// `insufficientAccessRights` (50), and the control says `changeAfterReset`.
pub const MUST_CHANGE: &str = "reset";

/// A person who can log in and is warned that the password expires some day.
pub const EXPIRING: &str = "expiring";

/// The fewest characters of a new password; fewer are answered with `constraintViolation` (19).
pub const PASSWORD_MINIMUM: usize = 8;

/// The groups, each with its members.
pub const GROUPS_OF_USERS: [(&str, &[&str]); 4] = [
    ("admins", &["alice"]),
    ("developers", &["alice", "bob"]),
    ("operators", &["bob", "carol"]),
    ("everyone", &USERS),
];

/// The name of a person below [`PEOPLE`].
#[must_use]
pub fn person(user: &str) -> String {
    format!("uid={user},{PEOPLE}")
}

/// The name of a group.
#[must_use]
pub fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

/// The name of a generated person; the first has the number 0.
#[must_use]
pub fn staff(number: u32) -> String {
    format!("uid=staff{number:06},{STAFF}")
}
