//! An Envoy whose listener comes from a file that it watches (LDS).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use envoy_runner::{Bootstrap, Envoy, Listener, StartOptions, Upstream, WasmFilter};
use real_peers::instance::free_port;
use real_peers::wait_until;
use serde_json::{Value, json};

use crate::both_ends::bridge::{self, Bridge, LISTENER};
use crate::both_ends::counts;
use crate::both_ends::subject::Ground;

/// An Envoy with one listener, [`LISTENER`], that comes from a file.
pub(crate) struct ListenerFile {
    pub(crate) bridge: Bridge,
    folder: PathBuf,
    upstream: Upstream,
    port: u16,
}

impl ListenerFile {
    /// Starts Envoy with this filter in the file.
    pub(crate) fn start(ground: &Ground, filter: WasmFilter, options: &StartOptions) -> Result<Self> {
        let server = bridge::listen()?;
        let upstream = Upstream::new("127.0.0.1", server.local_addr()?.port());
        let port = free_port()?;
        let folder = ground.folder.clone();
        let bootstrap = bridge::bootstrap(vec![listener(port, &upstream, filter)]);
        let mut config = bootstrap.to_json(&folder);
        let listeners = config["static_resources"]["listeners"].take();
        config["dynamic_resources"] = json!({"lds_config": {
            "path_config_source": {"path": folder.join(FILE)},
            "resource_api_version": "V3",
        }});
        replace(&folder, &listeners)?;
        let file = folder.join("envoy.json");
        fs::write(&file, format!("{config:#}\n"))?;
        let envoy = Envoy::start_with_file(&ground.binary, &file, &folder, options)?;
        let bridge = Bridge { envoy, server, subject: ground.subject };
        wait_until("the listener", || Ok(bridge.envoy.address(LISTENER).ok()))?;
        Ok(Self { bridge, folder, upstream, port })
    }

    /// Puts another filter into the file, and waits until Envoy has counted one more of `outcome` (`update_success`,
    /// `update_rejected`).
    pub(crate) fn update(&self, filter: WasmFilter, outcome: &str) -> Result<()> {
        let series = format!("envoy_listener_manager_lds_{outcome}");
        let before = counts::count(&self.bridge.envoy.scrape()?, &series);
        let bootstrap = Bootstrap::new().listener(listener(self.port, &self.upstream, filter));
        let mut config = bootstrap.to_json(&self.folder);
        replace(&self.folder, &config["static_resources"]["listeners"].take())?;
        self.bridge.counts(&format!("{series} {}", before + 1.0)).context("the listener's file")?;
        Ok(())
    }
}

const FILE: &str = "listeners.json";

fn listener(port: u16, upstream: &Upstream, filter: WasmFilter) -> Listener {
    Listener::new(LISTENER, upstream.clone()).port(port).filter(filter)
}

/// Writes the file beside the old one, then over it: Envoy watches for that.
fn replace(folder: &Path, listeners: &Value) -> Result<()> {
    let mut resources = listeners.clone();
    for resource in resources.as_array_mut().into_iter().flatten() {
        resource["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    }
    let beside = folder.join(format!("{FILE}.new"));
    fs::write(&beside, format!("{:#}\n", json!({"resources": resources})))?;
    Ok(fs::rename(&beside, folder.join(FILE))?)
}
