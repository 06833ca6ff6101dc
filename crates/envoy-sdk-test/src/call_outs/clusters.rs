//! The clusters of a configuration.

use std::collections::BTreeMap;

/// What can be known of a cluster without asking anybody in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cluster {
    /// There are hosts. Whether one answers is the test's to say.
    Hosts,
    /// There is nobody to ask: no endpoints, or none that is healthy.
    NoHosts,
}

/// All clusters, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clusters(BTreeMap<String, Cluster>);

impl Clusters {
    pub(crate) fn add(&mut self, name: String, cluster: Cluster) {
        self.0.insert(name, cluster);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Cluster> {
        self.0.get(name).copied()
    }
}
