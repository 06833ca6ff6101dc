//! What modules say in Envoy's log.

use std::fmt;

use anyhow::Result;
use envoy_runner::Envoy;

/// Follows Envoy's log for the lines that modules wrote.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// What has been read of the log, in bytes.
    read: u64,
}

/// A line that a module wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `trace`, `debug`, `info`, `warning`, `error` or `critical`.
    pub(crate) level: String,
    /// What it said.
    pub(crate) text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.text)
    }
}

impl Said {
    /// The lines since the last time.
    pub(crate) fn news(&mut self, envoy: &Envoy) -> Result<Vec<Line>> {
        let text = envoy.log_since(self.read)?;
        // The last line may be half written: it comes with the next look.
        let complete = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += complete as u64;
        Ok(text.get(..complete).unwrap_or_default().lines().filter_map(said).collect())
    }
}

/// `[time][thread][level][wasm] [source/…] wasm log <name> <root id> <vm id>: <text>`, without what the reader knows.
fn said(line: &str) -> Option<Line> {
    let (frame, message) = line.split_once("wasm log")?;
    let level = frame.strip_prefix('[')?.split("][").nth(2)?;
    let (_, text) = message.split_once(": ")?;
    Some(Line { level: level.to_owned(), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_module_is_told_without_its_frame() {
        let line = "[2026-01-01 00:00:00.000][7][warning][wasm] [source/extensions/common/wasm/context.cc:1198] \
                    wasm log demo demo demo: connection 1: 11 octets, 10 allowed";
        assert_eq!(said(line).unwrap().to_string(), "warning: connection 1: 11 octets, 10 allowed");
        assert_eq!(
            said("[2026-01-01 00:00:00.000][7][info][main] [source/server/server.cc:1] starting"),
            None
        );
        assert_eq!(said("nonsense wasm log"), None);
    }
}
