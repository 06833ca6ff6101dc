//! One mail transaction, from its MAIL command on.

use session_driver::Timestamp;

use super::delivery::Deliveries;
use super::pipeline::{Asked, Pending};
use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::refusal::RefusalReason;
use crate::protocol::verb::Verb;
use crate::transaction_summary::{Outcome, Refusal, RefusalClass, Stage, TransactionSummary};

/// A transaction whose MAIL was accepted and that has no outcome yet.
///
/// One whose MAIL still waits for its reply is only an entry of the pipeline: a client may send several MAILs
/// ahead, and the reply to each decides what it is.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) number: u32,
    pub(super) null_sender: bool,
    pub(super) accepted: u32,
    transient: u32,
    permanent: u32,
    /// The last refusal of a recipient.
    refused_recipient: Option<(ReplyCode, RefusalReason)>,
    /// The last refusal of DATA or of a chunk, unless DATA was accepted afterwards.
    refused_data: Option<Refusal>,
    /// Octets of the mail so far; `None` once a part of it came by BURL, unseen.
    octets: Option<u64>,
    /// What was replied for single recipients after the end of data.
    pub(super) deliveries: Deliveries,
    clock: TransactionClock,
}

/// Why a transaction ends without a final reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    Reset,
    Aborted,
    Unknown,
}

impl From<GivenUp> for Outcome {
    fn from(given_up: GivenUp) -> Self {
        match given_up {
            GivenUp::Reset => Self::Reset,
            GivenUp::Aborted => Self::Aborted,
            GivenUp::Unknown => Self::Unknown,
        }
    }
}

impl Transaction {
    /// A transaction whose MAIL passed at `asked` and was accepted at `now`.
    pub(super) fn new(number: u32, null_sender: bool, asked: Timestamp, now: Timestamp) -> Self {
        let mut clock = TransactionClock::new(asked);
        clock.replied(asked, now);
        Self {
            number,
            null_sender,
            accepted: 0,
            transient: 0,
            permanent: 0,
            refused_recipient: None,
            refused_data: None,
            octets: Some(0),
            deliveries: Deliveries::default(),
            clock,
        }
    }

    /// Takes note of a reply to one of the transaction's commands, or to its mail.
    pub(super) fn replied(&mut self, asked: Timestamp, now: Timestamp) {
        self.clock.replied(asked, now);
    }

    /// Takes note of the reply to RCPT.
    pub(super) fn recipient(&mut self, code: ReplyCode, reason: Option<RefusalReason>) {
        let count = match code.class() {
            ReplyClass::Completed => &mut self.accepted,
            ReplyClass::Transient => &mut self.transient,
            ReplyClass::Permanent => &mut self.permanent,
            ReplyClass::Intermediate | ReplyClass::Invalid => return,
        };
        *count = count.saturating_add(1);
        if let Some(reason) = reason {
            self.refused_recipient = Some((code, reason));
        }
    }

    /// Takes note of a part of the mail, or the last of it.
    pub(super) fn took(&mut self, part: Pending) {
        let unseen = matches!(part.request, Asked::Command(Verb::Burl) | Asked::LastChunk(Verb::Burl));
        let octets = self.octets.filter(|_| !unseen);
        self.octets = octets.map(|octets| octets.saturating_add(u64::from(part.octets)));
    }

    /// Takes note of the go-ahead to DATA.
    pub(super) fn data_accepted(&mut self) {
        self.refused_data = None;
    }

    /// Takes note of a refusal of DATA or of a chunk that was not the last.
    pub(super) fn data_refused(&mut self, code: ReplyCode, reason: RefusalReason) {
        self.refused_data = refusal(Stage::Data, code, reason);
    }

    /// The outcome when the mail as a whole was refused.
    pub(super) fn refused(&self, code: ReplyCode, reason: RefusalReason) -> Outcome {
        self.all_recipients_refused()
            .or_else(|| refusal(Stage::EndOfData, code, reason))
            .map_or(Outcome::Unknown, Outcome::Rejected)
    }

    /// The outcome by what was replied for single recipients: one that has got the mail is enough. `None` when
    /// no such reply says.
    pub(super) fn delivered(&self, accepted: Outcome) -> Option<Outcome> {
        match self.deliveries.result() {
            Ok(()) => Some(accepted),
            Err(refused) => refused.map(|(code, reason)| self.refused(code, reason)),
        }
    }

    /// How many recipients a server answers for one by one, where it does.
    pub(super) fn recipients_to_answer(&self) -> u32 {
        // What was refused in part is refused as a whole.
        if self.refused_data.is_some() { 0 } else { self.accepted }
    }

    /// The outcome when no reply to the mail as a whole is to come any more.
    pub(super) fn given_up(&self, how: GivenUp) -> Outcome {
        self.all_recipients_refused().or(self.refused_data).map_or(how.into(), Outcome::Rejected)
    }

