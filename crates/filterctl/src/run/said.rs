//! What an extension says in Envoy's log.

use anyhow::Result;
use envoy_runner::Envoy;

/// Follows Envoy's log for the lines that modules wrote.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What has been read of the log, in bytes.
    read: u64,
}

impl Said {
    /// The lines since the last time, each with its level.
    pub(super) fn news(&mut self, envoy: &Envoy) -> Result<Vec<String>> {
        let text = envoy.log_since(self.read)?;
        // The last line may be half written: it comes with the next look.
        let complete = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += complete as u64;
        Ok(text.lines().filter_map(said).collect())
    }
}

/// `[time][thread][level][wasm] [source/…] wasm log <name> <root id> <vm id>: <text>`, without what the reader knows.
fn said(line: &str) -> Option<String> {
    let (frame, message) = line.split_once("wasm log")?;
    let level = frame.strip_prefix('[')?.split("][").nth(2)?;
    let (_, text) = message.split_once(": ")?;
    Some(format!("{level}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_module_is_told_without_its_frame() {
        let line = "[2026-01-01 00:00:00.000][7][warning][wasm] [source/extensions/common/wasm/context.cc:1198] \
                    wasm log demo demo demo: connection 1: 11 octets, 10 allowed";
        assert_eq!(said(line).as_deref(), Some("warning: connection 1: 11 octets, 10 allowed"));
        assert_eq!(
            said("[2026-01-01 00:00:00.000][7][info][main] [source/server/server.cc:1] starting"),
            None
        );
        assert_eq!(said("nonsense wasm log"), None);
    }
}
