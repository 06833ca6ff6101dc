//! What holds for every rule, whatever it measures.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::*;
use crate::metrics::promql;
use crate::workspace::Workspace;

/// Labels of what rules record, thresholds among them.
const OF_RECORDS: [&str; 12] = [
    "stat_prefix",
    "reporter",
    "outcome",
    "reason",
    "verb",
    "class",
    "operation",
    "plugin",
    "resource",
    "instance",
    "job",
    "of",
];

fn document(name: &str) -> String {
    let root = Workspace::find().unwrap().root;
    fs::read_to_string(root.join(name)).unwrap()
}

/// The runbook's headings that can be an alert's.
fn headings(runbook: &str) -> Vec<&str> {
    runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect()
}

/// The labels of what is neither a filter's nor Envoy's.
fn recorded(name: &str) -> Option<Vec<String>> {
    // Prometheus' own, and two of Envoy's that only the runbook looks at.
    const OTHERS: [&str; 3] =
        ["up", "envoy_listener_manager_lds_update_success", "envoy_listener_downstream_cx_total"];
    let recorded =
        name == "envoy_filters:threshold" || recordings().iter().any(|recording| recording.record == name);
    if OTHERS.contains(&name) {
        return Some(Vec::new());
    }
    recorded.then(|| OF_RECORDS.map(str::to_owned).to_vec())
}

#[test]
fn every_expression_speaks_of_what_is_declared() {
    let alerts = alerts();
    let of_alerts = alerts.iter().map(Alert::expression);
    let all = of_alerts.chain(recordings().into_iter().map(|recording| recording.expression));
    for expression in all {
        // The one that looks for names that no catalogue has.
        if !expression.contains("___") {
            promql::check(&expression, &recorded).unwrap();
        }
    }
}

#[test]
fn every_query_of_the_runbook_speaks_of_what_is_declared() {
    let runbook = document("docs/runbook.md");
    let blocks = runbook.split("```promql\n").skip(1).map(|block| block.split("```").next().unwrap());
    for query in blocks.flat_map(str::lines).filter(|query| !query.contains("___")) {
        promql::check(query, &recorded).unwrap();
    }
}

#[test]
fn every_alert_has_its_heading_and_every_heading_its_alert() {
    let runbook = document("docs/runbook.md");
    let alerts = alerts();
    let names: Vec<&str> = alerts.iter().map(|alert| alert.name).collect();
    assert_eq!(headings(&runbook), names);
    for alert in &alerts {
        let section =
            runbook.split(&format!("### {}\n", alert.name)).nth(1).unwrap().split("\n## ").next().unwrap();
        let section = section.split("\n### ").next().unwrap();
        let begins = format!("\n**{}.** ", alert.severity.as_str());
        assert!(section.starts_with(&begins), "{}: its severity is not said first", alert.name);
        assert!(section.contains("\n*False alarm*: "), "{}: when is it a false alarm?", alert.name);
        let queries = section
            .split("```promql\n")
            .nth(1)
            .map_or(0, |block| block.split("```").next().unwrap().lines().count());
        assert_eq!(queries, 3, "{}: three queries to look at first", alert.name);
    }
}

#[test]
fn every_alert_is_seen_firing_and_silent() {
    for alert in alerts() {
        let fires = alert.cases.iter().filter(|case| case.is_firing()).count();
        assert!(fires > 0, "{} never fires", alert.name);
        assert!(fires < alert.cases.len(), "{} is never silent", alert.name);
        for text in [alert.summary, alert.description] {
            assert!(!text.is_empty() && !text.contains('\n'), "{}: {text:?}", alert.name);
        }
        let prefixed = ["Smtp", "Ldap", "EnvoyFilter"].iter().any(|prefix| alert.name.starts_with(prefix));
        assert!(prefixed, "{}", alert.name);
    }
}

#[test]
fn no_name_is_given_twice() {
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert.name).collect();
    assert_eq!(names.len(), alerts.len());
    let recordings = recordings();
    let records: BTreeSet<&str> = recordings.iter().map(|recording| recording.record.as_str()).collect();
    assert_eq!(records.len(), recordings.len());
}

/// What is summed over hops counts one mail several times.
#[test]
fn what_is_said_of_a_filter_is_said_of_one_listener_and_hop() {
    let alerts = alerts();
    let parts = alerts.iter().flat_map(|alert| alert.ingredients().into_iter().map(str::to_owned));
    for expression in parts.chain(recordings().into_iter().map(|recording| recording.expression)) {
        let of_filter = ["smtp_", "ldap_"].iter().any(|filter| expression.contains(filter));
        if !of_filter || expression.contains("___") {
            continue;
        }
        let sums = expression.matches("sum").count();
        assert!(sums > 0, "{expression}");
        assert_eq!(sums, expression.matches("sum by (stat_prefix, reporter").count(), "{expression}");
    }
}

#[test]
fn every_threshold_is_compared_with() {
    let expressions: Vec<String> = alerts().iter().map(Alert::expression).collect();
    for threshold in THRESHOLDS {
        let known = format!("{{of=\"{}\"}}", threshold.of);
        assert!(expressions.iter().any(|expression| expression.contains(&known)), "{threshold:?}");
    }
}

/// As a chart reads them, to put them into an object of its own.
#[test]
fn the_files_are_groups_and_nothing_else() {
    for file in files().iter().filter(|file| !file.path.to_string_lossy().contains("/tests/")) {
        let parsed: Value = serde_saphyr::from_str(&file.contents).unwrap();
        let keys: Vec<&String> = parsed.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["groups"], "{}", file.path.display());
    }
}
