//! The metric catalogue of the enterprise filter suite: *pure declaration*.
//!
//! A metric is declared once, with its name, kind, help, labels and level. From that one declaration come
//! the stat name that Envoy sees ([`StatName`]), the tag rules that turn it into a labelled Prometheus metric
//! ([`stats_tags`]), the dense table of series that a filter counts into ([`Catalogue::series`]), and the
//! documents. This crate knows neither Envoy's ABI nor the SDK.
//!
//! ```
//! use common_metrics::{Label, catalogue, label};
//!
//! label! {
//!     /// The verb of a command.
//!     pub enum Verb: "verb" { Mail = "MAIL", Rcpt = "RCPT", Other = "other" }
//! }
//!
//! catalogue! {
//!     /// What a mail filter counts.
//!     pub static MAIL: "mail" {
//!         /// Commands seen, by verb.
//!         counter COMMANDS: Verb = "commands_total", Summary, FromStart;
//!         /// Time from command to reply.
//!         histogram LATENCY: () = "reply_latency_microseconds", Detailed, OnUse;
//!     }
//! }
//!
//! assert_eq!(MAIL.series(common_metrics::Level::Summary), 3);
//! assert_eq!(Verb::Rcpt.as_str(), "RCPT");
//! assert_eq!(COMMANDS.spec().name, "commands_total");
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod buckets;
mod catalogue;
mod label;
mod label_set;
mod metric;
mod recorder;
mod stat_name;
mod tags;

pub use buckets::HISTOGRAM_BUCKETS;
pub use catalogue::{Catalogue, Violation};
pub use label::{Dimension, Label, Labels};
pub use label_set::LabelSet;
pub use metric::{Counter, Export, Gauge, Histogram, Kind, Level, Metric, MetricSpec};
pub use recorder::{Recorder, Tally};
pub use stat_name::{StatName, is_label_value};
pub use tags::{StatsTag, stats_tags};
