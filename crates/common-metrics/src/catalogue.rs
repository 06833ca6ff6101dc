//! The list of all metrics of one filter.

use std::fmt;

use crate::{Dimension, Kind, Level, MetricSpec, is_label_value};

/// Every metric that one filter exports.
///
/// Metrics that all filters share come first ([`Catalogue::shared`]), then the filter's own.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue {
    /// The filter's name and the first segment of every stat name.
    pub filter: &'static str,
    /// Metrics taken over from another catalogue, at the same ordinals as there.
    pub shared: &'static [MetricSpec],
    /// The filter's own metrics, at ordinals from `shared.len()` on.
    pub own: &'static [MetricSpec],
}

impl Catalogue {
    /// All metrics in order of their ordinals.
    pub fn metrics(&self) -> impl Iterator<Item = &'static MetricSpec> {
        self.shared.iter().chain(self.own)
    }

    /// The worst case: how many series one `stat_prefix` and `reporter` can make at this level.
    /// A histogram counts as one.
    pub fn series(&self, level: Level) -> usize {
        self.metrics().filter(|metric| metric.level <= level).map(MetricSpec::series).sum()
    }

    /// The names of all labels that occur, each once, in order of appearance.
    pub fn label_names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for dimension in self.metrics().flat_map(|metric| metric.dimensions) {
            if !names.contains(&dimension.name) {
                names.push(dimension.name);
            }
        }
        names
    }

    /// What in this catalogue breaks the rules that its users rely on; `common` are the names of the
    /// labels that every series carries. An empty list is what a test expects.
    pub fn violations(&self, common: &[&'static str]) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for metric in self.metrics() {
            if names.contains(&metric.name) {
                found.push(Violation::DuplicateName(metric.name));
            }
            names.push(metric.name);
            if (metric.kind == Kind::Counter) != metric.name.ends_with("_total") {
                found.push(Violation::Suffix(metric.name));
            }
            if metric.help.trim().is_empty() {
                found.push(Violation::NoHelp(metric.name));
            }
            for Dimension { name, values, .. } in metric.dimensions {
                if common.contains(name) {
                    found.push(Violation::ReservedLabel(metric.name, name));
                }
                found.extend(
                    values
                        .iter()
                        .filter(|value| !is_label_value(value))
                        .map(|v| Violation::LabelValue(name, v)),
                );
            }
        }
        let mut labels = self.label_names();
        labels.extend_from_slice(common);
        for (i, long) in labels.iter().enumerate() {
            for (j, short) in labels.iter().enumerate() {
                if i != j && long.ends_with(short) {
                    found.push(Violation::LabelSuffix { long, short });
                }
            }
        }
        found
    }
}

