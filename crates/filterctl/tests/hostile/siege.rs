//! An attack on one listener, with a neighbour beside it that must not notice.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use envoy_runner::{Listener, Memory, Upstream};
use filterctl::soak::sums;
use serde_json::{Value, json};
use socket2::SockRef;

use crate::both_ends::bridge::{self, Bridge, LISTENER};
use crate::both_ends::counts::SOON;
use crate::both_ends::script::Script;
use crate::both_ends::subject::Ground;
use crate::both_ends::wire::{End, Wire};

/// The neighbour's listener, and the `stat_prefix` of its series.
pub(crate) const NEIGHBOUR: &str = "neighbour";

/// An Envoy with one worker, an attacked listener ([`LISTENER`]) and a neighbour's ([`NEIGHBOUR`]), both with the filter and
/// in the same VM. The `stat_prefix` of each is its name.
pub(crate) struct Siege {
    pub(crate) bridge: Bridge,
    ground_name: &'static str,
    exchanged: &'static str,
    neighbour: Neighbour,
    before: Memory,
}

/// What an attack may cost while it goes on, in octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// By which all linear memories together may grow.
    pub(crate) guests: u64,
    /// By which Envoy may grow, guests included. Its own buffers are 1 MB for each direction of a connection.
    pub(crate) envoy: u64,
}

impl Siege {
    /// Starts it; these fields of the configuration are the attacked listener's.
    pub(crate) fn lay(ground: &Ground, configuration: &Value) -> Result<Self> {
        Self::lay_beside(ground, configuration, &json!({}))
    }

    /// The same, with fields of the neighbour's configuration.
    pub(crate) fn lay_beside(ground: &Ground, attacked: &Value, neighbours: &Value) -> Result<Self> {
        let server = TcpListener::bind("127.0.0.1:0").context("listening as the neighbour's server")?;
        // On Linux, this bounds accept(2).
        SockRef::from(&server).set_read_timeout(Some(SOON))?;
        let port = server.local_addr()?.port();
        let bridge = Bridge::start(ground, |upstream| {
            let listener = |name: &str, upstream: Upstream, fields: &Value| -> Result<Listener> {
                let mut configuration =
                    json!({"stat_prefix": name, "reporter": "gateway", "level": "detailed"});
                if let (Value::Object(all), Value::Object(fields)) = (&mut configuration, fields) {
                    all.extend(fields.clone());
                }
                Ok(Listener::new(name, upstream).filter(ground.filter(&configuration)?))
            };
            Ok(vec![
                listener(LISTENER, upstream.clone(), attacked)?,
                listener(NEIGHBOUR, Upstream::new("127.0.0.1", port), neighbours)?,
            ])
        })?;
        let client = bridge::connect(bridge.envoy.address(NEIGHBOUR)?)?;
        let (socket, _) = server.accept().context("waiting for the neighbour's connection")?;
        let mut wire = Wire::new(Box::new(client.try_clone()?), client, socket)?;
        wire.play(&(ground.subject.opening)()?)?;
        let neighbour = Neighbour::begin(wire, (ground.subject.exchange)()?);
        neighbour.does_one_more()?;
        // Everything is loaded, and has been used.
        bridge.opened(&(ground.subject.opening)()?)?.close(End::Client)?;
        let before = bridge.envoy.memory()?;
        ensure!(!before.guests.is_empty(), "no memory of a VM was found");
        let Ground { subject, .. } = ground;
        Ok(Self { bridge, ground_name: subject.name, exchanged: subject.exchanged, neighbour, before })
    }

    /// Shows, while the attack goes on, that the neighbour does, and that no more than this was spent.
    pub(crate) fn is_bearable(&self, cost: Cost) -> Result<()> {
        self.neighbour.does_one_more()?;
        let now = self.bridge.envoy.memory()?;
        ensure!(now.guests.len() == self.before.guests.len(), "a VM was lost: {now:?}");
        let guests = now.guests_committed().saturating_sub(self.before.guests_committed());
        let envoy = now.resident.saturating_sub(self.before.resident);
        println!("{}: guests grew by {} KB, Envoy by {} KB", self.ground_name, guests / 1024, envoy / 1024);
        ensure!(guests <= cost.guests, "the guests grew by {guests} octets");
        ensure!(envoy <= cost.envoy, "Envoy grew by {envoy} octets");
        Ok(())
    }

    /// Waits for these counts of the attacked listener; see [`Bridge::counts`].
    pub(crate) fn counts(&self, expected: &str) -> Result<()> {
        let of_attacked = expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            format!("{} {value}\n", of(LISTENER, series.trim()))
        });
        self.bridge.counts(&of_attacked.collect::<String>()).map(drop)
    }

    /// Ends it, when all connections of the attack are over: the neighbour was unharmed and measured, and everything adds up.
    pub(crate) fn lift(self) -> Result<()> {
        let Self { bridge, ground_name, exchanged, neighbour, .. } = self;
        let exchanges = neighbour.end()?;
        let scrape = bridge.final_scrape()?;
        let measured = bridge.count(&scrape, &of(NEIGHBOUR, exchanged));
        ensure!(
            measured == exchanges as f64,
            "{measured} of the neighbour's {exchanges} exchanges were measured"
        );
        let anomalies = bridge.count(&scrape, &of(NEIGHBOUR, "*_anomalies_total"));
        ensure!(anomalies == 0.0, "{anomalies} anomalies at the neighbour");
        let wrong = sums::imbalances(&scrape, ground_name, &[LISTENER, NEIGHBOUR]);
        ensure!(wrong.is_empty(), "{}", wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        bridge.envoy.stop()?;
        Ok(())
    }
}

/// A series with the `stat_prefix` of a listener.
fn of(listener: &str, series: &str) -> String {
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{stat_prefix={listener},{labels}"),
        None => format!("{series}{{stat_prefix={listener}}}"),
    }
}

/// An honest connection on which the same is said again and again, by a thread of its own.
struct Neighbour {
    exchanges: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Neighbour {
    fn begin(mut wire: Wire, exchange: Script) -> Self {
        let exchanges = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let (count, stop) = (Arc::clone(&exchanges), Arc::clone(&over));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                wire.play(&exchange).context("the neighbour")?;
                count.fetch_add(1, Ordering::Relaxed);
                // One that is always at it would have half of the machine.
                thread::sleep(std::time::Duration::from_millis(1));
            }
            wire.close(End::Client)
        });
        Self { exchanges, over, thread }
    }

    /// Waits until an exchange that begins from now on is done.
    fn does_one_more(&self) -> Result<()> {
        let now = self.exchanges.load(Ordering::Relaxed);
        let deadline = Instant::now() + SOON;
        // The next one to end may have begun before.
        while self.exchanges.load(Ordering::Relaxed) < now + 2 {
            ensure!(!self.thread.is_finished(), "the neighbour's connection has ended");
            ensure!(Instant::now() < deadline, "the neighbour was held up for {SOON:?}");
            thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }

    /// Ends it, and says how many exchanges there were.
    fn end(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the neighbour's thread panicked"))??;
        Ok(self.exchanges.load(Ordering::Relaxed))
    }
}
