//! Envoy's `/stats/prometheus`, read without loss.

mod histogram;
mod normalise;

use std::collections::BTreeMap;

pub use histogram::{Bucket, Histogram};

/// Why a scrape could not be read. Nothing is ever dropped silently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// A line is neither a comment nor a sample.
    #[error("line {number} of the statistics is no Prometheus sample: {line}")]
    Line {
        /// Its number, from 1.
        number: usize,
        /// Its text.
        line: String,
    },
    /// The parser returned another number of samples than there are lines.
    #[error("the statistics have {lines} samples of `{name}`, but {parsed} were understood")]
    Lost {
        /// The name as written, such as `x_bucket`.
        name: String,
        /// Sample lines with that name.
        lines: usize,
        /// Samples that came out.
        parsed: usize,
    },
}

/// What a metric is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Only ever rises.
    Counter(f64),
    /// Rises and falls.
    Gauge(f64),
    /// A distribution.
    Histogram(Histogram),
    /// No type was declared.
    Untyped(f64),
}

impl Value {
    /// The number of a counter, gauge or untyped metric; a histogram's count of observations.
    pub fn number(&self) -> f64 {
        match self {
            Self::Counter(number) | Self::Gauge(number) | Self::Untyped(number) => *number,
            Self::Histogram(histogram) => histogram.count,
        }
    }
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name, of a histogram without `_bucket`, `_sum`, `_count`.
    pub name: String,
    /// Its labels, of a histogram without `le`.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: Value,
}

impl Metric {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Whether every one of these labels is there with this value. Other labels do not matter.
    pub fn matches(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == Some(*value))
    }
}

/// All statistics of an Envoy at one moment, ordered by name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape {
    metrics: Vec<Metric>,
}

impl Scrape {
    /// Reads the text exposition format.
    ///
    /// # Errors
    /// If a line is not understood, or if anything were lost on the way.
    pub fn parse(text: &str) -> Result<Self, ScrapeError> {
        normalise::parse(text).map(|metrics| Self { metrics })
    }

    /// All series.
    pub fn iter(&self) -> std::slice::Iter<'_, Metric> {
        self.metrics.iter()
    }

    /// The series of this name.
    pub fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Metric> {
        self.metrics.iter().filter(move |metric| metric.name == name)
    }

    /// The sum over all series of this name that have these labels; 0 if there is none. Gauges and
    /// histograms (their count of observations) add up likewise.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.samples(name).filter(|metric| metric.matches(labels));
        // The sum of no floats at all is -0.
        samples.map(|metric| metric.value.number()).fold(0.0, |sum, number| sum + number)
    }

    /// All histograms of this name that have these labels, merged into one; `None` if there is none.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Option<Histogram> {
        let mut found = self.samples(name).filter(|metric| metric.matches(labels)).filter_map(|metric| {
            match &metric.value {
                Value::Histogram(histogram) => Some(histogram),
                _ => None,
            }
        });
        let first = found.next()?.clone();
        Some(found.fold(first, Histogram::merged))
    }
}

impl<'a> IntoIterator for &'a Scrape {
    type Item = &'a Metric;
    type IntoIter = std::slice::Iter<'a, Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE smtp_commands_total counter
smtp_commands_total{verb="RCPT",stat_prefix="a"} 3
smtp_commands_total{verb="RCPT",stat_prefix="b"} 4
smtp_commands_total{verb="MAIL",stat_prefix="a"} 1
# TYPE envoy_server_live gauge
envoy_server_live{} 1
# TYPE odd_total counter
odd_total{name="a,b=c}d",quoted="say \"hi\"\\",empty=""} 5

# TYPE smtp_reply histogram
smtp_reply_bucket{verb="RCPT",le="10"} 5
smtp_reply_bucket{verb="RCPT",le="20"} 10
smtp_reply_bucket{verb="RCPT",le="+Inf"} 10
smtp_reply_sum{verb="RCPT"} 120.5
smtp_reply_count{verb="RCPT"} 10
smtp_reply_bucket{verb="MAIL",le="10"} 0
smtp_reply_bucket{verb="MAIL",le="20"} 2
smtp_reply_bucket{verb="MAIL",le="+Inf"} 3
smtp_reply_sum{verb="MAIL"} 60
smtp_reply_count{verb="MAIL"} 3
"#;

    #[test]
    fn counters_add_up_over_the_labels_that_are_not_asked_for() {
        let scrape = Scrape::parse(TEXT).unwrap();
        assert_eq!(scrape.counter("smtp_commands_total", &[("verb", "RCPT")]), 7.0);
        assert_eq!(scrape.counter("smtp_commands_total", &[("stat_prefix", "a")]), 4.0);
        assert_eq!(scrape.counter("smtp_commands_total", &[("verb", "QUIT")]), 0.0);
        assert_eq!(scrape.counter("envoy_server_live", &[]), 1.0);
        assert_eq!(scrape.samples("smtp_commands_total").count(), 3);
    }

    #[test]
    fn label_values_come_out_as_they_were_meant() {
        let scrape = Scrape::parse(TEXT).unwrap();
        let odd = scrape.samples("odd_total").next().unwrap();
        assert_eq!(odd.label("name"), Some("a,b=c}d"));
        assert_eq!(odd.label("quoted"), Some(r#"say "hi"\"#));
        assert_eq!(odd.label("empty"), Some(""));
        assert_eq!(odd.value, Value::Counter(5.0));
    }

    #[test]
    fn histograms_have_their_sum_and_count_and_merge() {
        let scrape = Scrape::parse(TEXT).unwrap();
        assert_eq!(scrape.samples("smtp_reply").count(), 2);
        assert_eq!(scrape.samples("smtp_reply_sum").count(), 0);
        let rcpt = scrape.histogram("smtp_reply", &[("verb", "RCPT")]).unwrap();
        assert_eq!((rcpt.count, rcpt.sum, rcpt.buckets.len()), (10.0, 120.5, 3));
        let all = scrape.histogram("smtp_reply", &[]).unwrap();
        assert_eq!((all.count, all.sum), (13.0, 180.5));
        assert_eq!(all.buckets[1], Bucket { le: 20.0, count: 12.0 });
        assert_eq!(scrape.histogram("smtp_commands_total", &[]), None);
    }

    #[test]
    fn what_is_not_a_sample_is_an_error_and_not_dropped() {
        for line in ["novalue", "a{b=\"c\" 1", "a{b=c} 1", "a{b=\"c\"} many", "a:b 1", "a{b=\"c\"x=\"d\"} 1"]
        {
            let error = Scrape::parse(&format!("fine 1\n{line}\n")).unwrap_err();
            let expected = match line {
                "a:b 1" => ScrapeError::Lost { name: "a:b".into(), lines: 1, parsed: 0 },
                _ => ScrapeError::Line { number: 2, line: line.into() },
            };
            assert_eq!(error, expected, "{line}");
        }
    }

    #[test]
    fn series_written_twice_are_noticed_in_histograms() {
        let twice = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_count{} 1\n";
        let error = Scrape::parse(twice).unwrap_err();
        assert_eq!(error, ScrapeError::Lost { name: "h_sum".into(), lines: 0, parsed: 1 });
    }
}
