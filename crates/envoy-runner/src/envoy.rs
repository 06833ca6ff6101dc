//! A running Envoy, from ready to stopped.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::admin::Admin;
use crate::log_file::LogFile;
use crate::memory::Memory;
use crate::process::{Process, RunFiles, poll_until};
use crate::wasm_filter::FilterChain;
use crate::{Bootstrap, EnvoyBinary, RunnerError, Scrape, ServerInfo, WasmFilter};

/// How Envoy is run; the default suits a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartOptions {
    /// Worker threads. More than one splits what a Wasm filter keeps per worker.
    pub concurrency: u32,
    /// The level of Envoy's log: `trace`, `debug`, `info`, `warning`, `error`, `critical` or `off`.
    pub log_level: String,
    /// Levels of single components, such as `wasm:trace,filter:debug`.
    pub component_log_level: Option<String>,
    /// The form of a line of Envoy's log (spdlog's `%` flags, such as `[%t] %v`). Reasons of a refusal are found only
    /// in Envoy's own form, the default.
    pub log_format: Option<String>,
    /// How long connections of a removed listener may go on; Envoy's default is ten minutes.
    pub drain_time: Option<Duration>,
    /// How long Envoy may take until it is ready. A large module takes seconds to compile.
    pub ready_within: Duration,
    /// Its place in a chain of Envoys that take over from each other; without one it can neither follow nor be followed.
    pub hot_restart: Option<HotRestart>,
}

/// A place in a chain of Envoys of which each takes over the listening sockets and the counters of the one before
/// (Envoy, "Hot restart"). Each has a folder of its own, and listeners with the same fixed ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotRestart {
    /// Which Envoys of this machine belong together: `--base-id`.
    pub base_id: u32,
    /// Its place: 0 for the first one, which has to be running when 1 is started, and so on: `--restart-epoch`.
    pub epoch: u32,
    /// How long the one before goes on with the connections that it has, in whole seconds: `--parent-shutdown-time-s`.
    pub parent_ends_after: Duration,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            log_level: "info".to_owned(),
            component_log_level: None,
            log_format: None,
            drain_time: None,
            ready_within: Duration::from_secs(60),
            hot_restart: None,
        }
    }
}

/// A running Envoy. It ends when this is dropped, and also when this process ends in any way, killed included.
pub struct Envoy {
    process: Mutex<Process>,
    admin: Admin,
    id: u32,
    run_dir: PathBuf,
    log: LogFile,
    listeners: Vec<(String, SocketAddr)>,
    reconfigurable: Vec<Reconfigurable>,
}

/// A filter that reads its configuration from a file of its own.
struct Reconfigurable {
    listener: String,
    filter: String,
    chain: FilterChain,
    file: PathBuf,
}

impl Envoy {
    /// Starts Envoy and waits until it is ready: listeners open, modules loaded and configured.
    ///
    /// All its files are in `run_dir`, which is made where necessary: `bootstrap.json`, `envoy.log`, and a
    /// `filter-<listener>-<filter>.json` for each filter that can be reconfigured. One Envoy per folder.
    ///
    /// # Errors
    /// If the configuration contradicts itself, an address is taken, a file is missing, or Envoy ends or is not
    /// ready in time; the message then holds what the modules or Envoy said.
    pub fn start(
        binary: &EnvoyBinary,
        bootstrap: &Bootstrap,
        run_dir: &Path,
        options: &StartOptions,
    ) -> Result<Self, RunnerError> {
        bootstrap.check()?;
        // One that follows another takes over its addresses.
        if options.hot_restart.is_none_or(|place| place.epoch == 0) {
            bootstrap.check_addresses()?;
        }
        fs::create_dir_all(run_dir).map_err(RunnerError::io("creating", run_dir))?;
        let run_dir = run_dir.canonicalize().map_err(RunnerError::io("resolving", run_dir))?;
        let mut reconfigurable = Vec::new();
        for (listener, filter) in bootstrap.reconfigurable() {
            let file = listener.discovery_file(filter, &run_dir);
            replace_file(&file, &filter.discovery_response(listener.filter_chain()))?;
            reconfigurable.push(Reconfigurable {
                listener: listener.name.clone(),
                filter: filter.name().to_owned(),
                chain: listener.filter_chain(),
                file,
            });
        }
        let config = run_dir.join("bootstrap.json");
        replace_file(&config, &bootstrap.to_json(&run_dir))?;
        let stdout = if bootstrap.logs_to_stdout() { Stdio::inherit() } else { Stdio::null() };
        let mut envoy = Self::run(binary, &config, bootstrap.listeners().len(), run_dir, stdout, options)?;
        envoy.reconfigurable = reconfigurable;
        // Envoy serves on without a filter whose own file it refused, and closes every connection.
        for one in &envoy.reconfigurable {
            if Attempts::of(&envoy.admin, &one.filter)?.refused > 0 {
                return Err(envoy.refused(&one.filter, 0));
            }
        }
        Ok(envoy)
    }

