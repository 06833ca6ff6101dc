//! Who gets the n-th mail.

use lettre::Address;

use crate::Settings;

/// Who gets a mail and how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// At least one recipient.
    pub recipients: Vec<Address>,
    /// Whether the mail carries a stack trace of [`Settings::huge_octets`].
    pub huge: bool,
}

/// Decides by the number of a mail who gets it, and by the number of a connection whether it uses STARTTLS.
#[derive(Clone, Debug)]
pub struct Addressing {
    good: Vec<Address>,
    bad: Vec<Address>,
    bad_every: u64,
    mixed_every: u64,
    huge_every: u64,
    starttls_share: f64,
}

impl Addressing {
    /// Takes from the settings what concerns recipients and STARTTLS.
    pub fn new(settings: &Settings) -> Self {
        Self {
            good: settings.to.clone(),
            bad: settings.bad_to.clone(),
            bad_every: settings.bad_every,
            mixed_every: settings.mixed_every,
            huge_every: settings.huge_every,
            starttls_share: settings.starttls_share,
        }
    }

    /// The recipients of the n-th mail, counted from 1.
    pub fn assign(&self, mail: u64) -> Assignment {
        let huge = is_due(mail, self.huge_every);
        let recipients = if is_due(mail, self.bad_every) {
            self.bad_recipient(mail / self.bad_every).into_iter().collect()
        } else if is_due(mail, self.mixed_every) {
            // The bad one stands between good ones: the client has to go on after the refusal.
            let mut recipients = self.good.clone();
            let position = recipients.len().min(1);
            if let Some(bad) = self.bad_recipient(mail / self.mixed_every) {
                recipients.insert(position, bad);
            }
            recipients
        } else {
            self.good.iter().take(1).cloned().collect()
        };
        Assignment { recipients, huge }
    }

    /// Whether the n-th connection, counted from 0, uses STARTTLS: spread evenly, the first one last.
    pub fn uses_starttls(&self, connection: u64) -> bool {
        let encrypted_before = |count: u64| (count as f64 * self.starttls_share).floor();
        encrypted_before(connection + 1) > encrypted_before(connection)
    }

    fn bad_recipient(&self, turn: u64) -> Option<Address> {
        let index = (turn.saturating_sub(1) as usize).checked_rem(self.bad.len())?;
        self.bad.get(index).cloned()
    }
}

fn is_due(mail: u64, every: u64) -> bool {
    every != 0 && mail.is_multiple_of(every)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn addressing(arguments: &[&str]) -> Addressing {
        Addressing::new(&Settings::parse_from([&["x", "--smtp", "localhost:25"], arguments].concat()))
    }

    fn users(assignment: &Assignment) -> Vec<&str> {
        assignment.recipients.iter().map(Address::user).collect()
    }

    #[test]
    fn bad_mixed_and_huge_mails_come_in_their_turn() {
        let addressing = addressing(&[]);
        let table: [(u64, &[&str], bool); 7] = [
            (1, &["ops"], false),
            (4, &["nobody"], false),
            (5, &["ops", "nobody", "audit"], false),
            (6, &["ops"], true),
            (8, &["full"], false),
            (10, &["ops", "full", "audit"], false),
            (12, &["later"], true),
        ];
        for (mail, recipients, huge) in table {
            let assignment = addressing.assign(mail);
            assert_eq!((users(&assignment).as_slice(), assignment.huge), (recipients, huge), "mail {mail}");
        }
    }

    #[test]
    fn zero_means_never() {
        let addressing = addressing(&["--bad-every=0", "--mixed-every=0", "--huge-every=0"]);
        assert!(
            (0..100).all(|mail| users(&addressing.assign(mail)) == ["ops"] && !addressing.assign(mail).huge)
        );
    }

    #[test]
    fn a_share_of_the_connections_uses_starttls() {
        for (share, expected) in [("0", 0), ("0.3", 30), ("1", 100)] {
            let addressing = addressing(&["--starttls-share", share]);
            let encrypted = (0..100).filter(|connection| addressing.uses_starttls(*connection)).count();
            assert_eq!(encrypted, expected, "share {share}");
        }
        assert!(!addressing(&[]).uses_starttls(0));
    }
}
