//! An Envoy with both filters, under load, and a Prometheus that scrapes it: one for all tests.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use envoy_runner::{Delivery, EnvoyBinary, Listener, NEWEST_ENVOY, WasmFilter};
use filterctl::workspace::Workspace;
use real_peers::observability::Prometheus;
use serde_json::json;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::subject::{Ground, Subject};
use crate::both_ends::{directory, mail};
use crate::{load, rules};

/// What Envoy and the filters call the hop.
pub(crate) const REPORTER: &str = "inbound";

/// The Envoy, and its observer.
pub(crate) struct Scene {
    /// Never stopped: it ends with this process.
    _bridge: Bridge,
    /// The Prometheus, which has seen Envoy before, between and after conversations that have something for every metric.
    pub(crate) prometheus: Prometheus,
}

/// The scene, set when the first test asks for it.
pub(crate) fn scene() -> Result<&'static Scene> {
    static SCENE: OnceLock<Result<Scene, String>> = OnceLock::new();
    let scene = SCENE.get_or_init(|| set().map_err(|error| format!("{error:#}")));
    scene.as_ref().map_err(|error| anyhow!("{error}"))
}

fn set() -> Result<Scene> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observability");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("clearing the folder of the last run")?;
    }
    let binary = EnvoyBinary::install(NEWEST_ENVOY, &Workspace::find()?.envoy_installs(), &mut |step| {
        eprintln!("{step}");
    })?;
    let ground = |subject| Ground { binary: binary.clone(), subject, folder: folder.join("envoy") };
    // By ECDS, so that Envoy counts that too.
    let filter = |subject: &'static Subject, prefix: &str| -> Result<WasmFilter> {
        let configuration = json!({"stat_prefix": prefix, "reporter": REPORTER, "level": "detailed", "events": {"enabled": true}});
        Ok(ground(subject).filter(&configuration)?.delivery(Delivery::File))
    };
    fs::create_dir_all(folder.join("envoy"))?;
    let bridge = Bridge::start(&ground(&mail::SMTP), |upstream| {
        Ok(vec![
            Listener::new(load::MAIL, upstream.clone()).filter(filter(&mail::SMTP, "mx")?),
            Listener::new(load::DIRECTORY, upstream.clone()).filter(filter(&directory::LDAP, "users")?),
        ])
    })?;
    let admin: SocketAddr = bridge.envoy.admin_address();
    let rules = rules::files()?;
    let rules: Vec<&Path> = rules.iter().map(PathBuf::as_path).collect();
    let prometheus = Prometheus::start(&folder.join("prometheus"), &[admin], &rules)?;
    prometheus.wait_for("up == 1", |samples| samples.len() == 1)?;
    // Rates need a before and an after: each round is seen before the next one begins.
    for round in 1..=3 {
        load::play(&bridge)?;
        // The last connection of a round ends like that.
        let seen = format!("ldap_connections_closed_total{{ending=\"server\"}} >= {round}");
        prometheus.wait_for(&seen, |samples| !samples.is_empty())?;
    }
    Ok(Scene { _bridge: bridge, prometheus })
}
