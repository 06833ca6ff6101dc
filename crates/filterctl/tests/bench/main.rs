//! `filterctl bench` on a real Envoy, with as few rounds as there can be: its results are complete, and counts agree with
//! what the filter counted. How fast anything is does not matter here. A peer or an Envoy that cannot be had here shows as
//! ignored, by name; with `CI=true` it is a failure.

#[path = "../peers_and_envoys/mod.rs"]
mod peers_and_envoys;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use filterctl::bench::{Results, Spread, Variant};
use peers_and_envoys::Test;
use real_peers::Peer;

const PEERS: [Peer; 1] = [Peer::SmtpLoad];

fn main() -> ExitCode {
    peers_and_envoys::run(&PEERS, tests)
}

fn tests() -> Vec<Test> {
    vec![Test {
        name: "every variant is measured and has done the same".to_owned(),
        peers: PEERS.into(),
        run: Box::new(every_variant_is_measured),
    }]
}

fn every_variant_is_measured(envoy: &EnvoyBinary) -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_filterctl"))
        .args([
            "bench",
            "--json",
            "--rounds",
            "2",
            "--only",
            "smtp-churn,idle-smtp,operations-ldap,start,size,scanning",
            "--envoy",
        ])
        .arg(&envoy.path)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let results: Results = serde_json::from_slice(&output.stdout).context("no such document")?;
    ensure!(results.format == 1 && results.envoy == envoy.version.to_string(), "{results:?}");

    // A load: two runs to warm up, two rounds of two. Had the filter counted another number, the command had failed.
    let cost = results.costs.first().context("no costs")?;
    ensure!(results.costs.len() == 1 && cost.load == "smtp-churn" && cost.units == 6 * 200, "{cost:?}");
    let variants: Vec<Variant> = cost.ratios.iter().map(|ratios| ratios.variant).collect();
    ensure!(variants == Variant::ALL, "{variants:?}");
    for ratios in &cost.ratios {
        let is_base = |spread: Spread| (spread.low, spread.median, spread.high) == (1.0, 1.0, 1.0);
        ensure!(is_base(ratios.to_no_filter) == (ratios.variant == Variant::NoFilter), "{ratios:?}");
        ensure!(is_base(ratios.to_empty) == (ratios.variant == Variant::Empty), "{ratios:?}");
        ensure!(ratios.to_empty.median > 0.0 && ratios.to_empty.rounds == 2, "{ratios:?}");
    }
    ensure!(cost.verdicts.len() == 2, "{:?}", cost.verdicts);

    let idle = results.idle.first().context("no idle connections")?;
    ensure!(idle.connections == 200 && idle.variants.len() == 4, "{idle:?}");
    for kept in &idle.variants {
        let is_ours = Variant::FILTERED.contains(&kept.variant);
        ensure!(kept.met.is_some() == is_ours, "{kept:?}");
        // Without a VM there is no guest that could keep anything.
        ensure!(kept.variant != Variant::NoFilter || kept.guest == 0.0, "{kept:?}");
    }

    let series = results.series.first().context("no series of operations")?;
    ensure!(series.operations == 10_000 && series.growth > 0.0, "{series:?}");
    ensure!(series.first.rounds == 5 && series.last.rounds == 5, "{series:?}");

    for start in &results.starts {
        ensure!(start.whole.median >= start.compiling.median && start.worker.median > 0.0, "{start:?}");
    }
    ensure!(results.starts.len() == 3, "{:?}", results.starts);

    let sizes: Vec<&str> = results.sizes.iter().map(|size| size.module.as_str()).collect();
    ensure!(sizes == ["empty-filter", "ldap-filter", "smtp-filter"], "{sizes:?}");
    let scanned: Vec<&str> = results.scanning.iter().map(|scanning| scanning.mail.as_str()).collect();
    ensure!(scanned == ["lines_of_text", "bare_line_feeds"], "{scanned:?}");
    for scanning in &results.scanning {
        ensure!(scanning.to_copying.low > 0.0 && scanning.to_copying.rounds == 2, "{scanning:?}");
    }

    ensure!(results.latencies.is_empty() && results.copying.is_none(), "more was run than was asked for");
    Ok(())
}
