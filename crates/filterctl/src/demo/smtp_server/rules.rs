//! What the server refuses.

use super::session::Reply;

/// The server's rules: which recipients it refuses, and how large a message may be.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The largest message in octets, offered with SIZE (RFC 1870).
    pub message_octets: u64,
    /// The most recipients of one message: at least 100 by RFC 5321, section 4.5.3.1.8.
    pub recipients: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { message_octets: 100_000, recipients: 100 }
    }
}

impl Rules {
    /// Why this recipient is refused, if it is, by the local part of its address: the enhanced status codes
    /// are those of RFC 3463.
    pub(super) fn refusal(&self, recipient: &str, accepted_before: usize) -> Option<Reply> {
        if accepted_before >= self.recipients {
            return Some(Reply::new(452, "4.5.3", "too many recipients"));
        }
        let (local, _) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
        match local.to_ascii_lowercase().as_str() {
            "nobody" => Some(Reply::new(550, "5.1.1", "no such user here")),
            "full" => Some(Reply::new(452, "4.2.2", "mailbox is full")),
            "later" => Some(Reply::new(450, "4.7.1", "greylisted, try again later")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_refused_by_their_local_part() {
        let rules = Rules { recipients: 2, ..Rules::default() };
        let code = |address, before| rules.refusal(address, before).map(|reply| reply.code());
        assert_eq!(code("ops@mail.example", 1), None);
        assert_eq!(code("Nobody@mail.example", 0), Some(550));
        assert_eq!(code("full@elsewhere.example", 0), Some(452));
        assert_eq!(code("later@mail.example", 0), Some(450));
        assert_eq!(code("postmaster", 0), None);
        assert_eq!(code("ops@mail.example", 2), Some(452));
    }
}
