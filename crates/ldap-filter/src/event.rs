//! What a session reports: typed, borrowed, and without any idea of who listens.

use common_metrics::label;
use session_driver::{Direction, OpaqueCause};

pub use crate::anomaly::Anomaly;
pub use crate::bind_summary::{BindOutcome, BindSummary};
pub use crate::identity::Identity;
pub use crate::operation_summary::{OperationOutcome, OperationSummary, SearchSummary};
pub use crate::protocol::bind::BindKind;
use crate::protocol::control::ControlSet;
use crate::protocol::extended::ExtendedName;
use crate::protocol::operation::{Answered, Operation};
use crate::protocol::result_code::ResultCode;
use crate::protocol::search::{Scope, SearchKind};

/// One thing that happened in a conversation. All durations are in microseconds.
///
/// Every request is one [`Request`](Self::Request). Every one that has an answer ends in exactly one
/// [`OperationEnded`](Self::OperationEnded), unless it could not be paired ([`Unpaired`](Self::Unpaired)).
#[derive(Clone, Copy, Debug)]
pub enum LdapEvent<'a> {
    /// A request.
    Request {
        /// What it asks for.
        operation: Operation,
        /// Octets of the message.
        octets: u64,
    },
    /// The controls of a message, each once.
    Controls {
        /// Which.
        controls: ControlSet,
        /// Whose message it was.
        direction: Direction,
    },
    /// A search has begun.
    Search {
        /// How far it looks; [`Scope::Other`] when it could not be decoded.
        scope: Scope,
        /// What kind it is.
        kind: SearchKind,
    },
    /// An extended operation has begun.
    Extended(ExtendedName),
    /// A message's inside could not be understood, or was too long to be looked at.
    Undecoded {
        /// The operation of the message, be it request or response.
        operation: Operation,
    },
    /// A paired operation has begun: it is in flight from now on.
    Began {
        /// It stays open until somebody ends it, and counts apart.
        persistent: bool,
        /// How many operations of the connection are in flight now, this one included and persistent ones
        /// excluded.
        depth: u32,
    },
    /// A request that has an answer, but was not remembered: too many were waiting. What comes in answer to it is
    /// counted as any response is, and neither ends an operation nor is [`Unmatched`](Self::Unmatched).
    Unpaired {
        /// What it asks for.
        operation: Operation,
    },
    /// An entry of a search, paired or not.
    Entry {
        /// Octets of the message.
        octets: u64,
    },
    /// A continuation reference of a search (RFC 4511, 4.5.3), paired or not.
    Reference,
    /// An intermediate response (RFC 4511, 4.13), paired or not.
    Intermediate,
    /// The first entry, reference or intermediate response of a search that is not persistent.
    FirstResponse {
        /// From the request's last octet to this response's. `None` when the clock makes no sense of it.
        latency: Option<u64>,
    },
    /// A final response, paired or not. An unsolicited notification is none.
    Response {
        /// Of which operation.
        operation: Answered,
        /// What it says; `None` when that cannot be read.
        code: Option<ResultCode>,
    },
    /// An operation has come to its one end: it is no longer in flight.
    OperationEnded(OperationSummary<'a>),
    /// A response that answers nothing: `late` when its request had been abandoned.
    Unmatched {
        /// The request had been abandoned.
        late: bool,
    },
    /// A bind is over: all its rounds.
    BindEnded(BindSummary<'a>),
    /// StartTLS was answered, or will not be.
    StartTls(StartTlsOutcome),
    /// An unsolicited notification (RFC 4511, 4.4).
    Unsolicited(Notice),
    /// A buffer of a SASL security layer passed.
    SaslBuffer {
        /// Whether it could be looked into.
        protection: Protection,
        /// Octets of the buffer, without its length.
        octets: u64,
        /// Whose.
        direction: Direction,
    },
    /// Octets stood between a StartTLS request and the answer that accepted it.
    Smuggled {
        /// How many.
        octets: u64,
    },
    /// Something that RFC 4511 does not foresee, and that did not stop the session.
    Anomaly {
        /// What.
        kind: Anomaly,
        /// Who did it: the direction of the octets.
        direction: Direction,
    },
    /// An interval was dropped because the clock went backwards or jumped.
    IntervalDropped,
    /// The session looks at neither direction any more. At most once, and only the end of the connection follows.
    WentOpaque {
        /// Why.
        cause: OpaqueCause,
        /// Whose octets led to it.
        direction: Direction,
        /// What the session was doing.
        state: &'static str,
        /// What was wrong, if anything was.
        anomaly: Option<Anomaly>,
    },
    /// The connection is over. Exactly once, last.
    ConnectionEnded {
        /// Who ended it.
        ending: Ending,
        /// How many requests it carried.
        operations: u64,
        /// How many binds of them were accepted.
        binds: u32,
    },
}

label! {
    /// What became of StartTLS.
    pub enum StartTlsOutcome: "outcome" {
        /// Result `success`: TLS follows.
        Accepted = "accepted",
        /// Any other result.
        Refused = "refused",
        /// No answer.
        Unanswered = "unanswered",
    }
}

label! {
    /// An unsolicited notification.
    pub enum Notice: "notice" {
        /// 1.3.6.1.4.1.1466.20036: the server is about to close (RFC 4511, 4.4.1).
        Disconnection = "disconnection",
        /// Any other.
        Other = "other",
    }
}

label! {
    /// What a SASL security layer does to what it carries.
    pub enum Protection: "protection" {
        /// It is signed, and can be read.
        Signed = "signed",
        /// It is encrypted.
        Sealed = "sealed",
    }
}

session_driver::ending! {
    /// Unbind was the client's last request.
    Unbind = "unbind"
}