/// A rule that a catalogue breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two metrics have this name.
    DuplicateName(&'static str),
    /// A counter must end in `_total`, and nothing else may.
    Suffix(&'static str),
    /// The metric says nothing about itself.
    NoHelp(&'static str),
    /// The metric declares a label that every series carries anyway.
    ReservedLabel(&'static str, &'static str),
    /// The label's value holds a character that a stat name cannot carry.
    LabelValue(&'static str, &'static str),
    /// Tag rules are unanchored: the rule for `short` would also match inside `long`.
    LabelSuffix {
        /// The label that contains the other one.
        long: &'static str,
        /// The label that is a suffix.
        short: &'static str,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateName(name) => write!(f, "{name} is declared twice"),
            Self::Suffix(name) => write!(f, "{name}: counters end in _total, gauges and histograms do not"),
            Self::NoHelp(name) => write!(f, "{name} has no help text"),
            Self::ReservedLabel(name, label) => write!(f, "{name} declares {label}, which every series has"),
            Self::LabelValue(label, value) => {
                write!(f, "{label}={value:?}: only A-Z a-z 0-9 _ - are allowed")
            }
            Self::LabelSuffix { long, short } => write!(f, "label {short} is a suffix of label {long}"),
        }
    }
}

/// Declares the metrics of a filter: one `const` each, and the [`Catalogue`] that lists them.
///
/// The doc comment of a metric is its help text. `sharing PATH` takes over the metrics of another catalogue.
#[macro_export]
macro_rules! catalogue {
    (
        $(#[$meta:meta])*
        $vis:vis static $catalogue:ident : $filter:literal $(sharing $shared:path)? {
            $(
                $(#[doc = $help:literal])+
                $kind:ident $metric:ident : $labels:ty = $name:literal, $level:ident, $export:ident;
            )*
        }
    ) => {
        $crate::catalogue! {
            @metrics $vis (0 $(+ $shared.own.len())?)
            $($(#[doc = $help])+ $kind $metric: $labels = $name, $level, $export;)*
        }

        $(#[$meta])*
        $vis static $catalogue: $crate::Catalogue = $crate::Catalogue {
            filter: $filter,
            shared: $crate::catalogue!(@shared $($shared)?),
            own: &[$($metric.spec()),*],
        };
    };
    (@metrics $vis:vis ($ordinal:expr)) => {};
    (
        @metrics $vis:vis ($ordinal:expr)
        $(#[doc = $help:literal])+
        $kind:ident $metric:ident : $labels:ty = $name:literal, $level:ident, $export:ident;
        $($rest:tt)*
    ) => {
        $(#[doc = $help])+
        $vis const $metric: $crate::catalogue!(@type $kind $labels) =
            <$crate::catalogue!(@type $kind $labels)>::declare(
                $ordinal,
                $name,
                concat!($($help, "\n"),+),
                $crate::Level::$level,
                $crate::Export::$export,
            );
        $crate::catalogue! { @metrics $vis ($ordinal + 1) $($rest)* }
    };
    (@type counter $labels:ty) => { $crate::Counter<$labels> };
    (@type gauge $labels:ty) => { $crate::Gauge<$labels> };
    (@type histogram $labels:ty) => { $crate::Histogram<$labels> };
    (@shared) => { &[] };
    (@shared $shared:path) => { $shared.own };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, Export, Metric, label};

    label! { enum Code: "code" { Ok = "200", Bad = "b.d" } }
    label! { enum ResultCode: "result_code" { Ok = "0" } }

    catalogue! {
        /// Shared.
        static BASE: "base" {
            /// Opened.
            counter OPENED: () = "opened_total", Summary, FromStart;
        }
    }
    mod derived {
        use super::{BASE, Code, ResultCode};
        catalogue! {
            /// Derived.
            pub(super) static DERIVED: "derived" sharing BASE {
                /// First line.
                /// Second line.
                counter GOOD: Code = "good_total", Summary, FromStart;
                /// Wrong suffix.
                counter WRONG: ResultCode = "wrong", Detailed, OnUse;
                /// Same name.
                gauge SAME: () = "opened_total", Summary, OnUse;
            }
        }
    }
    use derived::{DERIVED, GOOD, SAME};

    #[test]
    fn ordinals_count_on_behind_the_shared_metrics() {
        assert_eq!((OPENED.ordinal(), GOOD.ordinal(), SAME.ordinal()), (0, 1, 3));
        assert_eq!(DERIVED.metrics().nth(1).map(|m| m.name), Some("good_total"));
        assert_eq!(DERIVED.series(Level::Summary), 4);
        assert_eq!(DERIVED.series(Level::Detailed), 5);
    }

    #[test]
    fn every_rule_that_is_broken_is_named() {
        let found = DERIVED.violations(&["reporter"]);
        let expected = [
            Violation::LabelValue("code", "b.d"),
            Violation::Suffix("wrong"),
            Violation::DuplicateName("opened_total"),
            Violation::Suffix("opened_total"),
            Violation::LabelSuffix { long: "result_code", short: "code" },
        ];
        assert_eq!(found, expected);
        assert!(DERIVED.violations(&["code"]).contains(&Violation::ReservedLabel("good_total", "code")));
    }

    #[test]
    fn help_is_the_doc_comment() {
        const LONE: Counter<()> = Counter::declare(0, "x_total", " ", Level::Summary, Export::OnUse);
        assert_eq!(GOOD.spec().help, " First line.\n Second line.\n");
        static EMPTY: Catalogue = Catalogue { filter: "x", shared: &[], own: &[LONE.spec()] };
        assert_eq!(EMPTY.violations(&[]), [Violation::NoHelp("x_total")]);
    }
}
