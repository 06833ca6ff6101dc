//! Whom a transaction's summary may name.

use std::collections::VecDeque;
use std::fmt;

/// Longest address that is kept, in octets. RFC 5321, 4.5.3.1.3: a path has 256 at most.
const LONGEST_ADDRESS: usize = 256;
/// Transactions ahead of their replies whose addresses are kept. More are rare, and stay without.
const MOST_ENVELOPES: usize = 16;

/// The addresses of the transactions that have begun and have no outcome yet, in order: first the open one, if
/// there is one, then those whose MAIL waits for its reply.
#[derive(Debug)]
pub(super) struct Identities {
    most_recipients: usize,
    envelopes: VecDeque<Envelope>,
}

/// The addresses of one transaction.
#[derive(Default)]
pub(super) struct Envelope {
    pub(super) sender: Box<[u8]>,
    /// The first ones named.
    pub(super) recipients: Vec<Box<[u8]>>,
}

/// Says how many there are, not whose.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} recipients)", self.recipients.len())
    }
}

impl Identities {
    pub(super) fn new(most_recipients: usize) -> Self {
        Self { most_recipients, envelopes: VecDeque::new() }
    }

    /// A MAIL command passed.
    pub(super) fn mail(&mut self, sender: &[u8]) {
        let kept = self.envelopes.len() < MOST_ENVELOPES;
        let sender = if kept { bounded(sender) } else { Box::default() };
        self.envelopes.push_back(Envelope { sender, recipients: Vec::new() });
    }

    /// A RCPT command passed. It belongs to the last MAIL, as far as is known yet.
    pub(super) fn recipient(&mut self, address: &[u8]) {
        let kept = self.envelopes.len() <= MOST_ENVELOPES;
        if let Some(envelope) = self.envelopes.back_mut()
            && kept
            && envelope.recipients.len() < self.most_recipients
        {
            envelope.recipients.push(bounded(address));
        }
    }

    /// The open transaction is over, or without one the first whose MAIL waited.
    pub(super) fn end_open(&mut self) -> Option<Envelope> {
        self.envelopes.pop_front()
    }

    /// A MAIL was refused while a transaction was open: the recipients named after it go to the open one.
    pub(super) fn end_nested(&mut self) -> Option<Envelope> {
        let mut nested = self.envelopes.remove(1)?;
        if let Some(open) = self.envelopes.front_mut() {
            let room = self.most_recipients.saturating_sub(open.recipients.len());
            open.recipients.extend(nested.recipients.drain(..).take(room));
        }
        Some(nested)
    }
}

fn bounded(address: &[u8]) -> Box<[u8]> {
    address.get(..LONGEST_ADDRESS).unwrap_or(address).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_behind_a_refused_nested_mail_go_to_the_open_transaction() {
        let mut identities = Identities::new(2);
        identities.mail(b"a");
        identities.recipient(b"1");
        identities.mail(b"b");
        identities.recipient(b"2");
        identities.recipient(b"3");
        assert_eq!(identities.end_nested().map(|nested| nested.sender), Some(b"b".as_slice().into()));
        let open = identities.end_open().unwrap_or_default();
        assert_eq!(open.recipients, [Box::from(*b"1"), Box::from(*b"2")]);
        assert!(identities.end_open().is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut identities = Identities::new(1);
        for _ in 0..100 {
            identities.mail(&[b'a'; 10_000]);
            identities.recipient(&[b'a'; 10_000]);
            identities.recipient(b"b");
        }
        let kept: usize =
            identities.envelopes.iter().map(|e| e.sender.len() + e.recipients.len() * 256).sum();
        assert_eq!(kept, MOST_ENVELOPES * 2 * 256);
    }
}
