//! Results as tables in Markdown, which can also be read as they are.

use std::fmt::Write as _;

use super::cost::{Cost, Verdict};
use super::crowd::Crowd;
use super::idle::Idle;
use super::latency::Latency;
use super::results::Results;
use super::rounds::Ratios;
use super::scanning::Scanning;
use super::series::Series;
use super::size::Size;
use super::start::Start;
use super::statistics::Spread;
use super::variant::Variant;

/// All tables of a run; parts that were not run have none.
pub(super) fn tables(results: &Results) -> String {
    let mut text = String::new();
    let Results { envoy, version, cores, seconds, .. } = results;
    // Into a string it cannot fail, here and below.
    let _ = writeln!(
        text,
        "Filters {version}, Envoy {envoy}, {cores} cores, {seconds:.0} s. Numbers in brackets: the median of the rounds \
         lies between them with 95 %."
    );
    let sections = [
        ("CPU time of the worker, as a multiple of no filter", to_no_filter(&results.costs)),
        ("CPU time of the worker, as a multiple of the empty Wasm filter", to_empty(&results.costs)),
        ("Latency added to that without a filter, in microseconds", latencies(&results.latencies)),
        ("Memory of an idle connection, in octets", idle(&results.idle)),
        ("CPU time with more and more connections", crowds(&results.crowds)),
        ("CPU time after more and more operations in one connection", series(&results.series)),
        ("Start of a module, in milliseconds", starts(&results.starts)),
        ("Size of the modules, in octets", sizes(&results.sizes)),
        ("Scanning of mail in V8", scans(&results.scanning)),
    ];
    for (title, rows) in sections {
        if rows.len() > 1 {
            let _ = write!(text, "\n### {title}\n\n{}", aligned(&rows));
        }
    }
    if let Some(copying) = &results.copying {
        let _ = write!(
            text,
            "\n### Copying of a large search result\n\n{} entries: {} of {} octets were copied into the module ({:.2} %), by \
             {:.2} reads per entry.\n",
            copying.entries,
            copying.octets_copied,
            copying.octets_proxied,
            copying.copied_share * 100.0,
            copying.reads_per_entry
        );
    }
    text
}

/// What is compared with the empty filter.
const AGAINST_EMPTY: [Variant; 4] = [Variant::Reading, Variant::Off, Variant::Summary, Variant::Detailed];

fn to_no_filter(costs: &[Cost]) -> Vec<Vec<String>> {
    let others = || Variant::ALL.into_iter().filter(|variant| *variant != Variant::NoFilter);
    let mut rows = vec![header(["load", "µs per unit"].into_iter().chain(others().map(Variant::title)))];
    for cost in costs {
        let mut row =
            vec![name_of(cost), format!("{:.2} per {}", cost.no_filter_microseconds.median, cost.unit)];
        row.extend(others().map(|variant| ratio(&cost.ratios, variant, |one| one.to_no_filter)));
        rows.push(row);
    }
    rows
}

fn to_empty(costs: &[Cost]) -> Vec<Vec<String>> {
    let mut rows = vec![header(["load"].into_iter().chain(AGAINST_EMPTY.map(Variant::title)))];
    for cost in costs {
        let mut row = vec![name_of(cost)];
        for variant in AGAINST_EMPTY {
            let verdict = cost.verdicts.iter().find(|verdict| verdict.variant == variant);
            let said = verdict.map(|verdict| format!(", {}", said(verdict))).unwrap_or_default();
            row.push(ratio(&cost.ratios, variant, |one| one.to_empty) + &said);
        }
        rows.push(row);
    }
    rows
}

fn latencies(latencies: &[Latency]) -> Vec<Vec<String>> {
    let others = || Variant::ALL.into_iter().filter(|variant| *variant != Variant::NoFilter);
    let mut rows =
        vec![header(["operation", "", "no filter"].into_iter().chain(others().map(Variant::title)))];
    for latency in latencies {
        for (percentile, bare) in [("p50", latency.no_filter_p50), ("p99", latency.no_filter_p99)] {
            let mut row =
                vec![latency.operation.clone(), percentile.to_owned(), format!("{:.0}", bare.median)];
            row.extend(others().map(|variant| {
                let added = latency.added.iter().find(|added| added.variant == variant);
                let spread = added.map(|added| if percentile == "p50" { added.p50 } else { added.p99 });
                spread.map_or_else(String::new, |spread| {
                    format!("{:+.1} [{:+.1}, {:+.1}]", spread.median, spread.low, spread.high)
                })
            }));
            rows.push(row);
        }
    }
    rows
}

fn idle(idle: &[Idle]) -> Vec<Vec<String>> {
    let mut rows =
        vec![header(["filter", "connections", "variant", "guest", "guest, touched", "Envoy", "target"])];
    for one in idle {
        for kept in &one.variants {
            let target = kept.guest_at_most.map(|most| limit(&format!("guest ≤ {most:.0}"), kept.met));
            rows.push(vec![
                one.filter.clone(),
                one.connections.to_string(),
                kept.variant.title().to_owned(),
                format!("{:.0}", kept.guest),
                format!("{:.0}", kept.guest_resident),
                format!("{:.0}", kept.envoy),
                target.unwrap_or_default(),
            ]);
        }
    }
    rows
}

