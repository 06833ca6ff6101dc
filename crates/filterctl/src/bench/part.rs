//! The parts of the benchmarks: what `--only` and `--list` name.

use std::fmt::Write as _;

use super::effort::Efforts;
use super::ground::Ground;
use super::lanes::Lanes;
use super::load::{self, Load, Server};
use super::results::Results;
use super::variant::Variant;
use super::{copying, cost, crowd, dialogue::Dialogue, idle, latency, scanning, series, size, start};
use crate::failure::Usage;
use crate::filters::FILTERS;

use anyhow::Result;

/// Operations that go out together in `operations-…`.
const BATCH: u32 = 100;

/// What does not have a load of its own.
const OTHERS: [(&str, &str); 12] = [
    ("latency-smtp", "time that a client waits for a NOOP"),
    ("latency-ldap", "time that a client waits for a search with one entry"),
    ("idle-smtp", "memory of 10,000 connections after their greeting"),
    ("idle-ldap", "memory of 10,000 connections after their bind"),
    ("connections-smtp", "cost of a connection and of a NOOP with 1 to 10,000 connections"),
    ("connections-ldap", "cost of a connection and of a search with 1 to 10,000 connections"),
    ("operations-smtp", "cost of a NOOP after many others in its connection"),
    ("operations-ldap", "cost of a search after many others in its connection"),
    ("start", "time until a module can be used"),
    ("size", "size of the modules"),
    ("copying", "share of a large search result that is copied into the module"),
    ("scanning", "time to scan mail in V8, compared with copying it"),
];

/// The parts that are to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection(Vec<String>);

impl Selection {
    /// Those of these names; all parts if there are none.
    ///
    /// # Errors
    /// When there is no part of such a name; the message says which there are.
    pub(super) fn of(names: &[String]) -> Result<Self> {
        let known: Vec<String> = all().into_iter().map(|(name, _)| name.to_owned()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
            let text = format!("there is no part `{unknown}`; there are: {}", known.join(", "));
            return Err(Usage(text).into());
        }
        Ok(Self(if names.is_empty() { known } else { names.to_vec() }))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|one| one == name)
    }
}

/// Every part, with what it is.
pub(super) fn all() -> Vec<(&'static str, &'static str)> {
    load::all().iter().map(|load| (load.name, load.title)).chain(OTHERS).collect()
}

/// Whether all parts were run.
pub(super) fn are_all_in(results: &Results) -> bool {
    let Results { costs, latencies, idle, crowds, series, starts, sizes, copying, scanning, .. } = results;
    let of_both = [latencies.len(), idle.len(), crowds.len(), series.len()];
    costs.len() == load::all().len()
        && of_both == [FILTERS.len(); 4]
        && !starts.is_empty()
        && !sizes.is_empty()
        && copying.is_some()
        && !scanning.is_empty()
}

/// What `--list` prints: a line for each.
pub(super) fn list() -> String {
    let mut text = String::new();
    for (name, title) in all() {
        // Into a string it cannot fail.
        let _ = writeln!(text, "{name:28} {title}");
    }
    text
}

/// Runs what is selected, and says on standard error what it is at.
///
/// # Errors
/// When a peer is missing, or something fails on the way.
pub(super) fn run(ground: &Ground, selection: &Selection, efforts: &Efforts) -> Result<Results> {
    let mut results = Results::default();
    for server in Server::ALL {
        costs(ground, selection, efforts, server, &mut results)?;
    }
    for (name, server) in [("latency-smtp", Server::SmtpSink), ("latency-ldap", Server::Directory)] {
        if begins(selection, name) {
            results.latencies.push(latency::measure(ground, server, efforts.latencies)?);
        }
    }
    let dialogues =
        [("smtp", Dialogue::of_mail as fn(u32) -> Result<Dialogue>), ("ldap", Dialogue::of_directory)];
    for (filter, dialogue) in dialogues {
        if begins(selection, &format!("idle-{filter}")) {
            results.idle.push(idle::measure(ground, &dialogue(1)?, efforts.connections)?);
        }
        if begins(selection, &format!("connections-{filter}")) {
            results.crowds.push(crowd::measure(ground, &dialogue(1)?, efforts.connections, efforts.crowds)?);
        }
        if begins(selection, &format!("operations-{filter}")) {
            results.series.push(series::measure(ground, &dialogue(BATCH)?, efforts.operations)?);
        }
    }
    if begins(selection, "start") {
        results.starts = start::measure(ground, efforts.starts)?;
    }
    if begins(selection, "size") {
        results.sizes = size::measure(ground);
    }
    if begins(selection, "copying") {
        results.copying = Some(copying::measure(ground, efforts.entries)?);
    }
    if begins(selection, "scanning") {
        results.scanning = scanning::measure(ground, efforts.scans)?;
    }
    Ok(results)
}

/// All loads of one server, through one Envoy.
fn costs(
    ground: &Ground,
    selection: &Selection,
    efforts: &Efforts,
    server: Server,
    results: &mut Results,
) -> Result<()> {
    let is_due = |load: &Load| load.server == server && selection.has(load.name);
    let loads: Vec<Load> = load::all().into_iter().filter(is_due).collect();
    if loads.is_empty() {
        return Ok(());
    }
    let running = server.start()?;
    let filter = server.filter()?;
    let name = format!("cost-{}", server.name());
    let lanes = Lanes::open(ground, filter, &Variant::ALL, running.address(), &name)?;
    for load in loads {
        begins(selection, load.name);
        results.costs.push(cost::measure(&lanes, filter, &load, &Variant::ALL, efforts.costs)?);
    }
    lanes.close()
}

/// Whether this part is selected; then it says that it begins.
fn begins(selection: &Selection, name: &str) -> bool {
    let is_selected = selection.has(name);
    if is_selected {
        eprintln!("{name} …");
    }
    is_selected
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = all().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.len() > 25);
    }

    #[test]
    fn nothing_named_is_everything() {
        assert_eq!(Selection::of(&[]).unwrap().0.len(), all().len());
        let one = Selection::of(&["size".to_owned()]).unwrap();
        assert!(one.has("size") && !one.has("start"));
        assert!(!are_all_in(&Results::default()));
    }

    #[test]
    fn what_is_no_part_is_a_mistake_of_the_command_line() {
        let error = Selection::of(&["gopher".to_owned()]).unwrap_err();
        assert!(error.is::<Usage>());
        assert!(error.to_string().contains("smtp-1k-data, "), "{error}");
    }
}
