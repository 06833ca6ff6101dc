//! How an operation ended, and what it was.

use std::fmt;

use common_metrics::label;

use crate::identity::Identity;
use crate::protocol::bind::BindKind;
use crate::protocol::bind_failure::BindFailure;
use crate::protocol::extended::ExtendedName;
use crate::protocol::filter_shape::FilterShape;
use crate::protocol::mechanism::Mechanism;
use crate::protocol::operation::Answered;
use crate::protocol::result_code::ResultCode;
use crate::protocol::search::{Scope, SearchKind};

/// An operation that is over. It began with a request that has an answer and has exactly one outcome.
#[derive(Clone, Copy, Debug)]
pub struct OperationSummary<'a> {
    /// Which request of its connection it was, from 1.
    pub number: u64,
    /// What was asked for.
    pub operation: Answered,
    /// How it ended.
    pub outcome: OperationOutcome,
    /// What the final response says; `None` without one, or when that cannot be read.
    pub code: Option<ResultCode>,
    /// From the request's last octet to the final response's, in microseconds; `None` without one, of a persistent
    /// search, or when the clock makes no sense of it.
    pub latency: Option<u64>,
    /// What was searched, of a search.
    pub search: Option<SearchSummary<'a>>,
    /// Which extended operation it was.
    pub extended: Option<ExtendedName>,
    /// How the client proved who it is, of a bind.
    pub bind: Option<(BindKind, Option<Mechanism>)>,
    /// Why it failed, of a bind that did.
    pub bind_failure: Option<BindFailure>,
    /// Who asked, as last authenticated when the request passed; of a bind, whom it names.
    pub identity: Identity<'a>,
}

impl OperationSummary<'_> {
    /// Whether it is a search that stays open until somebody ends it.
    pub fn is_persistent(&self) -> bool {
        self.search.is_some_and(|search| search.kind == SearchKind::Persistent)
    }
}

/// What a search was, and what it brought.
#[derive(Clone, Copy)]
pub struct SearchSummary<'a> {
    /// How far it looked.
    pub scope: Scope,
    /// What kind it was.
    pub kind: SearchKind,
    /// What its filter looks like, without any value; `None` when it could not be decoded.
    pub filter: Option<&'a FilterShape>,
    /// How many attributes it asked for; `None` when it could not be decoded.
    pub attributes: Option<u32>,
    /// The limit of entries that it set; 0 for none.
    pub size_limit: u32,
    /// The limit of seconds that it set; 0 for none.
    pub time_limit: u32,
    /// Entries that came.
    pub entries: u64,
    /// References that came.
    pub references: u64,
    /// Octets of its responses, the final one included.
    pub octets: u64,
    /// From the request's last octet to the first response's, in microseconds.
    pub first_response: Option<u64>,
}

label! {
    /// How an operation ended.
    pub enum OperationOutcome: "ended" {
        /// With a final response.
        Answered = "answered",
        /// The client abandoned it (RFC 4511, 4.11). A later answer to it is late.
        Abandoned = "abandoned",
        /// The connection ended before, or its ID was used anew.
        Unanswered = "unanswered",
        /// The session went opaque before.
        Unknown = "unknown",
    }
}

/// Prints whether the filter is known, not what it looks like.
impl fmt::Debug for SearchSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchSummary")
            .field("scope", &self.scope)
            .field("kind", &self.kind)
            .field("filter_known", &self.filter.is_some())
            .field("attributes", &self.attributes)
            .field("size_limit", &self.size_limit)
            .field("time_limit", &self.time_limit)
            .field("entries", &self.entries)
            .field("references", &self.references)
            .field("octets", &self.octets)
            .field("first_response", &self.first_response)
            .finish()
    }
}
