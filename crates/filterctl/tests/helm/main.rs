//! The Helm chart, with Helm 3 and Helm 4, and against Kubernetes' API server with Istio's definitions.
//!
//! What is not shown here: no kubelet runs, so no pod starts. The pod of `helm test` is given its end by the test; its script
//! is run by itself.
//!
//! ```text
//! HELM_SNAPSHOTS_RECORD=1 cargo test --package filterctl --test helm
//! ```
//! writes what the chart makes of the examples anew; read the difference.

mod api_server;
mod chart;
mod examples;
mod helm;
mod lifecycle;
mod pilot;
mod refusals;
mod series_script;
mod stories;
#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use real_peers::Peer;

use crate::api_server::Cluster;
use crate::helm::Helm;
use crate::trials::{lacking, trial};

/// What needs one of the Helms and nothing else.
type OfHelm = (&'static str, fn(&Helm) -> Result<()>);
/// What needs an API server too.
type OfCluster = (&'static str, fn(&Helm, &Cluster) -> Result<()>);

fn main() -> ExitCode {
    trials::run(&[Peer::Helm3, Peer::Helm4, Peer::KubeApiServer, Peer::Istio], |_| {
        let cluster = Arc::new(Cluster::default());
        let mut trials =
            vec![trial("the script of helm test tells what it sees", None, series_script::tells)];
        for helm in Helm::BOTH {
            let of_helm: [&[OfHelm]; 3] = [chart::TESTS, examples::TESTS, refusals::TESTS];
            for (name, test) in of_helm.into_iter().flatten().copied() {
                let name = format!("{}: {name}", helm.name);
                trials.push(trial(name, lacking(&[helm.peer]), move || test(&helm)));
            }
            // What one Helm writes, the other does too.
            if helm.peer == Peer::Helm4 {
                for (name, test) in pilot::TESTS.iter().copied() {
                    let name = format!("{}: {name}", helm.name);
                    trials.push(trial(name, lacking(&[helm.peer, Peer::Istio]), move || test(&helm)));
                }
            }
            let of_cluster: [&[OfCluster]; 3] = [api_server::TESTS, lifecycle::TESTS, stories::TESTS];
            for (name, test) in of_cluster.into_iter().flatten().copied() {
                let cluster = Arc::clone(&cluster);
                let name = format!("{}, API server: {name}", helm.name);
                let lack = lacking(&[helm.peer, Peer::KubeApiServer]);
                trials.push(trial(name, lack, move || test(&helm, &cluster)));
            }
        }
        trials
    })
}
