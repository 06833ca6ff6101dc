//! What is compared: one listener for each.

use envoy_runner::{Listener, Upstream, WasmFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ground::Ground;
use crate::filters::Filter;

/// What a connection passes through in front of `tcp_proxy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Nothing. What Envoy itself costs: the base of the first column.
    NoFilter,
    /// Nothing, in a second listener. How far its ratio is from 1 is how far any ratio may be wrong.
    Control,
    /// Envoy's own `zookeeper_proxy`, which parses what passes, in C++.
    Zookeeper,
    /// A Wasm filter that does nothing: the base of the second column.
    Empty,
    /// The same, but it reads what each callback presents: less than that no filter can do that looks at what passes.
    Reading,
    /// The suite's filter with `mode: off`.
    Off,
    /// The suite's filter with `level: summary`, its default.
    Summary,
    /// The suite's filter with `level: detailed`.
    Detailed,
}

impl Variant {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::NoFilter,
        Self::Control,
        Self::Zookeeper,
        Self::Empty,
        Self::Reading,
        Self::Off,
        Self::Summary,
        Self::Detailed,
    ];

    /// Those that are the suite's filter, which counts what passes.
    pub const FILTERED: [Self; 3] = [Self::Off, Self::Summary, Self::Detailed];

    /// As JSON, listeners and metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFilter => "no-filter",
            Self::Control => "control",
            Self::Zookeeper => "zookeeper",
            Self::Empty => "empty",
            Self::Reading => "reading",
            Self::Off => "off",
            Self::Summary => "summary",
            Self::Detailed => "detailed",
        }
    }

    /// As tables name it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NoFilter => "no filter",
            Self::Control => "no filter, again",
            Self::Zookeeper => "zookeeper_proxy",
            Self::Empty => "empty Wasm filter",
            Self::Reading => "reading Wasm filter",
            Self::Off => "mode: off",
            Self::Summary => "summary",
            Self::Detailed => "detailed",
        }
    }

    /// The listener, named like the variant.
    pub(super) fn listener(self, ground: &Ground, filter: &Filter, upstream: Upstream) -> Listener {
        let listener = Listener::new(self.name(), upstream);
        match self {
            Self::NoFilter | Self::Control => listener,
            Self::Zookeeper => listener.envoy_filter(ZOOKEEPER, &zookeeper()),
            Self::Empty => listener.filter(WasmFilter::new("empty", ground.empty())),
            Self::Reading => listener
                .filter(WasmFilter::new("empty", ground.empty()).vm_id(self.name()).configuration("read")),
            Self::Off | Self::Summary | Self::Detailed => listener.filter(
                WasmFilter::new(filter.name, ground.module(filter))
                    .vm_id(self.name())
                    .configuration(self.configuration().to_string()),
            ),
        }
    }

    /// The configuration of the suite's filter. The prefix tells the variants' metrics apart.
    fn configuration(self) -> Value {
        let (mode, level) = match self {
            Self::Off => ("off", "summary"),
            Self::Detailed => ("observe", "detailed"),
            _ => ("observe", "summary"),
        };
        json!({"stat_prefix": self.name(), "reporter": "inbound", "mode": mode, "level": level})
    }
}

const ZOOKEEPER: &str = "envoy.filters.network.zookeeper_proxy";

fn zookeeper() -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.zookeeper_proxy.v3.ZooKeeperProxy",
        "stat_prefix": "bench",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_json() {
        for variant in Variant::ALL {
            assert_eq!(serde_json::to_value(variant).unwrap(), json!(variant.name()));
        }
    }
}
