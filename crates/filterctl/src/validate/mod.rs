//! `filterctl validate`: what Envoy, Istio or Helm would say of a file, and what they would not say, without them.
//!
//! What is in the file is recognised. A filter's own configuration is judged by the filter itself, wherever it stands: in a
//! file of its own, in Envoy's, in a resource of Istio's or in values for Helm.

pub mod document;
mod embedded;
mod envoy;
pub(crate) mod filter_config;
mod helm;
mod istio;
mod recognise;
pub mod report;
mod suggestion;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;

use self::document::{Malformed, Node, Position};
pub use self::recognise::Kind;
pub use self::report::{Finding, Report, Severity};
use crate::failure::Usage;
use crate::filters::{FILTERS, Filter};

/// What `filterctl validate` is asked to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The file: a filter's configuration (JSON or YAML), an Envoy configuration, resources of Istio's, or values for the
    /// Helm chart.
    file: PathBuf,
    /// What the file is, where it is not recognised.
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<Kind>,
    /// The filter that a filter configuration is for: smtp or ldap. By default the one whose limits or name the file holds,
    /// else smtp.
    #[arg(long)]
    filter: Option<String>,
    /// Prints what is found as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found out about a file.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the file is.
    pub kind: Kind,
    /// The filter that it is for, if it is a filter's configuration.
    pub filter: Option<&'static Filter>,
    /// What is wrong with it, by file and place.
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Checks a file and says what is wrong with it.
///
/// # Errors
/// When the file cannot be read or recognised, or has errors.
pub fn run(arguments: &Arguments) -> Result<()> {
    let filter = arguments.filter.as_deref().map(named).transpose()?;
    let outcome = check_file(&arguments.file, arguments.kind, filter)?;
    let (errors, warnings) = (outcome.count(Severity::Error), outcome.count(Severity::Warning));
    let file = arguments.file.display();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&Answer::new(&arguments.file, &outcome))?);
    } else {
        outcome.findings.iter().for_each(|finding| println!("{finding}"));
        if errors == 0 {
            println!("{file}: {}{}", valid(&outcome), if warnings > 0 { ", with warnings" } else { "" });
        }
    }
    if errors > 0 {
        let warnings =
            if warnings > 0 { format!(" and {}", counted(warnings, "warning")) } else { String::new() };
        bail!("{file}: {}{warnings}", counted(errors, "error"));
    }
    Ok(())
}

/// Checks a file. `kind` and `filter` say what it is, where that is not to be found out.
///
/// # Errors
/// When it cannot be read, or it is not clear what it is.
pub fn check_file(file: &Path, kind: Option<Kind>, filter: Option<&'static Filter>) -> Result<Outcome> {
    let source = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    check(file, &source, kind, filter)
}

/// Checks the text of a file.
///
/// # Errors
/// When it is not clear what it is.
pub fn check(
    file: &Path,
    source: &str,
    kind: Option<Kind>,
    filter: Option<&'static Filter>,
) -> Result<Outcome> {
    let mut report = Report::default();
    // A filter reads JSON, and nothing else says as precisely what is no JSON.
    let asked_for_config = kind == Some(Kind::FilterConfig) || (kind.is_none() && filter.is_some());
    if asked_for_config && looks_like_json(source) && not_json(file, source, &mut report) {
        return Ok(Outcome { kind: Kind::FilterConfig, filter, findings: report.findings() });
    }
    let documents = match document::parse(source) {
        Ok(documents) => documents,
        Err(error) => {
            malformed(file, error, &mut report);
            let kind = kind.unwrap_or(Kind::FilterConfig);
            return Ok(Outcome { kind, filter, findings: report.findings() });
        }
    };
    let guess = || if filter.is_some() { Some(Kind::FilterConfig) } else { Kind::of(&documents) };
    let Some(kind) = kind.or_else(guess) else {
        let kinds = "filter-config, envoy, istio or helm";
        return Err(
            Usage(format!("{}: not clear what this is; say so with --as {kinds}", file.display())).into()
        );
    };
    let mut of_filter = None;
    match kind {
        Kind::FilterConfig => {
            let first = &documents[0];
            let filter = filter.or_else(|| filter_config::filter_of(first)).or_else(|| in_name(file));
            let filter = filter.unwrap_or(&FILTERS[0]);
            filter_config::check(filter, &report::Place::top(file, first), &mut report);
            of_filter = Some(filter);
        }
        Kind::Envoy => {
            documents.iter().for_each(|document| envoy::check(file, source, document, &mut report));
        }
        Kind::Istio => istio::check(file, source, &documents, &mut report),
        Kind::Helm => {
            documents.iter().for_each(|document| helm::check(file, document, &mut report));
        }
    }
    Ok(Outcome { kind, filter: of_filter, findings: report.findings() })
}

/// The documents of a filter's configuration in JSON or YAML, as one JSON object.
///
/// # Errors
/// When the file cannot be read, or the filter would refuse it; every mistake with its place.
pub(crate) fn read_filter_config(file: &Path, filter: &'static Filter) -> Result<serde_json::Value> {
    let source = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let outcome = check(file, &source, Some(Kind::FilterConfig), Some(filter))?;
    if let Some(error) = outcome.findings.iter().find(|finding| finding.severity == Severity::Error) {
        return Err(anyhow!("{error}"));
    }
    let node = document::parse(&source).ok().and_then(|documents| documents.into_iter().next());
    Ok(node.as_ref().map_or(serde_json::Value::Null, Node::json))
}

fn looks_like_json(source: &str) -> bool {
    source.trim_start().starts_with('{')
}

/// Notes where a text is no JSON; says whether it is none.
fn not_json(file: &Path, source: &str, report: &mut Report) -> bool {
    let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(source) else { return false };
    let at = Position { line: error.line().max(1), column: error.column().max(1) };
    malformed(file, Malformed { at, reason: format!("not valid JSON: {error}") }, report);
    true
}

fn malformed(file: &Path, error: Malformed, report: &mut Report) {
    report.push(Finding {
        file: file.to_owned(),
        at: error.at,
        severity: Severity::Error,
        path: String::new(),
        message: error.reason,
        suggestion: None,
    });
}

fn named(name: &str) -> Result<&'static Filter> {
    Filter::named(name).with_context(|| {
        let names: Vec<_> = FILTERS.iter().map(|filter| filter.name).collect();
        format!("no filter is called {name:?}; there are: {}", names.join(", "))
    })
}

/// The filter that the file's name names.
fn in_name(file: &Path) -> Option<&'static Filter> {
    let name = file.file_name()?.to_str()?;
    FILTERS.iter().find(|filter| name.contains(filter.name))
}

fn valid(outcome: &Outcome) -> String {
    match (outcome.kind, outcome.filter) {
        (Kind::FilterConfig, Some(filter)) => format!("a valid configuration for the {} filter", filter.name),
        (Kind::FilterConfig, None) => "a valid configuration".to_owned(),
        (Kind::Envoy, _) => "a valid Envoy configuration as far as the filters are concerned".to_owned(),
        (Kind::Istio, _) => "valid resources for Istio as far as the filters are concerned".to_owned(),
        (Kind::Helm, _) => "valid values for the chart".to_owned(),
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The answer in JSON.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a Path,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'static str>,
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

impl<'a> Answer<'a> {
    fn new(file: &'a Path, outcome: &'a Outcome) -> Self {
        Self {
            file,
            kind: outcome.kind,
            filter: outcome.filter.map(|filter| filter.name),
            errors: outcome.count(Severity::Error),
            warnings: outcome.count(Severity::Warning),
            findings: &outcome.findings,
        }
    }
}
