//! Dashboards, rows and panels, as they are declared; what Grafana makes of them is decided by `build_dashboards.py`.

use common_metrics::Level;
use serde::Serialize;

use super::query::Query;
use super::variables::Variable;

/// A dashboard.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Dashboard {
    /// The file's name without `.json`; the end of its address in Grafana.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) variables: Vec<Variable>,
    pub(super) rows: Vec<Row>,
}

/// Panels under one heading.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) title: &'static str,
    /// Whether it is closed until somebody opens it.
    pub(super) collapsed: bool,
    pub(super) panels: Vec<Panel>,
}

/// One panel.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Panel {
    pub(super) title: String,
    /// What it shows, and what is normal.
    pub(super) description: String,
    kind: Kind,
    unit: Unit,
    /// Of 24 columns.
    width: u8,
    height: u8,
    stacked: bool,
    min: Option<f64>,
    max: Option<f64>,
    /// From which value on a number has which colour; below the first it has the base's.
    thresholds: Option<Thresholds>,
    /// Series, by their legends, that always have the same colour.
    colours: Vec<(&'static str, Colour)>,
    queries: Vec<Target>,
}

/// A query of a panel.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Target {
    pub(super) expr: String,
    /// How its series are called: a text, with labels as `{{verb}}`.
    legend: String,
    /// Why there is nothing to see even where everything happens that filters count.
    #[serde(skip)]
    pub(super) expected_empty: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct Thresholds {
    base: Colour,
    steps: Vec<(f64, Colour)>,
}

/// How a panel shows its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Lines over time.
    Lines,
    /// One number each.
    Numbers,
    /// One bar each, with its number.
    Bars,
    /// A row each, with labels as columns.
    Table,
    /// How many observations had which size, over time.
    Heatmap,
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// How many.
    Count,
    /// How many a second.
    PerSecond,
    /// How many a minute: for what is rarer than once a second.
    PerMinute,
    /// Octets.
    Octets,
    /// Octets a second.
    OctetsPerSecond,
    /// Of 1.
    Share,
    /// Microseconds.
    Microseconds,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Colour {
    /// As it should be.
    Good,
    /// Worth a look.
    Odd,
    /// Wrong.
    Bad,
    /// Neither.
    Neutral,
    /// Not known, or not seen.
    Unseen,
}

impl Panel {
    fn new(kind: Kind, title: &str, description: &str) -> Self {
        let (width, height) = match kind {
            Kind::Lines | Kind::Bars | Kind::Heatmap | Kind::Table => (12, 8),
            Kind::Numbers => (6, 4),
        };
        Self {
            title: title.to_owned(),
            description: description.to_owned(),
            kind,
            unit: Unit::Count,
            width,
            height,
            stacked: false,
            min: None,
            max: None,
            thresholds: None,
            colours: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// Lines over time.
    pub(super) fn lines(title: &str, description: &str) -> Self {
        Self { min: Some(0.0), ..Self::new(Kind::Lines, title, description) }
    }

    /// Numbers.
    pub(super) fn numbers(title: &str, description: &str) -> Self {
        Self::new(Kind::Numbers, title, description)
    }

    /// Bars with their numbers.
    pub(super) fn bars(title: &str, description: &str) -> Self {
        Self { min: Some(0.0), ..Self::new(Kind::Bars, title, description) }
    }

    /// A table: labels are columns.
    pub(super) fn table(title: &str, description: &str) -> Self {
        Self::new(Kind::Table, title, description)
    }

    /// How many observations had which size.
    pub(super) fn heatmap(title: &str, description: &str) -> Self {
        Self::new(Kind::Heatmap, title, description)
    }

    /// What the numbers mean.
    pub(super) fn unit(self, unit: Unit) -> Self {
        let max = if unit == Unit::Share { Some(1.0) } else { self.max };
        let min = if unit == Unit::Share { Some(0.0) } else { self.min };
        Self { unit, min, max, ..self }
    }

    /// A query and how its series are called. Says in title and description when it needs more than the configuration
    /// `level: summary`.
    pub(super) fn query(mut self, query: Query, legend: &str) -> Self {
        const MARK: &str = " (level: detailed)";
        if query.level > Level::Summary && !self.title.ends_with(MARK) {
            self.title.push_str(MARK);
            self.description
                .push_str(" Empty unless the filter's configuration says `\"level\": \"detailed\"`.");
        }
        self.queries.push(Target { expr: query.expr, legend: legend.to_owned(), expected_empty: None });
        self
    }

    /// Why the query before finds nothing even where everything happens that filters count.
    pub(super) fn expected_empty(mut self, reason: &'static str) -> Self {
        if let Some(target) = self.queries.last_mut() {
            target.expected_empty = Some(reason);
        }
        self
    }

    /// Series on top of each other instead of lines.
    pub(super) fn stacked(self) -> Self {
        Self { stacked: true, ..self }
    }

    /// How many of 24 columns it takes.
    pub(super) fn width(self, width: u8) -> Self {
        Self { width, ..self }
    }

    /// As high as a panel of lines.
    pub(super) fn tall(self) -> Self {
        Self { height: 8, ..self }
    }

    /// A series that always has the same colour, by its legend.
    pub(super) fn colour(mut self, legend: &'static str, colour: Colour) -> Self {
        self.colours.push((legend, colour));
        self
    }

    /// Several of them.
    pub(super) fn colours(mut self, colours: &[(&'static str, Colour)]) -> Self {
        self.colours.extend_from_slice(colours);
        self
    }

    /// Good below the first number, odd from it on, wrong from the second on.
    pub(super) fn better_low(self, odd: f64, bad: f64) -> Self {
        self.thresholds(Colour::Good, vec![(odd, Colour::Odd), (bad, Colour::Bad)])
    }

    /// Good while it is 0, odd from one on.
    pub(super) fn better_none(self) -> Self {
        // What is extrapolated from a counter is seldom a whole number.
        self.thresholds(Colour::Good, vec![(0.5, Colour::Odd)])
    }

    /// Wrong while it is not 0.
    pub(super) fn never(self) -> Self {
        self.thresholds(Colour::Good, vec![(0.5, Colour::Bad)])
    }

    /// Odd below the number, good from it on.
    pub(super) fn better_high(self, good: f64) -> Self {
        self.thresholds(Colour::Odd, vec![(good, Colour::Good)])
    }

    /// Always in the same colour.
    pub(super) fn plain(self) -> Self {
        self.thresholds(Colour::Neutral, Vec::new())
    }

    fn thresholds(self, base: Colour, steps: Vec<(f64, Colour)>) -> Self {
        Self { thresholds: Some(Thresholds { base, steps }), ..self }
    }

    /// How many of 24 columns it takes.
    #[cfg(test)]
    pub(super) fn columns(&self) -> u8 {
        self.width
    }

    /// The queries, in order.
    pub(super) fn queries(&self) -> &[Target] {
        &self.queries
    }
}

impl Row {
    /// A row that is open.
    pub(super) fn new(title: &'static str, panels: Vec<Panel>) -> Self {
        Self { title, collapsed: false, panels }
    }

    /// A row that is closed until somebody opens it.
    pub(super) fn closed(title: &'static str, panels: Vec<Panel>) -> Self {
        Self { title, collapsed: true, panels }
    }
}
