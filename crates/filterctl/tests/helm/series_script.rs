//! The script that the pod of `helm test` runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::helm::{chart, scratch};

/// Statistics as a proxy exports them, what the script says about them, and whether it is content.
const CASES: [(&str, &str, bool); 4] = [
    (
        "smtp_connections_opened_total{reporter=\"inbound\",stat_prefix=\"mail-relay\"} 0\n",
        "the filter runs: smtp_connections_opened_total",
        true,
    ),
    (
        "smtp_connections_opened_total{reporter=\"inbound\",stat_prefix=\"another\"} 7\n",
        "the proxy does not export",
        false,
    ),
    (
        "smtp_stat_prefix___mail_relay____reporter___inbound____connections_opened_total{} 0\n",
        "have no labels: set extraStatTags",
        false,
    ),
    ("envoy_server_live{} 1\n", "the proxy does not export", false),
];

/// What it says fits what it sees.
pub(crate) fn tells() -> Result<()> {
    let folder = scratch().join("script");
    fs::create_dir_all(&folder)?;
    let script = chart().join("scripts/series.sh");
    let run = |wget: &str| -> Result<(String, bool)> {
        let file = folder.join("wget");
        fs::write(&file, format!("#!/bin/sh\n{wget}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .arg(&script)
            .env("PATH", format!("{}:{path}", folder.display()))
            .envs([("URL", "http://mail-relay:15020/stats/prometheus"), ("FILTER", "smtp")])
            .env("STAT_PREFIX", "mail-relay")
            .output()?;
        Ok((String::from_utf8(output.stdout)?, output.status.success()))
    };
    for (stats, words, content) in CASES {
        fs::write(folder.join("stats"), stats)?;
        let (said, succeeded) = run(&format!("cat '{}'", folder.join("stats").display()))?;
        ensure!(said.contains(words) && succeeded == content, "{stats:?}: {said:?}");
    }
    let (said, succeeded) = run("exit 1")?;
    ensure!(said.contains("no proxy answers at http://mail-relay:15020") && !succeeded, "{said:?}");
    fs::remove_dir_all(&folder)?;
    Ok(())
}
