//! LDAP under test: its session, its counts, and what must hold for every conversation.
#![allow(dead_code)] // Every test binary uses its own part of this.

pub(crate) mod ber;
pub(crate) mod expected;
pub(crate) mod messages;

use common_metrics::{Label as _, Tally};
use ldap_filter::event::{BindSummary, Identity, LdapEvent, OperationOutcome, OperationSummary};
use ldap_filter::{LdapLimits, LdapSession, count};
use session_driver::{Timestamp, Wanted};
use session_test::{Conditions, Record, Subject};

use self::expected::Requests;
use self::messages::Message;

pub(crate) type Talk = session_test::Talk<Ldap>;
pub(crate) type Seen = session_test::Seen<Notes>;

/// What a histogram holds in which nothing was recorded.
pub(crate) const NO_VALUES: [u64; 0] = [];

/// A conversation in which nothing has been said yet.
pub(crate) fn talk() -> Talk {
    Talk::new("")
}

/// What is said in messages.
pub(crate) trait Exchange {
    /// The client sends a message, a millisecond later.
    fn asks(self, message: Message) -> Self;
    /// The server sends one.
    fn answers(self, message: Message) -> Self;
}

impl Exchange for Talk {
    fn asks(self, message: Message) -> Self {
        self.client(&message.octets())
    }

    fn answers(self, message: Message) -> Self {
        self.server(&message.octets())
    }
}

/// Plays records through a session, to the end of the connection.
pub(crate) fn play(records: &[Record], conditions: &Conditions<Setup>) -> Seen {
    session_test::play::play::<Ldap>(records, conditions)
}

/// LDAP.
pub(crate) struct Ldap;

/// What a session is made with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) limits: LdapLimits,
    pub(crate) wanted: Wanted,
}

impl Setup {
    /// With limits as the configuration writes them.
    pub(crate) fn limited(limits: &str) -> Self {
        Self { limits: serde_json::from_str(limits).expect("limits"), ..Self::default() }
    }

    /// With all that events say.
    pub(crate) fn with_events() -> Self {
        Self { wanted: Wanted { events: true, identities: true }, ..Self::default() }
    }
}

/// What the counts do not tell.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Operations that have begun.
    begun: usize,
    /// Every operation that has ended, as text: see [`ended`].
    pub(crate) operations: Vec<String>,
    /// Every bind that has ended, as text: see [`bound`].
    pub(crate) binds: Vec<String>,
    /// Bind requests that belong to those binds.
    rounds: u32,
    /// Final responses that ended an operation.
    answered: usize,
    pub(crate) requests: Requests,
    /// What filters look like, in order.
    pub(crate) filters: Vec<String>,
}

impl Subject for Ldap {
    type Session = LdapSession;
    type Setup = Setup;
    type Notes = Notes;

    fn session(setup: &Setup, _: Timestamp) -> LdapSession {
        LdapSession::new(&setup.limits, setup.wanted)
    }

    fn event(event: &LdapEvent<'_>, tally: &mut Tally, notes: &mut Notes) {
        count(event, tally);
        notes.event(event);
    }

    /// One message of each side, or of the client what is undecided.
    fn most_buffered(Setup { limits, .. }: &Setup) -> usize {
        let client = limits.max_decoded_octets.get().max(limits.max_undecided_octets.get());
        2 * (client + limits.max_decoded_octets.get())
    }

    fn check(seen: &Seen) {
        let Notes { begun, operations, answered, rounds, .. } = &seen.notes;
        assert_eq!(*begun, operations.len(), "every operation ends once: {:#?}", seen.events);
        let answerable = ["bind", "search", "modify", "add", "delete", "modify_dn", "compare", "extended"]
            .map(|operation| seen.value(&format!("requests_total{{operation={operation}}}")));
        let unpaired = seen.value("unpaired_requests_total");
        assert_eq!(answerable.iter().sum::<i64>(), i64::try_from(*begun).expect("few") + unpaired);
        assert_eq!(i64::from(*rounds), answerable[0], "every bind request belongs to one bind");
        for gauge in ["operations_in_flight", "persistent_searches"] {
            assert_eq!(seen.value(gauge), 0, "{gauge}");
        }
        assert!(i64::try_from(*answered).expect("few") <= seen.sum("responses_total"));
        for metric in ["results_total", "operation_results_total"] {
            assert_eq!(seen.sum(metric), seen.sum("responses_total"), "{metric}");
        }
        for metric in ["search_scopes_total", "search_kinds_total", "searches_total"] {
            assert_eq!(seen.sum(metric), seen.value("requests_total{operation=search}"), "{metric}");
        }
        let opaque = seen.events.iter().position(|event| event.starts_with("WentOpaque"));
        if let Some(opaque) = opaque {
            assert_eq!(opaque + 2, seen.events.len(), "only the end follows: {:#?}", seen.events);
        }
    }
}

impl Notes {
    fn event(&mut self, event: &LdapEvent<'_>) {
        match event {
            LdapEvent::Began { .. } => {
                self.begun += 1;
                self.requests.deepest = self.requests.deepest.max(self.begun - self.operations.len());
            }
            LdapEvent::OperationEnded(operation) => {
                self.operations.push(ended(operation));
                let answered = operation.outcome == OperationOutcome::Answered;
                self.answered += usize::from(answered);
                self.requests.without_response += u64::from(!answered);
                if let Some((kind, mechanism)) = operation.bind {
                    *self.requests.binds.entry(kind.as_str().to_owned()).or_default() += 1;
                    if let Some(mechanism) = mechanism {
                        *self.requests.mechanisms.entry(mechanism.as_str().to_owned()).or_default() += 1;
                    }
                }
                if let Some(filter) = operation.search.and_then(|search| search.filter) {
                    self.filters.push(filter.as_str().to_owned());
                }
            }
            LdapEvent::BindEnded(bind) => {
                self.binds.push(bound(bind));
                self.rounds += bind.rounds;
            }
            _ => {}
        }
    }
}

/// An operation that has ended, as `1 search answered success by name uid=a`; why a bind failed stands behind its result.
fn ended(operation: &OperationSummary<'_>) -> String {
    let mut text =
        format!("{} {} {}", operation.number, operation.operation.as_str(), operation.outcome.as_str());
    if let Some(code) = operation.code {
        text += &format!(" {}", code.label().as_str());
    }
    if let Some(reason) = operation.bind_failure {
        text += &format!(" for {}", reason.as_str());
    }
    text + &by(operation.identity)
}

/// A bind that has ended, as `simple failed wrong_password in 1 by name uid=a`.
fn bound(bind: &BindSummary<'_>) -> String {
    let mut text = bind.kind.as_str().to_owned();
    if let Some(mechanism) = bind.mechanism {
        text += &format!(" {}", mechanism.as_str());
    }
    text += &format!(" {}", bind.outcome.as_str());
    if let Some(reason) = bind.reason {
        text += &format!(" {}", reason.as_str());
    }
    format!("{text} in {}", bind.rounds) + &by(bind.identity)
}

fn by(identity: Identity<'_>) -> String {
    match identity {
        Identity::Named(Some(name)) => format!(" by {}", String::from_utf8_lossy(name)),
        Identity::Sasl(mechanism) => format!(" by sasl {}", mechanism.as_str()),
        other => format!(" by {}", other.as_str()),
    }
}
