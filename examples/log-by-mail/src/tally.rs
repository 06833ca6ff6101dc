//! What the application itself counts: the yardstick for what the filter sees.

use serde::{Deserialize, Serialize};

/// Everything that the application counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Errors that the application logged.
    pub errors_logged: u64,
    /// Errors that were not mailed, because too many were waiting.
    pub errors_dropped: u64,
    /// What went through connections in clear text: a filter on the way can see it.
    pub clear: Leg,
    /// What went through connections after STARTTLS: opaque for anybody on the way.
    pub starttls: Leg,
}

impl Tally {
    /// Both legs together.
    pub fn total(&self) -> Leg {
        let (a, b) = (&self.clear, &self.starttls);
        Leg {
            connections: a.connections + b.connections,
            mails_tried: a.mails_tried + b.mails_tried,
            mails_accepted: a.mails_accepted + b.mails_accepted,
            mails_rejected: a.mails_rejected + b.mails_rejected,
            mails_failed: a.mails_failed + b.mails_failed,
            recipients_accepted: a.recipients_accepted + b.recipients_accepted,
            recipients_refused: a.recipients_refused + b.recipients_refused,
        }
    }

    /// The leg for connections in clear text or after STARTTLS.
    pub fn leg(&mut self, starttls: bool) -> &mut Leg {
        if starttls { &mut self.starttls } else { &mut self.clear }
    }
}

/// One kind of connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Connections made, with STARTTLS completed where it is used.
    pub connections: u64,
    /// Mails for which MAIL was sent. Tried = accepted + rejected + failed.
    pub mails_tried: u64,
    /// Mails whose content the server accepted, for at least one recipient.
    pub mails_accepted: u64,
    /// Mails that the server refused: at MAIL, every recipient, at DATA, or the content.
    pub mails_rejected: u64,
    /// Mails without a final answer: the connection failed.
    pub mails_failed: u64,
    /// Recipients that the server accepted, also of mails that were rejected later.
    pub recipients_accepted: u64,
    /// Recipients that the server refused.
    pub recipients_refused: u64,
}
