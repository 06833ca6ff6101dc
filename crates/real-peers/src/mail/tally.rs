//! What a server's own log says it did.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts from a server's log since it was started.
///
/// Not every server logs everything; what one does not log stays 0 and is named at its
/// [`Server`](super::Server).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerTally {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that are over.
    pub disconnections: u64,
    /// Messages that the server took responsibility for.
    pub mails_accepted: u64,
    /// Recipients of those messages that it accepted.
    pub recipients_accepted: u64,
    /// Recipients refused for good (5xx), at RCPT or, where replies are per recipient, after the content.
    pub recipients_rejected: u64,
    /// Recipients refused for now (4xx), likewise.
    pub recipients_deferred: u64,
    /// Whether all connections are over and everything that they brought is in these counts. Postfix logs a
    /// mail that came by BDAT a moment after the end of its connection: the counts may be complete without
    /// it.
    #[serde(skip)]
    pub complete: bool,
    /// Commands by lower-case verb, of the connections that are over. Postfix only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, CommandCount>,
}

/// How often a command was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommandCount {
    /// How often with success.
    pub accepted: u64,
    /// How often altogether.
    pub total: u64,
}
