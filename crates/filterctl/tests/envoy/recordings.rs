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
use serde_json::json;
use session_test::{Recordings, Series, shared_captures};

use crate::Test;
use crate::bridge;
use crate::counts::SOON;
use crate::expected::{Counted, Expected, compare};
use crate::ground::Ground;

/// Where recordings are.
type Folder = fn() -> PathBuf;

/// Each with the folder that it needs.
pub(crate) const TESTS: &[(Test, Folder)] = &[
    (("recordings: shared captures", shared_recordings), shared_captures),
    (("recordings: the project's own", own_recordings), own_folder),
];

/// The project's own recordings.
fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../smtp-filter/recordings")
}

fn shared_recordings(ground: &Ground) -> Result<()> {
    replay(ground, &shared_captures())
}

fn own_recordings(ground: &Ground) -> Result<()> {
    replay(ground, &own_folder())
}

fn replay(ground: &Ground, folder: &Path) -> Result<()> {
    let recordings = Recordings::<Expected>::open(folder, "smtp")
        .with_context(|| format!("no recordings in {}", folder.display()))?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let envoy = envoy(ground, &server)?;
    let mut before = final_scrape(&envoy, SOON)?;
    let mut played = 0;
    for (name, capture) in recordings.captures() {
        let mut conversations = recording::read(&recordings.path(name), TapSide::Listener)?.conversations;
        let (Some(conversation), true) = (conversations.pop(), conversations.is_empty()) else {
            bail!("{name} is not one conversation");
        };
        let after = play_all(&envoy, &server, &conversation).with_context(|| name.to_owned())?;
        for cutting in Cutting::ALL {
            let counted = counted(&before, &after, cutting)?;
            if let Some(expected) = capture.expected() {
                compare(expected, &counted, &format!("{name}, {}", cutting.name()));
            }
        }
        before = after;
        played += 1;
    }
    ensure!(played > 0, "no recording of SMTP in {}", folder.display());
    envoy.stop()?;
    Ok(())
}

/// One listener per cutting; their metrics are told apart by `stat_prefix`.
fn envoy(ground: &Ground, server: &TcpListener) -> Result<Envoy> {
    let upstream = Upstream::new("127.0.0.1", server.local_addr()?.port());
    let listener = |cutting: Cutting| -> Result<Listener> {
        let configuration = json!({
            "stat_prefix": cutting.name(),
            "reporter": "unspecified",
            "level": "detailed",
            // Behind AUTH nothing can be guessed, so that what is sent ahead has to be kept.
            "limits": {"max_undecided_octets": 65536},
        });
        Ok(Listener::new(cutting.name(), upstream.clone()).filter(ground.smtp(&configuration)?))
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
fn counted(before: &Scrape, after: &Scrape, cutting: Cutting) -> Result<Counted> {
    let (before, after) = (series(before, cutting)?, series(after, cutting)?);
    let difference = |(name, value): (&String, &i64)| (name.clone(), value - before.value(name));
    let series: Series = after.iter().map(difference).filter(|(_, value)| *value != 0).collect();
    ensure!(series.value("connections_opened_total") == 1, "{series:#?}");
    ensure!(series.value("internal_errors_total") == 0, "{series:#?}");
    let opaque = !series.contains_key("connections_total{visibility=parsed,transport=plain}");
    Ok(Counted { series, pairs: None, opaque })
}

/// The counters of one cutting.
fn series(scrape: &Scrape, cutting: Cutting) -> Result<Series> {
    let catalogue = Filter::named("smtp").context("the smtp filter")?.catalogue;
    let mut series = Vec::new();
    for spec in catalogue.metrics() {
        let name = format!("smtp_{}", spec.name);
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
    Ok(series.into_iter().collect())
}
