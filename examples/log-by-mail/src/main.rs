//! The application itself: a shop whose till breaks at regular intervals.

use std::io::Read;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use log_by_mail::{Courier, MailLogger, Settings, Tally};

/// How many errors may wait for the mail server.
const WAITING: usize = 1_000;

fn main() -> ExitCode {
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("log-by-mail: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<()> {
    let mut courier = Courier::new(settings)?;
    let (logger, queue) = MailLogger::new(WAITING);
    // The logger lives as long as the process: `log` demands it.
    let logger: &'static MailLogger = Box::leak(Box::new(logger));
    log::set_logger(logger).map_err(|error| anyhow::anyhow!("{error}"))?;
    log::set_max_level(log::LevelFilter::Info);

    let (stop, stopped) = mpsc::channel();
    stop_on_signal(stop.clone())?;
    if settings.until_stdin_ends {
        stop_at_end_of_stdin(stop.clone());
    }

    let post = thread::spawn(move || {
        for occurrence in queue {
            courier.mail(&occurrence);
        }
        courier.finish()
    });
    let errors_logged = work(settings, &stopped);
    logger.close();
    drop(stop);
    let mut tally = post.join().map_err(|_| anyhow::anyhow!("the mailing thread panicked"))?;
    tally.errors_logged = errors_logged;
    tally.errors_dropped = logger.dropped();
    report(&tally, settings.json)
}

/// The application's work, which goes wrong every so often. Returns how often it did.
fn work(settings: &Settings, stopped: &mpsc::Receiver<()>) -> u64 {
    let started = Instant::now();
    let mut due = started;
    let mut errors = 0;
    loop {
        let end = settings.run_for.map(|run_for| started + run_for);
        let next = end.map_or(due, |end| due.min(end));
        match stopped.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return errors,
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return errors;
        }
        errors += 1;
        log::error!("payment {errors} failed: the till does not answer");
        due += settings.every;
    }
}

fn stop_on_signal(stop: mpsc::Sender<()>) -> Result<()> {
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .context("cannot wait for Ctrl-C")
}

fn stop_at_end_of_stdin(stop: mpsc::Sender<()>) {
    thread::spawn(move || {
        let mut ignored = [0; 64];
        while std::io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
        let _ = stop.send(());
    });
}

fn report(tally: &Tally, json: bool) -> Result<()> {
    let total = tally.total();
    if json {
        let mut document = serde_json::to_value(tally)?;
        document["total"] = serde_json::to_value(&total)?;
        println!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    println!("{:22}{:>10}{:>12}{:>10}", "", "clear text", "STARTTLS", "total");
    type Count = fn(&log_by_mail::Leg) -> u64;
    let rows: [(&str, Count); 7] = [
        ("connections", |leg| leg.connections),
        ("mails tried", |leg| leg.mails_tried),
        ("mails accepted", |leg| leg.mails_accepted),
        ("mails rejected", |leg| leg.mails_rejected),
        ("mails failed", |leg| leg.mails_failed),
        ("recipients accepted", |leg| leg.recipients_accepted),
        ("recipients refused", |leg| leg.recipients_refused),
    ];
    for (name, count) in rows {
        println!("{name:22}{:>10}{:>12}{:>10}", count(&tally.clear), count(&tally.starttls), count(&total));
    }
    Ok(())
}
