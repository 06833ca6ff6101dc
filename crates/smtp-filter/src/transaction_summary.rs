//! How a mail transaction ended, and what it was.

use std::fmt;

use common_metrics::label;

use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::refusal::RefusalReason;

/// A transaction that is over. It began with a MAIL command and has exactly one outcome.
#[derive(Clone, Copy)]
pub struct TransactionSummary<'a> {
    /// Which transaction of its connection it was, from 1.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The sender was `<>`.
    pub null_sender: bool,
    /// RCPT commands answered with 2xx.
    pub accepted_recipients: u32,
    /// RCPT commands answered with 4xx.
    pub transient_recipients: u32,
    /// RCPT commands answered with 5xx.
    pub permanent_recipients: u32,
    /// Octets of the mail as it was transferred, without what marks its end; `None` where no mail passed
    /// whole, or a part of it came by BURL.
    pub octets: Option<u64>,
    /// Microseconds from the last octet of the mail to the last octet of its final reply; `None` where the
    /// mail as a whole was not answered.
    pub end_of_data: Option<u64>,
    /// Microseconds from the MAIL command to the last reply of the transaction; `None` without one.
    pub wall: Option<u64>,
    /// Microseconds of that during which the client waited for at least one reply; `None` without any reply.
    pub waiting: Option<u64>,
    /// The sender, only where identities are kept.
    pub sender: Option<&'a [u8]>,
    /// The first recipients named, refused ones included, only where identities are kept.
    pub recipients: &'a [Box<[u8]>],
}

/// Prints everything but the addresses: of those only whether there are any, and how many.
impl fmt::Debug for TransactionSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionSummary")
            .field("number", &self.number)
            .field("outcome", &self.outcome)
            .field("null_sender", &self.null_sender)
            .field("accepted_recipients", &self.accepted_recipients)
            .field("transient_recipients", &self.transient_recipients)
            .field("permanent_recipients", &self.permanent_recipients)
            .field("octets", &self.octets)
            .field("end_of_data", &self.end_of_data)
            .field("wall", &self.wall)
            .field("waiting", &self.waiting)
            .field("sender_kept", &self.sender.is_some())
            .field("recipients_kept", &self.recipients.len())
            .finish()
    }
}

/// The one outcome of a transaction.
///
/// The final reply decides where there is one. Else it is what ended the transaction, except where a refusal
/// came first and the client then gave up: a transaction whose DATA (or a chunk of it) was refused, or all of
/// whose recipients were, is rejected, whatever the client then does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail was taken for at least one recipient.
    Accepted(Method),
    /// The server refused it.
    Rejected(Refusal),
    /// RSET, HELO, XCLIENT or a new MAIL ended it, and the server accepted that.
    Reset,
    /// The client quit, or the connection ended.
    Aborted,
    /// The session could not see the end of it, or cannot tell what it was.
    Unknown,
}

impl Outcome {
    /// The outcome as a label.
    pub const fn label(self) -> OutcomeLabel {
        match self {
            Self::Accepted(_) => OutcomeLabel::Accepted,
            Self::Rejected(_) => OutcomeLabel::Rejected,
            Self::Reset => OutcomeLabel::Reset,
            Self::Aborted => OutcomeLabel::Aborted,
            Self::Unknown => OutcomeLabel::Unknown,
        }
    }
}

label! {
    /// The outcome of a transaction.
    pub enum OutcomeLabel: "outcome" {
        /// The mail was taken for at least one recipient.
        Accepted = "accepted",
        /// The server refused it.
        Rejected = "rejected",
        /// RSET, HELO, XCLIENT or a new MAIL ended it, and the server accepted that.
        Reset = "reset",
        /// The client quit, or the connection ended.
        Aborted = "aborted",
        /// The session could not see the end of it, or cannot tell what it was.
        Unknown = "unknown",
    }
}

/// How and where a server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub stage: Stage,
    /// Whether to try again.
    pub class: RefusalClass,
    /// The code.
    pub code: ReplyCode,
    /// Why, as far as the codes tell.
    pub reason: RefusalReason,
}

label! {
    /// Where a transaction was refused.
    pub enum Stage: "stage" {
        /// At the MAIL command.
        Mail = "mail",
        /// No recipient was accepted, and at least one refused.
        AllRecipients = "rcpt_all",
        /// At the DATA command, or at a chunk before the last one.
        Data = "data",
        /// The mail as a whole, after its last octet.
        EndOfData = "end_of_data",
    }
}

label! {
    /// Whether a refused mail may be tried again. Of several refused recipients one 4xx is enough for `4xx`:
    /// the client will come back.
    pub enum RefusalClass: "class" {
        /// It may: the client will come back.
        Transient = "4xx",
        /// It was refused for good.
        Permanent = "5xx",
    }
}

impl RefusalClass {
    /// The class of a reply that refuses; `None` when it does not.
    pub const fn of(class: ReplyClass) -> Option<Self> {
        match class {
            ReplyClass::Transient => Some(Self::Transient),
            ReplyClass::Permanent => Some(Self::Permanent),
            ReplyClass::Completed | ReplyClass::Intermediate | ReplyClass::Invalid => None,
        }
    }
}

label! {
    /// How the mail was brought to the server.
    pub enum Method: "method" {
        /// DATA.
        Data = "data",
        /// BDAT.
        Bdat = "bdat",
        /// BURL, at least its last part.
        Burl = "burl",
    }
}
