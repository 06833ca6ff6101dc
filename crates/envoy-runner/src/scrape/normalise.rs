//! Makes `prometheus-parse` lossless.
//!
//! The crate silently drops samples written `name{}` and labels whose value holds `,`, `=` or `}`, and does
//! not undo escapes. So each line is brought into a form that it reads fully, what could be misread being
//! replaced by stand-ins, and afterwards the samples are counted per name.

use std::collections::{BTreeMap, HashMap};

use prometheus_parse as upstream;

use super::{Bucket, Histogram, Metric, ScrapeError, Value};

pub(super) fn parse(text: &str) -> Result<Vec<Metric>, ScrapeError> {
    let mut ledger = Ledger::default();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            lines.push(line.to_owned());
            continue;
        }
        let unreadable = || ScrapeError::Line { number: index + 1, line: line.to_owned() };
        let (name, normal) = sample_line(line).ok_or_else(unreadable)?;
        ledger.expect(name);
        lines.push(normal);
    }
    let parsed = upstream::Scrape::parse(lines.into_iter().map(Ok))
        // The only errors are those of the iterator, and ours has none.
        .map_err(|error| ScrapeError::Line { number: 0, line: error.to_string() })?;
    collect(parsed.samples, ledger)
}

/// The name of a sample, and its line in the form that the crate reads fully.
fn sample_line(line: &str) -> Option<(&str, String)> {
    let (name, labels, rest) = match line.find('{') {
        Some(brace) => {
            let (labels, rest) = label_section(line.get(brace + 1..)?)?;
            (line.get(..brace)?.trim_end(), labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(char::is_whitespace)?;
            (name, String::new(), rest)
        }
    };
    let value = rest.split_whitespace().next()?;
    value.to_ascii_lowercase().parse::<f64>().ok()?;
    let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
    Some((name, format!("{name}{labels} {}", rest.trim())))
}

/// Reads `a="x",b="y"} rest` and gives back the labels with safe values, and the rest.
fn label_section(section: &str) -> Option<(String, &str)> {
    let mut safe = Vec::new();
    let mut rest = section.trim_start();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((safe.join(","), rest));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        safe.push(format!("{}=\"{}\"", name.trim(), shield(&value)));
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// Reads up to the closing quote and undoes the escapes `\\`, `\"` and `\n`.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// Characters that the crate trips over. Each is replaced by [`STAND_IN`] and a letter; the stand-in itself,
/// a private-use character, is in the list so that nothing is ambiguous.
const SHIELDED: [char; 8] = [',', '=', '{', '}', '"', '\\', '\n', STAND_IN];
const STAND_IN: char = '\u{E000}';
const LETTERS: [char; 8] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

fn shield(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    for char in value.chars() {
        match SHIELDED.iter().zip(LETTERS).find(|(shielded, _)| **shielded == char) {
            Some((_, letter)) => safe.extend([STAND_IN, letter]),
            None => safe.push(char),
        }
    }
    safe
}

fn unshield(safe: &str) -> String {
    let mut value = String::with_capacity(safe.len());
    let mut chars = safe.chars();
    while let Some(char) = chars.next() {
        if char != STAND_IN {
            value.push(char);
        } else if let Some((shielded, _)) =
            chars.next().and_then(|letter| SHIELDED.iter().zip(LETTERS).find(|(_, known)| *known == letter))
        {
            value.push(*shielded);
        }
    }
    value
}

/// Sample lines seen and samples returned, by name as written.
#[derive(Default)]
struct Ledger(BTreeMap<String, (usize, usize)>);

impl Ledger {
    fn expect(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default().0 += 1;
    }

    fn found(&mut self, name: &str, samples: usize) {
        self.0.entry(name.to_owned()).or_default().1 += samples;
    }

    fn balance(self) -> Result<(), ScrapeError> {
        match self.0.into_iter().find(|(_, (lines, parsed))| lines != parsed) {
            Some((name, (lines, parsed))) => Err(ScrapeError::Lost { name, lines, parsed }),
            None => Ok(()),
        }
    }
}

type Key = (String, BTreeMap<String, String>);

fn collect(samples: Vec<upstream::Sample>, mut ledger: Ledger) -> Result<Vec<Metric>, ScrapeError> {
    let mut histograms: HashMap<Key, Histogram> = HashMap::new();
    let mut numbers: Vec<(Key, Value)> = Vec::new();
    for sample in samples {
        let labels: BTreeMap<String, String> =
            sample.labels.iter().map(|(name, value)| (name.clone(), unshield(value))).collect();
        let key = (sample.metric, labels);
        let value = match sample.value {
            upstream::Value::Histogram(buckets) => {
                ledger.found(&format!("{}_bucket", key.0), buckets.len());
                let mut buckets: Vec<Bucket> = buckets
                    .iter()
                    .map(|bucket| Bucket { le: bucket.less_than, count: bucket.count })
                    .collect();
                buckets.sort_by(|a, b| a.le.total_cmp(&b.le));
                histograms.insert(key, Histogram { buckets, ..Histogram::default() });
                continue;
            }
            upstream::Value::Summary(quantiles) => {
                ledger.found(&key.0, quantiles.len());
                for quantile in quantiles {
                    let mut labels = key.1.clone();
                    labels.insert("quantile".to_owned(), quantile.quantile.to_string());
                    numbers.push(((key.0.clone(), labels), Value::Untyped(quantile.count)));
                }
                continue;
            }
            upstream::Value::Counter(number) => Value::Counter(number),
            upstream::Value::Gauge(number) => Value::Gauge(number),
            upstream::Value::Untyped(number) => Value::Untyped(number),
        };
        numbers.push((key, value));
    }

    let mut metrics = Vec::new();
    let mut parts: HashMap<Key, (usize, usize)> = HashMap::new();
    for ((name, labels), value) in numbers {
        ledger.found(&name, 1);
        let part = [("_sum", true), ("_count", false)].into_iter().find_map(|(suffix, is_sum)| {
            let key = (name.strip_suffix(suffix)?.to_owned(), labels.clone());
            histograms.contains_key(&key).then_some((key, is_sum))
        });
        let Some((key, is_sum)) = part else {
            metrics.push(Metric { name, labels, value });
            continue;
        };
        let seen = parts.entry(key.clone()).or_default();
        if let Some(histogram) = histograms.get_mut(&key) {
            if is_sum {
                histogram.sum = value.number();
                seen.0 += 1;
            } else {
                histogram.count = value.number();
                seen.1 += 1;
            }
        }
    }
    for ((name, labels), histogram) in histograms {
        let (sums, counts) = parts.get(&(name.clone(), labels.clone())).copied().unwrap_or_default();
        // Each histogram has one of either; a missing one would read as zero.
        ledger.found(&format!("{name}_sum"), 1usize.abs_diff(sums));
        ledger.found(&format!("{name}_count"), 1usize.abs_diff(counts));
        metrics.push(Metric { name, labels, value: Value::Histogram(histogram) });
    }
    ledger.balance()?;
    metrics.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::Scrape;

    proptest! {
        /// Whatever a label holds comes back as it was, and no sample is lost beside it.
        #[test]
        fn any_label_value_survives(values in prop::collection::vec("\\PC{0,12}|[,={}\"\\\\\n\u{E000}a]{0,8}", 1..6)) {
            let mut text = String::from("# TYPE m counter\n");
            for (index, value) in values.iter().enumerate() {
                let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
                text.push_str(&format!("m{{id=\"{index}\",value=\"{escaped}\"}} {index}\n"));
            }
            let scrape = Scrape::parse(&text).unwrap();
            prop_assert_eq!(scrape.samples("m").count(), values.len());
            for metric in &scrape {
                let index = metric.value.number() as usize;
                prop_assert_eq!(metric.label("value"), Some(values[index].as_str()));
            }
        }
    }
}
