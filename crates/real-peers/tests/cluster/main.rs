//! The API server takes what it should, refuses what it should, and leaves nothing behind. A machine that cannot run it
//! shows these as ignored; with `CI=true` they are failures.

#[path = "../trial.rs"]
mod trial;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, bail, ensure};
use libtest_mimic::Arguments;
use real_peers::Peer;
use real_peers::cluster::{ApiServer, crds};
use trial::trial;

/// One server for all tests: each has a namespace of its own, or stores nothing.
type Shared = Arc<OnceLock<Result<ApiServer, String>>>;

/// A name, and what it does with the server.
type Test = (&'static str, fn(&ApiServer) -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(missing) = real_peers::install(&[Peer::KubeApiServer])
    {
        eprintln!("{missing:#}");
        return ExitCode::FAILURE;
    }
    let shared = Shared::default();
    let tests: [Test; 4] = [
        ("what fits Istio's definitions is taken", what_fits_is_taken),
        ("a field that Istio does not know is refused", an_unknown_field_is_refused),
        ("what a rule of Istio's forbids is refused", what_a_rule_forbids_is_refused),
        ("what is applied can be read back", what_is_applied_can_be_read_back),
    ];
    let mut trials: Vec<_> = tests
        .into_iter()
        .map(|(name, test)| {
            let shared = Arc::clone(&shared);
            trial(name, &[Peer::KubeApiServer], move || test(server(&shared)?))
        })
        .collect();
    trials.push(trial("a server leaves nothing behind", &[Peer::KubeApiServer], nothing_is_left));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn server(shared: &Shared) -> Result<&ApiServer> {
    let started = shared.get_or_init(|| {
        let start = || {
            let server = ApiServer::start()?;
            server.install_crds(&crds::istio()?)?;
            anyhow::Ok(server)
        };
        start().map_err(|error| format!("{error:#}"))
    });
    started.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// A WasmPlugin with this line more in its `spec`.
fn plugin(line: &str) -> String {
    format!(
        "apiVersion: extensions.istio.io/v1alpha1\n\
         kind: WasmPlugin\n\
         metadata: {{name: mail}}\n\
         spec:\n  \
           url: oci://registry.example.com/envoy-filters/smtp-filter:0.1.0\n  \
           type: NETWORK\n  \
           {line}\n"
    )
}

fn refused(server: &ApiServer, manifest: &str, reason: &str) -> Result<()> {
    let Err(error) = server.check(manifest, "default") else { bail!("it was taken:\n{manifest}") };
    let said = format!("{error:#}");
    ensure!(said.contains(reason), "{said:?} does not say {reason:?}");
    Ok(())
}

fn what_fits_is_taken(server: &ApiServer) -> Result<()> {
    server.check(&plugin("match: [{mode: SERVER, ports: [{number: 25}]}]"), "default")
}

fn an_unknown_field_is_refused(server: &ApiServer) -> Result<()> {
    refused(server, &plugin("failureStrategy: FAIL_OPEN"), "unknown field \"failureStrategy\"")
}

fn what_a_rule_forbids_is_refused(server: &ApiServer) -> Result<()> {
    let both = "selector: {matchLabels: {app: mail}}\n  targetRefs: [{kind: Service, name: mail}]";
    refused(server, &plugin(both), "only one of targetRefs or selector can be set")?;
    refused(server, &plugin("match: [{ports: [{number: 65536}]}]"), "65535")
}

fn what_is_applied_can_be_read_back(server: &ApiServer) -> Result<()> {
    server.kubectl(&["create", "namespace", "read-back"])?;
    server.apply(&plugin("priority: 7"), "read-back")?;
    let query = ["get", "wasmplugin", "mail", "--namespace=read-back", "--output=jsonpath={.spec.priority}"];
    let priority = server.kubectl(&query)?;
    ensure!(priority == "7", "{priority:?}");
    Ok(())
}

fn nothing_is_left() -> Result<()> {
    let server = ApiServer::start()?;
    let kubeconfig = server.kubeconfig();
    let port: u16 = std::fs::read_to_string(&kubeconfig)?
        .split_once("https://127.0.0.1:")
        .and_then(|(_, rest)| rest.split_once('\''))
        .and_then(|(port, _)| port.parse().ok())
        .ok_or_else(|| anyhow::anyhow!("no port in the kubeconfig"))?;
    ensure!(real_peers::instance::is_listening(port)?, "nothing listens on {port}");
    drop(server);
    ensure!(!real_peers::instance::is_listening(port)?, "something listens on {port} still");
    ensure!(!kubeconfig.exists(), "{} is there still", kubeconfig.display());
    Ok(())
}
