//! `filterctl soak`: thousands of connections with random faults through one Envoy with all filters.
//!
//! The soak holds both ends of every connection, so it knows what was said and what arrived. At the end it compares:
//!
//! - every octet that was waited for has arrived unchanged (`line`);
//! - the filters have counted what has happened, exactly where nothing was under way when an end left (`ledger`);
//! - whatever has happened, all sums are right ([`sums`]);
//! - memory has not grown since the first third (`plateau`).
//!
//! What is said (`mail`, `directory`) and what goes wrong (`plan`) are chosen by a generator with a seed.

mod conversation;
mod directory;
mod ledger;
mod line;
mod mail;
mod meeting;
mod plan;
mod plateau;
mod play;
mod report;
pub mod sums;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use envoy_runner::{Bootstrap, Envoy, EnvoyBinary, Listener, StartOptions, WasmFilter};
use fastrand::Rng;
use serde_json::{Value, json};

use self::conversation::Conversation;
use self::ledger::Ledger;
use self::meeting::Meeting;
use self::plateau::{Level, Plateau};
use self::play::Place;
pub use self::report::Report;
use crate::build;
use crate::filters::{FILTERS, Filter};
use crate::stage;
use crate::workspace::Workspace;

/// Sends thousands of connections with random faults through one Envoy with all filters, and checks that nothing is
/// lost, changed or counted wrongly, and that memory does not grow.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// How long connections are opened: `60s`, `10m`.
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    time: Duration,

    /// Chooses what is said and what goes wrong; a random one otherwise. The same seed says the same.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Connections of each protocol that are played at once: 1 to 200. Others rest meanwhile.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=200))]
    connections: u8,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Prints one JSON document on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the soak.
///
/// # Errors
/// When Envoy cannot be run, or something is not as it has to be: standard output then says what.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let progress: &mut dyn FnMut(&str) = &mut |step| eprintln!("{step}");
    let binary = EnvoyBinary::find(arguments.envoy.as_deref(), &workspace.envoy_installs(), progress)?;
    let modules = FILTERS.iter().map(|filter| filter.package.to_owned()).collect();
    let built = build::build(&workspace, &build::Request { modules, ..build::Request::default() }, progress)?;
    let module = |filter: &Filter| built.iter().find(|one| one.package == filter.package);
    let modules = FILTERS.iter().map(|filter| {
        let artifact = module(filter).with_context(|| format!("{} was not built", filter.package))?;
        Ok((filter.name, artifact.path.clone()))
    });
    let soak = Soak {
        binary,
        modules: modules.collect::<Result<_>>()?,
        configuration: json!({}),
        folder: workspace.target.join("runs").join(format!("soak-{}", std::process::id())),
        time: arguments.time,
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..)),
        connections: arguments.connections.into(),
    };
    eprintln!("soaking for {} with --seed {} …", humantime::format_duration(soak.time), soak.seed);
    let report = soak.run()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    match report.problems() {
        [] => {
            // A folder that stays behind harms nobody: `target` is for such things.
            let _ = std::fs::remove_dir_all(&soak.folder);
            Ok(())
        }
        [first, ..] => bail!("{first}; see {}", soak.folder.display()),
    }
}

/// Envoy's workers.
const WORKERS: u32 = 2;
/// How long Envoy may take to notice that the last connection has ended.
const ENDING: Duration = Duration::from_secs(30);
/// How often memory is looked at.
const LOOKS: Duration = Duration::from_millis(250);

/// A soak.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The Envoy.
    pub binary: EnvoyBinary,
    /// The filters' names, each with its module.
    pub modules: Vec<(&'static str, PathBuf)>,
    /// Fields of both filters' configuration, besides those that the soak needs itself.
    pub configuration: Value,
    /// Where Envoy's files are.
    pub folder: PathBuf,
    /// How long connections are opened.
    pub time: Duration,
    /// Chooses what is said and what goes wrong.
    pub seed: u64,
    /// Connections of each protocol that are played at once.
    pub connections: usize,
}

/// A protocol of which conversations are known.
struct Protocol {
    /// The filter's name.
    filter: &'static str,
    conversation: fn(&mut Rng) -> Conversation,
    counted: &'static [&'static str],
}

const PROTOCOLS: [Protocol; 2] = [
    Protocol { filter: "smtp", conversation: mail::conversation, counted: mail::COUNTED },
    Protocol { filter: "ldap", conversation: directory::conversation, counted: directory::COUNTED },
];

impl Protocol {
    /// The listener for connections of which is known what they count; its `stat_prefix` too.
    fn calm(&self) -> String {
        format!("{}-calm", self.filter)
    }

