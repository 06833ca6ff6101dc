//! How a bind ended: all its rounds together.

use common_metrics::label;
use session_driver::Transport;

use crate::identity::Identity;
use crate::protocol::bind::BindKind;
use crate::protocol::bind_failure::BindFailure;
use crate::protocol::mechanism::Mechanism;
use crate::protocol::result_code::ResultCode;

/// A bind that is over. Each of its rounds is an operation of its own; together they have exactly one outcome.
#[derive(Clone, Copy, Debug)]
pub struct BindSummary<'a> {
    /// How the client proved who it is.
    pub kind: BindKind,
    /// The mechanism; `None` when it is not SASL.
    pub mechanism: Option<Mechanism>,
    /// How it ended.
    pub outcome: BindOutcome,
    /// What the last response says; `None` without one, or when that cannot be read.
    pub code: Option<ResultCode>,
    /// Why it failed, if it did.
    pub reason: Option<BindFailure>,
    /// How the client's leg was protected meanwhile.
    pub transport: Transport,
    /// Requests that it took, at least 1.
    pub rounds: u32,
    /// From the first request's last octet to the last response's, in microseconds, think time of the client
    /// included; `None` when there was one round only, no answer, or the clock makes no sense of it.
    pub total: Option<u64>,
    /// Whom it named.
    pub identity: Identity<'a>,
}

label! {
    /// How a bind ended.
    pub enum BindOutcome: "outcome" {
        /// Result `success`.
        Succeeded = "succeeded",
        /// Any other result but `saslBindInProgress`.
        Failed = "failed",
        /// The client began another bind, or the connection ended or went opaque, in between.
        Unfinished = "unfinished",
    }
}
