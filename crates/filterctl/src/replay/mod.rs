//! `filterctl replay`: plays recorded conversations through a real Envoy with a filter, in three cuttings, and
//! finds out whether the octets arrived unchanged and the metrics are the same.

mod comparison;
mod conversation;
mod player;
pub mod recording;
mod report;

use std::net::TcpListener;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use envoy_runner::{Bootstrap, Envoy, Listener, Upstream};
use serde_json::json;

pub use self::conversation::{Conversation, Cutting, Direction, Record};
pub use self::player::{Arrival, Delivered, play};
use self::recording::{Recording, TapSide};
use self::report::{Played, Report};
use crate::filters::Filter;
use crate::per_filter::{About, PerFilter};
use crate::stage::{self, Configuration, Stage};

/// How long Envoy may take to notice that the last connection has ended.
const ENDING: Duration = Duration::from_secs(20);

/// What `filterctl replay` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: PerFilter<Replay>,
}

#[derive(Clone, Debug, Args)]
struct Replay {
    /// A recording, or a folder of them: JSON lines of records, pcap, pcapng, or what Envoy's tap writes.
    file: PathBuf,

    /// Which of the recording's conversations to play: a number, counted from 0 in the order of their beginnings,
    /// or `all`. It has to be said of a capture that holds several.
    #[arg(long, value_name = "N")]
    stream: Option<Stream>,

    /// The recording of Envoy's tap was made in a cluster, between Envoy and the server.
    #[arg(long)]
    tapped_upstream: bool,

    /// The filter's configuration: a JSON file; otherwise everything is on (`"level": "detailed"`).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Prints everything as one JSON document on standard output.
    #[arg(long)]
    json: bool,
}

/// Which of a recording's conversations to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    One(usize),
    All,
}

impl FromStr for Stream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text.parse().map(Self::One).map_err(|_| "must be a number or `all`".to_owned()),
        }
    }
}

/// Plays recorded conversations.
///
/// # Errors
///
/// When a recording cannot be read, Envoy cannot be run, octets did not arrive as they were sent, or the metrics
/// depend on the cutting.
pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.what.arguments.run(arguments.what.filter)
}

impl About for Replay {
    fn about(filter: &Filter) -> String {
        format!("Plays conversations with a {} through the {}", filter.server, filter.package)
    }
}

impl Replay {
    fn run(&self, filter: &'static Filter) -> Result<()> {
        let side = if self.tapped_upstream { TapSide::Cluster } else { TapSide::Listener };
        let conversations = chosen(recording::read(&self.file, side)?, self.stream)?;
        let mut configuration = Configuration::read(filter, self.config.as_deref())?;
        if self.config.is_none() {
            configuration = configuration.with("level", json!("detailed"));
        }
        let stage = Stage::set(filter, self.envoy.as_deref())?;
        let upstream = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
        let envoy = start(&stage, &upstream, &configuration)?;

        let mut played = Vec::new();
        for conversation in &conversations {
            eprintln!("playing {} ({} records) …", conversation.name, conversation.records.len());
            for cutting in Cutting::ALL {
                let delivered = play(envoy.address(cutting.name())?, &upstream, conversation, cutting)
                    .with_context(|| format!("{}, {}", conversation.name, cutting.name()))?;
                played.push(Played { conversation, cutting, delivered });
            }
        }
        let scrape = stage::final_scrape(&envoy, ENDING)?;
        let report = Report::new(stage.binary.version.to_string(), filter.name, &played, &scrape);
        envoy.stop()?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            println!("{report}");
        }
        if let Some(problem) = report.problem() {
            bail!("{problem}; see {}", stage.folder().display());
        }
        stage.clear();
        Ok(())
    }
}

/// One Envoy with one listener per cutting; their metrics are told apart by `stat_prefix`.
fn start(stage: &Stage, upstream: &TcpListener, configuration: &Configuration) -> Result<Envoy> {
    let port = upstream.local_addr()?.port();
    let mut bootstrap = Bootstrap::new();
    for cutting in Cutting::ALL {
        let configuration = configuration.with("stat_prefix", json!(cutting.name()));
        let listener = Listener::new(cutting.name(), Upstream::new("127.0.0.1", port));
        bootstrap = bootstrap.listener(listener.filter(stage.filter(&configuration)));
    }
    stage.start(bootstrap)
}

/// The conversation that the user chose, or all in which something was said. A capture holds whatever passed on the
/// network: of several connections the user has to choose.
fn chosen(recording: Recording, stream: Option<Stream>) -> Result<Vec<Conversation>> {
    let Recording { mut conversations, is_capture } = recording;
    if let Some(Stream::One(number)) = stream {
        let count = conversations.len();
        return match conversations.into_iter().nth(number) {
            Some(conversation) => Ok(vec![conversation]),
            None => bail!("--stream {number}: the recording holds {count} conversations, numbered from 0"),
        };
    }
    let spoken = conversations.iter().filter(|conversation| !conversation.records.is_empty()).count();
    if is_capture && spoken > 1 && stream.is_none() {
        let octets = |one: &Conversation| one.records.iter().map(|record| record.octets.len()).sum::<usize>();
        let list = conversations.iter().enumerate();
        let list = list.map(|(number, one)| format!("{number}: {} ({} octets)", one.name, octets(one)));
        let list = list.collect::<Vec<_>>().join(", ");
        bail!("choose a conversation with --stream N, or take --stream all; there are {list}");
    }
    conversations.retain(|conversation| !conversation.records.is_empty());
    Ok(conversations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(is_capture: bool) -> Recording {
        let record = Record { direction: Direction::ToServer, octets: vec![0; 7], gap_before: 0 };
        let named = |name: &str, records| Conversation { name: name.to_owned(), records };
        let conversations =
            vec![named("a", vec![record.clone()]), named("silent", Vec::new()), named("b", vec![record])];
        Recording { conversations, is_capture }
    }

    fn names(is_capture: bool, stream: Option<Stream>) -> Result<Vec<String>> {
        chosen(recording(is_capture), stream).map(|list| list.into_iter().map(|one| one.name).collect())
    }

    #[test]
    fn a_stream_is_chosen_by_its_number_and_silent_ones_are_passed_over() {
        assert_eq!(names(false, None).unwrap(), ["a", "b"]);
        assert_eq!(names(true, Some(Stream::All)).unwrap(), ["a", "b"]);
        assert_eq!(names(true, Some(Stream::One(2))).unwrap(), ["b"]);
        assert!(names(false, Some(Stream::One(3))).unwrap_err().to_string().contains("3 conversations"));
    }

    #[test]
    fn of_a_capture_with_several_streams_one_has_to_be_chosen() {
        let error = names(true, None).unwrap_err().to_string();
        assert!(error.contains("--stream N") && error.contains("2: b (7 octets)"), "{error}");
    }

    #[test]
    fn a_stream_is_a_number_or_all() {
        assert_eq!("4".parse(), Ok(Stream::One(4)));
        assert_eq!("all".parse(), Ok(Stream::All));
        assert!("-1".parse::<Stream>().is_err());
    }
}
