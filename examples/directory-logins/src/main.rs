//! The application itself: a portal where somebody logs in at regular intervals.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use directory_logins::{Counts, Leg, Portal, Settings, Tally};
use log::{LevelFilter, Log, Metadata, Record};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

fn main() -> ExitCode {
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("directory-logins: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<()> {
    let portal = Portal::new(settings)?;
    log::set_logger(&StandardError).map_err(|error| anyhow!("{error}"))?;
    log::set_max_level(LevelFilter::Info);
    let (stop, stopped) = mpsc::unbounded_channel();
    stop_on_signal(stop.clone())?;
    if settings.until_stdin_ends {
        stop_at_end_of_stdin(stop.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tally = runtime.block_on(work(portal, settings, stopped));
    drop(stop);
    report(&tally, settings.json)
}

/// One turn after the other until it is time to stop.
async fn work(mut portal: Portal, settings: &Settings, mut stopped: UnboundedReceiver<()>) -> Tally {
    let started = Instant::now();
    let end = settings.run_for.map(|run_for| started + run_for);
    let mut due = started;
    loop {
        let next = end.map_or(due, |end| due.min(end));
        tokio::select! {
            _ = stopped.recv() => break,
            () = sleep_until(next) => {}
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        portal.turn().await;
        // Who was late does not hurry afterwards.
        due = (due + settings.every).max(Instant::now());
    }
    portal.finish().await
}

fn stop_on_signal(stop: UnboundedSender<()>) -> Result<()> {
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .context("cannot wait for Ctrl-C")
}

fn stop_at_end_of_stdin(stop: UnboundedSender<()>) {
    thread::spawn(move || {
        let mut ignored = [0; 64];
        while std::io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
        let _ = stop.send(());
    });
}

/// Prints what the portal says; what its libraries say concerns nobody.
struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let time = humantime::format_rfc3339_seconds(SystemTime::now());
            // Nobody reads the log any more: no reason to stop working.
            let _ = writeln!(std::io::stderr(), "{time} {:5} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

fn report(tally: &Tally, json: bool) -> Result<()> {
    let total = tally.total();
    if json {
        let mut document = serde_json::to_value(tally)?;
        document["total"] = serde_json::to_value(&total)?;
        println!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    let Tally { logins_tried, logins_let_in, logins_turned_away, logins_failed, clear, starttls } = tally;
    println!(
        "{logins_tried} logins: {logins_let_in} let in, {logins_turned_away} turned away, {logins_failed} failed\n"
    );
    println!("{:30}{:>10}{:>12}{:>10}", "", "clear text", "StartTLS", "total");
    let row = |name: &str, count: &dyn Fn(&Leg) -> u64| {
        println!("{name:30}{:>10}{:>12}{:>10}", count(clear), count(starttls), count(&total));
    };
    let of = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or_default();
    row("connections", &|leg| leg.connections);
    for name in total.requests.keys() {
        row(&format!("{name} requests"), &|leg| of(&leg.requests, name));
    }
    for name in total.results.keys() {
        row(&format!("result {name}"), &|leg| of(&leg.results, name));
    }
    row("entries", &|leg| leg.entries);
    row("references", &|leg| leg.references);
    row("searches abandoned", &|leg| leg.abandoned);
    row("requests without an answer", &|leg| leg.failed);
    Ok(())
}
