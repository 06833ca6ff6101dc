//! Where a filter is expected, and the check that it is there and nowhere else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::{self, Chain, Configuration, Proxy};
use serde_json::Value;

/// What pilot is expected to make of a filter for one proxy.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The filter's name in its module.
    pub(crate) root_id: &'a str,
    /// Its configuration's `stat_prefix`.
    pub(crate) stat_prefix: &'a str,
    /// Its configuration's `reporter`, if it says one.
    pub(crate) reporter: Option<&'a str>,
    /// The listeners' direction.
    pub(crate) direction: &'a str,
    /// The ports of the filter chains that hold it: all of them, and no others.
    pub(crate) ports: &'a [u64],
}

/// Has pilot configure one proxy with these files of `deploy/istio/`, in a mesh with Istio's defaults.
pub(crate) fn sent(files: &[PathBuf], proxy: &Proxy) -> Result<Configuration> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    istio::listeners(&files, proxy)
}

/// The filter chains that hold a Wasm filter with that name.
pub(crate) fn holding<'a>(
    configuration: &'a Configuration,
    root_id: &str,
    stat_prefix: &str,
) -> Vec<Chain<'a>> {
    let is_it = |config: &Value| {
        config["rootId"] == root_id
            && filter_configuration(config).is_ok_and(|own| own["stat_prefix"] == stat_prefix)
    };
    configuration.chains().filter(|chain| chain.wasm().iter().any(|(_, config)| is_it(config))).collect()
}

/// Checks that the filter stands in exactly the expected chains, right where it belongs in each; returns its
/// `PluginConfig`, which is the same everywhere.
pub(crate) fn check<'a>(configuration: &'a Configuration, expected: &Expected<'_>) -> Result<&'a Value> {
    let chains = holding(configuration, expected.root_id, expected.stat_prefix);
    let ports: BTreeSet<u64> = chains.iter().filter_map(|chain| chain.port).collect();
    let wanted: BTreeSet<u64> = expected.ports.iter().copied().collect();
    ensure!(
        ports == wanted,
        "in chains of the ports {ports:?}, expected {wanted:?}: {}",
        overview(configuration)
    );
    let mut found = None;
    for chain in chains {
        let (name, config) = only_one(&chain)?;
        ensure!(chain.direction == expected.direction, "{}: {}", chain.listener, chain.direction);
        ensure!(!chain.is_http(), "in front of HTTP: {} {}", chain.listener, chain.name);
        let filters = chain.filters();
        let position = filters.iter().position(|filter| *filter == name).context("it has no position")?;
        ensure!(
            filters.iter().skip(position).any(|filter| *filter == "envoy.filters.network.tcp_proxy"),
            "behind tcp_proxy: {filters:?}"
        );
        ensure!(found.is_none_or(|before| before == config), "its configuration differs between chains");
        found = Some(config);
    }
    let config = found.context("it is nowhere")?;
    let own = filter_configuration(config)?;
    let reporter = own.get("reporter").and_then(Value::as_str);
    ensure!(reporter == expected.reporter, "reporter {reporter:?}");
    ensure!(config["failurePolicy"] == "FAIL_OPEN", "failure policy {}", config["failurePolicy"]);
    // What the samples say in the place of a real digest.
    let code = &config["vmConfig"]["code"];
    if code.get("local").is_none() {
        let remote = &code["remote"];
        ensure!(remote["sha256"] == "0".repeat(64), "sha256 {}", remote["sha256"]);
        let image = format!("oci://registry.example.com/envoy-filters/{}-filter:0.1.0", expected.root_id);
        ensure!(remote["httpUri"]["uri"] == image, "{}", remote["httpUri"]["uri"]);
    }
    Ok(config)
}

/// The Wasm filter of a chain that must have one.
fn only_one<'a>(chain: &Chain<'a>) -> Result<(&'a str, &'a Value)> {
    let wasm = chain.wasm();
    ensure!(wasm.len() == 1, "{} Wasm filters in {} {}", wasm.len(), chain.listener, chain.name);
    wasm.first().copied().context("none")
}

/// The filter's own configuration, out of its `PluginConfig`.
pub(crate) fn filter_configuration(config: &Value) -> Result<Value> {
    let text = config["configuration"]["value"].as_str().context("its configuration is no text")?;
    serde_json::from_str(text).context("its configuration is not JSON")
}

/// All chains and what is in them, for messages.
pub(crate) fn overview(configuration: &Configuration) -> String {
    configuration
        .chains()
        .map(|chain| {
            format!("\n  {} {:?} {:?}: {:?}", chain.listener, chain.port, chain.name, chain.filters())
        })
        .collect()
}
