//! A demo's page, from before Envoy has started to the final numbers.

use std::collections::BTreeMap;
use std::io::Read;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use envoy_runner::EnvoyBinary;
use filterctl::display::CountPanel;
use filterctl::filters::Filter;
use real_peers::browser::{Browser, Page};
use serde_json::Value;

use crate::scene::{Running, fits, is_accessible, is_legible, keeps_to_itself};

pub(crate) fn is_shown(filter: &'static Filter, envoy: &EnvoyBinary) -> Result<()> {
    let mut demo =
        Running::start(envoy, &["demo", filter.name, "--for", "12s", "--every", "60ms", "--json"])?;
    let mut stdout = demo.stdout()?;
    let report = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let browser = Browser::start()?;
    let page = browser.open(&demo.url)?;
    let other = browser.open(&demo.url)?;
    // Gone if the page were loaded anew.
    page.evaluate("window.sameDocument = true")?;
    demo.wait_for_numbers(&page)?;
    changes_by_itself(&page, filter)?;
    is_legible(&page)?;
    fits(&page)?;
    is_accessible(&page)?;
    obeys_the_keyboard(&page)?;

    let ended = "document.getElementById('status').textContent.startsWith('ended')";
    page.wait_for("the end", ended)?;
    other.wait_for("the end, in the other page", ended)?;
    demo.wait()?;
    let report = report.join().map_err(|_| anyhow!("reading the report failed"))??;
    let report: Value = serde_json::from_str(&report)?;
    for page in [&page, &other] {
        shows_the_final_numbers(page, filter, &report)?;
        keeps_to_itself(page, &demo.url)?;
    }
    ensure!(page.evaluate("window.sameDocument")? == true, "the page was loaded anew");
    let facts = page.evaluate("document.getElementById('facts').textContent")?;
    let envoy = report["envoy"].as_str().context("no version")?;
    ensure!(facts.as_str().is_some_and(|facts| facts.contains(envoy)), "{facts}");
    let events = page.evaluate("document.querySelectorAll('#events tr').length")?;
    ensure!(events.as_u64() > Some(3), "{events} events");
    let verdict = page.evaluate("document.getElementById('verdict').textContent")?;
    ensure!(verdict.as_str().is_some_and(|text| text.contains("agree in all")), "{verdict}");
    is_legible(&page)
}

/// Counts rise, and charts get lines.
fn changes_by_itself(page: &Page<'_>, filter: &Filter) -> Result<()> {
    let panel = &filter.layout.columns[0][0];
    let metric = format!("{}_{}", filter.name, panel.metric);
    let row = format!("[data-metric={metric}] [data-row='{}']", panel.always[0]);
    let value = format!("Number(document.querySelector(\"{row}\").dataset.value)");
    page.wait_for("something to be counted", &format!("{value} > 0"))?;
    let before = page.evaluate(&value)?;
    page.wait_for("the number to rise", &format!("{value} > {before}"))?;
    page.wait_for("a line in the first chart", "document.querySelectorAll('#main-chart .curve').length > 0")
}

fn obeys_the_keyboard(page: &Page<'_>) -> Result<()> {
    page.evaluate("document.getElementById('theme').focus()")?;
    for choice in ["light", "dark"] {
        page.press("Enter")?;
        ensure!(page.evaluate("document.documentElement.dataset.theme")? == choice, "not {choice}");
        let scheme = page.evaluate("getComputedStyle(document.documentElement).colorScheme")?;
        ensure!(scheme == choice, "{scheme} for {choice}");
    }
    page.press("Enter")?;
    ensure!(page.evaluate("document.documentElement.dataset.theme ?? null")?.is_null(), "a choice remained");

    page.evaluate("document.querySelector('#main-chart .plot').focus()")?;
    page.press("ArrowLeft")?;
    let label = page.evaluate("document.activeElement.ariaLabel")?;
    ensure!(label.as_str().is_some_and(|label| label.contains(", at 0")), "{label}");
    page.evaluate("document.activeElement.blur()").map(drop)
}

