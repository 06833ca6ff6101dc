//! How many octets of a large search result are copied into the module.
//!
//! What the module reads is taken from Envoy's own trace of its host calls; what passed, from the client. The trace
//! makes Envoy slow, so no time is measured here.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Bootstrap, Listener, StartOptions, Upstream};
use real_peers::Peer;
use real_peers::directory::load::DirectoryLoad;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, STAFF};
use real_peers::directory::{DirectoryOptions, DirectoryServer, Scope, message};
use serde::Serialize;

use crate::filters::Filter;
use crate::stage::{self, Configuration, Stage};

/// The only listener.
const LISTENER: &str = "directory";
/// What Envoy's trace calls the host call that copies octets into a module, with its parameters: the buffer, the first
/// octet, how many.
const READ: &str = "[vm->host] env.proxy_get_buffer_bytes(";
/// How long Envoy may take to notice that the connection has ended.
const ENDING: Duration = Duration::from_secs(60);

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Copying {
    envoy: String,
    /// Entries that the client received.
    entries: u64,
    /// Octets that passed, both ways.
    octets_proxied: u64,
    /// Octets of them that were copied into the module.
    octets_copied: u64,
    /// Host calls that copied something.
    reads: u64,
    /// `octets_copied / octets_proxied`.
    copied_share: f64,
    /// `reads / entries`.
    reads_per_entry: f64,
}

/// Searches for so many entries of a real directory, through a real Envoy with the ldap-filter.
pub(super) fn measure(entries: u32, envoy: Option<&Path>) -> Result<Copying> {
    let filter = Filter::named("ldap").context("this filterctl knows no ldap filter")?;
    Peer::Slapd.install()?;
    let stage = Stage::set(filter, envoy)?;
    eprintln!("loading {entries} entries into slapd …");
    let options = DirectoryOptions { log: false, ..DirectoryOptions::with_entries(entries) };
    let server = DirectoryServer::start_with(&options)?;
    let upstream = Upstream::new(server.ldap().ip().to_string(), server.ldap().port());
    let listener = Listener::new(LISTENER, upstream).filter(stage.filter(&Configuration::default()));
    let traced =
        StartOptions { component_log_level: Some("wasm:trace".to_owned()), ..StartOptions::default() };
    let envoy = stage.start_with(Bootstrap::new().listener(listener), &traced)?;

    eprintln!("searching for them …");
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
        envoy: stage.binary.version.to_string(),
        entries: report.entries,
        octets_proxied,
        octets_copied,
        reads,
        copied_share: octets_copied as f64 / octets_proxied as f64,
        reads_per_entry: reads as f64 / report.entries as f64,
    };
    envoy.stop()?;
    stage.clear();
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

impl fmt::Display for Copying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { envoy, entries, octets_proxied, octets_copied, reads, copied_share, reads_per_entry } =
            self;
        writeln!(f, "One search, {entries} entries, slapd behind Envoy {envoy} with the ldap-filter:")?;
        writeln!(f, "  octets proxied        {octets_proxied:>12}")?;
        writeln!(f, "  copied into the guest {octets_copied:>12}   {:.2} %", copied_share * 100.0)?;
        write!(f, "  reads                 {reads:>12}   {reads_per_entry:.2} per entry")
    }
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
