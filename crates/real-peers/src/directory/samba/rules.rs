//! What the domain holds and how it answers.

pub use crate::directory::rules::PASSWORD;

/// The domain's name in DNS.
pub const DNS_DOMAIN: &str = "ad.example.test";

/// The domain's Kerberos realm.
pub const REALM: &str = "AD.EXAMPLE.TEST";

/// The domain's short name, for NTLM.
pub const NETBIOS_DOMAIN: &str = "EXAMPLE";

/// The root of the tree.
pub const SUFFIX: &str = "DC=ad,DC=example,DC=test";

/// The controller's own name, for its own address.
pub const HOST: &str = "dc1.ad.example.test";

/// A name of the directory service for 127.0.0.1, where a proxy may listen. The controller has keys for it, as
/// an administrator gives them for a name that many controllers stand behind.
pub const SERVICE_HOST: &str = "directory.ad.example.test";

/// Who may do everything. The password is [`PASSWORD`].
pub const ADMINISTRATOR: &str = "Administrator";

/// Where the people and the contacts are.
pub const PEOPLE: &str = "OU=People,DC=ad,DC=example,DC=test";

/// People who can log in with [`PASSWORD`], by account name.
pub const USERS: [&str; 2] = ["alice", "bob"];

/// A group of which the [`USERS`] are members.
pub const TEAM: &str = "CN=team,OU=People,DC=ad,DC=example,DC=test";

/// A group of which [`TEAM`] is the only member.
pub const STAFF: &str = "CN=staff,OU=People,DC=ad,DC=example,DC=test";

/// How many contacts there are below [`PEOPLE`], named `contact 0` and so on, with the address
/// `contact0@example.test`.
pub const CONTACTS: u32 = 1200;

/// A disabled account whose `jpegPhoto` has [`PORTRAIT_SIZE`] octets: more than one SASL token takes.
pub const PORTRAIT: &str = "portrait";

/// The octets of the picture of [`PORTRAIT`].
pub const PORTRAIT_SIZE: usize = 200_000;

/// A login that is refused with result code 49, and how the diagnostic text says why: `data`, and this number
/// in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Account name.
    pub account: &'static str,
    /// The password to try.
    pub password: &'static str,
    /// The Windows error number.
    pub data: u32,
}

/// One refused login for each reason that Samba tells apart. To an unknown user it says what it says to a wrong
/// password; Windows would say 525.
pub const REFUSALS: [Refusal; 9] = [
    Refusal { account: "alice", password: "wrong", data: 0x52e },
    Refusal { account: "nobody-at-all", password: PASSWORD, data: 0x52e },
    Refusal { account: "no-hours", password: PASSWORD, data: 0x530 },
    Refusal { account: "elsewhere", password: PASSWORD, data: 0x531 },
    Refusal { account: "old-password", password: PASSWORD, data: 0x532 },
    Refusal { account: "disabled", password: PASSWORD, data: 0x533 },
    Refusal { account: "expired", password: PASSWORD, data: 0x701 },
    Refusal { account: "must-change", password: PASSWORD, data: 0x773 },
    Refusal { account: "locked", password: PASSWORD, data: 0x775 },
];

/// The name to log in with by a simple bind.
#[must_use]
pub fn principal(account: &str) -> String {
    format!("{account}@{DNS_DOMAIN}")
}

/// The name of an account's entry below [`PEOPLE`].
#[must_use]
pub fn entry(account: &str) -> String {
    format!("CN={account},{PEOPLE}")
}
