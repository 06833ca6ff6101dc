//! An Envoy that some of the scenarios share.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use envoy_runner::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY};
use filterctl::build;
use scenarios::golden::{self, is_recording};
use scenarios::real_host::{Mode, RealHost};
use scenarios::{Observation, Scenario, fake_host};

/// An Envoy, started when the first scenario asks for it.
pub(crate) struct Stage {
    binary: EnvoyBinary,
    scenarios: Vec<Scenario>,
    folder: PathBuf,
    /// One scenario at a time. `None` when it could not be started, which the first scenario has told.
    host: Mutex<Option<Result<RealHost, String>>>,
}

impl Stage {
    pub(crate) fn new(binary: &EnvoyBinary, number: usize, scenarios: &[Scenario]) -> Self {
        let name = format!("{}-{number}", binary.version);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios").join(name);
        Self { binary: binary.clone(), scenarios: scenarios.to_vec(), folder, host: Mutex::new(None) }
    }

    /// Plays a scenario and compares what is seen with its golden file, or writes the file.
    pub(crate) fn play(&self, scenario: &Scenario) -> Result<()> {
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        let host = host.get_or_insert_with(|| self.start().map_err(|error| format!("{error:#}")));
        let host = host.as_mut().map_err(|error| anyhow!("{error}"))?;
        let version = self.binary.version;
        if is_recording() {
            record(host, scenario, version)
        } else {
            let golden = golden::read(scenario, version)?;
            let seen = host.run(scenario, &golden, Mode::Compare)?;
            compare(scenario, version, &golden, &seen)
        }
        .with_context(|| format!("see {}", self.folder.display()))
    }

    fn start(&self) -> Result<RealHost> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).context("clearing the folder")?;
        }
        RealHost::start(&self.binary, module()?, &self.scenarios, &self.folder)
    }
}

/// The newest Envoy says what is right; the oldest has a file of its own only where the scenario says why.
fn record(host: &mut RealHost, scenario: &Scenario, version: EnvoyVersion) -> Result<()> {
    let writes = version == NEWEST_ENVOY || scenario.differs_on_oldest.is_some();
    // What has been recorded is the best guess; for a new scenario, the fake's.
    let guess = golden::read(scenario, version).or_else(|_| fakes_guess(scenario))?;
    let seen = host.run(scenario, &guess, Mode::Record)?;
    if writes {
        golden::write(scenario, version, &seen)
    } else {
        compare(scenario, version, &golden::read(scenario, version)?, &seen)
    }
}

/// Where FakeEnvoy fails its test in this scenario, nothing is expected.
fn fakes_guess(scenario: &Scenario) -> Result<Observation> {
    let scenario = scenario.clone();
    std::thread::spawn(move || fake_host::run(&scenario))
        .join()
        .unwrap_or_else(|_| Ok(Observation::default()))
}

fn compare(
    scenario: &Scenario,
    version: EnvoyVersion,
    golden: &Observation,
    seen: &Observation,
) -> Result<()> {
    match golden.difference(seen, ["golden file", &format!("Envoy {version}")]) {
        None => Ok(()),
        Some(difference) => bail!("{}\n{difference}", scenario.rule),
    }
}

/// The module, built when the first Envoy needs it.
fn module() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built =
        BUILT.get_or_init(|| build::module("scenario-extension").map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|error| anyhow!("{error}"))
}