    /// The one for the others.
    fn noisy(&self) -> String {
        format!("{}-noisy", self.filter)
    }
}

impl Soak {
    /// Runs it.
    ///
    /// # Errors
    /// When Envoy cannot be run, or ends. What is found out otherwise is in the [`Report`].
    pub fn run(&self) -> Result<Report> {
        let meetings = [Meeting::open()?, Meeting::open()?];
        let envoy = self.start(&meetings)?;
        let places = PROTOCOLS.iter().zip(&meetings).map(|(protocol, meeting)| {
            Ok(Place {
                meeting,
                calm: envoy.address(&protocol.calm())?,
                noisy: envoy.address(&protocol.noisy())?,
                conversation: protocol.conversation,
            })
        });
        let places = places.collect::<Result<Vec<_>>>()?;
        let (ledgers, plateau) = self.play(&envoy, &places)?;
        let scrape = stage::final_scrape(&envoy, ENDING)?;

        let mut problems = plateau.problems();
        for (protocol, ledger) in PROTOCOLS.iter().zip(&ledgers) {
            let (calm, noisy) = (protocol.calm(), protocol.noisy());
            let wrong = sums::imbalances(&scrape, protocol.filter, &[&calm, &noisy]);
            problems.extend(wrong.iter().map(ToString::to_string));
            problems.extend(ledger.differences(&scrape, protocol.filter, &calm, protocol.counted));
            problems.extend(ledger.troubles.iter().map(|trouble| format!("{}: {trouble}", protocol.filter)));
        }
        let ledgers = PROTOCOLS.iter().map(|protocol| protocol.filter).zip(&ledgers);
        let report = Report::new(self, ledgers, &scrape, plateau, problems);
        envoy.stop()?;
        Ok(report)
    }

    /// One Envoy with two listeners for each protocol.
    fn start(&self, meetings: &[Meeting]) -> Result<Envoy> {
        let mut bootstrap = Bootstrap::new();
        let mut tags = Vec::new();
        for (protocol, meeting) in PROTOCOLS.iter().zip(meetings) {
            let module = self.modules.iter().find(|(name, _)| *name == protocol.filter);
            let (name, module) = module.with_context(|| format!("no module of {}", protocol.filter))?;
            for listener in [protocol.calm(), protocol.noisy()] {
                let mut configuration = json!({
                    "stat_prefix": listener,
                    "reporter": "gateway",
                    "level": "detailed",
                    "events": {"enabled": true, "identities": "hmac"},
                });
                if let (Value::Object(fields), Value::Object(more)) =
                    (&mut configuration, &self.configuration)
                {
                    fields.extend(more.clone());
                }
                let filter = WasmFilter::new(*name, module).configuration(configuration.to_string());
                bootstrap = bootstrap.listener(Listener::new(listener, meeting.upstream()).filter(filter));
            }
        }
        for tag in FILTERS.iter().flat_map(Filter::stats_tags) {
            // Envoy takes each name once.
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let options = StartOptions { concurrency: WORKERS, ..StartOptions::default() };
        Ok(Envoy::start(&self.binary, &bootstrap.stats_tags(tags), &self.folder, &options)?)
    }

    /// Plays connections until the time is over, and looks at Envoy's memory meanwhile.
    fn play(&self, envoy: &Envoy, places: &[Place<'_>]) -> Result<(Vec<Ledger>, Plateau)> {
        let begin = Instant::now();
        let deadline = begin + self.time;
        let mut plateau = Plateau { before: Level::from(&envoy.memory()?), ..Plateau::default() };
        let mut seeds = Rng::with_seed(self.seed);
        thread::scope(|scope| {
            let threads: Vec<Vec<_>> = places
                .iter()
                .map(|place| {
                    let of_each = (0..self.connections).map(|_| {
                        let random = seeds.fork();
                        scope.spawn(move || place.play_until(deadline, random))
                    });
                    of_each.collect()
                })
                .collect();
            while threads.iter().flatten().any(|thread| !thread.is_finished()) {
                let passed = begin.elapsed();
                plateau.note(Level::from(&envoy.memory()?), passed, self.time);
                thread::sleep(LOOKS);
            }
            let mut ledgers = Vec::new();
            for of_place in threads {
                let mut all = Ledger::default();
                for thread in of_place {
                    match thread.join() {
                        Ok(ledger) => all.merge(ledger),
                        Err(_) => bail!("a thread of the soak panicked"),
                    }
                }
                ledgers.push(all);
            }
            Ok((ledgers, plateau))
        })
    }
}