    /// The summary of the transaction once its outcome is known. `whole` says whether a mail passed whole, and
    /// when its last octet did.
    pub(super) fn summary(&self, outcome: Outcome, whole: Option<Timestamp>) -> TransactionSummary<'static> {
        TransactionSummary {
            accepted_recipients: self.accepted,
            transient_recipients: self.transient,
            permanent_recipients: self.permanent,
            octets: whole.and(self.octets),
            end_of_data: whole.and_then(|at| self.clock.last_reply.since(at)),
            ..never_open(self.number, outcome, self.null_sender, Some(self.clock))
        }
    }

    fn all_recipients_refused(&self) -> Option<Refusal> {
        let (code, reason) = self.refused_recipient.filter(|_| self.accepted == 0)?;
        let class = if self.transient > 0 { RefusalClass::Transient } else { RefusalClass::Permanent };
        Some(Refusal { stage: Stage::AllRecipients, class, code, reason })
    }
}

/// The summary of a transaction whose MAIL was not accepted; `clock` says when it was answered, if it was.
pub(super) fn never_open(
    number: u32,
    outcome: Outcome,
    null_sender: bool,
    clock: Option<TransactionClock>,
) -> TransactionSummary<'static> {
    TransactionSummary {
        number,
        outcome,
        null_sender,
        accepted_recipients: 0,
        transient_recipients: 0,
        permanent_recipients: 0,
        octets: None,
        end_of_data: None,
        wall: clock.and_then(TransactionClock::wall),
        waiting: clock.and_then(TransactionClock::waiting),
        sender: None,
        recipients: &[],
    }
}

/// The refusal that a reply is; `None` when it refuses nothing.
pub(super) fn refusal(stage: Stage, code: ReplyCode, reason: RefusalReason) -> Option<Refusal> {
    Some(Refusal { stage, class: RefusalClass::of(code.class())?, code, reason })
}

/// The times of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionClock {
    started: Timestamp,
    last_reply: Timestamp,
    /// Microseconds during which at least one reply was outstanding; `None` once the clock made no sense.
    waiting: Option<u64>,
}

impl TransactionClock {
    pub(super) fn new(started: Timestamp) -> Self {
        Self { started, last_reply: started, waiting: Some(0) }
    }

    /// Requests and replies both come in order, so that what overlaps is waited for once.
    pub(super) fn replied(&mut self, asked: Timestamp, now: Timestamp) {
        let interval = now.since(asked.max(self.last_reply));
        self.waiting = self.waiting.zip(interval).map(|(sum, interval)| sum.saturating_add(interval));
        self.last_reply = now;
    }

    /// Microseconds from the MAIL command to the last reply.
    pub(super) fn wall(self) -> Option<u64> {
        self.last_reply.since(self.started)
    }

    /// Microseconds of it during which at least one reply was outstanding.
    pub(super) fn waiting(self) -> Option<u64> {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(exchanges: &[(u64, u64)]) -> Option<u64> {
        let mut clock = TransactionClock::new(Timestamp(0));
        for (asked, replied) in exchanges {
            clock.replied(Timestamp(*asked), Timestamp(*replied));
        }
        clock.waiting()
    }

    #[test]
    fn overlapping_waits_count_once_and_think_time_not_at_all() {
        assert_eq!(waiting(&[(0, 10), (100, 110)]), Some(20));
        assert_eq!(waiting(&[(0, 10), (0, 15), (5, 30)]), Some(30));
    }

    #[test]
    fn a_clock_that_goes_back_leaves_no_sum() {
        assert_eq!(waiting(&[(0, 10), (20, 5)]), None);
        let mut clock = TransactionClock::new(Timestamp(50));
        clock.replied(Timestamp(50), Timestamp(20));
        assert_eq!(clock.wall(), None);
    }

    fn code(number: u16) -> ReplyCode {
        ReplyCode::new(number).unwrap_or(ReplyCode::COMPLETED)
    }

    fn transaction(recipients: &[u16]) -> Transaction {
        let mut transaction = Transaction::new(1, false, Timestamp(0), Timestamp(1));
        for number in recipients {
            let refused = *number >= 400;
            transaction.recipient(code(*number), refused.then_some(RefusalReason::Other));
        }
        transaction
    }

    fn stage(outcome: Outcome) -> Option<(Stage, RefusalClass)> {
        match outcome {
            Outcome::Rejected(refusal) => Some((refusal.stage, refusal.class)),
            _ => None,
        }
    }

    #[test]
    fn without_a_recipient_it_is_the_recipients_that_were_refused() {
        let all = |class| Some((Stage::AllRecipients, class));
        let given_up = |recipients: &[u16]| stage(transaction(recipients).given_up(GivenUp::Reset));
        assert_eq!(given_up(&[550]), all(RefusalClass::Permanent));
        assert_eq!(given_up(&[450, 550]), all(RefusalClass::Transient));
        assert_eq!(given_up(&[250, 550]), None);
        assert_eq!(given_up(&[]), None);
        let refused = transaction(&[550]).refused(code(503), RefusalReason::Syntax);
        assert_eq!(stage(refused), all(RefusalClass::Permanent));
    }

    #[test]
    fn a_refused_data_decides_unless_a_later_one_is_accepted() {
        let mut open = transaction(&[250]);
        open.data_refused(code(451), RefusalReason::Other);
        assert_eq!(stage(open.given_up(GivenUp::Aborted)), Some((Stage::Data, RefusalClass::Transient)));
        open.data_accepted();
        assert_eq!(open.given_up(GivenUp::Aborted), Outcome::Aborted);
        let refused = open.refused(code(554), RefusalReason::Policy);
        assert_eq!(stage(refused), Some((Stage::EndOfData, RefusalClass::Permanent)));
    }
}
