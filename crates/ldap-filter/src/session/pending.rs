//! Requests that wait for their responses, by message ID.

use std::collections::BTreeMap;

use session_driver::Timestamp;
use slab::Slab;

use super::actor::Actor;
use super::bind::Round;
use crate::operation_summary::{OperationOutcome, OperationSummary, SearchSummary};
use crate::protocol::extended::ExtendedName;
use crate::protocol::filter_shape::FilterShape;
use crate::protocol::message::MessageId;
use crate::protocol::operation::Answered;
use crate::protocol::search::{Scope, SearchKind};

/// Operations that an idle connection may keep room for.
const KEPT_SLOTS: usize = 16;
/// Abandoned operations of which is remembered that they were.
const ABANDONED_REMEMBERED: usize = 8;

/// A request that waits for its final response.
#[derive(Debug)]
pub(super) struct Pending {
    /// Which request of the connection it is, from 1.
    pub(super) number: u64,
    /// When its last octet passed.
    pub(super) at: Timestamp,
    /// Who asks; of a bind, whom it names.
    pub(super) actor: Actor,
    pub(super) asked: Asked,
}

/// What was asked of the server.
#[derive(Debug)]
pub(super) enum Asked {
    Bind(Round),
    Search(OpenSearch),
    Extended(ExtendedName),
    /// An operation that carries no more than its name says.
    Plain(Answered),
}

/// A search, and what it has brought so far.
#[derive(Debug)]
pub(super) struct OpenSearch {
    pub(super) scope: Scope,
    pub(super) kind: SearchKind,
    /// Only where events are written.
    pub(super) filter: Option<Box<FilterShape>>,
    pub(super) attributes: Option<u32>,
    pub(super) size_limit: u32,
    pub(super) time_limit: u32,
    pub(super) entries: u64,
    pub(super) references: u64,
    pub(super) octets: u64,
    /// Something has come.
    pub(super) responded: bool,
    /// From the request to what came first, in microseconds.
    pub(super) first_response: Option<u64>,
}

impl Asked {
    pub(super) fn operation(&self) -> Answered {
        match self {
            Self::Bind(_) => Answered::Bind,
            Self::Search(_) => Answered::Search,
            Self::Extended(_) => Answered::Extended,
            Self::Plain(operation) => *operation,
        }
    }

    pub(super) fn is_persistent(&self) -> bool {
        matches!(self, Self::Search(OpenSearch { kind: SearchKind::Persistent, .. }))
    }

    fn is_bind(&self) -> bool {
        matches!(self, Self::Bind(_))
    }

    fn is_start_tls(&self) -> bool {
        matches!(self, Self::Extended(ExtendedName::StartTls))
    }

    // RFC 4511, 4.11: "Abandon, Bind, Unbind, and StartTLS operations cannot be abandoned."
    pub(super) fn can_be_abandoned(&self) -> bool {
        !self.is_bind() && !self.is_start_tls()
    }
}

impl Pending {
    /// What is to be said of it now that it is over, without what its final response says.
    pub(super) fn summary(&self, outcome: OperationOutcome) -> OperationSummary<'_> {
        let mut summary = OperationSummary {
            number: self.number,
            operation: self.asked.operation(),
            outcome,
            code: None,
            latency: None,
            search: None,
            extended: None,
            bind: None,
            bind_failure: None,
            identity: self.actor.identity(),
        };
        match &self.asked {
            Asked::Bind(round) => summary.bind = Some((round.kind, round.mechanism)),
            Asked::Search(search) => summary.search = Some(search.summary()),
            Asked::Extended(name) => summary.extended = Some(*name),
            Asked::Plain(_) => {}
        }
        summary
    }
}

impl OpenSearch {
    /// A search of this kind, of which nothing more is known.
    pub(super) fn new(kind: SearchKind) -> Self {
        Self {
            scope: Scope::Other,
            kind,
            filter: None,
            attributes: None,
            size_limit: 0,
            time_limit: 0,
            entries: 0,
            references: 0,
            octets: 0,
            responded: false,
            first_response: None,
        }
    }

    fn summary(&self) -> SearchSummary<'_> {
        SearchSummary {
            scope: self.scope,
            kind: self.kind,
            filter: self.filter.as_deref(),
            attributes: self.attributes,
            size_limit: self.size_limit,
            time_limit: self.time_limit,
            entries: self.entries,
            references: self.references,
            octets: self.octets,
            first_response: self.first_response,
        }
    }
}

