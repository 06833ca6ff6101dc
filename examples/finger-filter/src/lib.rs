//! Sees the finger traffic (RFC 1288) that passes an Envoy listener: the smallest filter that is complete.
//!
//! [`protocol`] turns octets into values, [`FingerSession`] follows a conversation with them, [`catalogue`] says what is
//! counted, and [`Finger`] puts the three together. Everything else is [`session_driver`]'s.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod catalogue;
pub mod protocol;
mod session;

use common_metrics::{Catalogue, Label as _, Recorder};
use envoy_sdk::Module;
use serde::Deserialize;
use session_driver::{
    CloseCause, Direction, Observation, ObserverFactory, Protocol, Timestamp, Visibility, Wanted, limit,
};

use crate::catalogue::*;
pub use crate::session::{FingerEvent, FingerSession};

/// What this module contains: the network filter `finger`.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).network_filter::<ObserverFactory<Finger>>()
}

envoy_sdk::entry_point!(module);

limit! {
    /// Longest query line that is looked at whole, in octets, CR LF included.
    MaxQuery: 16..=4096, default 512
}

/// Bounds on what one connection may make the filter remember.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FingerLimits {
    /// Longest query line that is looked at whole, in octets, CR LF included: 16 to 4096, 512 by default.
    pub max_query: MaxQuery,
}

/// Finger, on one connection.
#[derive(Debug, Default)]
pub struct Finger {
    query: Option<protocol::Query>,
    visibility: Option<Visibility>,
}

impl Protocol for Finger {
    const NAME: &'static str = "finger";
    const IDENTITIES_HAVE_DOMAINS: bool = false;
    type Limits = FingerLimits;
    type Session = FingerSession;

    fn catalogue() -> &'static Catalogue {
        &FINGER
    }

    fn session(limits: &FingerLimits, _: Wanted, _: Timestamp) -> FingerSession {
        FingerSession::new(limits)
    }

    fn observe<R: Recorder>(&mut self, event: FingerEvent, observation: &mut Observation<'_, R>) {
        count(&event, observation.metrics);
        match event {
            FingerEvent::Query(query) => {
                self.query = Some(query);
                observation.summarise();
                observation.event("query", |event, _| event.set("query", query.as_str()));
            }
            FingerEvent::WentOpaque { cause, anomaly } => {
                self.visibility = Some(cause.into());
                observation.summarise();
                let kind = anomaly.map_or("none", |anomaly| anomaly.as_str());
                observation.went_opaque(cause, Direction::ToServer, "query", kind);
            }
            FingerEvent::Anomaly(_) | FingerEvent::Ended { .. } => {}
        }
    }

    fn summary(&self) -> String {
        let query = self.query.map_or("none", |query| query.as_str());
        format!("query={query};visibility={}", self.visibility.unwrap_or(Visibility::Parsed).as_str())
    }

    fn closed_unseen<R: Recorder>(cause: CloseCause, metrics: &mut R) {
        metrics.add(&CONNECTIONS_CLOSED, cause.into(), 1);
    }
}

/// Counts one event.
pub fn count<R: Recorder>(event: &FingerEvent, recorder: &mut R) {
    match *event {
        FingerEvent::Query(query) => recorder.add(&QUERIES, query, 1),
        FingerEvent::Anomaly(anomaly) => recorder.add(&ANOMALIES, anomaly, 1),
        FingerEvent::WentOpaque { anomaly, .. } => {
            if let Some(anomaly) = anomaly {
                recorder.add(&ANOMALIES, anomaly, 1);
            }
        }
        FingerEvent::Ended { ending, unanswered, answer, latency } => {
            recorder.add(&CONNECTIONS_CLOSED, ending, 1);
            recorder.add(&UNANSWERED, (), unanswered.into());
            if let Some(octets) = answer {
                recorder.record(&ANSWER_BYTES, (), octets);
            }
            if let Some(latency) = latency {
                recorder.record(&ANSWER_LATENCY, (), latency);
            }
        }
    }
}