/// Each row of the page is what the report's series come to, each series is in a row, and nothing else is shown.
fn shows_the_final_numbers(page: &Page<'_>, filter: &Filter, report: &Value) -> Result<()> {
    let metrics = report["metrics"].as_array().context("no metrics in the report")?;
    for panel in filter.layout.columns.iter().copied().flatten() {
        let metric = format!("{}_{}", filter.name, panel.metric);
        let shown = rows(page, &format!(".counted[data-metric={metric}]"))?;
        ensure!(shown == expected(panel, filter.name, metrics), "{metric}: {shown:?}");
    }
    for (what, metric) in [("connections", "connections_total"), ("octets", "bytes_total")] {
        let panel = CountPanel::new("", metric, &["visibility"]);
        let shown = rows(page, &format!("[data-share={what}]"))?;
        ensure!(shown == expected(&panel, filter.name, metrics), "{what}: {shown:?}");
    }
    let opened =
        page.evaluate("Number(document.querySelector('[data-share=connections]').dataset.opened)")?;
    let opened_total = sum(metrics, &format!("{}_connections_opened_total", filter.name));
    ensure!(opened == opened_total && opened_total > 0.0, "{opened} opened, not {opened_total}");

    for latency in filter.layout.latencies {
        let metric = format!("{}_{}", filter.name, latency.metric);
        let shown = rows(page, &format!("#latencies tr[data-metric={metric}]"))?;
        ensure!(shown.values().sum::<f64>() == sum(metrics, &metric), "{metric}: {shown:?}");
    }
    quantiles_are_those_of_the_report(page, metrics)
}

/// The number of each row below, by its name.
fn rows(page: &Page<'_>, below: &str) -> Result<BTreeMap<String, f64>> {
    let script = format!(
        "[...document.querySelectorAll(`{below}[data-row], {below} [data-row]`)]
            .map((row) => [row.dataset.row, Number(row.dataset.value)])"
    );
    Ok(serde_json::from_value(page.evaluate(&script)?)
        .map(|rows: Vec<(String, f64)>| rows.into_iter().collect())?)
}

fn expected(panel: &CountPanel, filter: &str, metrics: &[Value]) -> BTreeMap<String, f64> {
    let mut rows: BTreeMap<String, f64> = BTreeMap::new();
    let name = format!("{filter}_{}", panel.metric);
    for metric in metrics.iter().filter(|metric| metric["name"] == *name) {
        let values = panel.labels.iter().filter_map(|label| metric["labels"][label].as_str());
        let row = values.filter(|value| *value != "none").collect::<Vec<_>>().join(" ");
        *rows.entry(row).or_default() += number(metric);
    }
    for (row, metric) in panel.also {
        rows.insert((*row).to_owned(), sum(metrics, &format!("{filter}_{metric}")));
    }
    rows.retain(|row, value| *value > 0.0 || panel.always.contains(&row.as_str()));
    for row in panel.always {
        rows.entry((*row).to_owned()).or_default();
    }
    rows
}

/// A counter's value, or how many observations a histogram has.
fn number(metric: &Value) -> f64 {
    metric["value"].as_f64().or_else(|| metric["value"]["count"].as_f64()).unwrap_or_default()
}

fn sum(metrics: &[Value], name: &str) -> f64 {
    metrics.iter().filter(|metric| metric["name"] == name).map(number).sum()
}

/// Those rows that are of one series: the others are of several together.
fn quantiles_are_those_of_the_report(page: &Page<'_>, metrics: &[Value]) -> Result<()> {
    let script = "[...document.querySelectorAll('#latencies tbody tr')]
        .map((row) => [row.dataset.metric, [...row.cells].slice(2, 5).map((cell) => cell.textContent)])";
    let rows: Vec<(String, [String; 3])> = serde_json::from_value(page.evaluate(script)?)?;
    let mut compared = 0;
    for (metric, shown) in rows {
        let series: Vec<_> = metrics.iter().filter(|series| series["name"] == *metric).collect();
        let [only] = series[..] else { continue };
        for (quantile, shown) in ["0.5", "0.9", "0.99"].into_iter().zip(shown) {
            let expected = only["value"]["quantiles"][quantile].as_f64().context("no quantile")?;
            let shown = in_microseconds(&shown).with_context(|| format!("{metric}: {shown}"))?;
            // What is shown is rounded.
            ensure!(
                (shown - expected).abs() <= expected * 0.05 + 0.5,
                "{metric} {quantile}: {shown}, not {expected}"
            );
            compared += 1;
        }
    }
    ensure!(compared >= 3, "no quantile could be compared");
    Ok(())
}

fn in_microseconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let factor = match unit {
        "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}
