//! Istio's own code, asked what it makes of manifests: its admission checks, its pilot, and its agent's bootstrap.
//!
//! All three are built into one program from `go/istio/`, which reads files and prints JSON. No cluster runs: pilot gets
//! the resources that an API server would give it, and proxies that ask.
//!
//! ```no_run
//! use real_peers::cluster::istio::{self, Proxy};
//!
//! # fn main() -> anyhow::Result<()> {
//! let manifests = ["deploy/istio/smtp-service.yaml".as_ref(), "deploy/istio/smtp-inbound.yaml".as_ref()];
//! let postfix = Proxy::sidecar("mail", &[("app", "postfix")]);
//! let sent = &istio::configure(&manifests, "", &[postfix])?[0];
//! for chain in sent.chains() {
//!     println!("{} {:?}: {:?}", chain.listener, chain.port, chain.filters());
//! }
//! # Ok(())
//! # }
//! ```

mod chain;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use chain::Chain;

use crate::Peer;
use crate::go::{GoProgram, toolchain};

/// The program, and the version of Istio in it: `go/istio/go.mod` says which.
pub const ISTIO: GoProgram = GoProgram { name: "istio", module: "istio", package: ".", variables: &[] };

/// Where Istio's source has the template of Envoy's bootstrap, and what it is called beside the program.
const TEMPLATE: (&str, &str) = ("tools/packaging/common/envoy_bootstrap.json", "envoy_bootstrap.json");

/// Which part of a mesh a proxy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyKind {
    /// Beside an application, in its pod.
    Sidecar,
    /// An ingress or egress gateway.
    Gateway,
    /// A waypoint of an ambient mesh.
    Waypoint,
}

/// An Envoy that asks pilot for its configuration.
#[derive(Clone, Debug, Serialize)]
pub struct Proxy {
    kind: ProxyKind,
    namespace: String,
    labels: BTreeMap<String, String>,
    metadata: BTreeMap<String, Value>,
}

impl Proxy {
    /// A proxy of a pod with these labels. Services select it by them.
    #[must_use]
    pub fn new(kind: ProxyKind, namespace: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { kind, namespace: namespace.to_owned(), labels, metadata: BTreeMap::new() }
    }

    /// A sidecar.
    #[must_use]
    pub fn sidecar(namespace: &str, labels: &[(&str, &str)]) -> Self {
        Self::new(ProxyKind::Sidecar, namespace, labels)
    }

    /// A gateway.
    #[must_use]
    pub fn gateway(namespace: &str, labels: &[(&str, &str)]) -> Self {
        Self::new(ProxyKind::Gateway, namespace, labels)
    }

    /// What its pod sets as `ISTIO_META_<name>`, such as `IDLE_TIMEOUT`.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }
}

/// What pilot sends to a proxy, as far as it concerns listeners.
#[derive(Clone, Debug, Deserialize)]
pub struct Configuration {
    /// `envoy.config.listener.v3.Listener`, as JSON.
    pub listeners: Vec<Value>,
    /// The `envoy.config.core.v3.TypedExtensionConfig` that the listeners refer to (ECDS), as JSON. Envoy does not see
    /// remote code in them: Istio's agent fetches it and puts a file there.
    pub extensions: Vec<Value>,
}

/// What Istio's admission webhook says about a resource.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// The file that it stands in.
    pub file: PathBuf,
    /// Its kind, such as `WasmPlugin`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether the kind is Istio's. About others nothing is said.
    pub istio: bool,
    /// Why it is refused.
    pub errors: Vec<String>,
    /// What it is accepted with.
    pub warnings: Vec<String>,
}

/// Asks Istio's admission checks about every resource in the files (YAML, several documents each).
///
/// # Errors
/// When Istio's code is not built, or a file is not YAML. A refused resource is no error here.
pub fn validate(manifests: &[&Path]) -> Result<Vec<Verdict>> {
    let mut command = Command::new(Peer::Istio.require()?);
    command.arg("validate").args(manifests);
    serde_json::from_slice(&run(command, &[])?).context("reading the verdicts")
}

