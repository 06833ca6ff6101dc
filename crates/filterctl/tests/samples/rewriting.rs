//! What is changed in a sample so that it runs beside other tests. Nothing else is: [`Rewriting::apply`] compares the two.
//!
//! | in the sample | here |
//! |---|---|
//! | an address to listen on (`0.0.0.0`, or that of `first-steps.yaml`) with its port | 127.0.0.1 and any free port |
//! | 127.0.0.1:9901, the admin interface, wherever it is named | the same address and a port of the test's |
//! | a server's address and port | those of the test's server |
//! | `/etc/envoy…`, `/var/log/envoy…`, the module of `first-steps.yaml` | the same below the test's folder |
//! | `access_log_flush_interval: 60s` | 1 s: nobody waits for a minute |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How a sample writes an address: always on one line, so that a machine finds it.
const ADDRESS: &str = "socket_address: { address: ";
const ADMIN: (&str, u16) = ("127.0.0.1", 9901);
const MINUTE: &str = "access_log_flush_interval: 60s";
const SECOND: &str = "access_log_flush_interval: 1s";
/// What stands in the place of a folder.
const FOLDERS: [(&str, &str); 2] = [("/etc/envoy", "etc"), ("/var/log/envoy", "log")];
const MODULE_HERE: &str = "filename: smtp-filter.wasm";
/// The keys whose values may differ.
const MAY_DIFFER: [&str; 5] = ["address", "port_value", "filename", "path", "access_log_flush_interval"];

/// Where the servers of a sample really are.
pub(crate) struct Rewriting<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) admin_port: u16,
    /// What the sample listens on.
    pub(crate) listens_on: &'a [u16],
    /// The servers, as the sample names them.
    pub(crate) servers: &'a [((&'a str, u16), SocketAddr)],
}

impl Rewriting<'_> {
    /// The text of a sample, or of a file that belongs to one, with its addresses, ports and paths replaced.
    pub(crate) fn apply(&self, text: &str) -> Result<String> {
        let mut rewritten = String::with_capacity(text.len());
        for line in text.lines() {
            match line.split_once(ADDRESS) {
                Some((before, address)) if !before.trim_start().starts_with('#') => {
                    let (name, port, after) = parse(address).with_context(|| line.to_owned())?;
                    let (host, port) = self.address(name, port).with_context(|| line.to_owned())?;
                    writeln!(rewritten, "{before}{ADDRESS}{host}, port_value: {port} }}{after}")?;
                }
                _ => writeln!(rewritten, "{}", self.line(line))?,
            }
        }
        check(text, &rewritten)?;
        Ok(rewritten)
    }

    fn line(&self, line: &str) -> String {
        let mut line = line.replace(MINUTE, SECOND);
        for (folder, here) in FOLDERS {
            line = line.replace(folder, &self.folder.join(here).display().to_string());
        }
        let module = self.folder.join("etc/smtp-filter.wasm");
        line.replace(MODULE_HERE, &format!("filename: {}", module.display()))
    }

    fn address(&self, host: &str, port: u16) -> Result<(String, u16)> {
        if (host, port) == ADMIN {
            return Ok((host.to_owned(), self.admin_port));
        }
        if self.listens_on.contains(&port) && (host == "0.0.0.0" || host == "127.0.0.1") {
            return Ok(("127.0.0.1".to_owned(), 0));
        }
        let server = self.servers.iter().find(|(name, _)| *name == (host, port));
        let (_, server) = server.with_context(|| format!("the test has no server for {host}:{port}"))?;
        Ok((server.ip().to_string(), server.port()))
    }
}

/// Reads `mail.example.com, port_value: 25 } } }`: host, port, and what follows the first brace.
fn parse(address: &str) -> Option<(&str, u16, &str)> {
    let (host, rest) = address.split_once(", port_value: ")?;
    let (port, after) = rest.split_once(" }")?;
    Some((host, port.parse().ok()?, after))
}

/// Whether the two differ in values of [`MAY_DIFFER`] only.
fn check(sample: &str, rewritten: &str) -> Result<()> {
    let read = |text: &str| -> Result<Value> { Ok(serde_saphyr::from_str(text)?) };
    let mut differing = BTreeMap::new();
    compare("", "", &read(sample)?, &read(rewritten)?, &mut differing)?;
    for (place, key) in &differing {
        ensure!(MAY_DIFFER.contains(&key.as_str()), "{place} was changed, which it must not be");
    }
    ensure!(!differing.is_empty(), "nothing was changed");
    Ok(())
}

/// Collects where leaves differ, with the key of each; a difference in structure is an error.
fn compare(
    place: &str,
    key: &str,
    left: &Value,
    right: &Value,
    differing: &mut BTreeMap<String, String>,
) -> Result<()> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            ensure!(left.keys().eq(right.keys()), "{place} has other fields");
            for (key, value) in left {
                compare(&format!("{place}.{key}"), key, value, &right[key], differing)?;
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            ensure!(left.len() == right.len(), "{place} has another length");
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(&format!("{place}[{index}]"), key, left, right, differing)?;
            }
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => {
            bail!("{place} is of another kind")
        }
        _ if left == right => {}
        _ => drop(differing.insert(place.to_owned(), key.to_owned())),
    }
    Ok(())
}
