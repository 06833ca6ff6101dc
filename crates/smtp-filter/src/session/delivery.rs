//! Replies to a mail as a whole: one, or one for each of its recipients.

use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::refusal::RefusalReason;

use super::pipeline::Pending;

/// A mail that is answered in several replies, of which some are still to come.
///
/// RFC 2033, 4.2: LMTP answers "one reply for each previously successful RCPT command". PRDR
/// (draft-hall-prdr): 353, then the same, then one for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// The end of the mail.
    pub(super) mail: Pending,
    /// Recipients that have no reply yet.
    recipients: u32,
    /// A reply for all follows: PRDR.
    for_all: bool,
}

/// What a reply to a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MailReply {
    /// For one recipient.
    Recipient,
    /// For one recipient, and the last reply to this mail.
    LastRecipient,
    /// 353: replies for each recipient follow.
    Announcement,
    /// For the whole mail.
    Whole,
}

impl MailReply {
    /// Whether more replies to the same mail follow.
    pub(super) fn more(self) -> bool {
        matches!(self, Self::Recipient | Self::Announcement)
    }

    /// Whether the reply is for one recipient alone.
    pub(super) fn is_for_recipient(self) -> bool {
        matches!(self, Self::Recipient | Self::LastRecipient)
    }
}

impl Delivery {
    /// What the first reply to a mail is, and what is still to come after it.
    pub(super) fn first_reply(
        mail: Pending,
        code: ReplyCode,
        lmtp: bool,
        recipients: u32,
    ) -> (MailReply, Option<Self>) {
        if code == ReplyCode::REPLIES_PER_RECIPIENT {
            return (MailReply::Announcement, Some(Self { mail, recipients, for_all: true }));
        }
        match (lmtp, recipients) {
            (false, _) | (true, 0) => (MailReply::Whole, None),
            (true, 1) => (MailReply::LastRecipient, None),
            (true, more) => (
                MailReply::Recipient,
                Some(Self { mail, recipients: more.saturating_sub(1), for_all: false }),
            ),
        }
    }

    /// What the next reply is. Not to be called again after one without [`MailReply::more`].
    pub(super) fn next_reply(&mut self) -> MailReply {
        if self.recipients == 0 {
            return MailReply::Whole;
        }
        self.recipients = self.recipients.saturating_sub(1);
        if self.recipients == 0 && !self.for_all { MailReply::LastRecipient } else { MailReply::Recipient }
    }
}

/// What was replied for single recipients.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deliveries {
    /// At least one has got the mail.
    any_accepted: bool,
    /// The last refusal.
    refused: Option<(ReplyCode, RefusalReason)>,
}

impl Deliveries {
    pub(super) fn add(&mut self, code: ReplyCode, reason: Option<RefusalReason>) {
        self.any_accepted |= code.class() == ReplyClass::Completed;
        self.refused = reason.map(|reason| (code, reason)).or(self.refused);
    }

    /// Whether the mail was taken for at least one recipient (`Ok`), or else the last refusal, if any.
    pub(super) fn result(&self) -> Result<(), Option<(ReplyCode, RefusalReason)>> {
        if self.any_accepted { Ok(()) } else { Err(self.refused) }
    }
}

#[cfg(test)]
mod tests {
    use session_driver::Timestamp;

    use super::super::pipeline::Asked;
    use super::*;

    const MAIL: Pending = Pending { at: Timestamp(0), octets: 0, request: Asked::EndOfData };

    /// What each reply to a mail is, until the last.
    fn replies(code: ReplyCode, lmtp: bool, recipients: u32) -> Vec<MailReply> {
        let (first, delivery) = Delivery::first_reply(MAIL, code, lmtp, recipients);
        let mut replies = vec![first];
        if let Some(mut delivery) = delivery {
            while replies.last().is_some_and(|reply| reply.more()) {
                replies.push(delivery.next_reply());
            }
        }
        replies
    }

    #[test]
    fn smtp_has_one_reply() {
        assert_eq!(replies(ReplyCode::COMPLETED, false, 3), [MailReply::Whole]);
    }

    #[test]
    fn lmtp_has_one_for_each_recipient() {
        use MailReply::{LastRecipient, Recipient, Whole};
        assert_eq!(replies(ReplyCode::COMPLETED, true, 3), [Recipient, Recipient, LastRecipient]);
        assert_eq!(replies(ReplyCode::COMPLETED, true, 1), [LastRecipient]);
        assert_eq!(replies(ReplyCode::BAD_SEQUENCE, true, 0), [Whole]);
    }

    #[test]
    fn prdr_has_one_more_at_either_end() {
        use MailReply::{Announcement, Recipient, Whole};
        let code = ReplyCode::REPLIES_PER_RECIPIENT;
        assert_eq!(replies(code, false, 2), [Announcement, Recipient, Recipient, Whole]);
        assert_eq!(replies(code, false, 0), [Announcement, Whole]);
    }

    #[test]
    fn one_recipient_who_got_the_mail_is_enough() {
        let refused = (ReplyCode::MAILBOX_UNAVAILABLE, RefusalReason::Other);
        let mut deliveries = Deliveries::default();
        assert_eq!(deliveries.result(), Err(None));
        deliveries.add(refused.0, Some(refused.1));
        assert_eq!(deliveries.result(), Err(Some(refused)));
        deliveries.add(ReplyCode::COMPLETED, None);
        assert_eq!(deliveries.result(), Ok(()));
    }
}