    /// Starts Envoy with a configuration file of the user's own, as `envoy --config-path` takes it, and waits until it is
    /// ready. Relative paths in it are meant from `run_dir`. It needs an admin interface; without
    /// `stats_flush_on_admin: true` histograms lag behind by up to five seconds.
    ///
    /// # Errors
    /// If Envoy ends or is not ready in time; the message then holds what the modules or Envoy said.
    pub fn start_with_file(
        binary: &EnvoyBinary,
        config: &Path,
        run_dir: &Path,
        options: &StartOptions,
    ) -> Result<Self, RunnerError> {
        let config = config.canonicalize().map_err(RunnerError::io("resolving", config))?;
        fs::create_dir_all(run_dir).map_err(RunnerError::io("creating", run_dir))?;
        let run_dir = run_dir.canonicalize().map_err(RunnerError::io("resolving", run_dir))?;
        Self::run(binary, &config, 0, run_dir, Stdio::inherit(), options)
    }

    /// Starts Envoy, and waits until it is ready and shows so many listeners.
    fn run(
        binary: &EnvoyBinary,
        config: &Path,
        listeners: usize,
        run_dir: PathBuf,
        stdout: Stdio,
        options: &StartOptions,
    ) -> Result<Self, RunnerError> {
        let admin_address = run_dir.join("admin-address");
        // One of an earlier run would be taken for this Envoy's.
        if admin_address.exists() {
            fs::remove_file(&admin_address).map_err(RunnerError::io("removing", &admin_address))?;
        }
        let files = RunFiles { run_dir: &run_dir, bootstrap: config, admin_address: &admin_address };
        let mut process = Process::spawn(binary, &files, stdout, options)?;
        let (admin, listeners) =
            wait_until_ready(&mut process, &admin_address, listeners, options.ready_within)?;
        Ok(Self {
            id: process.id(),
            log: process.log.clone(),
            process: Mutex::new(process),
            admin,
            run_dir,
            listeners,
            reconfigurable: Vec::new(),
        })
    }

    /// The address that this listener really has.
    ///
    /// # Errors
    /// If there is no listener of that name.
    pub fn address(&self, listener: &str) -> Result<SocketAddr, RunnerError> {
        self.listeners
            .iter()
            .find(|(name, _)| name == listener)
            .map(|(_, address)| *address)
            .ok_or_else(|| RunnerError::Unknown { what: "listener", name: listener.to_owned() })
    }

    /// The address of the admin interface.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it holds in memory now, and its Wasm VMs apart from that (Linux).
    ///
    /// # Errors
    /// If it has ended.
    pub fn memory(&self) -> Result<Memory, RunnerError> {
        self.check_alive()?;
        Memory::of(self.id)
    }

    /// The folder that holds its files.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// An error with the reasons from the log if Envoy has ended by itself.
    ///
    /// # Errors
    /// If it has ended.
    pub fn check_alive(&self) -> Result<(), RunnerError> {
        self.process().check_alive()
    }

    /// Reads all statistics, with everything in them that was measured before the call.
    ///
    /// Envoy collects the histograms of its workers when statistics are asked for, but answers before it has
    /// done so: a single request shows them as they were at the one before. This asks until it knows that the
    /// collection begun by its own first request was over; anything else that reads
    /// [`prometheus_text`](Self::prometheus_text) from outside lags behind by one reading.
    ///
    /// # Errors
    /// If Envoy does not answer, or if a single sample could not be read.
    pub fn scrape(&self) -> Result<Scrape, RunnerError> {
        self.collected(EVERYTHING)
    }

    /// As [`scrape`](Self::scrape), but only statistics whose name, before tags are taken out, begins with `prefix`:
    /// quicker where there are many listeners. What Wasm modules count begins with `wasmcustom.`.
    ///
    /// # Errors
    /// As [`scrape`](Self::scrape).
    pub fn scrape_beginning_with(&self, prefix: &str) -> Result<Scrape, RunnerError> {
        // As it stands in a regular expression and in a URL.
        let literal: String = prefix.bytes().map(|byte| format!("%5Cx%7B{byte:02x}%7D")).collect();
        self.collected(&format!("{EVERYTHING}&filter=%5E({literal}|server%5C.dropped_stat_flushes%24)"))
    }

