//! How large the modules are.

use serde::{Deserialize, Serialize};

use super::ground::Ground;

/// The most that a module may be, in octets, after optimisation.
const LIMITS: [(&str, u64); 2] = [("smtp-filter", 300_000), ("ldap-filter", 400_000)];

/// How large a module is, in octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// The module: `smtp-filter`.
    pub module: String,
    /// The file that Envoy loads.
    pub octets: u64,
    /// Whether wasm-opt has been over it. Without that it is larger than what is released.
    pub optimised: bool,
    /// The most that it may be; only the suite's filters have a limit.
    pub at_most: Option<u64>,
    /// Whether it is not more than that.
    pub met: Option<bool>,
}

/// The modules of this run.
pub(super) fn measure(ground: &Ground) -> Vec<Size> {
    let of_one = |artifact: &crate::build::Artifact| {
        let limit = LIMITS.iter().find(|(module, _)| *module == artifact.package);
        let at_most = limit.map(|(_, octets)| *octets);
        Size {
            module: artifact.package.clone(),
            octets: artifact.size,
            optimised: artifact.optimised,
            at_most,
            met: at_most.map(|most| artifact.size <= most),
        }
    };
    ground.artifacts().map(of_one).collect()
}
