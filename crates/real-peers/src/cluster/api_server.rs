//! Kubernetes' API server with its etcd, and nothing behind it: no scheduler, no kubelet, no controllers.
//!
//! It stores objects, checks them against the schemas and CEL rules of their CRDs, and answers Helm and kubectl as any
//! cluster would. A pod stays `Pending` for ever.
//!
//! ```no_run
//! use real_peers::cluster::{ApiServer, crds};
//!
//! # fn main() -> anyhow::Result<()> {
//! let cluster = ApiServer::start()?;
//! cluster.install_crds(&crds::istio()?)?;
//! cluster.kubectl(&["create", "namespace", "mail"])?;
//! cluster.check("apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n…", "mail")?;
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use rcgen::{CertificateParams, KeyPair};

use crate::Peer;
use crate::daemon::Daemon;
use crate::debian::{Bundle, Program};
use crate::folders::peers_folder;
use crate::go::GoProgram;
use crate::instance::free_port;

/// The API server, as Kubernetes releases it.
pub const KUBE_APISERVER: GoProgram = GoProgram {
    name: "kube-apiserver",
    module: "cluster",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    // Helm compares it with what a chart says that it needs.
    variables: &[
        ("k8s.io/component-base/version.gitVersion", "v1.37.2"),
        ("k8s.io/component-base/version.gitMajor", "1"),
        ("k8s.io/component-base/version.gitMinor", "37"),
    ],
};

/// The bearer token of the only user, who may do everything. It opens nothing but a server on loopback that lives as
/// long as a test.
const TOKEN: &str = "administrator-of-a-server-on-loopback";

/// What Kubernetes runs in other processes, or needs them for: accounts' tokens come from a controller, which does not
/// run here.
const SWITCHED_OFF: &str = "--disable-admission-plugins=ServiceAccount";

/// The server answers an unknown field with a warning.
const STRICTLY: &str = "--warnings-as-errors";

/// Numbers folders and files of this process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A running API server. Dropping it ends it and removes what it stored.
pub struct ApiServer {
    // In this order they end: the server first, then what it stores in.
    server: Daemon,
    _etcd: Daemon,
    /// Removed with etcd.
    folder: PathBuf,
    kubectl: PathBuf,
}

impl ApiServer {
    /// Starts etcd and an API server on ports of their own on 127.0.0.1, and waits until it is ready. Needs no root.
    ///
    /// # Errors
    /// When a program is missing, or does not become ready; with the end of its log.
    pub fn start() -> Result<Self> {
        let program = Peer::KubeApiServer.require()?;
        let bundle = Bundle::ETCD.find().context("Debian's etcd is not in the target folder")?;
        let folder = new_folder()?;
        let (etcd, etcd_port) = start_etcd(&bundle, &folder)?;
        let files = Files::write(&folder)?;
        let port = free_port()?;
        let mut command = Command::new(program);
        command
            .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
            .args(["--bind-address=127.0.0.1", &format!("--secure-port={port}")])
            .args([option("tls-cert-file", &files.certificate), option("tls-private-key-file", &files.key)])
            .arg(option("token-auth-file", &files.tokens))
            .args(["--authorization-mode=AlwaysAllow", SWITCHED_OFF])
            .args(["--service-account-issuer=https://kubernetes.default.svc"])
            .arg(option("service-account-signing-key-file", &files.key))
            .arg(option("service-account-key-file", &files.public_key))
            .arg("--service-cluster-ip-range=10.96.0.0/16")
            .arg(option("cert-dir", &folder));
        let server = Daemon::start("kube-apiserver", &command, &folder.join("kube-apiserver.log"))?;
        let kubeconfig = kubeconfig(port, &files.certificate_pem);
        fs::write(folder.join("kubeconfig"), kubeconfig)?;
        let cluster = Self { server, _etcd: etcd, folder, kubectl: bundle.join("usr/bin/kubectl") };
        // `default` is made by the server itself, after it says that it is ready.
        cluster.server.wait_until("kube-apiserver to be ready", || {
            let ready = cluster.kubectl(&["get", "--raw=/readyz"]).is_ok_and(|said| said == "ok");
            Ok((ready && cluster.kubectl(&["get", "namespace", "default"]).is_ok()).then_some(()))
        })?;
        Ok(cluster)
    }

