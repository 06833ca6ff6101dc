//! One metric of each kind.

use common_metrics::catalogue;

catalogue! {
    /// What scripts count, with the label `extension`.
    pub static SCENARIO: "scenario" {
        /// Counted by the action `count`.
        counter COUNTED: () = "counted_total", Summary, OnUse;
        /// Shifted by the action `shift`.
        gauge SHIFTED: () = "shifted", Summary, OnUse;
        /// Recorded by the action `record`.
        histogram RECORDED: () = "recorded_bytes", Summary, OnUse;
    }
}
