//! What the run tells the page.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use common_metrics::Catalogue;
use envoy_runner::{Envoy, Scrape};
use serde_json::Value;

use super::Web;
use super::board::Board;
use super::events::{self, event};
use super::history::History;
use super::settings::{changes, shown};
use super::state::{ChartDocument, Event, Hop, ModuleFacts, News, OverviewDocument, RunFacts, State};
use crate::build::sha256;
use crate::display::{Layout, Overview};
use crate::filters::Filter;
use crate::said::Said;
use crate::stage::{Configuration, Stage};

/// So many lines of what else is said, and so much news of the configuration, are kept.
const LINES: usize = 50;

/// What is said of a run when Envoy has started.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The command: `demo` or `run`.
    pub command: &'static str,
    /// The way of a connection.
    pub path: Vec<Hop>,
    /// The configuration in force.
    pub configuration: &'a Configuration,
    /// The file that it is from.
    pub configuration_file: Option<&'a Path>,
    /// How long it runs, if it ends by itself.
    pub run_for: Option<Duration>,
    /// Who else says something, such as the application.
    pub said_by: &'static str,
}

/// A run as the page shows it. What is told here is shown at once; nothing of it waits for a browser.
#[derive(Debug)]
pub struct Live {
    board: Arc<Board>,
    started: Instant,
    catalogue: &'static Catalogue,
    layout: &'static Layout,
    history: History,
    said: Said,
    events: VecDeque<Arc<Event>>,
    lines: VecDeque<Arc<String>>,
    news: VecDeque<Arc<News>>,
    /// As it is, secrets included: it never leaves this process.
    configuration: Value,
    /// What has been told so far, without what is kept above.
    state: State,
}

impl ModuleFacts {
    fn of(file: &Path) -> Result<Self> {
        let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self {
            file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            octets: content.len() as u64,
            sha256: sha256(&content),
        })
    }
}

impl Live {
    /// Begins to tell `web` about a filter that runs in this Envoy.
    ///
    /// # Errors
    ///
    /// When the module cannot be read.
    pub fn begin(web: &Web, stage: &Stage, envoy: &Envoy, run: Run<'_>) -> Result<Self> {
        let Filter { layout, catalogue, .. } = *stage.filter;
        let configuration = run.configuration.value().clone();
        let facts = RunFacts {
            id: run_id(),
            command: format!("filterctl {} {}", run.command, stage.filter.name),
            extension: stage.filter.package.to_owned(),
            envoy: stage.binary.version.to_string(),
            module: ModuleFacts::of(&stage.module)?,
            path: run.path,
            metrics: format!("http://{}/stats/prometheus", envoy.admin_address()),
            configuration_file: run.configuration_file.map(|file| file.display().to_string()),
            run_for: run.run_for.map(milliseconds),
            charts: layout.charts.iter().map(|chart| ChartDocument::new(chart, catalogue)).collect(),
        };
        let state = State {
            run: Some(Arc::new(facts)),
            configuration: Some(Arc::new(shown(&configuration))),
            said_by: run.said_by,
            ..State::default()
        };
        Ok(Self {
            board: Arc::clone(web.board()),
            started: Instant::now(),
            catalogue,
            layout,
            history: History::of(layout),
            said: Said::default(),
            events: VecDeque::new(),
            lines: VecDeque::new(),
            news: VecDeque::new(),
            configuration,
            state,
        })
    }

    /// Whether it is time to look at the metrics again.
    pub fn is_due(&self) -> bool {
        self.history.is_due(self.started.elapsed())
    }

    /// Shows these metrics, and the events that have been written meanwhile.
    ///
    /// # Errors
    ///
    /// When Envoy's log cannot be read.
    pub fn look(&mut self, envoy: &Envoy, scrape: &Scrape) -> Result<()> {
        let elapsed = self.started.elapsed();
        self.state.look += 1;
        self.state.elapsed = milliseconds(elapsed);
        if self.history.is_due(elapsed) || self.state.ended {
            self.history.take(self.state.look, elapsed, scrape);
        }
        for line in self.said.news(envoy)? {
            remember(&mut self.events, event(self.state.look, line), events::KEPT);
        }
        let overview = Overview::new(self.layout, scrape);
        self.state.overview = Some(Arc::new(OverviewDocument::new(&overview, Some(self.catalogue))));
        self.board.post(State {
            samples: self.history.samples(),
            events: self.events.iter().cloned().collect(),
            said: self.lines.iter().cloned().collect(),
            news: self.news.iter().cloned().collect(),
            ..self.state.clone()
        });
        Ok(())
    }

    /// Tells what the application said; it is shown with the next look, as all that follows.
    pub fn line(&mut self, line: String) {
        remember(&mut self.lines, line, LINES);
    }

    /// Tells what happened to the configuration, and which one is in force now if it is another.
    pub fn news(&mut self, text: String, configuration: Option<Value>) {
        let changes =
            configuration.as_ref().map(|after| changes(&self.configuration, after)).unwrap_or_default();
        let elapsed = milliseconds(self.started.elapsed());
        remember(&mut self.news, News { elapsed, text, changes }, LINES);
        if let Some(configuration) = configuration {
            self.state.configuration = Some(Arc::new(shown(&configuration)));
            self.configuration = configuration;
        }
    }

    /// Shows the last metrics, and who else counted what.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    pub fn end(&mut self, envoy: &Envoy, scrape: &Scrape, comparison: Option<Value>) -> Result<()> {
        self.state.ended = true;
        self.state.comparison = comparison;
        self.look(envoy, scrape)
    }
}

fn remember<T>(kept: &mut VecDeque<Arc<T>>, one: T, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(Arc::new(one));
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Different for each run at the same address.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", std::process::id(), now.as_micros())
}
