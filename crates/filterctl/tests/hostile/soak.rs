//! Random faults on thousands of connections: `filterctl soak`, shorter.

use std::time::Duration;

use anyhow::{Result, ensure};
use filterctl::soak::{Report, Soak};
use serde_json::{Value, json};

use crate::both_ends::modules::Module;
use crate::both_ends::subject::{Ground, Test};

pub(crate) const TESTS: &[Test] = &[
    ("soak: random faults on thousands of connections", thousands_of_connections),
    ("soak: a filter that does not count is noticed", what_is_not_counted),
];

/// Another one each time would find more, and nobody could find it again.
const SEED: u64 = 20_261_123;

fn soak(ground: &Ground, time: Duration, configuration: Value) -> Result<Report> {
    let module = |module: Module| module.artifact().map(|artifact| artifact.path.clone());
    let soak = Soak {
        binary: ground.binary.clone(),
        modules: vec![("smtp", module(Module::Smtp)?), ("ldap", module(Module::Ldap)?)],
        configuration,
        folder: ground.folder.clone(),
        time,
        seed: SEED,
        connections: 16,
    };
    let report = soak.run()?;
    println!("{report}");
    Ok(report)
}

fn thousands_of_connections(ground: &Ground) -> Result<()> {
    let report = soak(ground, Duration::from_secs(20), json!({}))?;
    ensure!(report.problems().is_empty(), "{}", report.problems().join("; "));
    // On the slowest machine.
    ensure!(report.connections() > 500, "{} connections only", report.connections());
    Ok(())
}

fn what_is_not_counted(ground: &Ground) -> Result<()> {
    let report = soak(ground, Duration::from_secs(1), json!({"mode": "off"}))?;
    let is_noticed = |series: &str| report.problems().iter().any(|problem| problem.starts_with(series));
    ensure!(is_noticed("smtp_transactions_started_total is 0 instead of"), "{report}");
    ensure!(is_noticed("ldap_requests_total{operation=bind} is 0 instead of"), "{report}");
    // Connections and octets are counted all the same.
    ensure!(!is_noticed("smtp_connections_total") && !is_noticed("ldap_bytes_total"), "{report}");
    Ok(())
}
