//! The network filter.

use std::ops::Range;
use std::rc::Rc;

use envoy_sdk::{
    Buffer, ConfigureContext, Error, ErrorPolicy, FilterStatus, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result,
};
use serde::Deserialize;

/// The plugin's configuration. Every field may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The word at which the filter panics; not empty. It is looked for in each piece of data as Envoy presents it: a
    /// word that is cut in two by the network is not found.
    pub panic_on: String,
    /// Which data is looked at.
    pub direction: Direction,
    /// What a panic costs.
    pub on_error: OnError,
}

impl Default for Config {
    fn default() -> Self {
        Self { panic_on: "PANIC".to_owned(), direction: Direction::Client, on_error: OnError::Close }
    }
}

/// Which data is looked at for the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What the client sends.
    Client,
    /// What the server sends.
    Server,
    /// Both.
    Both,
}

/// What happens to a connection in which the filter has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It is closed.
    Close,
    /// It goes on without the filter.
    Bypass,
}

/// Makes the filters of one plugin.
#[derive(Debug)]
pub struct PanicOnDemand {
    config: Rc<Config>,
}

impl NetworkFilterFactory for PanicOnDemand {
    const NAME: &'static str = "panic-on-demand";
    type Config = Config;
    type Filter = OnDemand;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if config.panic_on.is_empty() {
            return Err(Error::new("panic_on: must not be empty: every connection would panic"));
        }
        Ok(Self { config: config.into() })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<OnDemand> {
        Ok(OnDemand { config: Rc::clone(&self.config) })
    }

    fn error_policy(&self) -> ErrorPolicy {
        match self.config.on_error {
            OnError::Close => ErrorPolicy::Close,
            OnError::Bypass => ErrorPolicy::Bypass,
        }
    }
}

/// The filter of one connection.
#[derive(Debug)]
pub struct OnDemand {
    config: Rc<Config>,
}

impl OnDemand {
    #[expect(clippy::panic, reason = "that is what this filter is for")]
    fn look(&self, buffer: &Buffer<'_>, not_at: Direction) -> Result<FilterStatus> {
        if self.config.direction == not_at || buffer.is_empty() {
            return Ok(FilterStatus::Continue);
        }
        let everything: Range<usize> = 0..buffer.len();
        let octets = buffer.chunks(everything)?.into_bytes();
        if memchr::memmem::find(&octets, self.config.panic_on.as_bytes()).is_some() {
            panic!("on demand");
        }
        Ok(FilterStatus::Continue)
    }
}

impl NetworkFilter for OnDemand {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
        self.look(&cx.buffer(), Direction::Server)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
        self.look(&cx.buffer(), Direction::Client)
    }
}
