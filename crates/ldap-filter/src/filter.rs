//! The filter: what the session reports, as metrics, events and a summary for access logs.

use std::fmt::Write as _;

use common_metrics::{Catalogue, Label as _, Recorder};
use envoy_sdk::Module;
use session_driver::{
    CloseCause, Event, Observation, ObserverFactory, Protocol, Redactor, Timestamp, Visibility, Wanted,
};

use crate::access_log_summary::AccessLogSummary;
use crate::catalogue::{CONNECTIONS_CLOSED, LDAP};
use crate::count::count;
use crate::event::{BindSummary, Identity, LdapEvent, OperationSummary, Protection, SearchSummary};
use crate::limits::LdapLimits;
use crate::protocol::result_code::ResultCode;
use crate::session::LdapSession;

/// Octets that a summary for access logs usually has room in.
const USUAL_SUMMARY: usize = 160;

/// What this module contains: the network filter `ldap`.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).network_filter::<ObserverFactory<Ldap>>()
}

#[cfg(feature = "entry-point")]
envoy_sdk::entry_point!(module);

/// LDAP, on one connection.
#[derive(Debug, Default)]
pub struct Ldap {
    summary: AccessLogSummary,
}

impl Protocol for Ldap {
    const NAME: &'static str = "ldap";
    const IDENTITIES_HAVE_DOMAINS: bool = false;
    type Limits = LdapLimits;
    type Session = LdapSession;

    fn catalogue() -> &'static Catalogue {
        &LDAP
    }

    fn session(limits: &LdapLimits, wanted: Wanted, _opened: Timestamp) -> LdapSession {
        LdapSession::new(limits, wanted)
    }

    fn observe<R: Recorder>(&mut self, event: LdapEvent<'_>, observation: &mut Observation<'_, R>) {
        count(&event, observation.metrics);
        match event {
            LdapEvent::OperationEnded(operation) => {
                self.summary.operation_ended(&operation);
                observation.summarise_soon();
                observation.event("operation", |event, redactor| {
                    describe_operation(&operation, event, redactor);
                });
            }
            LdapEvent::BindEnded(bind) => {
                self.summary.bind_ended(&bind, observation.redactor());
                observation.summarise();
                observation.event("bind", |event, redactor| describe_bind(&bind, event, redactor));
            }
            LdapEvent::SaslBuffer { protection: Protection::Sealed, .. }
                if self.summary.sees_less(Visibility::SaslSealed) =>
            {
                observation.summarise();
            }
            LdapEvent::WentOpaque { cause, direction, state, anomaly } => {
                self.summary.sees_less(cause.into());
                observation.summarise();
                observation.went_opaque(
                    cause,
                    direction,
                    state,
                    anomaly.map_or("none", |kind| kind.as_str()),
                );
            }
            _ => {}
        }
    }

    fn summary(&self) -> String {
        let mut text = String::with_capacity(USUAL_SUMMARY);
        // Writing to a string cannot fail.
        let _written = write!(text, "{}", self.summary);
        text
    }

    fn closed_unseen<R: Recorder>(cause: CloseCause, metrics: &mut R) {
        metrics.add(&CONNECTIONS_CLOSED, cause.into(), 1);
    }
}

/// The fields of an event about an operation.
fn describe_operation(operation: &OperationSummary<'_>, event: &mut Event, redactor: &Redactor) {
    event.set("number", operation.number);
    event.set("operation", operation.operation.as_str());
    event.set("outcome", operation.outcome.as_str());
    describe_result(operation.code, event);
    if let Some(latency) = operation.latency {
        event.set("latency_microseconds", latency);
    }
    if let Some(search) = &operation.search {
        describe_search(search, event);
    }
    if let Some(name) = operation.extended {
        event.set("extended", name.as_str());
    }
    if let Some((kind, mechanism)) = operation.bind {
        event.set("bind", kind.as_str());
        if let Some(mechanism) = mechanism {
            event.set("mechanism", mechanism.as_str());
        }
    }
    if let Some(reason) = operation.bind_failure {
        event.set("reason", reason.as_str());
    }
    describe_identity(operation.identity, event, redactor);
}

fn describe_search(search: &SearchSummary<'_>, event: &mut Event) {
    event.set("scope", search.scope.as_str());
    event.set("kind", search.kind.as_str());
    if let Some(filter) = search.filter {
        // `filter` is who reports.
        event.set("search_filter", filter.as_str());
    }
    for (name, value) in [
        ("attributes", search.attributes.map(u64::from)),
        ("size_limit", Some(search.size_limit.into()).filter(|limit| *limit > 0)),
        ("time_limit", Some(search.time_limit.into()).filter(|limit| *limit > 0)),
        ("entries", Some(search.entries)),
        ("references", Some(search.references)),
        ("response_bytes", Some(search.octets)),
        ("first_response_microseconds", search.first_response),
    ] {
        if let Some(value) = value {
            event.set(name, value);
        }
    }
}

/// The fields of an event about a bind.
fn describe_bind(bind: &BindSummary<'_>, event: &mut Event, redactor: &Redactor) {
    event.set("bind", bind.kind.as_str());
    if let Some(mechanism) = bind.mechanism {
        event.set("mechanism", mechanism.as_str());
    }
    event.set("outcome", bind.outcome.as_str());
    describe_result(bind.code, event);
    if let Some(reason) = bind.reason {
        event.set("reason", reason.as_str());
    }
    event.set("transport", bind.transport.as_str());
    event.set("rounds", bind.rounds);
    if let Some(total) = bind.total {
        event.set("duration_microseconds", total);
    }
    describe_identity(bind.identity, event, redactor);
}

fn describe_result(code: Option<ResultCode>, event: &mut Event) {
    if let Some(code) = code {
        event.set("result", code.label().as_str());
        event.set("code", code.0);
    }
}

/// As whom somebody acts, as far as that may be said: `authenticated` is one of a few words, `identity` a name.
fn describe_identity(identity: Identity<'_>, event: &mut Event, redactor: &Redactor) {
    event.set("authenticated", identity.as_str());
    match identity {
        Identity::Named(Some(name)) => {
            if let Some(name) = redactor.distinguished_name(name) {
                event.set("identity", name);
            }
        }
        Identity::Sasl(mechanism) => event.set("mechanism", mechanism.as_str()),
        Identity::Anonymous | Identity::Named(None) | Identity::Sicily | Identity::Unknown => {}
    }
}
