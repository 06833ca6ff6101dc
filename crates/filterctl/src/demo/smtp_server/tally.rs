//! What the server itself counts: the yardstick for what the filter sees.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything that the server counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Connections accepted.
    pub connections: u64,
    /// Connections on which STARTTLS was completed.
    pub starttls_sessions: u64,
    /// Octets received on the wire, in clear text or not.
    pub octets_received: u64,
    /// Octets sent on the wire, in clear text or not.
    pub octets_sent: u64,
    /// What was said in clear text, on any connection: STARTTLS itself is the last of it.
    pub clear: Leg,
    /// What was said after STARTTLS.
    pub starttls: Leg,
}

/// What was said in clear text, or after STARTTLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// Commands by verb; what the server does not know is `other`.
    pub commands: BTreeMap<&'static str, u64>,
    /// Replies to commands and to messages by their class, such as `2xx`. The greeting is not counted.
    pub replies: BTreeMap<&'static str, u64>,
    /// MAIL commands. Started = accepted + rejected + reset + aborted + still open.
    pub transactions_started: u64,
    /// Messages accepted.
    pub transactions_accepted: u64,
    /// Transactions that the server refused, by where.
    pub transactions_rejected: Rejected,
    /// Transactions called off by RSET, EHLO or HELO.
    pub transactions_reset: u64,
    /// Transactions cut off by the end of the connection.
    pub transactions_aborted: u64,
    /// Recipients accepted.
    pub recipients_accepted: u64,
    /// Recipients refused.
    pub recipients_refused: u64,
    /// Octets of accepted messages, after dot-unstuffing.
    pub message_octets: u64,
}

/// Where transactions were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// At MAIL.
    pub mail: u64,
    /// Every recipient.
    pub rcpt_all: u64,
    /// The message itself.
    pub end_of_data: u64,
}

impl Rejected {
    /// Wherever it was.
    pub fn total(&self) -> u64 {
        self.mail + self.rcpt_all + self.end_of_data
    }
}

impl Tally {
    pub(super) fn leg(&mut self, starttls: bool) -> &mut Leg {
        if starttls { &mut self.starttls } else { &mut self.clear }
    }
}

impl Leg {
    pub(super) fn command(&mut self, verb: &'static str) {
        *self.commands.entry(verb).or_default() += 1;
    }

    pub(super) fn reply(&mut self, code: u16) {
        let class = match code {
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        *self.replies.entry(class).or_default() += 1;
    }
}
