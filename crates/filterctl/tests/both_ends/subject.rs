//! A filter under test, and what its peers say in the tests that every filter has to pass.

use anyhow::Result;
use envoy_runner::{EnvoyBinary, WasmFilter};
use libtest_mimic::Trial;
use serde_json::Value;

use super::bridge::Bridge;
use super::modules::Module;
use super::script::Script;
use crate::trials::{self, Lack};

/// What a test of a filter stands on.
pub(crate) type Ground = super::ground::Ground<&'static Subject>;

/// A test: a name, and what it does on the release of Envoy, and with the filter, that it is given.
pub(crate) type Test = (&'static str, fn(&Ground) -> Result<()>);

/// A test with this filter on an Envoy, or with what is lacking in its place; `of` stands before its name.
pub(crate) fn trial(
    of: &str,
    subject: &'static Subject,
    envoy: &Result<EnvoyBinary, Lack>,
    (name, test): Test,
) -> Trial {
    let name = format!("{of}{}: {name}", subject.name);
    let folder = name.clone();
    trials::trial_on(name, envoy.clone(), move |binary| {
        Ground::new(binary.clone(), subject, &folder).stand(test)
    })
}

/// A filter under test, and what its peers say in the tests that every filter has to pass.
///
/// In the names of series, `*_` stands for the beginning of the filter's own.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The filter's name.
    pub(crate) name: &'static str,
    /// It as it is released.
    pub(crate) module: Module,
    /// The most octets that its released module may have.
    pub(crate) largest: u64,
    /// How a connection begins.
    pub(crate) opening: fn() -> Result<Script>,
    /// What logs a client in, where the opening does not.
    pub(crate) login: fn() -> Result<Script>,
    /// The series to which that adds one, which also has the label `transport`.
    pub(crate) logged_in: &'static str,
    /// Something that may be repeated as often as one likes.
    pub(crate) exchange: fn() -> Result<Script>,
    /// The series to which an exchange, and nothing else here, adds one.
    pub(crate) exchanged: &'static str,
    /// A series of metrics at `detailed` to which the same applies.
    pub(crate) exchanged_detailed: &'static str,
    /// Another exchange, which is not counted as one.
    pub(crate) poison: fn() -> Result<Script>,
    /// How the client says goodbye.
    pub(crate) farewell: fn() -> Result<Script>,
    /// The ending that this makes.
    pub(crate) farewell_ending: &'static str,
    /// Counts connections on which nobody said anything, where the filter does.
    pub(crate) silent: Option<&'static str>,
    /// Limits under which the next is too much.
    pub(crate) limits: &'static str,
    /// What the client can say behind the opening that costs the framing.
    pub(crate) upsetting: fn() -> Vec<u8>,
    /// A field of the limits, a mistaken value, and what is said about it.
    pub(crate) mistaken_limit: (&'static str, &'static str),
    /// Events of the opening.
    pub(crate) opening_events: usize,
    /// The field of events that has an identity.
    pub(crate) identity: &'static str,
    /// Plays conversations that have something for every metric.
    pub(crate) everything: fn(&Bridge, &str) -> Result<()>,
}

impl Subject {
    /// Text in which `*_` is what it stands for.
    pub(crate) fn series(&self, text: &str) -> String {
        text.replace("*_", &format!("{}_", self.name))
    }
}

impl Ground {
    /// The filter with this configuration.
    pub(crate) fn filter(&self, configuration: &Value) -> Result<WasmFilter> {
        let module = self.subject.module.artifact()?;
        Ok(WasmFilter::new(self.subject.name, &module.path).configuration(configuration.to_string()))
    }
}
