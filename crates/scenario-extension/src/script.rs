//! What an extension is told to do, and when.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Action;

/// An extension's configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// All rules that fit a callback are followed, in order.
    pub rules: Vec<Rule>,
    /// What becomes of a connection whose filter fails.
    pub on_error: OnError,
}

/// What becomes of a connection whose filter fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It is closed.
    #[default]
    Close,
    /// It goes on without the filter.
    Bypass,
}

/// In which callback to do what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The callback.
    pub on: Moment,
    /// Only when it comes for the n-th time on its stream (or plugin), counted from 1.
    #[serde(default)]
    pub nth: Option<u32>,
    /// Only with `end_stream`, or only without.
    #[serde(default)]
    pub end: Option<bool>,
    /// Only when the data of the callback contains this. The data is read for it.
    #[serde(default)]
    pub contains: Option<String>,
    /// What to do, in order.
    #[serde(rename = "do")]
    pub actions: Vec<Action>,
}

/// A callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The plugin is configured.
    Configure,
    /// A filter is made.
    NewFilter,
    /// A connection is new.
    NewConnection,
    /// Data from the client.
    DownstreamData,
    /// Data from the server.
    UpstreamData,
    /// The client's side is closed.
    DownstreamClose,
    /// The server has ended its side.
    UpstreamClose,
    /// A request's headers.
    RequestHeaders,
    /// A piece of a request's body.
    RequestBody,
    /// A request's trailers.
    RequestTrailers,
    /// A response's headers.
    ResponseHeaders,
    /// A piece of a response's body.
    ResponseBody,
    /// A response's trailers.
    ResponseTrailers,
    /// A stream's timer has fired.
    Timer,
    /// A timer of the plugin itself has fired.
    PluginTimer,
    /// An HTTP or gRPC call has been answered.
    CallDone,
    /// Something has happened on a gRPC stream.
    GrpcStream,
    /// Something is in a queue.
    QueueReady,
    /// A connection or a request is to be logged.
    Log,
    /// The stream is over.
    Complete,
    /// The filter is dropped.
    Drop,
}

/// How often each callback has come.
#[derive(Debug, Default)]
pub(crate) struct Counts(RefCell<BTreeMap<Moment, u32>>);

impl Script {
    /// The rules that fit this callback. `data` is asked for only where a rule wants to know.
    pub(crate) fn rules_for(
        &self,
        moment: Moment,
        counts: &Counts,
        end_stream: bool,
        mut contains: impl FnMut(&str) -> envoy_sdk::Result<bool>,
    ) -> envoy_sdk::Result<Vec<&Rule>> {
        let count = counts.count(moment);
        let mut fitting = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.on == moment) {
            let fits = rule.nth.is_none_or(|nth| nth == count)
                && rule.end.is_none_or(|end| end == end_stream)
                && match &rule.contains {
                    Some(text) => contains(text)?,
                    None => true,
                };
            if fits {
                fitting.push(rule);
            }
        }
        Ok(fitting)
    }
}

impl Counts {
    /// Counts this one as well.
    fn count(&self, moment: Moment) -> u32 {
        let mut counts = self.0.borrow_mut();
        let count = counts.entry(moment).or_default();
        *count = count.saturating_add(1);
        *count
    }
}
