//! The directory's content, as LDIF (RFC 2849).

use std::io::{self, Write};

use crate::directory::rules::{
    BRANCHES, EXPIRED, EXPIRING, GROUPS, GROUPS_OF_USERS, LOCKED, MUST_CHANGE, PASSWORD, PASSWORD_MINIMUM,
    PEOPLE, POLICIES, REFERRAL, STAFF, SUFFIX, USERS, group, person, staff,
};

/// The `uidNumber` of the first generated person; the next one has the next.
const FIRST_UID: u32 = 10_000;

/// Writes the whole tree, with that many generated people.
pub(super) fn write(ldif: &mut impl Write, generated: u32) -> io::Result<()> {
    write!(
        ldif,
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n"
    )?;
    for unit in [PEOPLE, GROUPS, STAFF, POLICIES, BRANCHES] {
        write!(ldif, "dn: {unit}\nobjectClass: organizationalUnit\n\n")?;
    }
    write!(
        ldif,
        "dn: ou=abroad,{BRANCHES}\nobjectClass: referral\nobjectClass: extensibleObject\nou: abroad\nref: {REFERRAL}\n\n"
    )?;
    write_policies(ldif)?;
    for user in USERS {
        write_user(ldif, user, "")?;
    }
    // Long ago, with a policy by which that is too long; or with one by which it expires in 2089.
    let strict = format!("pwdPolicySubentry: cn=strict,{POLICIES}\n");
    let changed = "pwdChangedTime: 20260101000000Z\n";
    write_user(ldif, LOCKED, &format!("{strict}pwdAccountLockedTime: 000001010000Z\n"))?;
    write_user(ldif, EXPIRED, &format!("{strict}pwdChangedTime: 20200101000000Z\n"))?;
    write_user(ldif, MUST_CHANGE, "pwdReset: TRUE\n")?;
    write_user(ldif, EXPIRING, &format!("pwdPolicySubentry: cn=warning,{POLICIES}\n{changed}"))?;
    for (name, members) in GROUPS_OF_USERS {
        write!(ldif, "dn: {}\nobjectClass: groupOfNames\n", group(name))?;
        for member in members {
            writeln!(ldif, "member: {}", person(member))?;
        }
        writeln!(ldif)?;
    }
    (0..generated).try_for_each(|number| write_staff(ldif, number))
}

fn write_policies(ldif: &mut impl Write) -> io::Result<()> {
    for (name, rules) in [
        ("default", "pwdMustChange: TRUE\n".to_owned()),
        ("strict", "pwdLockout: TRUE\npwdMaxAge: 86400\n".to_owned()),
        ("warning", "pwdMaxAge: 2000000000\npwdExpireWarning: 1999999999\n".to_owned()),
    ] {
        write!(
            ldif,
            "dn: cn={name},{POLICIES}\nobjectClass: device\nobjectClass: pwdPolicy\npwdAttribute: userPassword\n\
             pwdMinLength: {PASSWORD_MINIMUM}\npwdCheckQuality: 2\npwdAllowUserChange: TRUE\n{rules}\n"
        )?;
    }
    Ok(())
}

fn write_user(ldif: &mut impl Write, user: &str, more: &str) -> io::Result<()> {
    write!(
        ldif,
        "dn: {}\nobjectClass: inetOrgPerson\nuid: {user}\ncn: {user} Example\nsn: Example\ngivenName: {user}\n\
         mail: {user}@example.test\nuserPassword: {PASSWORD}\n{more}\n",
        person(user)
    )
}

/// About 450 octets on the wire, as an ordinary person's entry has them.
fn write_staff(ldif: &mut impl Write, number: u32) -> io::Result<()> {
    let name = format!("staff{number:06}");
    let department = number % 40;
    write!(
        ldif,
        "dn: {}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: {name}\ncn: Staff Member {number:06}\nsn: Member {number:06}\n\
         givenName: Staff\nmail: {name}@example.test\ntelephoneNumber: +49 30 {number:07}\n\
         uidNumber: {}\ngidNumber: 100\nhomeDirectory: /home/{name}\n\
         departmentNumber: {department}\ntitle: Clerk of Department {department}\nl: Berlin\n\
         street: 1 Example Street, House {number}\ndescription: Generated; entry {number} of the staff, for the tests of what \
         passes between clients and directories.\n\n",
        staff(number),
        FIRST_UID + number
    )
}