    fn collected(&self, path: &str) -> Result<Scrape, RunnerError> {
        let mut before =
            Scrape::parse(&self.admin_get(COLLECTION_PROMETHEUS)?)?.counter(COLLECTION_SKIPPED, &[]);
        let collected = poll_until(COLLECTED_WITHIN, || {
            let scrape = Scrape::parse(&self.admin_get(path)?)?;
            // A request that comes during a collection begins none, and is counted.
            let now = scrape.counter(COLLECTION_SKIPPED, &[]);
            let is_complete = now == before;
            before = now;
            Ok(is_complete.then_some(scrape))
        })?;
        collected.ok_or_else(|| RunnerError::Admin {
            path: path.to_owned(),
            reason: "the histograms were not collected in time".to_owned(),
        })
    }

    /// The text of `/stats/prometheus` as it is.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn prometheus_text(&self) -> Result<String, RunnerError> {
        self.admin_get(EVERYTHING)
    }

    /// `/stats` as it is: one `name: value` per line, names before tags are taken out.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn stats_text(&self) -> Result<String, RunnerError> {
        self.admin_get("/stats")
    }

    /// Envoy's version and state.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn server_info(&self) -> Result<ServerInfo, RunnerError> {
        self.or_reason_of_end(self.admin.server_info())
    }

    /// Any page of the admin interface, by path and query.
    ///
    /// # Errors
    /// If Envoy does not answer with success.
    pub fn admin_get(&self, path: &str) -> Result<String, RunnerError> {
        self.or_reason_of_end(self.admin.get(path))
    }

    /// Any action of the admin interface, such as `/drain_listeners?graceful`.
    ///
    /// # Errors
    /// If Envoy does not answer with success.
    pub fn admin_post(&self, path: &str) -> Result<String, RunnerError> {
        self.or_reason_of_end(self.admin.post(path))
    }

    /// Replaces a filter delivered by [`Delivery::File`](crate::Delivery::File) on this listener, and waits until
    /// Envoy has taken it. Connections that are open keep the filter that they began with.
    ///
    /// # Errors
    /// If there is no such filter, or if Envoy or the module refuses the new one: what was there stays in force.
    pub fn update_filter(&self, listener: &str, filter: &WasmFilter) -> Result<(), RunnerError> {
        let target = self
            .reconfigurable
            .iter()
            .find(|one| one.listener == listener && one.filter == filter.name())
            .ok_or_else(|| RunnerError::Unknown {
                what: "filter delivered by file",
                name: format!("{listener}/{}", filter.name()),
            })?;
        let log_start = self.log.len();
        let before = Attempts::of(&self.admin, filter.name())?;
        replace_file(&target.file, &filter.discovery_response(target.chain))?;
        let after = self.wait_until(UPDATE_WITHIN, || {
            let now = Attempts::of(&self.admin, filter.name())?;
            Ok((now.taken > before.taken || now.refused > before.refused).then_some(now))
        })?;
        match after {
            Some(now) if now.refused == before.refused => Ok(()),
            _ => Err(self.refused(filter.name(), log_start)),
        }
    }

    /// Everything that Envoy has logged so far.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn log(&self) -> Result<String, RunnerError> {
        self.log.read_from(0)
    }

    /// What Envoy has logged beyond this length in bytes, as [`log_len`](Self::log_len) once gave it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn log_since(&self, offset: u64) -> Result<String, RunnerError> {
        self.log.read_from(offset)
    }

    /// The present length of the log in bytes.
    pub fn log_len(&self) -> u64 {
        self.log.len()
    }

    /// The file that Envoy logs to.
    pub fn log_path(&self) -> &Path {
        self.log.path()
    }

    /// Waits until the log holds `text`, and says whether it came within that time.
    ///
    /// # Errors
    /// If Envoy ends meanwhile or the log cannot be read.
    pub fn wait_for_log(&self, text: &str, within: Duration) -> Result<bool, RunnerError> {
        let found = self.wait_until(within, || Ok(self.log()?.contains(text).then_some(())));
        found.map(|found| found.is_some())
    }

    /// Scrapes until `condition` holds, and gives back that scrape; `None` if it has not within that time.
    ///
    /// # Errors
    /// If Envoy ends meanwhile, or a scrape fails.
    pub fn wait_for_stats(
        &self,
        within: Duration,
        condition: impl Fn(&Scrape) -> bool,
    ) -> Result<Option<Scrape>, RunnerError> {
        self.wait_until(within, || {
            let scrape = self.scrape()?;
            Ok(condition(&scrape).then_some(scrape))
        })
    }

    /// Ends Envoy in order, so that access logs are written out; kills it if it does not end.
    ///
    /// # Errors
    /// If Envoy had already ended by itself.
    pub fn stop(self) -> Result<(), RunnerError> {
        let mut process = self.process();
        process.check_alive()?;
        // It may end before it has answered.
        let _ = self.admin.post("/quitquitquit");
        process.wait_for_end(STOP_WITHIN)?;
        Ok(())
    }

    /// As [`poll_until`], and an error as soon as Envoy has ended.
    fn wait_until<T>(
        &self,
        within: Duration,
        mut condition: impl FnMut() -> Result<Option<T>, RunnerError>,
    ) -> Result<Option<T>, RunnerError> {
        poll_until(within, || {
            self.check_alive()?;
            condition()
        })
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If Envoy is gone, the reason is better than "connection refused".
    fn or_reason_of_end<T>(&self, result: Result<T, RunnerError>) -> Result<T, RunnerError> {
        if result.is_err() {
            self.check_alive()?;
        }
        result
    }

    fn refused(&self, filter: &str, log_start: u64) -> RunnerError {
        RunnerError::FilterRefused {
            filter: filter.to_owned(),
            reasons: self.log.reasons_since(log_start),
            log: self.log.path().to_owned(),
        }
    }
}