/// The requests of one connection that wait.
///
/// IDs are the peer's choice, so they are looked up in an ordered map; what belongs to them stands apart, so that the
/// map stays small and is never the place where much is moved.
///
/// Invariant: each key in `by_id` is that of an operation, and each operation has one ID.
#[derive(Debug, Default)]
pub(super) struct PendingOperations {
    by_id: BTreeMap<MessageId, usize>,
    operations: Slab<Pending>,
    /// How many of them are persistent searches.
    persistent: u32,
    /// How many of them are binds.
    binds: u32,
    /// How many of them are StartTLS.
    start_tls: u32,
}

impl PendingOperations {
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    /// How many wait, without persistent searches.
    pub(super) fn in_flight(&self) -> u32 {
        let all = u32::try_from(self.operations.len()).unwrap_or(u32::MAX);
        all.saturating_sub(self.persistent)
    }

    /// Whether a bind waits.
    pub(super) fn has_bind(&self) -> bool {
        self.binds > 0
    }

    /// Whether StartTLS waits: until it is answered the client's octets mean nothing.
    pub(super) fn has_start_tls(&self) -> bool {
        self.start_tls > 0
    }

    /// Remembers a request. Nothing else may wait under its ID: see [`take`](Self::take).
    pub(super) fn insert(&mut self, id: MessageId, pending: Pending) {
        self.persistent = self.persistent.saturating_add(pending.asked.is_persistent().into());
        self.binds = self.binds.saturating_add(pending.asked.is_bind().into());
        self.start_tls = self.start_tls.saturating_add(pending.asked.is_start_tls().into());
        let key = self.operations.insert(pending);
        let replaced = self.by_id.insert(id, key);
        debug_assert_eq!(replaced, None);
    }

    pub(super) fn get(&self, id: MessageId) -> Option<&Pending> {
        self.operations.get(*self.by_id.get(&id)?)
    }

    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut Pending> {
        self.operations.get_mut(*self.by_id.get(&id)?)
    }

    /// Takes out what waits under this ID.
    pub(super) fn take(&mut self, id: MessageId) -> Option<Pending> {
        let key = self.by_id.remove(&id)?;
        let pending = self.operations.try_remove(key)?;
        self.persistent = self.persistent.saturating_sub(pending.asked.is_persistent().into());
        self.binds = self.binds.saturating_sub(pending.asked.is_bind().into());
        self.start_tls = self.start_tls.saturating_sub(pending.asked.is_start_tls().into());
        // The memory of a large burst is given back once it is answered.
        if self.operations.is_empty() && self.operations.capacity() > KEPT_SLOTS {
            *self = Self::default();
        }
        Some(pending)
    }

    /// Takes out whatever is left, in the order of the IDs.
    pub(super) fn take_any(&mut self) -> Option<Pending> {
        let (id, _) = self.by_id.first_key_value()?;
        let id = *id;
        self.take(id)
    }
}

/// The IDs of operations that were abandoned last: servers may answer them all the same (RFC 4511, 4.11). Those that
/// RFC 4511 does not allow are not remembered.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    /// 0, which no request has, where there is none.
    ids: [u32; ABANDONED_REMEMBERED],
    /// Where the next one goes.
    next: u8,
}

impl Abandoned {
    pub(super) fn remember(&mut self, id: MessageId) {
        let next = usize::from(self.next) % ABANDONED_REMEMBERED;
        if let (Some(slot), Ok(id)) = (self.ids.get_mut(next), u32::try_from(id.0)) {
            *slot = id;
            self.next = self.next.wrapping_add(1);
        }
    }

    pub(super) fn contains(&self, id: MessageId) -> bool {
        id != MessageId::UNSOLICITED && self.ids.iter().any(|slot| i64::from(*slot) == id.0)
    }

    /// The ID means something else from now on, or nothing.
    pub(super) fn forget(&mut self, id: MessageId) {
        self.ids.iter_mut().filter(|slot| i64::from(**slot) == id.0).for_each(|slot| *slot = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(number: u64) -> Pending {
        let asked = Asked::Search(OpenSearch::new(SearchKind::Normal));
        Pending { number, at: Timestamp(0), actor: Actor::default(), asked }
    }

    /// The room that is left when so many operations were asked at once and all are answered.
    fn room_after(burst: u64) -> usize {
        let mut pending = PendingOperations::default();
        for number in 1..=burst {
            pending.insert(MessageId(number as i64), search(number));
        }
        for number in 1..=burst {
            assert_eq!(pending.take(MessageId(number as i64)).map(|taken| taken.number), Some(number));
        }
        pending.operations.capacity()
    }

    #[test]
    fn the_memory_of_a_burst_is_given_back_and_little_is_kept() {
        assert_eq!(room_after(1_000), 0);
        assert!((1..=KEPT_SLOTS).contains(&room_after(1)), "{}", room_after(1));
        assert_eq!(room_after(KEPT_SLOTS as u64), KEPT_SLOTS);
    }
}
