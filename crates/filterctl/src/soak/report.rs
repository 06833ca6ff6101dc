//! What a soak found out.

use std::collections::BTreeMap;
use std::fmt;

use envoy_runner::Scrape;
use serde::Serialize;

use super::Soak;
use super::ledger::Ledger;
use super::plan::Fault;
use super::plateau::Plateau;

/// What a soak found out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    envoy: String,
    seed: u64,
    seconds: u64,
    filters: Vec<OfFilter>,
    /// In octets.
    memory: Plateau,
    problems: Vec<String>,
}

/// One filter.
#[derive(Clone, Debug, Serialize)]
struct OfFilter {
    name: &'static str,
    connections: u64,
    /// The same, by what went wrong.
    faults: BTreeMap<Fault, u64>,
    /// Octets that have arrived.
    octets: u64,
    /// What the filter counted at the end.
    visibility: BTreeMap<String, f64>,
    endings: BTreeMap<String, f64>,
    anomalies: f64,
}

impl Report {
    pub(super) fn new<'a>(
        soak: &Soak,
        ledgers: impl Iterator<Item = (&'static str, &'a Ledger)>,
        scrape: &Scrape,
        memory: Plateau,
        problems: Vec<String>,
    ) -> Self {
        let filters = ledgers.map(|(name, ledger)| OfFilter {
            name,
            connections: ledger.all_connections(),
            faults: ledger.connections.clone(),
            octets: ledger.octets_arrived(),
            visibility: by(scrape, &format!("{name}_connections_total"), "visibility"),
            endings: by(scrape, &format!("{name}_connections_closed_total"), "ending"),
            anomalies: scrape.counter(&format!("{name}_anomalies_total"), &[]),
        });
        Self {
            envoy: soak.binary.version.to_string(),
            seed: soak.seed,
            seconds: soak.time.as_secs(),
            filters: filters.collect(),
            memory,
            problems,
        }
    }

    /// What is not as it has to be; nothing, if all went well.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Connections of all filters.
    pub fn connections(&self) -> u64 {
        self.filters.iter().map(|filter| filter.connections).sum()
    }
}

/// A counter by the values of one of its labels; those that are 0 are left out.
fn by(scrape: &Scrape, metric: &str, label: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for series in scrape.samples(metric).filter(|series| series.value.number() > 0.0) {
        *sums.entry(series.label(label).unwrap_or_default().to_owned()).or_default() += series.value.number();
    }
    sums
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { envoy, seed, seconds, filters, memory, problems } = self;
        writeln!(f, "{seconds} s with seed {seed}, Envoy {envoy}:")?;
        for filter in filters {
            let OfFilter { name, connections, faults, octets, visibility, endings, anomalies } = filter;
            writeln!(f, "  {name}: {connections} connections, {octets} octets, {anomalies} anomalies")?;
            writeln!(
                f,
                "    faults     {}",
                list(faults.iter().map(|(fault, count)| (fault.name(), *count)))
            )?;
            for (what, counts) in [("endings   ", endings), ("visibility", visibility)] {
                writeln!(f, "    {what} {}", list(counts.iter().map(|(name, count)| (&**name, *count))))?;
            }
        }
        writeln!(f, "  memory in KB            before  first third          end")?;
        let of = |level: fn(&super::plateau::Level) -> u64| {
            [&memory.before, &memory.first_third, &memory.end].map(|at| level(at) / 1024)
        };
        for (what, [before, third, end]) in [
            ("all Wasm VMs", of(|level| level.guests)),
            ("largest Wasm VM", of(|level| level.largest_guest)),
            ("Envoy, resident", of(|level| level.envoy)),
        ] {
            writeln!(f, "    {what:<16} {before:>12} {third:>12} {end:>12}")?;
        }
        match &problems[..] {
            [] => write!(f, "  everything arrived unchanged and adds up"),
            problems => write!(f, "  problems:\n    {}", problems.join("\n    ")),
        }
    }
}

fn list<N: fmt::Display>(counts: impl Iterator<Item = (impl fmt::Display, N)>) -> String {
    counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}
