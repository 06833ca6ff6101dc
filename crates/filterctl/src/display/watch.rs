//! Looks at the metrics again and again, and shows them.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::Result;
use envoy_runner::Envoy;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serde_json::Value;

use super::layout::Layout;
use super::overview::Overview;
use super::screen::{Screen, Surroundings};
use super::{Snapshot, Stop, units};
use crate::web::Live;

/// How often the terminal is redrawn.
const REDRAW: Duration = Duration::from_millis(250);

/// How often a snapshot is printed where there is no terminal.
const SNAPSHOT: Duration = Duration::from_secs(3);

/// How many lines of the application are kept for the screen.
const LOG: usize = 50;

/// Where the metrics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A live table on the terminal of standard output.
    Screen,
    /// Snapshots on standard output.
    Snapshots,
    /// Snapshots on standard error, because standard output is for something else.
    SnapshotsOnStderr,
}

impl Output {
    /// The table where a terminal shows it; snapshots where not, and on standard error beside a JSON document.
    pub fn choose(json: bool) -> Self {
        match (json, io::stdout().is_terminal()) {
            (true, _) => Self::SnapshotsOnStderr,
            (false, true) => Self::Screen,
            (false, false) => Self::Snapshots,
        }
    }

    /// How the watching ends, for the headline.
    pub fn how_to_stop(self, run_for: Option<Duration>) -> &'static str {
        match (self, run_for) {
            (Self::Screen, _) => "q or Ctrl-C stops",
            (_, None) => "Ctrl-C stops",
            (_, Some(_)) => "stops by itself, or at Ctrl-C",
        }
    }
}

/// What is measured, and where: at most four lines.
pub type Headline = Vec<String>;

/// What the application says while it runs.
#[derive(Debug)]
pub struct Lines {
    /// Who says it.
    pub title: &'static str,
    /// Line by line; it ends with the application.
    pub lines: Receiver<String>,
}

/// Something to be done between two looks, such as applying a configuration that changed. What it returns is
/// shown until there are other news; an error ends the watching.
pub type BetweenLooks<'a> = &'a mut dyn FnMut() -> Result<Option<News>>;

/// What happened to the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// In a line.
    pub text: String,
    /// The configuration that is in force since then, if it is another than before.
    pub configuration: Option<Value>,
}

/// Watches an Envoy until the time is over or somebody asks to stop.
#[derive(Debug)]
pub struct Watch<'a> {
    /// Whose metrics.
    pub envoy: &'a Envoy,
    /// Which of them.
    pub layout: &'a Layout,
    /// What stands above them.
    pub headline: Headline,
    /// How long; until somebody asks to stop if not given.
    pub run_for: Option<Duration>,
    /// Who asks to stop.
    pub stop: Stop,
}

impl Watch<'_> {
    /// Shows the metrics until the end, and tells the page about them if there is one.
    ///
    /// # Errors
    ///
    /// When Envoy ends by itself, the terminal fails, or something between two looks does.
    pub fn show(
        &self,
        output: Output,
        log: &mut Option<Lines>,
        page: &mut Option<Live>,
        between: BetweenLooks<'_>,
    ) -> Result<()> {
        match output {
            Output::Screen => {
                let mut terminal = ratatui::try_init()?;
                let result = self.draw(&mut terminal, log, page, between);
                ratatui::try_restore()?;
                result
            }
            Output::Snapshots => self.print(&mut io::stdout(), log, page, between),
            Output::SnapshotsOnStderr => self.print(&mut io::stderr(), log, page, between),
        }
    }

    fn draw(
        &self,
        terminal: &mut ratatui::DefaultTerminal,
        log: &mut Option<Lines>,
        page: &mut Option<Live>,
        between: BetweenLooks<'_>,
    ) -> Result<()> {
        let started = Instant::now();
        let mut screen = Screen::default();
        let mut said = VecDeque::new();
        let mut notice = None;
        while !self.is_over(started) {
            if let Some(news) = between()? {
                notice = Some(news.text.clone());
                tell(page, news);
            }
            for line in log.iter().flat_map(|log| log.lines.try_iter()) {
                if let Some(page) = page {
                    page.line(line.clone());
                }
                remember(&mut said, line);
            }
            let scrape = self.envoy.scrape()?;
            if let Some(page) = page {
                page.look(self.envoy, &scrape)?;
            }
            let overview = Overview::new(self.layout, &scrape);
            screen.note(&overview);
            let surroundings = Surroundings {
                headline: &self.headline,
                notice: notice.as_deref(),
                clock: self.clock(started),
                log: said.iter().map(String::as_str).collect(),
                log_title: log.as_ref().map_or("", |log| log.title),
            };
            terminal.draw(|frame| screen.draw(frame, &overview, &surroundings))?;
            if is_stop_key_pressed(REDRAW)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn print(
        &self,
        out: &mut dyn Write,
        log: &mut Option<Lines>,
        page: &mut Option<Live>,
        between: BetweenLooks<'_>,
    ) -> Result<()> {
        for line in &self.headline {
            writeln!(out, "{line}")?;
        }
        let started = Instant::now();
        let mut due = started + SNAPSHOT;
        while !self.is_over(started) {
            if let Some(news) = between()? {
                writeln!(out, "{}", news.text)?;
                tell(page, news);
            }
            // Nobody would read every line of the application here, but its pipe must not fill up.
            for line in log.iter().flat_map(|log| log.lines.try_iter()) {
                if let Some(page) = page {
                    page.line(line);
                }
            }
            if let Some(page) = page.as_mut().filter(|page| page.is_due()) {
                page.look(self.envoy, &self.envoy.scrape()?)?;
            }
            if Instant::now() >= due {
                due += SNAPSHOT;
                let overview = Overview::new(self.layout, &self.envoy.scrape()?);
                write!(out, "{}\n{}", self.clock(started), Snapshot(&overview))?;
            }
            self.envoy.check_alive()?;
            std::thread::sleep(REDRAW.min(due.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    fn is_over(&self, started: Instant) -> bool {
        self.stop.is_asked() || self.run_for.is_some_and(|run_for| started.elapsed() >= run_for)
    }

    fn clock(&self, started: Instant) -> String {
        let now = units::clock(started.elapsed());
        match self.run_for {
            Some(run_for) => format!("{now} of {}", units::clock(run_for)),
            None => now,
        }
    }
}

fn tell(page: &mut Option<Live>, news: News) {
    if let Some(page) = page {
        page.news(news.text, news.configuration);
    }
}

fn remember(said: &mut VecDeque<String>, line: String) {
    if said.len() == LOG {
        said.pop_front();
    }
    said.push_back(line);
}

/// Waits that long for a key, and says whether it was one that ends: the terminal is in raw mode, where Ctrl-C is
/// a key like any other.
fn is_stop_key_pressed(within: Duration) -> Result<bool> {
    let until = Instant::now() + within;
    while event::poll(until.saturating_duration_since(Instant::now()))? {
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let is_control_c =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if is_control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
