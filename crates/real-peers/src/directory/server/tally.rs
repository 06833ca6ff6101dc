//! What slapd's own log says it did.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts from slapd's log since it was started.
///
/// Operations are named as [`operations`](Self::operations) says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DirectoryTally {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that are over.
    pub disconnections: u64,
    /// Whether all connections are over.
    #[serde(skip)]
    pub complete: bool,
    /// Requests by operation: `bind`, `unbind`, `search`, `modify`, `add`, `delete`, `modify_dn`, `compare`,
    /// `abandon`, `extended`.
    pub operations: BTreeMap<String, u64>,
    /// Final results by operation and code, such as `search 4`. Nothing answers `unbind` and `abandon`.
    pub results: BTreeMap<String, u64>,
    /// Bind requests by method: `anonymous`, `simple` or `sasl`; one for each round of a SASL mechanism.
    pub binds: BTreeMap<String, u64>,
    /// Binds that succeeded, by `anonymous`, `simple` or the SASL mechanism's name.
    pub logins: BTreeMap<String, u64>,
    /// Extended requests by name (`StartTLS`, `PasswordModify`, `WhoAmI`, `Cancel`, `Refresh`), or else by
    /// object identifier.
    pub extended: BTreeMap<String, u64>,
    /// Searches by scope: `base`, `one`, `subtree`, `children`.
    pub scopes: BTreeMap<String, u64>,
    /// Entries returned by the searches that were answered or cancelled; not by abandoned ones.
    pub entries: u64,
    /// Connections that went over to TLS, from their first octet or by StartTLS.
    pub tls: u64,
}

impl DirectoryTally {
    /// How many requests of that operation.
    #[must_use]
    pub fn requests(&self, operation: &str) -> u64 {
        self.operations.get(operation).copied().unwrap_or(0)
    }

    /// How many final results of that operation had that code.
    #[must_use]
    pub fn answers(&self, operation: &str, code: u32) -> u64 {
        self.results.get(&format!("{operation} {code}")).copied().unwrap_or(0)
    }
}
