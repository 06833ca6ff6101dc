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

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

use crate::api_server::Cluster;
use crate::helm::Helm;

/// What needs one of the Helms and nothing else.
type OfHelm = (&'static str, fn(&Helm) -> Result<()>);
/// What needs an API server too.
type OfCluster = (&'static str, fn(&Helm, &Cluster) -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(missing) =
            real_peers::install(&[Peer::Helm3, Peer::Helm4, Peer::KubeApiServer, Peer::Istio])
    {
        eprintln!("{missing:#}");
        return ExitCode::FAILURE;
    }
    let cluster = Arc::new(Cluster::default());
    let mut trials =
        vec![trial("the script of helm test tells what it sees".to_owned(), &[], series_script::tells)];
    for helm in Helm::BOTH {
        let of_helm: [&[OfHelm]; 3] = [chart::TESTS, examples::TESTS, refusals::TESTS];
        for (name, test) in of_helm.into_iter().flatten().copied() {
            trials.push(trial(format!("{}: {name}", helm.name), &[helm.peer], move || test(&helm)));
        }
        // What one Helm writes, the other does too.
        if helm.peer == Peer::Helm4 {
            for (name, test) in pilot::TESTS.iter().copied() {
                let name = format!("{}: {name}", helm.name);
                trials.push(trial(name, &[helm.peer, Peer::Istio], move || test(&helm)));
            }
        }
        let of_cluster: [&[OfCluster]; 3] = [api_server::TESTS, lifecycle::TESTS, stories::TESTS];
        for (name, test) in of_cluster.into_iter().flatten().copied() {
            let cluster = Arc::clone(&cluster);
            let name = format!("{}, API server: {name}", helm.name);
            trials.push(trial(name, &[helm.peer, Peer::KubeApiServer], move || test(&helm, &cluster)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test that needs those peers; without one, ignored, or failed where nothing may be missing.
fn trial(name: String, peers: &[Peer], test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    let missing = peers.iter().find_map(|peer| match peer.find() {
        Availability::Missing(missing) => Some(missing.to_string()),
        Availability::Available(_) => None,
    });
    match missing {
        None => Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}")))),
        Some(missing) => Trial::test(name, move || Err(Failed::from(missing)))
            .with_kind("missing peer")
            .with_ignored_flag(!real_peers::in_ci()),
    }
}
