use std::collections::BTreeSet;

use super::*;
use crate::metrics::promql;

/// What Grafana's grid has.
const COLUMNS: u8 = 24;

#[test]
fn every_expression_speaks_of_declared_metrics_and_labels() {
    let all = expressions(&Variables::everything("inbound"));
    let wrong: Vec<String> = all
        .iter()
        .filter_map(|one| {
            promql::check(&one.expr, &|_| None).err().map(|error| format!("{}: {error}", one.panel))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let left: Vec<&str> = all
        .iter()
        .map(|one| one.expr.as_str())
        .filter(|expr| expr.replace("\"$1\"", "").contains('$'))
        .collect();
    assert!(left.is_empty(), "variables that nothing was put in for: {left:?}");
}

/// A metric that no panel shows is one that nobody looks at. Sums of histograms are shown as quantiles.
#[test]
fn every_metric_is_on_a_dashboard() {
    let all = expressions(&Variables::everything("inbound"));
    let families = crate::metrics::families::FAMILIES;
    for (family, metric) in
        families.iter().flat_map(|family| family.catalogue.metrics().map(move |metric| (family, metric)))
    {
        let name = family.spec_name(metric);
        let shown = all.iter().any(|one| {
            [&format!("{name}{{"), &format!("{name}_bucket{{")].iter().any(|part| one.expr.contains(*part))
        });
        assert!(shown, "{name} is on no dashboard");
    }
}

#[test]
fn every_variable_that_an_expression_uses_is_on_its_dashboard() {
    for dashboard in dashboards() {
        let offered: BTreeSet<&str> = dashboard.variables.iter().map(|variable| variable.name).collect();
        for query in dashboard.rows.iter().flat_map(|row| &row.panels).flat_map(panel::Panel::queries) {
            for name in ["stat_prefix", "reporter", "instance", "pod", "extension"] {
                let used = query.expr.contains(&format!("${name}"));
                assert!(!used || offered.contains(name), "{}: ${name} in {}", dashboard.name, query.expr);
            }
        }
    }
}

/// Else a mail that passes three filters would be counted three times.
#[test]
fn every_query_of_a_filter_selects_exactly_one_reporter() {
    for dashboard in dashboards() {
        for query in dashboard.rows.iter().flat_map(|row| &row.panels).flat_map(panel::Panel::queries) {
            let selectors = query.expr.matches("stat_prefix=~\"$stat_prefix\"").count();
            assert_eq!(query.expr.matches("reporter=\"$reporter\"").count(), selectors, "{}", query.expr);
            let of_filters =
                ["smtp_", "ldap_"].iter().map(|filter| query.expr.matches(filter).count()).sum::<usize>();
            assert_eq!(of_filters, selectors, "{}", query.expr);
        }
    }
}

#[test]
fn the_first_panel_says_what_was_seen_and_all_say_what_they_show() {
    for dashboard in dashboards() {
        let first = dashboard.rows.first().and_then(|row| row.panels.first()).unwrap();
        assert_eq!(first.title, "Share seen", "{}", dashboard.name);
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            assert!(panel.description.ends_with('.'), "{}: {}", panel.title, panel.description);
        }
    }
}

/// The library puts panels beside each other until a line is full, and does not mind when it overflows.
#[test]
fn panels_fill_their_lines() {
    for dashboard in dashboards() {
        for row in &dashboard.rows {
            let mut used = 0;
            for panel in &row.panels {
                used += panel.columns();
                assert!(used <= COLUMNS, "{}: {} does not fit", dashboard.name, panel.title);
                used %= COLUMNS;
            }
            assert_eq!(used, 0, "{}: the last line of {} is not full", dashboard.name, row.title);
        }
    }
}

#[test]
fn panels_of_detailed_metrics_say_so() {
    let detailed: Vec<String> = dashboards()
        .iter()
        .flat_map(|dashboard| &dashboard.rows)
        .flat_map(|row| &row.panels)
        .filter(|panel| panel.title.ends_with("(level: detailed)"))
        .map(|panel| panel.description.clone())
        .collect();
    assert!(!detailed.is_empty());
    assert!(detailed.iter().all(|description| description.contains("\"level\": \"detailed\"")));
}
