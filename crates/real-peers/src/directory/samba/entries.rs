//! The entries that the domain has beside those of every domain, as LDIF.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::rules::{
    ADMINISTRATOR, CONTACTS, HOST, PASSWORD, PEOPLE, PORTRAIT, PORTRAIT_SIZE, SERVICE_HOST, STAFF, SUFFIX,
    TEAM, USERS, entry,
};

/// `userAccountControl` (MS-ADTS section 2.2.16): a normal account.
const NORMAL: u32 = 0x200;
/// `userAccountControl`: the account is disabled.
const DISABLED: u32 = 0x2;
/// `userAccountControl`: the password does not expire. The domain is made once and used for months.
const LASTING: u32 = 0x1_0000;

/// Some day in 2012, in units of 100 ns since 1601.
const LONG_AGO: &str = "130000000000000000";
/// As a duration: without an end.
const FOREVER: &str = "-9223372036854775808";

/// The entries to add.
pub(super) fn additions() -> String {
    let mut ldif = format!("dn: {PEOPLE}\nobjectClass: organizationalUnit\n\n");
    for account in USERS {
        ldif += &user(account, NORMAL | LASTING, "");
    }
    let no_hours = format!("logonHours:: {}\n", STANDARD.encode([0; 21]));
    for (account, control, more) in [
        ("no-hours", NORMAL | LASTING, no_hours.as_str()),
        ("elsewhere", NORMAL | LASTING, "userWorkstations: another-computer\n"),
        ("old-password", NORMAL, ""),
        ("disabled", NORMAL | LASTING | DISABLED, ""),
        ("expired", NORMAL | LASTING, &format!("accountExpires: {LONG_AGO}\n")),
        ("must-change", NORMAL, "pwdLastSet: 0\n"),
        ("locked", NORMAL | LASTING, ""),
    ] {
        ldif += &user(account, control, more);
    }
    let members: String = USERS.map(|account| format!("member: {}\n", entry(account))).concat();
    ldif += &format!("dn: {TEAM}\nobjectClass: group\nsAMAccountName: team\n{members}\n");
    ldif += &format!("dn: {STAFF}\nobjectClass: group\nsAMAccountName: staff\nmember: {TEAM}\n\n");
    let picture = STANDARD.encode(vec![0; PORTRAIT_SIZE]);
    ldif += &user(PORTRAIT, NORMAL | DISABLED, &format!("jpegPhoto:: {picture}\n"));
    for number in 0..CONTACTS {
        ldif += &format!(
            "dn: CN=contact {number},{PEOPLE}\nobjectClass: contact\nmail: contact{number}@example.test\n\n"
        );
    }
    ldif
}

fn user(account: &str, control: u32, more: &str) -> String {
    // In quotes and in UTF-16 (MS-ADTS section 3.1.1.3.1.5.1).
    let password: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!(
        "dn: {}\nobjectClass: user\nsAMAccountName: {account}\nuserPrincipalName: {}\nunicodePwd:: {}\n\
         userAccountControl: {control}\n{more}\n",
        entry(account),
        super::rules::principal(account),
        STANDARD.encode(password)
    )
}

/// The changes to what is there. Wrong passwords lock nobody out; who is locked out stays so.
pub(super) fn changes() -> String {
    let change = |dn: &str, changes: &str| format!("dn: {dn}\nchangetype: modify\n{changes}\n");
    let replace = |name: &str, value: &str| format!("replace: {name}\n{name}: {value}\n-\n");
    [
        change(SUFFIX, &(replace("lockoutDuration", FOREVER) + &replace("lockoutThreshold", "0"))),
        change(&entry("locked"), &replace("lockoutTime", LONG_AGO)),
        change(&entry("old-password"), &replace("pwdLastSet", LONG_AGO)),
        change(
            &format!("CN={ADMINISTRATOR},CN=Users,{SUFFIX}"),
            &replace("userAccountControl", &(NORMAL | LASTING).to_string()),
        ),
        change(
            &format!("CN=DC1,OU=Domain Controllers,{SUFFIX}"),
            &format!(
                "add: servicePrincipalName\nservicePrincipalName: ldap/{HOST}\n\
                 servicePrincipalName: ldap/{SERVICE_HOST}\nservicePrincipalName: ldap/localhost\n-\n"
            ),
        ),
    ]
    .concat()
}
