//! Recorded conversations, replayed through a real Envoy in three cuttings: they arrive unchanged and count as
//! independent decoders count.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use envoy_runner::{Envoy, Listener, Scrape, StartOptions, Upstream, Value};
use filterctl::filters::Filter;
use filterctl::replay::recording::{self, TapSide};
use filterctl::replay::{Conversation, Cutting, play};
use filterctl::stage::final_scrape;
use serde::de::DeserializeOwned;
use serde_json::json;
use session_test::{Recordings, Series, shared_captures};

use crate::both_ends::bridge;
use crate::both_ends::counts::SOON;
use crate::both_ends::subject::{Ground, Test};
use crate::{expected_of_directories, expected_of_mail};

/// Where recordings are.
type Folder = fn() -> PathBuf;

/// Of SMTP, each with the folder that it needs.
pub(crate) const OF_MAIL: &[(Test, Folder)] = &[
    (("recordings: shared captures", |ground| replay::<Smtp>(ground, &shared_captures())), shared_captures),
    (("recordings: the project's own", |ground| replay::<Smtp>(ground, &Smtp::folder())), Smtp::folder),
];

/// Of LDAP.
pub(crate) const OF_DIRECTORIES: &[(Test, Folder)] = &[
    (("recordings: shared captures", |ground| replay::<Ldap>(ground, &shared_captures())), shared_captures),
    (("recordings: the project's own", |ground| replay::<Ldap>(ground, &Ldap::folder())), Ldap::folder),
];

/// Recordings of one protocol.
trait Recorded {
    /// What one is expected to count.
    type Expected: DeserializeOwned;

    /// The project's own recordings.
    fn folder() -> PathBuf;

    /// Compares counts with it; panics where they differ.
    fn compare(expected: &Self::Expected, series: Series, opaque: bool, name: &str);
}

struct Smtp;
struct Ldap;

impl Recorded for Smtp {
    type Expected = expected_of_mail::Expected;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../smtp-filter/recordings")
    }

    fn compare(expected: &Self::Expected, series: Series, opaque: bool, name: &str) {
        let counted = expected_of_mail::Counted { series, pairs: None, opaque };
        expected_of_mail::compare(expected, &counted, name);
    }
}

impl Recorded for Ldap {
    type Expected = expected_of_directories::Expected;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../ldap-filter/recordings")
    }

    fn compare(expected: &Self::Expected, series: Series, opaque: bool, name: &str) {
        let counted = expected_of_directories::Counted { series, requests: None, opaque };
        expected_of_directories::compare(expected, &counted, name);
    }
}

fn replay<R: Recorded>(ground: &Ground, folder: &Path) -> Result<()> {
    let recordings = Recordings::<R::Expected>::open(folder, ground.subject.name)
        .with_context(|| format!("no recordings in {}", folder.display()))?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let envoy = envoy(ground, &server)?;
    let filter = Filter::named(ground.subject.name).context("no such filter")?;
    let mut before = final_scrape(&envoy, SOON)?;
    let mut played = 0;
    for (name, capture) in recordings.captures() {
        let mut conversations = recording::read(&recordings.path(name), TapSide::Listener)?.conversations;
        let (Some(conversation), true) = (conversations.pop(), conversations.is_empty()) else {
            bail!("{name} is not one conversation");
        };
        let after = play_all(&envoy, &server, &conversation).with_context(|| name.to_owned())?;
        for cutting in Cutting::ALL {
            let series = counted(filter, &before, &after, cutting)?;
            if let Some(expected) = capture.expected() {
                let opaque = !SEEN.iter().any(|seen| series.contains_key(*seen));
                R::compare(expected, series, opaque, &format!("{name}, {}", cutting.name()));
            }
        }
        before = after;
        played += 1;
    }
    ensure!(played > 0, "no recording in {}", folder.display());
    envoy.stop()?;
    Ok(())
}

/// How a connection counts whose framing was never lost.
const SEEN: [&str; 2] = [
    "connections_total{visibility=parsed,transport=plain}",
    "connections_total{visibility=sasl_sealed,transport=plain}",
];

/// One listener per cutting; their metrics are told apart by `stat_prefix`.
fn envoy(ground: &Ground, server: &TcpListener) -> Result<Envoy> {
    let upstream = Upstream::new("127.0.0.1", server.local_addr()?.port());
    let listener = |cutting: Cutting| -> Result<Listener> {
        let configuration = json!({
            "stat_prefix": cutting.name(),
            "reporter": "unspecified",
            "level": "detailed",
            // Behind AUTH and StartTLS nothing can be guessed, so that what is sent ahead has to be kept.
            "limits": {"max_undecided_octets": 65536},
        });
        Ok(Listener::new(cutting.name(), upstream.clone()).filter(ground.filter(&configuration)?))
    };
    let listeners = Cutting::ALL.into_iter().map(listener).collect::<Result<_>>()?;
    bridge::start(ground, &StartOptions::default(), listeners)
}

/// Plays a conversation in every cutting, demands that it arrives unchanged, and reads the statistics.
fn play_all(envoy: &Envoy, server: &TcpListener, conversation: &Conversation) -> Result<Scrape> {
    for cutting in Cutting::ALL {
        let delivered = play(envoy.address(cutting.name())?, server, conversation, cutting)?;
        ensure!(
            delivered.is_unchanged(),
            "{}: {:?}, {:?}",
            cutting.name(),
            delivered.first_difference(),
            delivered.broken_off
        );
    }
    final_scrape(envoy, SOON)
}

/// What was counted between two scrapes.
fn counted(filter: &Filter, before: &Scrape, after: &Scrape, cutting: Cutting) -> Result<Series> {
    let (before, after) = (series(filter, before, cutting), series(filter, after, cutting));
    let difference = |(name, value): (&String, &i64)| (name.clone(), value - before.value(name));
    let series: Series = after.iter().map(difference).filter(|(_, value)| *value != 0).collect();
    ensure!(series.value("connections_opened_total") == 1, "{series:#?}");
    ensure!(series.value("internal_errors_total") == 0, "{series:#?}");
    Ok(series)
}

/// The counters of one cutting.
fn series(filter: &Filter, scrape: &Scrape, cutting: Cutting) -> Series {
    let mut series = Vec::new();
    for spec in filter.catalogue.metrics() {
        let name = format!("{}_{}", filter.name, spec.name);
        for metric in
            scrape.samples(&name).filter(|metric| metric.matches(&[("stat_prefix", cutting.name())]))
        {
            let Value::Counter(number) = metric.value else { continue };
            let label = |name: &str| format!("{name}={}", metric.label(name).unwrap_or_default());
            let labels: Vec<String> = spec.dimensions.iter().map(|dimension| label(dimension.name)).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            // Statistics are whole numbers far below 2^53, up to which a float is exact.
            series.push((format!("{}{labels}", spec.name), number as i64));
        }
    }
    series.into_iter().collect()
}
