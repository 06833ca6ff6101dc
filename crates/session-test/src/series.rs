//! What was counted, as readable as in a dashboard.

use std::collections::BTreeMap;
use std::ops::Deref;

use common_metrics::Tally;

/// Counters and gauges by series, as `replies_total{verb=MAIL,class=2xx}`: labels in the order of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series(BTreeMap<String, i64>);

impl Series {
    /// Every series of a tally that was touched.
    pub fn of(tally: &Tally) -> Self {
        tally.values.iter().map(|(name, value)| (readable(name), *value)).collect()
    }

    /// One series; 0 when it was never touched.
    pub fn value(&self, series: &str) -> i64 {
        self.0.get(series).copied().unwrap_or(0)
    }

    /// All series of one metric together.
    pub fn sum(&self, metric: &str) -> i64 {
        self.0.iter().filter(|(name, _)| name.split('{').next() == Some(metric)).map(|(_, value)| value).sum()
    }

    /// The series of a metric with one label, by that label's value.
    pub fn labelled(&self, metric: &str, label: &str) -> BTreeMap<String, i64> {
        let start = format!("{metric}{{{label}=");
        let value_of = |name: &String| Some(name.strip_prefix(&start)?.strip_suffix('}')?.to_owned());
        self.0.iter().filter_map(|(name, value)| Some((value_of(name)?, *value))).collect()
    }
}

impl Deref for Series {
    type Target = BTreeMap<String, i64>;

    fn deref(&self) -> &BTreeMap<String, i64> {
        &self.0
    }
}

impl FromIterator<(String, i64)> for Series {
    fn from_iter<I: IntoIterator<Item = (String, i64)>>(series: I) -> Self {
        Self(series.into_iter().collect())
    }
}

/// `verb=.=MAIL;.;class=.=2xx;.;replies_total` as `replies_total{verb=MAIL,class=2xx}`.
pub(crate) fn readable(stat_name: &str) -> String {
    match stat_name.rsplit_once(";.;") {
        Some((labels, metric)) => format!("{metric}{{{}}}", labels.replace("=.=", "=").replace(";.;", ",")),
        None => stat_name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_found_by_name_and_by_label() {
        let mut tally = Tally::default();
        for (name, value) in [
            ("opened_total", 1),
            ("verb=.=MAIL;.;commands_total", 2),
            ("verb=.=RCPT;.;commands_total", 3),
            ("verb=.=MAIL;.;class=.=2xx;.;replies_total", 4),
        ] {
            tally.values.insert(name.to_owned(), value);
        }
        let series = Series::of(&tally);
        assert_eq!(series.value("opened_total"), 1);
        assert_eq!(series.value("replies_total{verb=MAIL,class=2xx}"), 4);
        assert_eq!((series.sum("commands_total"), series.sum("commands")), (5, 0));
        let by_verb = [("MAIL".to_owned(), 2), ("RCPT".to_owned(), 3)];
        assert_eq!(series.labelled("commands_total", "verb"), by_verb.into());
    }
}
