//! One metric: what it is called, what it counts, and by which labels.

use std::marker::PhantomData;

use crate::{Dimension, Labels};

/// The three kinds of metric that Envoy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises. The name ends in `_total`.
    Counter,
    /// Rises and falls; one value shared by all workers, so it is only ever changed by a difference.
    Gauge,
    /// A distribution. The unit stands in the name: `_microseconds`, `_bytes`, or what is counted.
    Histogram,
}

/// From which level of detail on a metric is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Always.
    Summary,
    /// Only where the configuration asks for detail.
    Detailed,
}

/// When the series of a metric appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// As 0, when the filter is configured: a rate or an alert can then see the first event.
    FromStart,
    /// With the first event.
    OnUse,
}

/// The declaration of one metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricSpec {
    /// The last segment of the stat name.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// What it means, for the reference and Prometheus' HELP.
    pub help: &'static str,
    /// Its labels, without those that every series of a filter carries.
    pub dimensions: &'static [Dimension],
    /// From which level of detail on it is exported.
    pub level: Level,
    /// When its series appear.
    pub export: Export,
}

impl MetricSpec {
    /// How many combinations of label values the metric has.
    pub const fn series(&self) -> usize {
        let mut series = 1;
        let mut rest = self.dimensions;
        while let Some((first, tail)) = rest.split_first() {
            series *= first.values.len();
            rest = tail;
        }
        series
    }
}

/// A metric of a catalogue: its declaration and its place in it. Implemented by [`Counter`], [`Gauge`] and [`Histogram`].
pub trait Metric {
    /// The label set.
    type Labels: Labels;

    /// The declaration.
    fn spec(&self) -> &MetricSpec;

    /// The position of the metric in its catalogue.
    fn ordinal(&self) -> usize;
}

macro_rules! metric_kind {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<L> {
            ordinal: usize,
            spec: MetricSpec,
            labels: PhantomData<L>,
        }

        impl<L: Labels> $name<L> {
            /// Declares the metric. Called by [`catalogue!`](macro@crate::catalogue).
            pub const fn declare(
                ordinal: usize,
                name: &'static str,
                help: &'static str,
                level: Level,
                export: Export,
            ) -> Self {
                let kind = Kind::$name;
                let spec = MetricSpec { name, kind, help, dimensions: L::DIMENSIONS, level, export };
                Self { ordinal, spec, labels: PhantomData }
            }

            /// The declaration.
            pub const fn spec(&self) -> MetricSpec {
                self.spec
            }
        }

        impl<L: Labels> Metric for $name<L> {
            type Labels = L;

            fn spec(&self) -> &MetricSpec {
                &self.spec
            }

            fn ordinal(&self) -> usize {
                self.ordinal
            }
        }
    };
}

metric_kind! {
    /// A counter with the label set `L`.
    Counter
}
metric_kind! {
    /// A gauge with the label set `L`.
    Gauge
}
metric_kind! {
    /// A histogram with the label set `L`.
    Histogram
}