impl fmt::Debug for Envoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envoy").field("id", &self.id).field("run_dir", &self.run_dir).finish_non_exhaustive()
    }
}

/// How often a filter's own file was taken and refused, over all listeners.
struct Attempts {
    taken: u64,
    refused: u64,
}

impl Attempts {
    fn of(admin: &Admin, filter: &str) -> Result<Self, RunnerError> {
        let stats = admin.get("/stats?filter=%5Eextension_config_discovery%5C.")?;
        let sum = |counters: &[&str]| {
            stats
                .lines()
                .filter_map(|line| line.split_once(": "))
                .filter(|(name, _)| {
                    counters.iter().any(|counter| name.ends_with(&format!(".{filter}.{counter}")))
                })
                .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
                .sum()
        };
        Ok(Self {
            taken: sum(&["config_reload"]),
            refused: sum(&["config_fail", "update_rejected", "config_conflict"]),
        })
    }
}

/// Not `/stats/prometheus`, the same text: Envoy 1.36 then begins two collections per request, so that
/// `scrape` would see one skipped each time.
const EVERYTHING: &str = "/stats?format=prometheus";
const COLLECTION_SKIPPED: &str = "envoy_server_dropped_stat_flushes";
const COLLECTION_PROMETHEUS: &str = "/stats?format=prometheus&filter=%5Eserver%5C.dropped_stat_flushes%24";
const COLLECTED_WITHIN: Duration = Duration::from_secs(10);
const UPDATE_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Waits for the admin interface, for readiness, and for the addresses of all listeners.
fn wait_until_ready(
    process: &mut Process,
    admin_address: &Path,
    expected_listeners: usize,
    within: Duration,
) -> Result<(Admin, Vec<(String, SocketAddr)>), RunnerError> {
    let log = process.log.path().to_owned();
    let ready = poll_until(within, || {
        process.check_alive()?;
        let Some(address) = fs::read_to_string(admin_address).ok().and_then(|text| text.trim().parse().ok())
        else {
            return Ok(None);
        };
        let admin = Admin::new(address);
        if !admin.is_ready() {
            return Ok(None);
        }
        let listeners = admin.listeners()?;
        Ok((listeners.len() >= expected_listeners).then_some((admin, listeners)))
    })?;
    ready.ok_or_else(|| RunnerError::NotReady { waited: within, reasons: process.log.reasons_since(0), log })
}

/// Envoy watches for moves and must never see half a file.
fn replace_file(path: &Path, content: &Value) -> Result<(), RunnerError> {
    let beside = path.with_extension("json.new");
    fs::write(&beside, format!("{content:#}\n")).map_err(RunnerError::io("writing", &beside))?;
    fs::rename(&beside, path).map_err(RunnerError::io("replacing", path))
}
