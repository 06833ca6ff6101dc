//! What a session reports: typed, borrowed, and without any idea of who listens.

use common_metrics::label;
use session_driver::{Direction, OpaqueCause, Transport};

pub use crate::anomaly::Anomaly;
use crate::protocol::auth::Mechanism;
use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::ehlo::KeywordSet;
use crate::protocol::parameter::ParameterSet;
use crate::protocol::refusal::RefusalReason;
use crate::protocol::verb::Verb;
pub use crate::transaction_summary::{
    Method, Outcome, OutcomeLabel, Refusal, RefusalClass, Stage, TransactionSummary,
};

/// One thing that happened in a conversation. All durations are in microseconds.
///
/// Every reply that is paired is one [`Reply`](Self::Reply), every other one an
/// [`UnmatchedReply`](Self::UnmatchedReply); every command ends as answered (a `Reply` without `more`) or as
/// [`Unanswered`](Self::Unanswered).
#[derive(Clone, Copy, Debug)]
pub enum SmtpEvent<'a> {
    /// The server's greeting, or what it said in its place.
    Greeting {
        /// Its code.
        code: ReplyCode,
        /// From the opening of the connection to the greeting's last octet.
        latency: Option<u64>,
        /// Why the server refuses, with 4xx and 5xx.
        refusal: Option<RefusalReason>,
    },
    /// The connection ended before the server had said anything.
    NoGreeting,
    /// A command line.
    Command {
        /// Its verb.
        verb: Verb,
    },
    /// A reply, and what it answers.
    Reply {
        /// What it answers.
        request: Request,
        /// Its code; of a multi-line reply that of the last line.
        code: ReplyCode,
        /// From the request's last octet to the reply's. `None` when the clock makes no sense of it.
        latency: Option<u64>,
        /// Why the server refused: with 4xx and 5xx replies to what a mail needs ([`Request::carries_mail`]).
        refusal: Option<RefusalReason>,
        /// The request has further replies to come: 334 is not meant, but LMTP and PRDR are.
        more: bool,
    },
    /// A reply that answers nothing.
    UnmatchedReply {
        /// Its code.
        code: ReplyCode,
    },
    /// No reply came before the connection ended or went opaque.
    Unanswered {
        /// The request.
        request: Request,
    },
    /// What the server offers, from an accepted EHLO or LHLO.
    Offered(KeywordSet),
    /// A transaction has begun: a MAIL command passed.
    TransactionStarted {
        /// The sender is `<>`.
        null_sender: bool,
        /// The parameters that the client used.
        parameters: ParameterSet,
    },
    /// The parameters of a RCPT command.
    RecipientParameters(ParameterSet),
    /// A RCPT command was answered.
    Recipient(RecipientOutcome),
    /// The mail as a whole was answered for one of its recipients: LMTP and PRDR.
    Delivery(ReplyClass),
    /// A transaction has come to its one outcome.
    TransactionEnded(TransactionSummary<'a>),
    /// One reply within an AUTH exchange.
    AuthRound {
        /// From the client's line to the reply.
        latency: Option<u64>,
    },
    /// An AUTH exchange is over.
    AuthEnded {
        /// The mechanism that the client chose.
        mechanism: Mechanism,
        /// How it ended.
        outcome: AuthOutcome,
        /// How the client's leg was protected meanwhile.
        transport: Transport,
        /// From the AUTH command to the last reply; `None` without one.
        total: Option<u64>,
    },
    /// STARTTLS was answered, or will not be.
    Starttls(StarttlsOutcome),
    /// Octets stood between STARTTLS and the reply that accepted it (CVE-2011-0411).
    Smuggled {
        /// How many.
        octets: u64,
    },
    /// Something that RFC 5321 does not foresee, and that did not stop the session.
    Anomaly {
        /// What.
        kind: Anomaly,
        /// Who did it: the direction of the octets.
        direction: Direction,
    },
    /// An interval was dropped because the clock went backwards or jumped.
    IntervalDropped,
    /// The session looks at neither direction any more. At most once.
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
        /// How many transactions it carried.
        transactions: u32,
    },
}

label! {
    /// What a reply answers. Verbs that are rare count as `other` here, so that the replies by verb and class
    /// stay few.
    pub enum Request: "verb" {
        /// HELO.
        Helo = "HELO",
        /// EHLO.
        Ehlo = "EHLO",
        /// LHLO.
        Lhlo = "LHLO",
        /// MAIL.
        Mail = "MAIL",
        /// RCPT.
        Rcpt = "RCPT",
        /// DATA: the go-ahead, or its refusal.
        Data = "DATA",
        /// BDAT.
        Bdat = "BDAT",
        /// RSET.
        Rset = "RSET",
        /// NOOP.
        Noop = "NOOP",
        /// QUIT.
        Quit = "QUIT",
        /// AUTH and X-EXPS, the command itself.
        Auth = "AUTH",
        /// STARTTLS and X-ANONYMOUSTLS.
        Starttls = "STARTTLS",
        /// The connection itself: the greeting.
        Greeting = "greeting",
        /// A client's line within an AUTH exchange.
        AuthData = "auth_data",
        /// The mail behind DATA.
        EndOfData = "end_of_data",
        /// Any other verb, BURL among them, and blank lines.
        Other = "other",
    }
}

impl Request {
    /// Whether a refusal of this costs a mail: the greeting, MAIL, RCPT, DATA, BDAT and the end of data.
    pub const fn carries_mail(self) -> bool {
        matches!(self, Self::Greeting | Self::Mail | Self::Rcpt | Self::Data | Self::Bdat | Self::EndOfData)
    }
}

impl From<Verb> for Request {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Helo => Self::Helo,
            Verb::Ehlo => Self::Ehlo,
            Verb::Lhlo => Self::Lhlo,
            Verb::Mail => Self::Mail,
            Verb::Rcpt => Self::Rcpt,
            Verb::Data => Self::Data,
            Verb::Bdat => Self::Bdat,
            Verb::Rset => Self::Rset,
            Verb::Noop => Self::Noop,
            Verb::Quit => Self::Quit,
            Verb::Auth | Verb::XExps => Self::Auth,
            Verb::Starttls | Verb::XAnonymoustls => Self::Starttls,
            Verb::Burl
            | Verb::Vrfy
            | Verb::Expn
            | Verb::Help
            | Verb::Etrn
            | Verb::Atrn
            | Verb::Turn
            | Verb::Xclient
            | Verb::Xforward
            | Verb::Other => Self::Other,
        }
    }
}

label! {
    /// What became of a RCPT command.
    pub enum RecipientOutcome: "outcome" {
        /// 2xx.
        Accepted = "accepted",
        /// 4xx.
        RejectedTransient = "rejected_4xx",
        /// 5xx.
        RejectedPermanent = "rejected_5xx",
    }
}

label! {
    /// How an AUTH exchange ended.
    pub enum AuthOutcome: "outcome" {
        /// 2xx.
        Succeeded = "succeeded",
        /// 4xx or 5xx.
        Failed = "failed",
        /// The client broke it off with `*`.
        Cancelled = "cancelled",
        /// The connection ended, or went opaque, in between.
        Unfinished = "unfinished",
    }
}

label! {
    /// What became of STARTTLS.
    pub enum StarttlsOutcome: "outcome" {
        /// 2xx: TLS follows.
        Accepted = "accepted",
        /// Any other reply.
        Refused = "refused",
        /// No reply.
        Unanswered = "unanswered",
    }
}

session_driver::ending! {
    /// QUIT was the client's last command.
    Quit = "quit"
}
