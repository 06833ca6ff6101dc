//! Requests that wait for their replies, in order.

use std::collections::VecDeque;

use session_driver::Timestamp;

use crate::event::Request;
use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::verb::Verb;

/// Entries that an idle connection may keep room for.
const KEPT_ENTRIES: usize = 32;
/// Blank lines behind which [`Pipeline::next`] still looks.
const BLANKS_LOOKED_BEHIND: usize = 8;

/// Something that a server will answer. RFC 2920, 3.2: replies come in the order of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// When its last octet passed.
    pub(super) at: Timestamp,
    /// Octets of mail that came with it. 4 GB and more are all the same.
    pub(super) octets: u32,
    /// What it is.
    pub(super) request: Asked,
}

/// What was asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A command that carries no more than its verb says.
    Command(Verb),
    /// MAIL: a transaction that has begun and is not open yet.
    Mail { null_sender: bool },
    /// `BDAT … LAST` or `BURL … LAST`: the mail is whole.
    LastChunk(Verb),
    /// The mail behind DATA is whole.
    EndOfData,
    /// A client's line within an AUTH exchange.
    AuthData,
    /// A blank line, which servers answer with 500, or not at all.
    Blank,
}

impl Asked {
    /// How replies to it are counted.
    pub(super) fn request(self) -> Request {
        match self {
            Self::Command(verb) | Self::LastChunk(verb) => verb.into(),
            Self::Mail { .. } => Request::Mail,
            Self::EndOfData => Request::EndOfData,
            Self::AuthData => Request::AuthData,
            Self::Blank => Request::Other,
        }
    }

    fn is_mail(self) -> u32 {
        u32::from(matches!(self, Self::Mail { .. }))
    }

    fn is_blank(self) -> u32 {
        u32::from(self == Self::Blank)
    }
}

/// The queue of what waits.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    entries: VecDeque<Pending>,
    /// How many of the entries are MAIL.
    mails: u32,
    /// How many of the entries are blank lines.
    blanks: u32,
}

impl Pipeline {
    pub(super) fn push(&mut self, pending: Pending) {
        self.mails = self.mails.saturating_add(pending.request.is_mail());
        self.blanks = self.blanks.saturating_add(pending.request.is_blank());
        self.entries.push_back(pending);
    }

    fn pop(&mut self) -> Option<Pending> {
        let pending = self.entries.pop_front()?;
        self.mails = self.mails.saturating_sub(pending.request.is_mail());
        self.blanks = self.blanks.saturating_sub(pending.request.is_blank());
        Some(pending)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Transactions that have begun and whose MAIL waits for its reply.
    pub(super) fn mails(&self) -> u32 {
        self.mails
    }

    /// What the next reply will answer, a few blank lines aside.
    pub(super) fn next(&self) -> Option<Asked> {
        let mut requests = self.entries.iter().map(|entry| entry.request).take(BLANKS_LOOKED_BEHIND);
        requests.find(|asked| *asked != Asked::Blank)
    }

    /// Takes out what a reply with this code answers.
    ///
    /// Postfix, Exim and others answer a blank line with 500, some servers ignore it. So any other reply
    /// belongs to what comes after, if something does; and 421 may belong to nothing at all.
    pub(super) fn answered_by(&mut self, code: ReplyCode) -> Option<Pending> {
        while let Some(pending) = self.pop() {
            let only_blanks_follow = self.entries.len() == self.blanks as usize;
            let answers = pending.request != Asked::Blank
                || code == ReplyCode::UNRECOGNIZED
                || (only_blanks_follow && refuses_blank(code));
            if answers {
                self.shrink();
                return Some(pending);
            }
        }
        self.shrink();
        None
    }

    /// Says that the payload of what was pushed last is complete, if it still waits.
    pub(super) fn payload_complete(&mut self, now: Timestamp) {
        if let Some(last) = self.entries.back_mut() {
            last.at = now;
        }
    }

    /// Empties the queue and frees it.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Pending> + use<> {
        std::mem::take(self).entries.into_iter()
    }

    /// Gives the memory of a large burst back once it is answered.
    fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEPT_ENTRIES {
            self.entries = VecDeque::new();
        }
    }
}

fn refuses_blank(code: ReplyCode) -> bool {
    code != ReplyCode::NOT_AVAILABLE && matches!(code.class(), ReplyClass::Transient | ReplyClass::Permanent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(asked: &[Asked]) -> Pipeline {
        let mut pipeline = Pipeline::default();
        for request in asked {
            pipeline.push(Pending { at: Timestamp(0), octets: 0, request: *request });
        }
        pipeline
    }

    fn answer(pipeline: &mut Pipeline, code: u16) -> Option<Asked> {
        pipeline.answered_by(ReplyCode::new(code)?).map(|pending| pending.request)
    }

    const NOOP: Asked = Asked::Command(Verb::Noop);
    const MAIL: Asked = Asked::Mail { null_sender: false };

    #[test]
    fn an_entry_has_16_octets() {
        assert_eq!(size_of::<Pending>(), 16);
    }

    #[test]
    fn replies_come_in_order() {
        let mut queue = pipeline(&[MAIL, NOOP]);
        assert_eq!((queue.mails(), queue.len(), queue.next()), (1, 2, Some(MAIL)));
        assert_eq!(answer(&mut queue, 250), Some(MAIL));
        assert_eq!((queue.mails(), answer(&mut queue, 500), answer(&mut queue, 250)), (0, Some(NOOP), None));
    }

    #[test]
    fn a_blank_line_is_answered_with_500_or_ignored() {
        let mut answering = pipeline(&[Asked::Blank, NOOP]);
        assert_eq!(answering.next(), Some(NOOP));
        assert_eq!(
            (answer(&mut answering, 500), answer(&mut answering, 250)),
            (Some(Asked::Blank), Some(NOOP))
        );
        let mut ignoring = pipeline(&[Asked::Blank, Asked::Blank, NOOP]);
        assert_eq!((answer(&mut ignoring, 250), ignoring.is_empty()), (Some(NOOP), true));
    }

    #[test]
    fn alone_a_blank_line_takes_any_refusal_but_421() {
        assert_eq!(answer(&mut pipeline(&[Asked::Blank]), 502), Some(Asked::Blank));
        assert_eq!(answer(&mut pipeline(&[Asked::Blank]), 421), None);
        assert_eq!(answer(&mut pipeline(&[Asked::Blank]), 250), None);
    }

    #[test]
    fn a_large_burst_leaves_no_memory_behind() {
        let mut queue = pipeline(&[NOOP; 1000]);
        while answer(&mut queue, 250).is_some() {}
        assert_eq!(queue.entries.capacity(), 0);
    }
}
