//! The `log` crate's messages in Envoy's log.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::abi::host;
use crate::catalogue::LOG_LINES_DROPPED;
use crate::rate_limit::RateLimit;
use crate::vm;

/// Lines per second and VM that an attacker can make an extension write, once the burst is used up.
const LINES_PER_SECOND: u32 = 50;
/// Lines that may come at once.
const BURST: u32 = 500;

/// The target of lines that whoever writes them limits himself, with a [`RateLimit`]: the limit on all other lines, which
/// is the whole VM's, neither drops nor counts them.
///
/// ```
/// log::info!(target: envoy_sdk::LIMITED_BY_WRITER, "one of {} a second at most", 1_000);
/// ```
pub const LIMITED_BY_WRITER: &str = "envoy_sdk::limited_by_writer";

struct EnvoyLog;

thread_local! {
    /// Of this VM: natively, each test thread is one.
    static LEVEL: Cell<LevelFilter> = const { Cell::new(LevelFilter::Info) };
    static LIMIT: RefCell<Option<RateLimit>> = const { RefCell::new(None) };
}

/// Makes `log::info!` and its sisters write to Envoy's log.
pub(crate) fn install() {
    static LOG: EnvoyLog = EnvoyLog;
    // An error says that a logger is there already: natively the test's own, otherwise this one.
    let _already_installed = log::set_logger(&LOG);
    set_level(LevelFilter::Info);
    LIMIT.with(|limit| *limit.borrow_mut() = Some(RateLimit::new(LINES_PER_SECOND, BURST)));
}

/// Takes over Envoy's log level. Asked for when a plugin is configured, because Envoy allows no host call
/// while a module initialises; a level that is raised later shows no finer lines.
pub(crate) fn follow_envoys_level() {
    set_level(match host::log_level() {
        Ok(0) => LevelFilter::Trace,
        Ok(1) => LevelFilter::Debug,
        Ok(2) | Err(_) => LevelFilter::Info,
        Ok(3) => LevelFilter::Warn,
        Ok(_) => LevelFilter::Error,
    });
}

fn set_level(level: LevelFilter) {
    LEVEL.set(level);
    // The `log` crate's own level is one per process: natively, other VMs may want more.
    log::set_max_level(if cfg!(target_arch = "wasm32") { level } else { LevelFilter::Trace });
}

impl Log for EnvoyLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LEVEL.get()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if record.target() != LIMITED_BY_WRITER && !allowed() {
            if let Some(mut counts) = vm::current_counts() {
                counts.add(&LOG_LINES_DROPPED, (), 1);
            }
            return;
        }
        let level = match record.level() {
            Level::Trace => 0,
            Level::Debug => 1,
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // There is nowhere to report that logging itself failed.
        let _unloggable = host::log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}

fn allowed() -> bool {
    let Ok(nanoseconds) = host::now() else { return true };
    let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    LIMIT.with(|limit| {
        limit.try_borrow().map_or(true, |limit| limit.as_ref().is_none_or(|limit| limit.allow(now)))
    })
}
