//! The whole configuration that Envoy starts with.

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::Path;

use common_metrics::{HISTOGRAM_BUCKETS, StatsTag};
use serde_json::{Value, json};

use crate::listener::Listener;
use crate::{RunnerError, Upstream, WasmFilter, WasmPlugin};

/// The configuration that Envoy starts with: listeners, their upstreams, clusters for call-outs, background
/// services, and how statistics are named.
///
/// The admin interface is always on 127.0.0.1 and a free port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bootstrap {
    listeners: Vec<Listener>,
    clusters: Vec<(String, Upstream)>,
    background_services: Vec<WasmPlugin>,
    stats_tags: Vec<StatsTag>,
}

impl Bootstrap {
    /// A configuration without listeners.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a listener. Names must differ.
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Adds a cluster that extensions call out to by this name: over HTTP/1.1, or over HTTP/2, which gRPC needs, where
    /// the upstream [says so](Upstream::http2). Names must differ.
    pub fn cluster(mut self, name: impl Into<String>, upstream: Upstream) -> Self {
        self.clusters.push((name.into(), upstream));
        self
    }

    /// Adds a Wasm module that runs beside all listeners, once, on Envoy's main thread (`envoy.bootstrap.wasm`, a
    /// singleton). Names must differ.
    pub fn background_service(mut self, plugin: WasmPlugin) -> Self {
        self.background_services.push(plugin);
        self
    }

    /// Rules that turn stat names into labels, as [`common_metrics::stats_tags`] makes them. Calls add up.
    pub fn stats_tags(mut self, tags: impl IntoIterator<Item = StatsTag>) -> Self {
        self.stats_tags.extend(tags);
        self
    }

    /// The `envoy.config.bootstrap.v3.Bootstrap` as JSON. Paths in it depend on the run directory.
    pub fn to_json(&self, run_dir: &Path) -> Value {
        let tags: Vec<Value> =
            self.stats_tags.iter().map(|tag| json!({"tag_name": tag.tag_name, "regex": tag.regex})).collect();
        let of_listeners = self.listeners.iter().map(Listener::cluster);
        let clusters =
            of_listeners.chain(self.clusters.iter().map(|(name, upstream)| upstream.cluster(name)));
        json!({
            "node": {"id": "envoy-runner", "cluster": "envoy-runner"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "stats_config": {
                "stats_tags": tags,
                "histogram_bucket_settings": [
                    {"match": {"prefix": "wasmcustom."}, "buckets": HISTOGRAM_BUCKETS},
                ],
            },
            // Else histograms would lag behind by up to five seconds, and nobody could tell by how much:
            // see `Envoy::scrape`.
            "stats_flush_on_admin": true,
            "static_resources": {
                "listeners": self.listeners.iter().map(|one| one.to_json(run_dir)).collect::<Vec<_>>(),
                "clusters": clusters.collect::<Vec<_>>(),
            },
            "bootstrap_extensions": self.background_services.iter().map(background_service).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    pub(crate) fn logs_to_stdout(&self) -> bool {
        self.listeners.iter().any(Listener::logs_to_stdout)
    }

    /// Finds out before Envoy does what cannot work, where Envoy would say it less clearly or not at all.
    pub(crate) fn check(&self) -> Result<(), RunnerError> {
        let mut names = HashSet::new();
        for listener in &self.listeners {
            if !is_file_name(&listener.name) {
                return Err(RunnerError::Bootstrap(format!(
                    "a listener is called `{}`; names are letters, digits, `_` and `-`",
                    listener.name
                )));
            }
            if !names.insert(&listener.name) {
                return Err(RunnerError::Bootstrap(format!("two listeners are called `{}`", listener.name)));
            }
            self.check_filters(listener)?;
            for (what, path) in listener.input_files() {
                check_readable(what, path)?;
            }
        }
        self.check_clusters()?;
        self.check_background_services()
    }

    /// Whether the addresses that are asked for are free. Envoy listens with SO_REUSEPORT: two of them on one port would
    /// silently share it.
    pub(crate) fn check_addresses(&self) -> Result<(), RunnerError> {
        for Listener { name, address, .. } in &self.listeners {
            if address.port() != 0 {
                TcpListener::bind(address).map_err(|reason| RunnerError::Listen {
                    listener: name.clone(),
                    address: *address,
                    reason,
                })?;
            }
        }
        Ok(())
    }

    fn check_clusters(&self) -> Result<(), RunnerError> {
        let mut names: HashSet<String> = self.listeners.iter().map(Listener::cluster_name).collect();
        for (name, _) in &self.clusters {
            if !names.insert(name.clone()) {
                return Err(RunnerError::Bootstrap(format!(
                    "two clusters are called `{name}`; a listener's own is called `<listener>_upstream`"
                )));
            }
        }
        Ok(())
    }

    fn check_background_services(&self) -> Result<(), RunnerError> {
        let mut names = HashSet::new();
        for service in &self.background_services {
            if !names.insert(service.name()) {
                return Err(RunnerError::Bootstrap(format!(
                    "two background services are called `{}`",
                    service.name()
                )));
            }
            check_readable("Wasm module", service.module())?;
        }
        Ok(())
    }

    fn check_filters(&self, listener: &Listener) -> Result<(), RunnerError> {
        let mut names = HashSet::new();
        for filter in &listener.filters {
            if !is_file_name(filter.name()) {
                return Err(RunnerError::Bootstrap(format!(
                    "listener `{}` has a filter called `{}`; names are letters, digits, `_`, `-` and `.`",
                    listener.name,
                    filter.name()
                )));
            }
            if !names.insert(filter.name()) {
                return Err(RunnerError::Bootstrap(format!(
                    "listener `{}` has two filters called `{}`",
                    listener.name,
                    filter.name()
                )));
            }
        }
        Ok(())
    }

    /// Every filter that is configured through a file of its own, with its listener.
    pub(crate) fn reconfigurable(&self) -> impl Iterator<Item = (&Listener, &WasmFilter)> {
        self.listeners.iter().flat_map(|listener| {
            let by_file = listener.filters.iter().filter(|filter| filter.is_delivered_by_file());
            by_file.map(move |filter| (listener, filter))
        })
    }
}

fn background_service(plugin: &WasmPlugin) -> Value {
    json!({
        "name": "envoy.bootstrap.wasm",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.wasm.v3.WasmService",
            "singleton": true,
            "config": plugin.to_json(),
        },
    })
}

fn check_readable(what: &'static str, path: &Path) -> Result<(), RunnerError> {
    let opened = std::fs::File::open(path);
    opened.map(drop).map_err(|reason| RunnerError::Input { what, path: path.to_owned(), reason })
}

/// Names become parts of file names, stat names and admin queries.
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
