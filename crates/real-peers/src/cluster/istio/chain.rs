//! Filter chains: where a listener's connections are decided upon.

use serde_json::Value;

use super::Configuration;

/// The type of Envoy's Wasm network filter.
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm";

/// A filter chain of a listener, and what connections it takes.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// The listener's name, such as `virtualInbound` or `0.0.0.0_25`.
    pub listener: &'a str,
    /// The listener's `trafficDirection`: `INBOUND`, `OUTBOUND`, or nothing.
    pub direction: &'a str,
    /// The port that its connections went to: the chain's destination port, else the listener's own.
    pub port: Option<u64>,
    /// The chain's name.
    pub name: &'a str,
    /// Whether it takes what no other chain of its listener takes.
    pub is_default: bool,
    /// `envoy.config.listener.v3.FilterChain`, as JSON.
    pub chain: &'a Value,
    configuration: &'a Configuration,
}

impl Configuration {
    /// The filter chains of all listeners.
    pub fn chains(&self) -> impl Iterator<Item = Chain<'_>> {
        self.listeners.iter().flat_map(move |listener| {
            let chains = listener["filterChains"].as_array().into_iter().flatten();
            let default = listener.get("defaultFilterChain");
            chains
                .map(|chain| (chain, false))
                .chain(default.map(|chain| (chain, true)))
                .map(move |(chain, is_default)| self.chain(listener, chain, is_default))
        })
    }

    fn chain<'a>(&'a self, listener: &'a Value, chain: &'a Value, is_default: bool) -> Chain<'a> {
        let matched = &chain["filterChainMatch"]["destinationPort"];
        let own = &listener["address"]["socketAddress"]["portValue"];
        Chain {
            listener: listener["name"].as_str().unwrap_or_default(),
            direction: listener["trafficDirection"].as_str().unwrap_or_default(),
            port: matched.as_u64().or_else(|| own.as_u64()),
            name: chain["name"].as_str().unwrap_or_default(),
            is_default,
            chain,
            configuration: self,
        }
    }
}

impl<'a> Chain<'a> {
    /// The names of its network filters, in their order.
    #[must_use]
    pub fn filters(&self) -> Vec<&'a str> {
        let filters = self.chain["filters"].as_array().into_iter().flatten();
        filters.map(|filter| filter["name"].as_str().unwrap_or_default()).collect()
    }

    /// Whether it reads HTTP.
    #[must_use]
    pub fn is_http(&self) -> bool {
        self.filters().contains(&"envoy.filters.network.http_connection_manager")
    }

    /// Whether its connections are encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.chain.get("transportSocket").is_some()
    }

    /// The Wasm network filters in it, in their order: the filter's name, and its
    /// `envoy.extensions.wasm.v3.PluginConfig` as JSON, whether it stands in the listener or has to be asked for.
    #[must_use]
    pub fn wasm(&self) -> Vec<(&'a str, &'a Value)> {
        let filters = self.chain["filters"].as_array().into_iter().flatten();
        filters
            .filter_map(|filter| {
                let name = filter["name"].as_str()?;
                let typed = if filter.get("configDiscovery").is_some() {
                    let extensions = &self.configuration.extensions;
                    &extensions.iter().find(|extension| extension["name"] == *name)?["typedConfig"]
                } else {
                    &filter["typedConfig"]
                };
                (typed["@type"] == WASM).then_some((name, &typed["config"]))
            })
            .collect()
    }
}
