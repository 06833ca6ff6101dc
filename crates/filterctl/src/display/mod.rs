//! Shows a filter's metrics while they change: a live table on a terminal, short snapshots elsewhere.

mod document;
mod layout;
mod ldap;
mod overview;
mod screen;
mod smtp;
mod snapshot;
mod stop;
mod tone;
mod units;
mod watch;

pub use document::{MetricDocument, ValueDocument, metrics};
pub use layout::{Chart, CountPanel, LatencyRows, Layout, Shows};
pub use ldap::LDAP;
pub use overview::{Latency, Overview, Panel, Share};
pub use smtp::SMTP;
pub use stop::Stop;
pub use tone::Tone;
pub use watch::{BetweenLooks, Headline, Lines, News, Output, Watch};

pub(crate) use overview::{by_labels, open_connections};
pub(crate) use snapshot::Snapshot;
