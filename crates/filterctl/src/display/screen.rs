//! The live table: everything on one screen, redrawn as it changes.

use std::collections::HashMap;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout as Split, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table};

use super::overview::{Latency, Overview, Panel, Share};
use super::{Tone, units};

/// What stands above and below the numbers.
pub(super) struct Surroundings<'a> {
    /// What is measured, and where: at most three lines.
    pub(super) headline: &'a [String],
    /// The last thing worth knowing that happened, if something did.
    pub(super) notice: Option<&'a str>,
    /// How long it has been going on, and how long it will.
    pub(super) clock: String,
    /// The last lines that the application said, the newest last.
    pub(super) log: Vec<&'a str>,
    /// What the lines are called.
    pub(super) log_title: &'a str,
}

/// Remembers the numbers of the last drawing, to show which ones changed.
#[derive(Default)]
pub(super) struct Screen {
    before: HashMap<(&'static str, String), f64>,
    changed: HashMap<(&'static str, String), u8>,
}

/// For so many drawings a number stays highlighted after it changed.
const AFTERGLOW: u8 = 4;

const ACCENT: Color = Color::Cyan;

impl Screen {
    /// Takes note of what changed since the last time.
    pub(super) fn note(&mut self, overview: &Overview) {
        for panel in overview.panels() {
            for (name, value) in &panel.rows {
                let key = (panel.title, name.clone());
                let before = self.before.insert(key.clone(), *value).unwrap_or(0.0);
                let glow = self.changed.entry(key).or_default();
                *glow = if before < *value { AFTERGLOW } else { glow.saturating_sub(1) };
            }
        }
    }

    /// Draws everything.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, overview: &Overview, surroundings: &Surroundings<'_>) {
        let area = frame.area();
        let head_height = cells(surroundings.headline.len()) + 1;
        let log_height = match surroundings.log_title {
            "" => 0,
            _ if area.height < 30 => 3,
            _ => 5,
        };
        let room = area.height.saturating_sub(head_height + log_height);
        let wanted =
            overview.columns.iter().map(|panels| panels.iter().map(height).sum::<u16>()).max().unwrap_or(0);
        let [top, numbers, times, log] = Split::vertical([
            Constraint::Length(head_height),
            Constraint::Length(wanted.min(room * 3 / 5)),
            Constraint::Fill(1),
            Constraint::Length(log_height),
        ])
        .areas(area);

        head(frame, top, surroundings);
        let columns =
            Split::horizontal(overview.columns.iter().map(|_| Constraint::Fill(1))).spacing(2).split(numbers);
        for (column, panels) in columns.iter().zip(&overview.columns) {
            let heights = panels.iter().map(|panel| Constraint::Length(height(panel)));
            for (area, panel) in Split::vertical(heights).split(*column).iter().zip(panels) {
                self.counts(frame, *area, panel);
            }
        }
        let [left, right] =
            Split::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2).areas(times);
        latencies(frame, left, &overview.latencies);
        shares(frame, right, overview);
        tail(frame, log, surroundings);
    }

    fn counts(&self, frame: &mut Frame<'_>, area: Rect, panel: &Panel) {
        // No wider than it has to be: names can be long.
        let widest = panel.rows.iter().map(|(_, value)| units::count(*value).len()).max().unwrap_or(0);
        let rows = panel.rows.iter().map(|(name, value)| {
            let glow = self.changed.get(&(panel.title, name.clone())).copied().unwrap_or(0);
            let style = match (value, glow) {
                (0.0, _) => Style::new().fg(Color::DarkGray),
                (_, 0) => Style::new(),
                _ => Style::new().fg(ACCENT).add_modifier(Modifier::BOLD),
            };
            let number = Line::from(units::count(*value)).alignment(Alignment::Right);
            Row::new([
                Cell::from(Span::styled(name.clone(), tone(name, *value))),
                Cell::from(number).style(style),
            ])
        });
        let rows: Vec<Row<'_>> = if panel.rows.is_empty() { vec![none()] } else { rows.collect() };
        frame.render_widget(
            Table::new(rows, [Constraint::Fill(1), Constraint::Length(cells(widest))])
                .block(frame_of(panel.title)),
            area,
        );
    }
}

