//! A network filter that is nothing but the SDK: it has the SDK's own default, `Close`, and fails inside the SDK's own
//! code, where that calls what an extension has brought.

use std::fmt;

use envoy_sdk::metrics::{Dimension, Label, Level, catalogue};
use envoy_sdk::{
    ConfigureContext, FilterStatus, NetworkContext, NetworkFilter, NetworkFilterFactory, Result, Stats,
};
use serde::Deserialize;

use crate::fault::{Place, is_at, reach_or_panic};

catalogue! {
    /// What the filter counts.
    static SDK_ONLY: "sdk_only" {
        /// Connections.
        counter CONNECTIONS: () = "connections_total", Summary, FromStart;
        /// Connections that are over.
        counter CONNECTIONS_ENDED: () = "connections_ended_total", Summary, FromStart;
        /// Callbacks with data.
        counter CALLBACKS: Fragile = "callbacks_total", Summary, FromStart;
    }
}

/// A label that may panic when the SDK asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragile;

impl Label for Fragile {
    const DIMENSION: Dimension = Dimension {
        name: "label",
        values: &["fragile"],
        #[cfg(not(target_arch = "wasm32"))]
        help: &["The only value."],
    };
    const VALUES: &'static [Self] = &[Self];

    fn index(self) -> usize {
        reach_or_panic(Place::Counting);
        0
    }
}

/// A message that may panic when the SDK formats it.
struct FragileMessage;

impl fmt::Display for FragileMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reach_or_panic(Place::Logging);
        f.write_str("data")
    }
}

/// The configuration: nothing.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SdkOnlyConfig {}

/// Makes [`SdkOnly`]s.
#[derive(Debug)]
pub(crate) struct SdkOnlyFactory {
    stats: Stats,
}

impl NetworkFilterFactory for SdkOnlyFactory {
    const NAME: &'static str = "sdk-only";
    type Config = SdkOnlyConfig;
    type Filter = SdkOnly;

    fn configure(_: SdkOnlyConfig, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self { stats: cx.stats(&SDK_ONLY, &[], Level::Summary)? })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<SdkOnly> {
        let mut stats = self.stats.clone();
        stats.add(&CONNECTIONS, (), 1);
        Ok(SdkOnly { stats })
    }
}

/// Logs, counts, and lets everything pass.
#[derive(Debug)]
pub(crate) struct SdkOnly {
    stats: Stats,
}

impl SdkOnly {
    fn data(&mut self, cx: &NetworkContext<'_>) -> Result<FilterStatus> {
        // A read, as real filters make it.
        cx.buffer().chunks(0..cx.buffer().len())?;
        self.stats.add(&CALLBACKS, Fragile, 1);
        // The others would use up what may be logged.
        if is_at(Place::Logging) {
            log::info!("{FragileMessage}");
        }
        Ok(FilterStatus::Continue)
    }
}

impl NetworkFilter for SdkOnly {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
        self.data(cx)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
        self.data(cx)
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        cx.filter_state().set("sdk-only", b"over")?;
        self.stats.add(&CONNECTIONS_ENDED, (), 1);
        Ok(())
    }
}
