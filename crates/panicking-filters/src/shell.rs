//! A network filter around another one: it fails where it is told to, and is the other one otherwise.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use envoy_sdk::{
    CallbackContext, CloseType, ConfigureContext, ErrorPolicy, FilterStatus, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result, TimerId,
};
use serde::Deserialize;

use crate::failure;
use crate::fault::{self, Fault, Fuse, Place, PluginFault};

/// How often the factory's own timer fires when it is to fail.
const TICK: Duration = Duration::from_millis(5);
/// How soon a filter's own timer fires when it is to fail.
const SOON: Duration = Duration::from_millis(1);

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config<C> {
    /// The faults, by the address of the client whose connections have them.
    #[serde(default)]
    pub(crate) faults: BTreeMap<String, Fault>,
    /// A fault of the plugin itself.
    #[serde(default)]
    pub(crate) plugin: Option<PluginFault>,
    /// The configuration of the filter inside.
    pub(crate) filter: C,
}

/// Makes [`Shell`]s around the filters of the factory inside.
pub(crate) struct ShellFactory<F> {
    inside: F,
    faults: BTreeMap<String, Rc<Fault>>,
    plugin: Option<PluginFault>,
}

impl<F: NetworkFilterFactory> ShellFactory<F> {
    fn fail_at(&self, place: PluginFault) -> Result<()> {
        if self.plugin == Some(place) { failure::How::Panic.fail() } else { Ok(()) }
    }

    /// The fuse of this connection, if its client has a fault.
    fn fuse(&self, cx: &NetworkContext<'_>) -> Result<Option<Rc<Fuse>>> {
        if self.faults.is_empty() {
            return Ok(None);
        }
        let address = cx.stream_info().source().address()?.unwrap_or_default();
        let address = String::from_utf8_lossy(address.as_bytes()).into_owned();
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        Ok(self.faults.get(host).map(|fault| Fuse::new(**fault)))
    }
}

impl<F: NetworkFilterFactory> NetworkFilterFactory for ShellFactory<F> {
    const NAME: &'static str = F::NAME;
    type Config = Config<F::Config>;
    type Filter = Shell<F::Filter>;

    fn configure(config: Self::Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let Config { faults, plugin, filter } = config;
        if plugin == Some(PluginFault::Configure) {
            failure::How::Panic.fail()?;
        }
        if plugin == Some(PluginFault::OnTimer) {
            cx.set_timer(TICK)?;
        }
        let faults = faults.into_iter().map(|(client, fault)| (client, Rc::new(fault))).collect();
        Ok(Self { inside: F::configure(filter, cx)?, faults, plugin })
    }

    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Self::Filter> {
        let fuse = self.fuse(cx)?;
        let inside = {
            let _entered = fault::enter(fuse.as_ref());
            fault::reach(Place::NewFilter)?;
            self.inside.new_filter(cx)?
        };
        Ok(Shell { inside: Some(inside), fuse })
    }

    fn error_policy(&self) -> ErrorPolicy {
        failure::panic_instead_of(self.fail_at(PluginFault::ErrorPolicy));
        self.inside.error_policy()
    }

    fn on_timer(&self, cx: &mut CallbackContext<'_>, timer: TimerId) -> Result<()> {
        if self.plugin == Some(PluginFault::OnTimer) {
            cx.set_timer(TICK)?;
        }
        self.fail_at(PluginFault::OnTimer)?;
        self.inside.on_timer(cx, timer)
    }
}

impl<F> Drop for ShellFactory<F> {
    fn drop(&mut self) {
        if self.plugin == Some(PluginFault::Drop) {
            failure::panic_instead_of(failure::How::Panic.fail());
        }
    }
}

/// A filter of one connection, around another one.
pub(crate) struct Shell<N> {
    /// `None` only while this is dropped.
    inside: Option<N>,
    fuse: Option<Rc<Fuse>>,
}

impl<N: NetworkFilter> Shell<N> {
    fn at<T>(&mut self, place: Place, none: T, inside: impl FnOnce(&mut N) -> Result<T>) -> Result<T> {
        let _entered = fault::enter(self.fuse.as_ref());
        let after = self.fuse.as_ref().is_some_and(|fuse| fuse.fault().after);
        if !after {
            fault::reach(place)?;
        }
        let answer = self.inside.as_mut().map_or(Ok(none), inside)?;
        if after {
            fault::reach(place)?;
        }
        Ok(answer)
    }
}

impl<N: NetworkFilter> NetworkFilter for Shell<N> {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        if self.fuse.as_ref().is_some_and(|fuse| fuse.fault().at == Place::OnTimer) {
            cx.set_timer(SOON)?;
        }
        self.at(Place::OnNewConnection, FilterStatus::Continue, |filter| filter.on_new_connection(cx))
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        let none = FilterStatus::Continue;
        self.at(Place::OnDownstreamData, none, |filter| filter.on_downstream_data(cx, end_stream))
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        let none = FilterStatus::Continue;
        self.at(Place::OnUpstreamData, none, |filter| filter.on_upstream_data(cx, end_stream))
    }

    fn on_downstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        self.at(Place::OnDownstreamClose, (), |filter| filter.on_downstream_close(cx, close_type))
    }

    fn on_upstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        self.at(Place::OnUpstreamClose, (), |filter| filter.on_upstream_close(cx, close_type))
    }

    fn on_timer(&mut self, cx: &mut NetworkContext<'_>, timer: TimerId) -> Result<()> {
        self.at(Place::OnTimer, (), |filter| filter.on_timer(cx, timer))
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        self.at(Place::OnStreamComplete, (), |filter| filter.on_stream_complete(cx))
    }
}

impl<N> Drop for Shell<N> {
    fn drop(&mut self) {
        let _entered = fault::enter(self.fuse.as_ref());
        drop(self.inside.take());
        fault::reach_or_panic(Place::Drop);
    }
}
