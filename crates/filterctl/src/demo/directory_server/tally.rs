//! What the server itself counts: the yardstick for what the filter sees.

use std::collections::BTreeMap;

use ldap3_proto::proto::LdapResultCode;
use serde::Serialize;

/// How often what happened, by its name.
pub type Counts = BTreeMap<&'static str, u64>;

/// Everything that the server counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Connections accepted.
    pub connections: u64,
    /// Connections on which StartTLS was completed.
    pub starttls_sessions: u64,
    /// Octets received on the wire, in clear text or not.
    pub octets_received: u64,
    /// Octets sent on the wire, in clear text or not.
    pub octets_sent: u64,
    /// What was said in clear text, on any connection: StartTLS itself is the last of it.
    pub clear: Leg,
    /// What was said after StartTLS.
    pub starttls: Leg,
}

/// What was said in clear text, or after StartTLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// Requests by operation.
    pub requests: Counts,
    /// Final responses by operation.
    pub responses: Counts,
    /// Final responses by result code, named as in RFC 4511.
    pub results: Counts,
    /// Binds that were answered by success, by kind: `anonymous`, `simple`, `sasl`, `unauthenticated`.
    pub binds_succeeded: Counts,
    /// Binds that were answered by anything else, by kind.
    pub binds_failed: Counts,
    /// Binds that failed, by reason.
    pub bind_failures: Counts,
    /// Searches by how far they look.
    pub search_scopes: Counts,
    /// Searches by kind: `normal`, `paged_first`, `paged_next`.
    pub search_kinds: Counts,
    /// Entries sent.
    pub entries: u64,
    /// Continuation references sent.
    pub references: u64,
    /// Extended requests by name.
    pub extended: Counts,
    /// Operations that a client abandoned before they were answered.
    pub abandoned: u64,
    /// Notices of disconnection sent.
    pub notices: u64,
    /// Connections by who ended them: `unbind`, `client`, `server`.
    pub endings: Counts,
}

impl Tally {
    pub(super) fn leg(&mut self, starttls: bool) -> &mut Leg {
        if starttls { &mut self.starttls } else { &mut self.clear }
    }
}

/// Counts one more of this name.
pub(super) fn count(counts: &mut Counts, name: &'static str) {
    *counts.entry(name).or_default() += 1;
}

/// A result code as RFC 4511 names it; `other` for those that this server never sends.
pub(super) fn result_name(code: &LdapResultCode) -> &'static str {
    match code {
        LdapResultCode::Success => "success",
        LdapResultCode::OperationsError => "operationsError",
        LdapResultCode::ProtocolError => "protocolError",
        LdapResultCode::TimeLimitExceeded => "timeLimitExceeded",
        LdapResultCode::SizeLimitExceeded => "sizeLimitExceeded",
        LdapResultCode::CompareFalse => "compareFalse",
        LdapResultCode::CompareTrue => "compareTrue",
        LdapResultCode::AuthMethodNotSupported => "authMethodNotSupported",
        LdapResultCode::Referral => "referral",
        LdapResultCode::AdminLimitExceeded => "adminLimitExceeded",
        LdapResultCode::UnavailableCriticalExtension => "unavailableCriticalExtension",
        LdapResultCode::NoSuchAttribute => "noSuchAttribute",
        LdapResultCode::AttributeOrValueExists => "attributeOrValueExists",
        LdapResultCode::NoSuchObject => "noSuchObject",
        LdapResultCode::InvalidCredentials => "invalidCredentials",
        LdapResultCode::InsufficentAccessRights => "insufficientAccessRights",
        LdapResultCode::UnwillingToPerform => "unwillingToPerform",
        LdapResultCode::NotAllowedOnNonLeaf => "notAllowedOnNonLeaf",
        LdapResultCode::EntryAlreadyExists => "entryAlreadyExists",
        _ => "other",
    }
}