/// Has pilot configure the proxies, in a cluster that holds what the files say: Istio's resources, Services, the Gateway
/// API. What pilot does not read, such as a Deployment, is passed over. `mesh` is a MeshConfig in YAML; what it leaves
/// out is Istio's default. Returns a configuration for each proxy.
///
/// # Errors
/// When Istio's code is not built, a resource cannot be read, or pilot does not become ready.
pub fn configure(manifests: &[&Path], mesh: &str, proxies: &[Proxy]) -> Result<Vec<Configuration>> {
    #[derive(Serialize)]
    struct Request<'a> {
        manifests: &'a [&'a Path],
        mesh: &'a str,
        proxies: &'a [Proxy],
    }
    #[derive(Deserialize)]
    struct Answer {
        proxies: Vec<Configuration>,
    }
    let answer: Answer = ask("configure", &Request { manifests, mesh, proxies })?;
    Ok(answer.proxies)
}

/// The listeners that pilot sends to one proxy, in a mesh with Istio's defaults: as [`configure`].
///
/// # Errors
/// As [`configure`].
pub fn listeners(manifests: &[&Path], proxy: &Proxy) -> Result<Configuration> {
    let mut configurations = configure(manifests, "", std::slice::from_ref(proxy))?;
    configurations.pop().context("pilot sent nothing")
}

/// The bootstrap that Istio's agent writes for Envoy in a pod with these annotations. Of `mesh`, a MeshConfig in YAML,
/// `defaultConfig` counts.
///
/// # Errors
/// When Istio's code is not built, or refuses what it is given.
pub fn bootstrap(mesh: &str, annotations: &BTreeMap<String, String>) -> Result<Value> {
    #[derive(Serialize)]
    struct Request<'a> {
        template: &'a Path,
        mesh: &'a str,
        annotations: &'a BTreeMap<String, String>,
    }
    let template = Peer::Istio.require()?.with_file_name(TEMPLATE.1);
    ask("bootstrap", &Request { template: &template, mesh, annotations })
}

fn ask<Answer: for<'a> Deserialize<'a>>(command: &str, request: &impl Serialize) -> Result<Answer> {
    let mut program = Command::new(Peer::Istio.require()?);
    program.arg(command);
    let answer = run(program, &serde_json::to_vec(request)?)?;
    serde_json::from_slice(&answer).with_context(|| format!("reading the answer to {command}"))
}

/// Runs the program with that input; returns its output.
fn run(mut command: Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting Istio's code")?;
    // Closed when written: it reads to the end before it writes.
    child.stdin.take().context("a program without input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Where it is, or why it is not.
pub(crate) fn find() -> Result<PathBuf, String> {
    ISTIO
        .find()
        .filter(|program| program.with_file_name(TEMPLATE.1).is_file())
        .ok_or_else(|| "it is not built from its Go sources yet".to_owned())
}

/// Builds it, and copies the template of the bootstrap out of Istio's sources.
pub(crate) fn install() -> Result<()> {
    let program = ISTIO.install()?;
    let template = sources()?.join(TEMPLATE.0);
    // Renamed into place when it is complete.
    let partial = program.with_file_name("partial-template");
    fs::write(&partial, fs::read(&template).with_context(|| format!("reading {}", template.display()))?)?;
    fs::rename(&partial, program.with_file_name(TEMPLATE.1))?;
    Ok(())
}

/// The folder of Istio's sources.
fn sources() -> Result<PathBuf> {
    let output = Command::new(toolchain()?)
        .args(["list", "-mod=readonly", "-m", "-f={{.Dir}}", "istio.io/istio"])
        .current_dir(ISTIO.folder())
        .env("GOTOOLCHAIN", "auto")
        .stdin(Stdio::null())
        .output()
        .context("starting go")?;
    let folder = String::from_utf8(output.stdout)?.trim().to_owned();
    if folder.is_empty() {
        bail!("go list: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(folder.into())
}