/// The title, the rows, and a line of air.
fn height(panel: &Panel) -> u16 {
    cells(panel.rows.len().max(1)) + 2
}

fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX / 8)
}

fn head(frame: &mut Frame<'_>, area: Rect, surroundings: &Surroundings<'_>) {
    let mut lines = Vec::new();
    for (index, text) in surroundings.headline.iter().enumerate() {
        lines.push(if index == 0 {
            Line::from(text.as_str()).bold().fg(ACCENT)
        } else {
            Line::from(text.as_str())
        });
    }
    if let Some(notice) = surroundings.notice {
        lines.push(Line::from(notice).fg(Color::Yellow));
    }
    frame.render_widget(Paragraph::new(lines), area);
    frame.render_widget(Paragraph::new(surroundings.clock.as_str()).alignment(Alignment::Right).bold(), area);
}

fn latencies(frame: &mut Frame<'_>, area: Rect, latencies: &[Latency]) {
    let number = |text: String| Cell::from(Line::from(text).alignment(Alignment::Right));
    let rows = latencies.iter().map(|latency| {
        Row::new([
            Cell::from(latency.name.clone()),
            number(units::count(latency.count)),
            number(units::microseconds(latency.p50)),
            number(units::microseconds(latency.p90)),
            number(units::microseconds(latency.p99)).style(Style::new().bold()),
        ])
    });
    let rows: Vec<Row<'_>> = if latencies.is_empty() { vec![none()] } else { rows.collect() };
    let titles = ["", "times", "p50", "p90", "p99"].map(|title| number(title.to_owned()));
    let [times, quantile] = [7, 9].map(Constraint::Length);
    let widths = [Constraint::Fill(1), times, quantile, quantile, quantile];
    let table =
        Table::new(rows, widths).header(Row::new(titles).fg(Color::DarkGray)).block(frame_of("Latency"));
    frame.render_widget(table, area);
}

fn shares(frame: &mut Frame<'_>, area: Rect, overview: &Overview) {
    let width = usize::from(area.width);
    let [opened, open] = [overview.opened, overview.open].map(units::count);
    let mut lines = vec![Line::from(format!("{opened} connections, {open} of them open"))];
    for (what, shares, unit) in [
        ("those that ended", &overview.connections, units::count as fn(f64) -> String),
        ("the octets", &overview.octets, units::octets),
    ] {
        lines.push(Line::from(format!("of {what}")).fg(Color::DarkGray));
        lines.extend(shares.iter().map(|share| bar(share, width, unit)));
    }
    frame.render_widget(Paragraph::new(lines).block(frame_of("Visibility")), area);
}

/// `parsed    ███████░░░  72 %  1.2 MB`.
fn bar<'a>(share: &'a Share, width: usize, unit: fn(f64) -> String) -> Line<'a> {
    let room = width.saturating_sub(28);
    let filled = ((share.share * room as f64).round() as usize).min(room);
    let color = if share.name == "parsed" { Color::Green } else { Color::Yellow };
    Line::from(vec![
        Span::raw(format!("{:12}", share.name)),
        Span::styled("█".repeat(filled), Style::new().fg(color)),
        Span::styled("░".repeat(room - filled), Style::new().fg(Color::DarkGray)),
        Span::raw(format!("{:>6}{:>10}", units::percent(share.share), unit(share.count))),
    ])
}

fn tail(frame: &mut Frame<'_>, area: Rect, surroundings: &Surroundings<'_>) {
    let room = usize::from(area.height.saturating_sub(1));
    let newest = surroundings.log.len().saturating_sub(room);
    let lines: Vec<Line<'_>> = surroundings.log.iter().skip(newest).map(|line| Line::from(*line)).collect();
    if !surroundings.log_title.is_empty() {
        frame.render_widget(
            Paragraph::new(lines).fg(Color::Gray).block(frame_of(surroundings.log_title)),
            area,
        );
    }
}

fn frame_of(title: &str) -> Block<'_> {
    Block::new()
        .borders(Borders::TOP)
        .border_style(Style::new().fg(Color::DarkGray))
        .title(Span::styled(format!("{title} "), Style::new().fg(Color::Reset).bold()))
}

