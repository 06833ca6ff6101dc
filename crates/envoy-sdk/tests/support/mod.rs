//! An extension that fails where and how its configuration says.

pub(crate) mod failure;

use std::rc::Rc;

use envoy_sdk::{
    CloseType, ConfigureContext, ErrorPolicy, FilterStatus, Module, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result,
};

use failure::{How, panic_instead_of};

/// Where and how to fail.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// A callback as in the label `callback` of the SDK's counters, or `drop_factory`.
    r#in: String,
    how: How,
    /// Only a connection whose client says this word fails; for the data callbacks.
    on: Option<String>,
    policy: Policy,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    #[default]
    Close,
    Bypass,
    /// Panics when it is asked.
    Panic,
}

pub(crate) fn module() -> Module {
    Module::new().version("1.2.3").network_filter::<Saboteur>()
}

/// The configuration for a failure.
pub(crate) fn failing(callback: &str, how: &str, policy: &str) -> String {
    format!(r#"{{"in": "{callback}", "how": "{how}", "policy": "{policy}"}}"#)
}

pub(crate) struct Saboteur {
    config: Rc<Config>,
}

pub(crate) struct Filter {
    config: Rc<Config>,
}

impl Config {
    fn fail_in(&self, callback: &str) -> Result<()> {
        if self.r#in != callback {
            return Ok(());
        }
        self.how.fail()
    }
}

impl NetworkFilterFactory for Saboteur {
    const NAME: &'static str = "saboteur";
    type Config = Config;
    type Filter = Filter;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        config.fail_in("configure")?;
        Ok(Self { config: config.into() })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Filter> {
        self.config.fail_in("new_filter")?;
        Ok(Filter { config: self.config.clone() })
    }

    fn error_policy(&self) -> ErrorPolicy {
        match self.config.policy {
            Policy::Close => ErrorPolicy::Close,
            Policy::Bypass => ErrorPolicy::Bypass,
            Policy::Panic => panic!("no policy"),
        }
    }
}

impl Drop for Saboteur {
    fn drop(&mut self) {
        panic_instead_of(self.config.fail_in("drop_factory"));
    }
}

impl Filter {
    fn data(&self, callback: &str, cx: &NetworkContext<'_>) -> Result<FilterStatus> {
        if let Some(word) = &self.config.on {
            let octets = cx.buffer().chunks(0..word.len())?.into_bytes();
            if octets != word.as_bytes() {
                return Ok(FilterStatus::Continue);
            }
        }
        self.config.fail_in(callback).map(|()| FilterStatus::Continue)
    }
}

impl NetworkFilter for Filter {
    fn on_new_connection(&mut self, _cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        self.config.fail_in("on_new_connection").map(|()| FilterStatus::Continue)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        self.data("on_downstream_data", cx)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        self.data("on_upstream_data", cx)
    }

    fn on_downstream_close(&mut self, _cx: &mut NetworkContext<'_>, _by: CloseType) -> Result<()> {
        self.config.fail_in("on_downstream_close")
    }

    fn on_upstream_close(&mut self, _cx: &mut NetworkContext<'_>, _by: CloseType) -> Result<()> {
        self.config.fail_in("on_upstream_close")
    }

    fn on_stream_complete(&mut self, _cx: &mut NetworkContext<'_>) -> Result<()> {
        self.config.fail_in("on_stream_complete")
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        panic_instead_of(self.config.fail_in("drop"));
    }
}