fn crowds(crowds: &[Crowd]) -> Vec<Vec<String>> {
    let mut rows = vec![header([
        "filter",
        "connections",
        "connection, µs",
        "empty to none",
        "summary to none",
        "operation, µs",
        "empty to none",
        "summary to none",
    ])];
    for crowd in crowds {
        for level in &crowd.levels {
            let bare = |spread: Spread| format!("{:.2}", spread.median);
            let of = |ratios: &[Ratios], variant| ratio(ratios, variant, |one| one.to_no_filter);
            rows.push(vec![
                crowd.filter.clone(),
                level.connections.to_string(),
                bare(level.connection_microseconds),
                of(&level.per_connection, Variant::Empty),
                of(&level.per_connection, Variant::Summary),
                bare(level.operation_microseconds),
                of(&level.per_operation, Variant::Empty),
                of(&level.per_operation, Variant::Summary),
            ]);
        }
    }
    rows
}

fn series(series: &[Series]) -> Vec<Vec<String>> {
    let titles = ["filter", "operations", "summary to none, first tenth", "last tenth", "last by first"];
    let mut rows = vec![header(titles)];
    for one in series {
        rows.push(vec![
            one.filter.clone(),
            one.operations.to_string(),
            spread(one.first),
            spread(one.last),
            format!("{:.3}", one.growth),
        ]);
    }
    rows
}

fn starts(starts: &[Start]) -> Vec<Vec<String>> {
    let mut rows = vec![header([
        "module",
        "until a connection can pass",
        "of it compiling",
        "one more worker",
        "target",
    ])];
    for start in starts {
        let milliseconds =
            |spread: Spread| format!("{:.1} [{:.1}, {:.1}]", spread.median, spread.low, spread.high);
        let target = start.at_most.map(|most| limit(&format!("≤ {most:.0}"), start.met));
        rows.push(vec![
            start.module.clone(),
            milliseconds(start.whole),
            milliseconds(start.compiling),
            milliseconds(start.worker),
            target.unwrap_or_default(),
        ]);
    }
    rows
}

fn sizes(sizes: &[Size]) -> Vec<Vec<String>> {
    let mut rows = vec![header(["module", "octets", "target"])];
    for size in sizes {
        let target = size.at_most.map(|most| limit(&format!("≤ {most}"), size.met));
        let note = if size.optimised { "" } else { " (not optimised)" };
        rows.push(vec![size.module.clone(), format!("{}{note}", size.octets), target.unwrap_or_default()]);
    }
    rows
}

fn scans(scans: &[Scanning]) -> Vec<Vec<String>> {
    let mut rows =
        vec![header(["mail", "copying, ns per KiB", "scanning, ns per KiB", "scanning to copying"])];
    for scan in scans {
        rows.push(vec![
            scan.mail.replace('_', " "),
            format!("{:.1}", scan.copying_nanoseconds.median),
            format!("{:.1}", scan.scanning_nanoseconds.median),
            spread(scan.to_copying),
        ]);
    }
    rows
}

/// With the name that the command line takes.
fn name_of(cost: &Cost) -> String {
    format!("{} (`{}`)", cost.title, cost.load)
}

fn ratio(ratios: &[Ratios], variant: Variant, of: impl Fn(&Ratios) -> Spread) -> String {
    ratios.iter().find(|one| one.variant == variant).map_or_else(String::new, |one| spread(of(one)))
}

fn spread(Spread { median, low, high, .. }: Spread) -> String {
    format!("{median:.3} [{low:.3}, {high:.3}]")
}

fn said(verdict: &Verdict) -> String {
    let sure = if verdict.sure { "" } else { " (within the spread)" };
    format!("{}{sure}", limit(&format!("≤ {}", verdict.at_most), Some(verdict.met)))
}

fn limit(target: &str, met: Option<bool>) -> String {
    match met {
        Some(true) => format!("{target}: met"),
        Some(false) => format!("{target}: **missed**"),
        None => target.to_owned(),
    }
}

fn header<'a>(titles: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    titles.into_iter().map(str::to_owned).collect()
}

/// The rows as a table, the first one as its head.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width_of = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let rows = [header(["a", "µs"]), header(["long", "1"])];
        assert_eq!(aligned(&rows), "| a    | µs |\n|------|----|\n| long | 1  |\n");
    }

    #[test]
    fn parts_that_were_not_run_have_no_table() {
        let text = tables(&Results { envoy: "1.40.0".to_owned(), ..Results::default() });
        assert!(text.contains("Envoy 1.40.0") && !text.contains('#'), "{text}");
    }

    #[test]
    fn a_target_says_whether_it_is_met() {
        let verdict = Verdict { variant: Variant::Summary, at_most: 1.08, met: false, sure: false };
        assert_eq!(said(&verdict), "≤ 1.08: **missed** (within the spread)");
        assert_eq!(limit("≤ 2", Some(true)), "≤ 2: met");
    }
}