fn none() -> Row<'static> {
    Row::new([Cell::from("none so far").style(Style::new().fg(Color::DarkGray))])
}

/// Good is green, temporary is yellow, bad is red.
fn tone(name: &str, value: f64) -> Style {
    if value == 0.0 {
        return Style::new().fg(Color::DarkGray);
    }
    match Tone::of(name) {
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Temporary => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Plain => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn overview(accepted: f64) -> Overview {
        let panel = |title, rows: &[(&str, f64)]| Panel {
            title,
            metric: String::new(),
            rows: rows.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        };
        Overview {
            columns: vec![
                vec![
                    panel("Transactions", &[("accepted", accepted), ("rejected", 0.0)]),
                    panel("Recipients", &[("accepted", 4.0)]),
                ],
                vec![panel("Commands", &[("MAIL", 3.0)])],
                vec![panel("Replies", &[("2xx", 9.0)]), panel("Refusals", &[]), panel("Anomalies", &[])],
            ],
            latencies: vec![Latency {
                name: "reply to MAIL".to_owned(),
                metric: String::new(),
                count: 3.0,
                p50: 80.0,
                p90: 990.0,
                p99: 1_500.0,
            }],
            connections: vec![Share { name: "parsed".to_owned(), count: 3.0, share: 0.75 }],
            octets: vec![Share { name: "parsed".to_owned(), count: 1_000.0, share: 1.0 }],
            opened: 5.0,
            open: 2.0,
        }
    }

    fn drawn(
        width: u16,
        height: u16,
        screen: &Screen,
        overview: &Overview,
    ) -> (String, Terminal<TestBackend>) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let headline = ["filterctl demo smtp".to_owned(), "where".to_owned()];
        let surroundings = Surroundings {
            headline: &headline,
            notice: Some("configuration changed"),
            clock: "00:07 of 00:15".to_owned(),
            log: vec!["first", "second", "third", "fourth", "fifth", "sixth"],
            log_title: "log-by-mail",
        };
        terminal.draw(|frame| screen.draw(frame, overview, &surroundings)).unwrap();
        (terminal.backend().to_string(), terminal)
    }

    #[test]
    fn everything_is_on_an_ordinary_screen() {
        let (text, _) = drawn(100, 32, &Screen::default(), &overview(1_234.0));
        for part in [
            "filterctl demo smtp",
            "configuration changed",
            "00:07 of 00:15",
            "1,234",
            "Recipients",
            "Commands",
            "Replies",
            "none so far",
            "reply to MAIL",
            "80 µs",
            "1.5 ms",
            "990 µs",
            "Visibility",
            "5 connections, 2 of them open",
            "75 %",
            "1.0 kB",
            "Anomalies",
            "sixth",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("first"), "the oldest line has to give way\n{text}");
    }

    #[test]
    fn colours_say_what_is_good() {
        for (name, color) in
            [("accepted", Some(Color::Green)), ("rejected data", Some(Color::Red)), ("sent", None)]
        {
            assert_eq!(tone(name, 1.0).fg, color, "{name}");
            assert_eq!(tone(name, 0.0).fg, Some(Color::DarkGray), "{name}");
        }
    }

    #[test]
    fn a_tiny_screen_is_no_reason_to_fail() {
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 100)] {
            drawn(width, height, &Screen::default(), &overview(1.0));
        }
    }

    #[test]
    fn a_number_that_changed_is_highlighted_for_a_while() {
        let mut screen = Screen::default();
        let highlighted = |screen: &Screen| {
            let (_, terminal) = drawn(100, 32, screen, &overview(2.0));
            let cells = terminal.backend().buffer().content();
            cells.iter().filter(|cell| cell.symbol() == "2" && cell.fg == ACCENT).count()
        };
        screen.note(&overview(1.0));
        for _ in 0..AFTERGLOW + 1 {
            screen.note(&overview(1.0));
        }
        assert_eq!(highlighted(&screen), 0);
        screen.note(&overview(2.0));
        assert_eq!(highlighted(&screen), 1);
    }
}
