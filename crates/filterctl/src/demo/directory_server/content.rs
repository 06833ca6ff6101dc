//! What the directory holds when it starts: a company of three thousand.

use super::entries::{Entries, Entry};

/// Everything is below this entry.
pub(super) const ROOT: &str = "dc=example,dc=com";

/// Another server has what is here.
pub(super) const BRANCH: &str = "ou=branch,dc=example,dc=com";

/// Where that server is.
pub(super) const BRANCH_SERVER: &str = "ldap://branch.example/ou=branch,dc=example,dc=com";

/// On tape: a search here takes longer than anybody waits.
pub(super) const ARCHIVE: &str = "ou=archive,dc=example,dc=com";

/// May read and write everything.
pub(super) const PORTAL: &str = "cn=portal,ou=services,dc=example,dc=com";

/// Whoever binds as this may only be idle for a short time.
pub(super) const KIOSK: &str = "cn=kiosk,ou=services,dc=example,dc=com";

/// Accounts: their names and passwords, and what is wrong with them, as [`super::bind`] understands it.
const PEOPLE: [(&str, &str, &str); 8] = [
    ("alice", "alice-password", "active"),
    ("bob", "bob-password", "active"),
    ("carol", "carol-password", "active"),
    ("dave", "dave-password", "active"),
    ("erin", "erin-password", "locked"),
    ("frank", "frank-password", "expired"),
    ("grace", "grace-password", "must_change"),
    ("heidi", "heidi-password", "disabled"),
];

/// How many further people there are, who never log in.
const OTHERS: usize = 3_000;

/// How many groups there are.
const GROUPS: usize = 45;

/// How many members each of them has.
const MEMBERS: usize = 20;

/// The directory at its start.
pub(super) fn entries() -> Entries {
    let mut entries = Entries::default();
    entries.put(Entry::new(ROOT, &[("objectClass", &["domain"]), ("dc", &["example"])]));
    for unit in ["people", "groups", "services", "branch", "archive"] {
        let dn = format!("ou={unit},{ROOT}");
        entries.put(Entry::new(dn, &[("objectClass", &["organizationalUnit"]), ("ou", &[unit])]));
    }
    for (dn, password) in [(PORTAL, "portal-password"), (KIOSK, "kiosk-password")] {
        let class = &["applicationProcess"][..];
        entries.put(Entry::new(
            dn,
            &[("objectClass", class), ("userPassword", &[password]), ("accountState", &["active"])],
        ));
    }
    for (uid, password, state) in PEOPLE {
        let mut entry = person(uid, 0);
        let account = Entry::new("", &[("userPassword", &[password]), ("accountState", &[state])]);
        entry.attributes.extend(account.attributes);
        entries.put(entry);
    }
    for number in 0..OTHERS {
        entries.put(person(&format!("user{number:04}"), number));
    }
    for number in 0..GROUPS {
        entries.put(group(number));
    }
    entries
}

fn person(uid: &str, number: usize) -> Entry {
    let department = format!("department {}", number % 20);
    Entry::new(
        format!("uid={uid},ou=people,{ROOT}"),
        &[
            ("objectClass", &["person", "inetOrgPerson"]),
            ("uid", &[uid]),
            ("cn", &[&format!("The one called {uid}")]),
            ("sn", &[uid]),
            ("mail", &[&format!("{uid}@corp.example")]),
            ("departmentNumber", &[&department]),
        ],
    )
}

fn group(number: usize) -> Entry {
    let cn = format!("group {number:02}");
    let everybody = PEOPLE.iter().map(|(uid, ..)| (*uid).to_owned());
    let others = (0..MEMBERS).map(|member| format!("user{:04}", (number * MEMBERS + member) % OTHERS));
    // Every group has some of those who log in, so that a search for their groups finds something.
    let some = everybody.enumerate().filter(|(index, _)| index % 5 == number % 5).map(|(_, uid)| uid);
    let members: Vec<String> = some.chain(others).map(|uid| format!("uid={uid},ou=people,{ROOT}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    Entry::new(
        format!("cn={cn},ou=groups,{ROOT}"),
        &[("objectClass", &["groupOfNames"]), ("cn", &[&cn]), ("member", &members)],
    )
}
