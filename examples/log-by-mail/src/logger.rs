//! A logger that prints every record and passes errors on to be mailed.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// An error that is to be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When it was logged.
    pub at: SystemTime,
    /// What was logged.
    pub text: String,
}

/// Prints every record to standard error and queues the errors.
#[derive(Debug)]
pub struct MailLogger {
    /// Nothing after [`MailLogger::close`].
    errors: Mutex<Option<SyncSender<Occurrence>>>,
    dropped: AtomicU64,
}

impl MailLogger {
    /// A logger, and the queue of what is to be mailed. At most `waiting` errors wait, further ones are
    /// dropped: the application must not stop because its mail server is slow.
    pub fn new(waiting: usize) -> (Self, Receiver<Occurrence>) {
        let (errors, queue) = mpsc::sync_channel(waiting);
        (Self { errors: Mutex::new(Some(errors)), dropped: AtomicU64::new(0) }, queue)
    }

    /// Ends the queue: later errors are printed and counted as dropped.
    pub fn close(&self) {
        if let Ok(mut errors) = self.errors.lock() {
            *errors = None;
        }
    }

    fn queue(&self, occurrence: Occurrence) -> bool {
        let Ok(errors) = self.errors.lock() else { return false };
        errors.as_ref().is_some_and(|errors| errors.try_send(occurrence).is_ok())
    }

    /// Errors that were not queued, because too many were waiting.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Log for MailLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries log through here too: a TLS library's warning must not become a mail about itself.
        metadata.level() <= LevelFilter::Info && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let at = SystemTime::now();
        let time = humantime::format_rfc3339_seconds(at);
        // Nobody reads the log any more: no reason to stop working.
        let _ = writeln!(std::io::stderr(), "{time} {:5} {}", record.level(), record.args());
        if record.level() == Level::Error && !self.queue(Occurrence { at, text: record.args().to_string() }) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(logger: &MailLogger, level: Level, target: &str) {
        logger.log(&Record::builder().level(level).target(target).args(format_args!("it broke")).build());
    }

    #[test]
    fn only_own_errors_are_mailed() {
        let (logger, queue) = MailLogger::new(2);
        log(&logger, Level::Info, "log_by_mail");
        log(&logger, Level::Error, "rustls::client");
        assert!(queue.try_recv().is_err());
        log(&logger, Level::Error, "log_by_mail::till");
        assert_eq!(queue.try_recv().unwrap().text, "it broke");
    }

    #[test]
    fn the_queue_ends_when_the_logger_is_closed() {
        let (logger, queue) = MailLogger::new(2);
        log(&logger, Level::Error, "log_by_mail");
        logger.close();
        log(&logger, Level::Error, "log_by_mail");
        assert_eq!((queue.iter().count(), logger.dropped()), (1, 1));
    }

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let (logger, queue) = MailLogger::new(2);
        for _ in 0..5 {
            log(&logger, Level::Error, "log_by_mail");
        }
        assert_eq!((queue.try_iter().count(), logger.dropped()), (2, 3));
    }
}
