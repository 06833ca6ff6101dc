//! How a labelled series is written as one Envoy stat name.

use std::fmt;

use crate::{Dimension, MetricSpec};

/// Whether a string may stand as a label's value in a stat name: 1 to 64 of `A-Z a-z 0-9 _ -`.
/// Envoy turns every other character into `_`, and `.` or `;` would break the tag rules.
pub fn is_label_value(value: &str) -> bool {
    (1..=64).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The stat name of one series: `smtp.stat_prefix=.=default;.;verb=.=RCPT;.;commands_total`.
///
/// The labels stand in front of the last segment, because that is where both Istio's `extraStatTags` and
/// [`stats_tags`](crate::stats_tags) can cut them out again.
#[derive(Clone, Copy, Debug)]
pub struct StatName<'a> {
    /// The first segment: the filter's name.
    pub filter: &'a str,
    /// The labels that every series of the filter carries, as name and value.
    pub common: &'a [(&'static str, &'a str)],
    /// The metric.
    pub metric: &'a MetricSpec,
    /// Which combination of the metric's labels: see [`Labels::index`](crate::Labels::index).
    pub series: usize,
}

impl fmt::Display for StatName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.filter)?;
        for (name, value) in self.common {
            write!(f, "{name}=.={value};.;")?;
        }
        let mut stride = self.metric.series();
        for Dimension { name, values, .. } in self.metric.dimensions {
            stride /= values.len().max(1);
            let index = self.series.checked_div(stride).unwrap_or(0) % values.len().max(1);
            write!(f, "{name}=.={};.;", values.get(index).copied().unwrap_or("other"))?;
        }
        f.write_str(self.metric.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Export, Histogram, Labels, Level, label};

    label! { enum Verb: "verb" { Mail = "MAIL", Rcpt = "RCPT" } }
    label! { enum Class: "class" { C2 = "2xx", C4 = "4xx", C5 = "5xx" } }

    #[test]
    fn labels_stand_before_the_last_segment() {
        let metric =
            Histogram::<(Verb, Class)>::declare(0, "replies", "", Level::Summary, Export::OnUse).spec();
        let series = (Verb::Rcpt, Class::C4).index();
        let name = StatName { filter: "smtp", common: &[("stat_prefix", "mx")], metric: &metric, series };
        assert_eq!(name.to_string(), "smtp.stat_prefix=.=mx;.;verb=.=RCPT;.;class=.=4xx;.;replies");
    }

    #[test]
    fn a_label_value_holds_no_separator() {
        assert!(is_label_value("corp-relay_1"));
        for bad in ["", "a.b", "a;b", "a=b", "ü", " ", &"x".repeat(65)] {
            assert!(!is_label_value(bad), "{bad:?}");
        }
    }
}
