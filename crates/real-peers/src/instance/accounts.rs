//! The accounts of a private root. They exist in its `/etc/passwd` only, never on the machine.

/// A user with a group of the same name and number.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Name of the user and of the group.
    pub name: &'static str,
    /// Number of both.
    pub id: u32,
    /// Home folder; some servers take their empty root from it.
    pub home: &'static str,
}

/// Owns all delivered mail.
pub const VMAIL: Account = Account { name: "vmail", id: 1000, home: "/srv/mail" };

const ALWAYS: [Account; 4] = [
    Account { name: "root", id: 0, home: "/root" },
    Account { name: "mail", id: 8, home: "/nonexistent" },
    Account { name: "nobody", id: 65534, home: "/nonexistent" },
    VMAIL,
];

pub(super) fn passwd(accounts: &[Account]) -> String {
    lines(accounts, |Account { name, id, home }| format!("{name}:x:{id}:{id}::{home}:/usr/sbin/nologin\n"))
}

pub(super) fn group(accounts: &[Account]) -> String {
    lines(accounts, |Account { name, id, .. }| format!("{name}:x:{id}:\n"))
}

fn lines(accounts: &[Account], line: impl Fn(&Account) -> String) -> String {
    ALWAYS.iter().chain(accounts).map(line).collect()
}
