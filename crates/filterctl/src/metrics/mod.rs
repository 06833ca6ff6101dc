//! `filterctl metrics`: what is made from the metric catalogue.
//!
//! One declaration per metric, in each filter's `catalogue.rs`, makes the reference, the rules that give metrics their
//! labels, Grafana's dashboards and Prometheus' rules. All of it is checked in, because its readers never build anything.

pub mod alerts;
pub mod dashboards;
pub mod envoy;
pub mod families;
mod listing;
#[cfg(test)]
pub(crate) mod promql;
mod reference;
pub mod settings;

use anyhow::Result;
use common_metrics::Level;

use crate::envoy_samples;
use crate::generated::{self, Generated};
use crate::workspace::Workspace;
use families::{FAMILIES, Family};
use listing::Entry;

/// Shows what the filters count, or makes from it what operators need: reference, tag rules, dashboards, alerts.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Only what this counts.
    #[arg(long, value_parser = ["smtp", "ldap", "envoy_sdk"], conflicts_with_all = ["write", "check"])]
    filter: Option<String>,
    /// Only what is exported at this level of detail.
    #[arg(long, value_enum, default_value_t = Detail::Detailed, conflicts_with_all = ["write", "check"])]
    level: Detail,
    /// As JSON, with all values that labels can have.
    #[arg(long, conflicts_with_all = ["write", "check"])]
    json: bool,
    /// Writes the files below docs/ and deploy/ that are made from the catalogue.
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Fails if one of those files does not say what the catalogue says.
    #[arg(long)]
    check: bool,
}

/// What a configuration calls `level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Detail {
    /// What is always exported.
    Summary,
    /// Everything.
    Detailed,
}

impl From<Detail> for Level {
    fn from(detail: Detail) -> Self {
        match detail {
            Detail::Summary => Self::Summary,
            Detail::Detailed => Self::Detailed,
        }
    }
}

/// Does that.
///
/// # Errors
/// When a file is stale, or cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    const REMEDY: &str = "cargo filterctl metrics --write";
    if arguments.write || arguments.check {
        let workspace = Workspace::find()?;
        let files = files(&workspace)?;
        return if arguments.write {
            generated::write(&workspace.root, &files)
        } else {
            generated::check(&workspace.root, &files, REMEDY)
        };
    }
    let wanted =
        |family: &Family| arguments.filter.as_ref().is_none_or(|name| family.catalogue.filter == name);
    let families: Vec<Family> = FAMILIES.into_iter().filter(wanted).collect();
    let most = Level::from(arguments.level);
    if arguments.json {
        let entries: Vec<Entry> = families
            .iter()
            .flat_map(|family| family.catalogue.metrics().map(move |metric| (family, metric)))
            .filter(|(_, metric)| metric.level <= most)
            .map(|(family, metric)| Entry::new(family, metric))
            .collect();
        println!("{}", serde_json::to_string_pretty(&entries)?);
    } else {
        print!("{}", listing::tables(&families, most));
    }
    Ok(())
}

/// Every file that is made from the catalogue. The dashboards need a library of Python's, which is downloaded when it is not
/// there.
///
/// # Errors
/// When one cannot be made.
pub fn files(workspace: &Workspace) -> Result<Vec<Generated>> {
    let mut files = files_without_download(workspace)?;
    files.extend(dashboards::files()?);
    Ok(files)
}

/// Those that are made here alone.
///
/// # Errors
/// When one cannot be made.
pub fn files_without_download(workspace: &Workspace) -> Result<Vec<Generated>> {
    let mut files = vec![reference::file()];
    files.extend(settings::files());
    files.extend(alerts::files());
    files.extend(envoy_samples::files(&workspace.root)?);
    Ok(files)
}
