//! What a release is pushed to and pulled with: a container registry and skopeo, both Debian's, run where they are
//! unpacked; and the part of Istio's agent that fetches modules.

mod registry;
mod skopeo;

pub use registry::{PASSWORD, Registry, USERNAME};
pub use skopeo::Skopeo;

use crate::go::GoProgram;

/// Istio's agent, as far as it fetches modules: `istio-agent FOLDER URL SHA256 [INSECURE-HOST]`.
pub const ISTIO_AGENT: GoProgram =
    GoProgram { name: "istio-agent", module: "istio-agent", package: ".", variables: &[] };
