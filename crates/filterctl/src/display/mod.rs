//! Shows a filter's metrics while they change: a live table on a terminal, short snapshots elsewhere.

mod document;
mod ldap;
mod overview;
mod screen;
mod smtp;
mod snapshot;
mod stop;
mod units;
mod watch;

pub use document::{MetricDocument, ValueDocument, metrics};
pub use ldap::LDAP;
pub use overview::{CountPanel, Latency, LatencyRows, Layout, Overview, Panel, Share};
pub use smtp::SMTP;
pub use stop::Stop;
pub use watch::{BetweenLooks, Headline, Lines, Output, Watch};

pub(crate) use snapshot::Snapshot;
