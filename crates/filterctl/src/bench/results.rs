//! Everything that a run measured: what `--json` prints.

use serde::{Deserialize, Serialize};

use super::copying::Copying;
use super::cost::Cost;
use super::crowd::Crowd;
use super::idle::Idle;
use super::latency::Latency;
use super::scanning::Scanning;
use super::series::Series;
use super::size::Size;
use super::start::Start;

/// The form of [`Results`]. Fields may be added to it without a new number; none changes its meaning.
pub(super) const FORMAT: u32 = 1;

/// What a run measured. Parts that were not run are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The form of this document: 1.
    pub format: u32,
    /// The version of Envoy.
    pub envoy: String,
    /// The version of the filters.
    pub version: String,
    /// Cores of the machine that the run could use.
    pub cores: usize,
    /// How long the run took, in seconds, without building modules.
    pub seconds: f64,
    /// CPU time of Envoy's worker for each load.
    #[serde(default)]
    pub costs: Vec<Cost>,
    /// Time that clients wait.
    #[serde(default)]
    pub latencies: Vec<Latency>,
    /// Memory of idle connections.
    #[serde(default)]
    pub idle: Vec<Idle>,
    /// Cost with more and more connections.
    #[serde(default)]
    pub crowds: Vec<Crowd>,
    /// Cost with more and more operations in one connection.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Start of the modules.
    #[serde(default)]
    pub starts: Vec<Start>,
    /// Size of the modules.
    #[serde(default)]
    pub sizes: Vec<Size>,
    /// How much of a large result is copied into the module.
    #[serde(default)]
    pub copying: Option<Copying>,
    /// How fast mail is scanned.
    #[serde(default)]
    pub scanning: Vec<Scanning>,
}