    /// The file that tells Helm and kubectl where it is and who they are.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Runs kubectl and returns its standard output.
    ///
    /// # Errors
    /// When it fails; with what it wrote to standard error.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl_with(arguments, "")
    }

    /// Creates or changes what the manifests (YAML, several documents) say, unknown fields refused. `namespace` is for
    /// objects that name none.
    ///
    /// # Errors
    /// What the server refuses, in its words.
    pub fn apply(&self, manifests: &str, namespace: &str) -> Result<String> {
        self.apply_with(manifests, namespace, &[])
    }

    /// Has the server check the manifests as [`Self::apply`] would, without storing anything: structure, unknown fields,
    /// and the CRDs' CEL rules.
    ///
    /// # Errors
    /// What the server refuses, in its words.
    pub fn check(&self, manifests: &str, namespace: &str) -> Result<()> {
        self.apply_with(manifests, namespace, &["--dry-run=server"]).map(drop)
    }

    fn apply_with(&self, manifests: &str, namespace: &str, more: &[&str]) -> Result<String> {
        // Not by --namespace: with that kubectl refuses objects of other namespaces.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let kubeconfig = self.folder.join(format!("kubeconfig-{number}"));
        let there = fs::read_to_string(self.kubeconfig())?;
        fs::write(&kubeconfig, there.replace("namespace: default", &format!("namespace: {namespace}")))?;
        let arguments = ["apply", "--server-side", STRICTLY, "--filename=-"];
        self.run_kubectl(&kubeconfig, &[&arguments[..], more].concat(), manifests)
    }

    /// Installs the CRDs of a file, and waits until the server serves them.
    ///
    /// # Errors
    /// When the file holds something else, or the server refuses it.
    pub fn install_crds(&self, file: &Path) -> Result<()> {
        let file = file.to_str().context("a path that is not text")?;
        self.kubectl(&["apply", "--server-side", "--filename", file])?;
        self.kubectl(&["wait", "--for=condition=established", "--timeout=60s", "--filename", file]).map(drop)
    }

    /// Runs kubectl with something on its standard input, and returns its standard output.
    ///
    /// # Errors
    /// When it fails; with what it wrote to standard error.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        self.run_kubectl(&self.kubeconfig(), arguments, input)
    }

    fn run_kubectl(&self, kubeconfig: &Path, arguments: &[&str], input: &str) -> Result<String> {
        let mut child = Command::new(&self.kubectl)
            .args(arguments)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            // Where it keeps what it learnt about the server.
            .env("HOME", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting kubectl")?;
        // Closed when written, so that kubectl sees the end.
        child.stdin.take().context("kubectl without input")?.write_all(input.as_bytes())?;
        said("kubectl", &child.wait_with_output()?)
    }
}

/// Standard output of a program that succeeded.
fn said(program: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn new_folder() -> Result<PathBuf> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = peers_folder().join("run").join(format!("kube-apiserver-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Starts etcd; returns the port of its client interface.
fn start_etcd(bundle: &Path, folder: &Path) -> Result<(Daemon, u16)> {
    let port = free_port()?;
    let clients = format!("http://127.0.0.1:{port}");
    let peers = format!("http://127.0.0.1:{}", free_port()?);
    let mut command = Program::of(bundle)?.command("usr/bin/etcd");
    command
        .arg("--data-dir")
        .arg(folder.join("etcd"))
        .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
        .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
        .args(["--initial-cluster", &format!("default={peers}")])
        // What it stores is thrown away with it: no need to wait for the disk.
        .arg("--unsafe-no-fsync");
    let etcd = Daemon::start_in("etcd", &command, &folder.join("etcd.log"), folder)?;
    etcd.wait_until("etcd to listen", || Ok(crate::instance::is_listening(port)?.then_some(())))?;
    Ok((etcd, port))
}

/// What the API server is started with.
struct Files {
    certificate: PathBuf,
    certificate_pem: String,
    key: PathBuf,
    public_key: PathBuf,
    tokens: PathBuf,
}

impl Files {
    fn write(folder: &Path) -> Result<Self> {
        let key = KeyPair::generate()?;
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let files = Self {
            certificate: folder.join("certificate.pem"),
            certificate_pem: CertificateParams::new(names)?.self_signed(&key)?.pem(),
            key: folder.join("key.pem"),
            public_key: folder.join("public-key.pem"),
            tokens: folder.join("tokens.csv"),
        };
        fs::write(&files.certificate, &files.certificate_pem)?;
        fs::write(&files.key, key.serialize_pem())?;
        fs::write(&files.public_key, key.public_key_pem())?;
        fs::write(&files.tokens, format!("{TOKEN},administrator,administrator,system:masters\n"))?;
        Ok(files)
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn kubeconfig(port: u16, certificate: &str) -> String {
    use base64::Engine;
    let certificate = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: loopback\n  \
           cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority-data: {certificate}}}\n\
         users:\n\
         - name: administrator\n  \
           user: {{token: {TOKEN}}}\n\
         contexts:\n\
         - name: loopback\n  \
           context: {{cluster: loopback, user: administrator, namespace: default}}\n\
         current-context: loopback\n"
    )
}

/// Where it is, or why it is not.
pub(crate) fn find() -> Result<PathBuf, String> {
    Bundle::ETCD.find().ok_or("Debian's etcd and kubectl are not in the target folder yet")?;
    KUBE_APISERVER.find().ok_or_else(|| "it is not built from its Go sources yet".to_owned())
}

/// Builds it, and downloads etcd and kubectl.
pub(crate) fn install() -> Result<()> {
    if Bundle::ETCD.find().is_none() {
        Bundle::ETCD.install()?;
    }
    KUBE_APISERVER.install().map(drop)
}
