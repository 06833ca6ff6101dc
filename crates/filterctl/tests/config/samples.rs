//! Where `filterctl config` and the samples in deploy/envoy say the same thing, they say it in the same way.

use std::fs;

use anyhow::{Context, Result, ensure};
use filterctl::workspace::Workspace;
use serde_json::Value;

use crate::chart::read_strings;
use crate::{Test, config};

pub(crate) const TESTS: &[Test] = &[
    ("samples: the filter of smtp-relay.yaml", || filter("smtp", "25", "smtp-relay.yaml", "relay")),
    ("samples: the filter of ldap-directory.yaml", || filter("ldap", "389", "ldap-directory.yaml", "ldap")),
    ("samples: listeners and statistics of smtp-relay.yaml", || {
        around("smtp", &["25", "587"], "smtp-relay.yaml")
    }),
    ("samples: listeners and statistics of ldap-directory.yaml", || {
        around("ldap", &["389", "3268"], "ldap-directory.yaml")
    }),
];

fn filter(filter: &str, port: &str, sample: &str, listener: &str) -> Result<()> {
    let part = config(&[filter, "--for", "envoy", "--part", "filter", "--listener", port])?;
    let part: Value = serde_saphyr::from_str(&part)?;
    let sample = read(sample)?;
    let theirs = &listener_of(&sample, listener)?["filter_chains"][0]["filters"][0];
    same(&part[0], theirs)
}

fn around(filter: &str, ports: &[&str], sample: &str) -> Result<()> {
    let ports = ports.iter().flat_map(|port| ["--listener", port]);
    let arguments: Vec<&str> = [filter, "--for", "envoy"].into_iter().chain(ports).collect();
    let ours: Value = serde_saphyr::from_str(&config(&arguments)?)?;
    let sample = read(sample)?;
    for field in ["stats_config", "admin", "stats_flush_on_admin", "node"] {
        same(&ours[field], &sample[field]).context(field)?;
    }
    for listener in ours["static_resources"]["listeners"].as_array().context("no listeners")? {
        let name = listener["name"].as_str().context("no name")?;
        let theirs = listener_of(&sample, name)?;
        for field in ["address", "per_connection_buffer_limit_bytes", "socket_options", "stat_prefix"] {
            same(&listener[field], &theirs[field]).with_context(|| format!("{name}: {field}"))?;
        }
        let proxy = |listener: &Value| {
            let mut proxy = listener["filter_chains"][0]["filters"][1].clone();
            // The samples try another server; that is not for everybody.
            if let Some(fields) = proxy["typed_config"].as_object_mut() {
                fields.remove("max_connect_attempts");
            }
            proxy
        };
        same(&proxy(listener), &proxy(theirs))?;
    }
    Ok(())
}

fn read(sample: &str) -> Result<Value> {
    let file = Workspace::find()?.root.join("deploy/envoy").join(sample);
    Ok(serde_saphyr::from_str(&fs::read_to_string(file)?)?)
}

fn listener_of<'a>(bootstrap: &'a Value, name: &str) -> Result<&'a Value> {
    let listeners = bootstrap["static_resources"]["listeners"].as_array().context("no listeners")?;
    listeners.iter().find(|listener| listener["name"] == name).with_context(|| format!("no listener {name}"))
}

/// Compares two values; JSON in strings by what it says.
fn same(ours: &Value, theirs: &Value) -> Result<()> {
    let (ours, theirs) = (read_strings(ours), read_strings(theirs));
    ensure!(ours == theirs, "filterctl config writes {ours:#}\nthe sample says {theirs:#}");
    Ok(())
}
