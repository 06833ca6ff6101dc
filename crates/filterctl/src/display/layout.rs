//! What is shown of a filter's metrics, declared once for the terminal and for the page.

/// Which metrics a filter's panels show.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The filter's name, the first part of its metrics' names.
    pub filter: &'static str,
    /// Columns of panels of counts, each from top to bottom.
    pub columns: &'static [&'static [CountPanel]],
    /// Histograms in microseconds.
    pub latencies: &'static [LatencyRows],
    /// What is shown as it changes over the last minutes, where there is room for it: the most important first.
    pub charts: &'static [Chart],
}

/// A panel that splits a counter by labels.
#[derive(Clone, Copy, Debug)]
pub struct CountPanel {
    /// What the panel is called.
    pub title: &'static str,
    /// The metric, without the filter's name.
    pub metric: &'static str,
    /// The labels whose values make the rows, joined by a space.
    pub labels: &'static [&'static str],
    /// Rows that are shown even while they are 0.
    pub always: &'static [&'static str],
    /// Further rows in the order in which they are to stand. Others follow by name.
    pub then: &'static [&'static str],
    /// Other counters, each a row at the end: what it is called, and the metric.
    pub also: &'static [(&'static str, &'static str)],
}

/// A histogram in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct LatencyRows {
    /// What its rows are called.
    pub title: &'static str,
    /// The metric, without the filter's name.
    pub metric: &'static str,
    /// The label whose values make the rows; one row if not given.
    pub label: Option<&'static str>,
    /// Its values in the order in which they are to stand. Others follow by name.
    pub order: &'static [&'static str],
}

/// Something that is shown as it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What it is called.
    pub title: &'static str,
    /// What it shows.
    pub shows: Shows,
}

/// What a chart shows. Metrics are named without the filter's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// How often a counter counts, by a label: one line for each of its values.
    Rate {
        /// The counter.
        metric: &'static str,
        /// The label.
        label: &'static str,
    },
    /// How many octets a counter counts, by a label: one line for each of its values.
    Octets {
        /// The counter.
        metric: &'static str,
        /// The label.
        label: &'static str,
    },
    /// Quantiles of a histogram in microseconds, over all its series.
    Quantiles {
        /// The histogram.
        metric: &'static str,
    },
    /// How many connections are open.
    OpenConnections,
}

impl Chart {
    /// How many connections are open.
    pub const CONNECTIONS: Self = Self { title: "Open connections", shows: Shows::OpenConnections };
    /// The octets that pass, by whether they could be looked into.
    pub const OCTETS: Self =
        Self { title: "Octets", shows: Shows::Octets { metric: "bytes_total", label: "visibility" } };

    /// How often a counter counts, by a label.
    pub const fn rate(title: &'static str, metric: &'static str, label: &'static str) -> Self {
        Self { title, shows: Shows::Rate { metric, label } }
    }

    /// Quantiles of a histogram in microseconds.
    pub const fn quantiles(title: &'static str, metric: &'static str) -> Self {
        Self { title, shows: Shows::Quantiles { metric } }
    }
}

impl CountPanel {
    /// A panel that shows what has been counted, by name.
    pub const fn new(title: &'static str, metric: &'static str, labels: &'static [&'static str]) -> Self {
        Self { title, metric, labels, always: &[], then: &[], also: &[] }
    }

    /// The same with rows that are shown even while they are 0.
    pub const fn always(self, always: &'static [&'static str]) -> Self {
        Self { always, ..self }
    }

    /// The same with an order of further rows.
    pub const fn then(self, then: &'static [&'static str]) -> Self {
        Self { then, ..self }
    }

    /// The same with other counters at the end.
    pub const fn also(self, also: &'static [(&'static str, &'static str)]) -> Self {
        Self { also, ..self }
    }
}
