//! What Envoy's statistics are expected to say, as text.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use envoy_runner::{Envoy, Scrape};

/// How long anything may take that needs no waiting at all: only a failure uses it up.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Series with the values that they should have: one `name{label=value,…} number` per line. Labels that are not
/// named are summed over; of a histogram it is the number of observations.
struct Expected<'a> {
    series: Vec<(&'a str, f64)>,
}

impl<'a> Expected<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').with_context(|| format!("no value in {line:?}"))?;
            Ok((name.trim(), value.parse().with_context(|| line.to_owned())?))
        });
        Ok(Self { series: series.collect::<Result<_>>()? })
    }

    fn holds(&self, scrape: &Scrape) -> bool {
        self.series.iter().all(|(series, value)| count(scrape, series) == *value)
    }

    fn differences(&self, scrape: &Scrape) -> String {
        let wrong = self.series.iter().filter(|(series, value)| count(scrape, series) != *value);
        let lines = wrong.map(|(series, value)| {
            let found = count(scrape, series);
            format!("{series} is {found} instead of {value}; all of it: {:?}", all(scrape, series))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The value of a series, written as in [`Expected`].
pub(crate) fn count(scrape: &Scrape, series: &str) -> f64 {
    let (name, labels) = parts(series);
    scrape.counter(name, &labels)
}

/// Waits until every series has its value, and says which have not when that does not happen.
pub(crate) fn wait(envoy: &Envoy, expected: &str) -> Result<Scrape> {
    let expected = Expected::parse(expected)?;
    match envoy.wait_for_stats(SOON, |scrape| expected.holds(scrape))? {
        Some(scrape) => Ok(scrape),
        None => bail!("after {SOON:?}:\n{}", expected.differences(&envoy.scrape()?)),
    }
}

/// All series of that metric which are not 0, to see what was counted instead.
fn all(scrape: &Scrape, series: &str) -> BTreeMap<String, f64> {
    let (name, _) = parts(series);
    let samples = scrape.samples(name).filter(|metric| metric.value.number() != 0.0);
    samples.map(|metric| (format!("{:?}", metric.labels), metric.value.number())).collect()
}

fn parts(series: &str) -> (&str, Vec<(&str, &str)>) {
    let Some((name, labels)) = series.split_once('{') else { return (series, Vec::new()) };
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
    (name, labels.collect())
}
