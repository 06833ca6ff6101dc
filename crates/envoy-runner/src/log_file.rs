//! Envoy's log: reading it, and finding in it why something was refused.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::RunnerError;

/// How much of a log's end is searched for reasons: a trace log can be very large.
const TAIL: u64 = 256 * 1024;

#[derive(Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
}

impl LogFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> u64 {
        self.path.metadata().map_or(0, |meta| meta.len())
    }

    /// What was logged from this offset on. Octets that are no UTF-8 are replaced.
    pub(crate) fn read_from(&self, offset: u64) -> Result<String, RunnerError> {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().map_err(RunnerError::io("reading", &self.path))
    }

    /// Messages since `offset` that explain a refusal.
    pub(crate) fn reasons_since(&self, offset: u64) -> Vec<String> {
        let start = offset.max(self.len().saturating_sub(TAIL));
        self.read_from(start).map(|text| reasons(&text)).unwrap_or_default()
    }
}

/// Picks the messages that explain why Envoy refused something: what the Wasm modules themselves logged as
/// an error if there is any, else Envoy's own errors, else the last line.
fn reasons(log: &str) -> Vec<String> {
    let errors: Vec<(&str, &str)> = log
        .lines()
        .filter_map(entry)
        .filter(|(level, _)| matches!(*level, "error" | "critical"))
        .map(|(_, message)| (message, module_message(message).unwrap_or_default()))
        .collect();
    let said_by_modules = errors.iter().map(|(_, own)| *own).filter(|own| !own.is_empty());
    let mut reasons = unique(said_by_modules);
    if reasons.is_empty() {
        reasons = unique(errors.iter().map(|(message, _)| *message));
    }
    if reasons.is_empty() {
        reasons.extend(log.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    reasons
}

/// Takes `[time][thread][level][logger] [source file:line] message` apart.
fn entry(line: &str) -> Option<(&str, &str)> {
    let mut parts = line.strip_prefix('[')?.splitn(4, "][");
    let level = parts.nth(2)?;
    let (_, rest) = parts.next()?.split_once("] ")?;
    let message = match rest.strip_prefix("[source/") {
        Some(rest) => rest.split_once("] ")?.1,
        None => rest,
    };
    // After this come the whole path of the bootstrap and a second line.
    let message = message
        .strip_prefix("error `")
        .and_then(|quoted| quoted.rsplit_once("` initializing config "))
        .map_or(message, |(reason, _)| reason);
    Some((level, message.trim_end()))
}

/// The text that a module logged itself: Envoy writes `wasm log <name> <root id> <vm id>: <text>`.
fn module_message(message: &str) -> Option<&str> {
    let (_, text) = message.strip_prefix("wasm log")?.split_once(": ")?;
    Some(text)
}

/// Every worker's VM says the same.
fn unique<'a>(messages: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for message in messages {
        if !seen.iter().any(|known| known == message) {
            seen.push(message.to_owned());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_said_comes_first() {
        let log = "\
[2026-01-01 00:00:00.000][7][info][main] [source/server/server.cc:1] starting
[2026-01-01 00:00:00.000][7][error][wasm] [source/extensions/common/wasm/context.cc:1] wasm log mail smtp vm: strict: a: b
[2026-01-01 00:00:00.000][7][error][wasm] [source/extensions/common/wasm/context.cc:1] wasm log mail smtp vm: strict: a: b
[2026-01-01 00:00:00.000][7][error][wasm] [source/extensions/common/wasm/wasm.cc:1] Wasm VM failed to configure
";
        assert_eq!(reasons(log), ["strict: a: b"]);
    }

    #[test]
    fn else_what_envoy_said_without_its_frame() {
        let log = "\
[2026-01-01 00:00:00.000][7][critical][main] [source/server/server.cc:449] error `no such field: 'foo'` initializing config 'goo.gle/debugonly
  /run/bootstrap.json'
[2026-01-01 00:00:00.000][7][info][main] [source/server/server.cc:1] exiting
";
        assert_eq!(reasons(log), ["no such field: 'foo'"]);
    }

    #[test]
    fn else_the_last_words() {
        assert_eq!(reasons("one\nPARSE ERROR: --what\n\n"), ["PARSE ERROR: --what"]);
        assert_eq!(reasons(""), [""; 0]);
    }
}
