//! What takes charts and manifests: Helm, Kubernetes' API server, Istio's CRDs, and Istio's own code.

pub mod api_server;
pub mod crds;
pub mod istio;

pub use api_server::ApiServer;

use crate::go::GoProgram;

/// Helm 3, the command-line program.
pub const HELM_3: GoProgram = GoProgram {
    name: "helm3",
    module: "cluster",
    package: "helm.sh/helm/v3/cmd/helm",
    // Without them it takes Kubernetes 1.20 for the newest there is.
    variables: &[
        ("helm.sh/helm/v3/internal/version.version", "v3.22.0"),
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", "37"),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", "37"),
    ],
};
/// Helm 4, the command-line program.
pub const HELM_4: GoProgram = GoProgram {
    name: "helm4",
    module: "cluster",
    package: "helm.sh/helm/v4/cmd/helm",
    variables: &[("helm.sh/helm/v4/internal/version.version", "v4.3.1")],
};
