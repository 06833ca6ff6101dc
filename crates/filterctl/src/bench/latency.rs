//! What a variant adds to the time that a client waits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use real_peers::directory::load::DirectoryLoad;
use real_peers::directory::rules::staff;
use real_peers::directory::{Scope, message};
use real_peers::mail::Conversation;
use serde::{Deserialize, Serialize};

use super::ground::Ground;
use super::lanes::Lanes;
use super::load::Server;
use super::rounds::{Effort, Round, alternate, spread};
use super::statistics::Spread;
use super::variant::Variant;

/// Operations of a run, one after the other over one connection.
const OPERATIONS: u32 = 1_000;
/// The latencies that are told.
const QUANTILES: [f64; 2] = [0.5, 0.99];

/// How long small operations take, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The filter: `smtp`.
    pub filter: String,
    /// The operation: `NOOP before smtp-sink`.
    pub operation: String,
    /// Without a filter, in microseconds, at the 50th percentile of a run. For orientation.
    pub no_filter_p50: Spread,
    /// The same at the 99th.
    pub no_filter_p99: Spread,
    /// What is added to these.
    pub added: Vec<Added>,
}

/// What a variant adds, in microseconds. May be negative, where it is less than what can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Added {
    /// Which variant.
    pub variant: Variant,
    /// At the 50th percentile: the difference of a round, over all rounds.
    pub p50: Spread,
    /// At the 99th.
    pub p99: Spread,
}

/// Measures the small operation of a server's protocol.
///
/// # Errors
/// When there is no such server here, or an operation fails.
pub(super) fn measure(ground: &Ground, server: Server, effort: Effort) -> Result<Latency> {
    let filter = server.filter()?;
    let running = server.start()?;
    let name = format!("latency-{}", server.name());
    let lanes = Lanes::open(ground, filter, &Variant::ALL, running.address(), &name)?;
    let once = |variant| {
        let server_address = lanes.address(variant)?;
        match server {
            Server::SmtpSink | Server::Postfix => of_mail(server_address),
            Server::Directory | Server::LargeDirectory => of_directory(server_address),
        }
    };
    Variant::ALL.into_iter().try_for_each(|variant| once(variant).map(drop))?;
    let rounds = alternate(&Variant::ALL, effort, once)?;
    lanes.close()?;
    let bare = |which| spread(&Variant::ALL, &rounds, Variant::NoFilter, which).context("no rounds");
    let others = Variant::ALL.into_iter().filter(|variant| *variant != Variant::NoFilter);
    Ok(Latency {
        filter: filter.name.to_owned(),
        operation: match server {
            Server::SmtpSink | Server::Postfix => format!("NOOP before {}", server.name()),
            Server::Directory | Server::LargeDirectory => {
                format!("search with one entry before {}", server.name())
            }
        },
        no_filter_p50: bare(0)?,
        no_filter_p99: bare(1)?,
        added: others.filter_map(|variant| Added::of(variant, &rounds)).collect(),
    })
}

impl Added {
    fn of(variant: Variant, rounds: &[Round<2>]) -> Option<Self> {
        let place_of = |variant| Variant::ALL.iter().position(|one| *one == variant);
        let (place, base) = (place_of(variant)?, place_of(Variant::NoFilter)?);
        let added = |which: usize| {
            let more = rounds.iter().map(|round| round[place][which] - round[base][which]);
            Spread::of(&more.collect::<Vec<_>>())
        };
        Some(Self { variant, p50: added(0)?, p99: added(1)? })
    }
}

fn of_mail(server: SocketAddr) -> Result<[f64; 2]> {
    let mut conversation = Conversation::greeted(server)?;
    conversation.command_expecting("EHLO load.client.test", 250)?;
    let mut latencies = Vec::with_capacity(OPERATIONS as usize);
    for _ in 0..OPERATIONS {
        let begin = Instant::now();
        conversation.command_expecting("NOOP", 250)?;
        latencies.push(begin.elapsed());
    }
    conversation.quit()?;
    latencies.sort_unstable();
    let last = latencies.len() - 1;
    Ok(QUANTILES.map(|share| microseconds(latencies[(share * last as f64).round() as usize])))
}

fn of_directory(server: SocketAddr) -> Result<[f64; 2]> {
    let search = message::search(&staff(7), Scope::Base, &message::present("objectClass"), &[]);
    let load = DirectoryLoad { operations: OPERATIONS.into(), ..DirectoryLoad::of(search) };
    let latencies = load.run(server)?.latencies;
    let quantiles = QUANTILES.map(|share| latencies.quantile(share).map(microseconds));
    let [Some(p50), Some(p99)] = quantiles else { anyhow::bail!("no operation was answered") };
    Ok([p50, p99])
}

fn microseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}
