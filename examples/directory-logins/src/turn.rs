//! What the portal does in its n-th turn.

/// A user who wants to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The user's name.
    pub user: &'static str,
    /// The password that the user types.
    pub password: &'static str,
    /// Whether the portal asks for the password policy control.
    pub policy: bool,
}

/// What the portal has to do beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Errand {
    /// Lists all groups in pages.
    Groups,
    /// Fills a dashboard: several operations at once on one connection.
    Dashboard,
    /// Registers a new member: adds an entry, changes it, compares, renames, deletes.
    Registration,
    /// Writes a report on everybody: one expensive search.
    Report,
    /// Suggests names: a search that wants no more than a few entries.
    Suggestions,
    /// Looks into the archive for a second: the time limit comes first.
    Archive,
    /// Looks into the archive and loses patience.
    Impatience,
    /// Asks for what is elsewhere, and for what is nowhere.
    Elsewhere,
    /// Tries to log itself in by its certificate, which the server does not understand.
    External,
    /// A crawler connects, may read next to nothing, and hangs up.
    Crawler,
    /// A kiosk logs in and is left alone until the server sends it away.
    Kiosk,
}

/// When each errand is due: every so many turns, first in that turn.
const ERRANDS: [(Errand, u64, u64); 11] = [
    (Errand::Kiosk, 15, 2),
    (Errand::Report, 10, 3),
    (Errand::Groups, 5, 4),
    (Errand::Archive, 12, 5),
    (Errand::Dashboard, 6, 6),
    (Errand::Impatience, 13, 7),
    (Errand::Registration, 8, 8),
    (Errand::Suggestions, 9, 9),
    (Errand::External, 10, 10),
    (Errand::Elsewhere, 14, 11),
    (Errand::Crawler, 16, 12),
];

/// Users whose password is right.
const USERS: [(&str, &str); 4] = [
    ("alice", "alice-password"),
    ("bob", "bob-password"),
    ("carol", "carol-password"),
    ("dave", "dave-password"),
];

/// Users whose password is right, but whose account is not: locked, expired, to be changed, disabled.
const TROUBLED: [(&str, &str); 4] = [
    ("erin", "erin-password"),
    ("frank", "frank-password"),
    ("grace", "grace-password"),
    ("heidi", "heidi-password"),
];

/// What the portal does in one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who logs in.
    pub attempt: Attempt,
    /// What else is due.
    pub errands: Vec<Errand>,
}

impl Turn {
    /// The n-th turn, counted from 1.
    pub fn number(turn: u64) -> Self {
        let is_due =
            |(_, every, first): &&(Errand, u64, u64)| turn >= *first && (turn - first).is_multiple_of(*every);
        let errands = ERRANDS.iter().filter(is_due).map(|(errand, ..)| *errand).collect();
        Self { attempt: Attempt::number(turn), errands }
    }
}

impl Attempt {
    fn number(turn: u64) -> Self {
        let (user, right) = nth(&USERS, turn);
        let attempt = |user, password| Self { user, password, policy: false };
        match turn {
            _ if turn.is_multiple_of(4) => attempt(user, "not the password"),
            _ if turn.is_multiple_of(7) => {
                // Every fourth of these turns was taken by a wrong password.
                let number = turn / 7 - turn / 28 - 1;
                let (user, password) = nth(&TROUBLED, number);
                // Each of them with the control in one round and without it in the next.
                Self { user, password, policy: (number / 4).is_multiple_of(2) }
            }
            _ if turn.is_multiple_of(9) => attempt("mallory", "a guess"),
            _ if turn.is_multiple_of(11) => attempt(user, ""),
            _ => attempt(user, right),
        }
    }
}

fn nth(list: &[(&'static str, &'static str); 4], number: u64) -> (&'static str, &'static str) {
    list[(number % 4) as usize]
}

/// Whether the n-th connection, counted from 0, uses StartTLS: spread evenly, the first one last.
pub(crate) fn uses_starttls(connection: u64, share: f64) -> bool {
    let encrypted_before = |count: u64| (count as f64 * share).floor();
    encrypted_before(connection + 1) > encrypted_before(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_due_within_the_first_turns() {
        let mut errands: Vec<Errand> = (1..=12).flat_map(|turn| Turn::number(turn).errands).collect();
        errands.sort();
        errands.dedup();
        assert_eq!(errands.len(), ERRANDS.len());
    }

    #[test]
    fn half_of_the_users_get_in_and_the_others_fail_for_different_reasons() {
        let attempts: Vec<Attempt> = (1..=56_u64).map(|turn| Turn::number(turn).attempt).collect();
        let right = attempts.iter().filter(|attempt| USERS.contains(&(attempt.user, attempt.password)));
        assert_eq!(right.count(), 27);
        for (user, password) in TROUBLED {
            let policies: Vec<bool> = attempts
                .iter()
                .filter(|one| (one.user, one.password) == (user, password))
                .map(|one| one.policy)
                .collect();
            assert_eq!(policies.first(), Some(&true), "{user}");
        }
        assert!(attempts.iter().any(|one| one.password.is_empty()));
        assert!(attempts.iter().any(|one| one.user == "mallory"));
    }

    #[test]
    fn a_share_of_the_connections_uses_starttls() {
        for (share, expected) in [(0.0, 0), (0.3, 30), (1.0, 100)] {
            let encrypted = (0..100).filter(|connection| uses_starttls(*connection, share)).count();
            assert_eq!(encrypted, expected, "share {share}");
        }
    }
}
