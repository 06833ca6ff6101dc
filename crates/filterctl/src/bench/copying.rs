//! How many octets of a large search result are copied into the module.
//!
//! What the module reads is taken from Envoy's own trace of its host calls; what passed, from the client. The trace
//! makes Envoy slow, so no time is measured here.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Bootstrap, Envoy, Listener, StartOptions, Upstream, WasmFilter};
use real_peers::Peer;
use real_peers::directory::load::DirectoryLoad;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, STAFF};
use real_peers::directory::{DirectoryOptions, DirectoryServer, Scope, message};
use serde::{Deserialize, Serialize};

use crate::filters::Filter;
use crate::stage;

use super::ground::Ground;

/// The only listener.
const LISTENER: &str = "directory";
/// What Envoy's trace calls the host call that copies octets into a module, with its parameters: the buffer, the first
/// octet, how many.
const READ: &str = "[vm->host] env.proxy_get_buffer_bytes(";
/// How long Envoy may take to notice that the connection has ended.
const ENDING: Duration = Duration::from_secs(60);

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copying {
    /// Entries that the client received.
    pub entries: u64,
    /// Octets that passed, both ways.
    pub octets_proxied: u64,
    /// Octets of them that were copied into the module.
    pub octets_copied: u64,
    /// Host calls that copied something.
    pub reads: u64,
    /// `octets_copied / octets_proxied`.
    pub copied_share: f64,
    /// `reads / entries`.
    pub reads_per_entry: f64,
}

/// Searches for so many entries of a real directory, through a real Envoy with the ldap-filter.
pub(super) fn measure(ground: &Ground, entries: u32) -> Result<Copying> {
    let filter = Filter::named("ldap").context("this filterctl knows no ldap filter")?;
    Peer::Slapd.install()?;
    let options = DirectoryOptions { log: false, ..DirectoryOptions::with_entries(entries) };
    let server = DirectoryServer::start_with(&options)?;
    let upstream = Upstream::new(server.ldap().ip().to_string(), server.ldap().port());
    let listener = Listener::new(LISTENER, upstream)
        .filter(WasmFilter::new(filter.name, ground.module(filter)).configuration("{}"));
    let traced =
        StartOptions { component_log_level: Some("wasm:trace".to_owned()), ..StartOptions::default() };
    let bootstrap = Bootstrap::new().stats_tags(filter.stats_tags()).listener(listener);
    let envoy = Envoy::start(&ground.binary, &bootstrap, &ground.folder("copying"), &traced)?;

    let everybody = message::search(STAFF, Scope::One, &message::present("uid"), &[]);
    let search = DirectoryLoad {
        login: Some(message::bind(ADMIN_DN, ADMIN_PASSWORD)),
        ..DirectoryLoad::of(everybody)
    };
    let report = search.run(envoy.address(LISTENER)?)?;
    ensure!(report.entries == u64::from(entries), "the search brought {} entries", report.entries);
    let scrape = stage::final_scrape(&envoy, ENDING)?;
    let counted = scrape.counter("ldap_entries_total", &[]);
    ensure!(counted == f64::from(entries), "the filter counted {counted} entries");

    let log = File::open(envoy.log_path()).context("Envoy's log is gone")?;
    let (reads, octets_copied) = reads(BufReader::new(log))?;
    let octets_proxied = report.octets_sent + report.octets_received;
    let copying = Copying {
        entries: report.entries,
        octets_proxied,
        octets_copied,
        reads,
        copied_share: octets_copied as f64 / octets_proxied as f64,
        reads_per_entry: reads as f64 / report.entries as f64,
    };
    envoy.stop()?;
    Ok(copying)
}

/// How often a trace tells of a read, and of how many octets in all.
fn reads(mut trace: impl BufRead) -> Result<(u64, u64)> {
    let (mut reads, mut octets) = (0, 0);
    let mut line = Vec::new();
    while trace.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        if let Some((_, parameters)) = text.split_once(READ) {
            let length = parameters.split(", ").nth(2).context("a trace of another form")?;
            octets += length.parse::<u64>().with_context(|| format!("a length of {length}"))?;
            reads += 1;
        }
        line.clear();
    }
    Ok((reads, octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_found_in_a_trace() {
        let trace = "[2026-01-01][trace][wasm] [vm->host] env.proxy_get_buffer_bytes(2, 0, 16, 1048496, 1048500)\n\
                     [2026-01-01][trace][wasm] [vm<-host] env.proxy_get_buffer_bytes return: 0\n\
                     [2026-01-01][trace][wasm] [vm->host] env.proxy_get_buffer_bytes(2, 460, 5, 1048496, 1048500)\n";
        assert_eq!(reads(trace.as_bytes()).unwrap(), (2, 21));
        assert!(reads(&b"[vm->host] env.proxy_get_buffer_bytes(2)\n"[..]).is_err());
    }
}
