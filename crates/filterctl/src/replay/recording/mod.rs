//! Reads recorded conversations, whatever they were recorded with.

mod jsonl;
mod pcap;
mod tap;
mod tcp;

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Conversation;

/// How the files are named that are read of a folder.
const ENDINGS: [&str; 7] = ["jsonl", "json", "pb", "pb_length_delimited", "pcap", "pcapng", "cap"];

/// Whose traffic a tap saw: decides which way `read` and `write` go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TapSide {
    /// The tap was in a listener's transport socket: Envoy reads from the client.
    #[default]
    Listener,
    /// The tap was in a cluster's transport socket: Envoy reads from the server.
    Cluster,
}

/// What a file, or a folder of files, holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The conversations, in the order of their beginnings. Nothing may have been said in some of them.
    pub conversations: Vec<Conversation>,
    /// Whether it was recorded on the network, so that other protocols' connections may be among them.
    pub is_capture: bool,
}

/// Reads one file, or all files of a folder in order of their names.
///
/// The format is found by looking inside: JSON lines of records, what Envoy's tap
/// writes as JSON or binary, pcap or pcapng.
///
/// # Errors
///
/// When a file cannot be read or is of no known format, or holds no conversation; the message says which.
pub fn read(path: &Path, side: TapSide) -> Result<Recording> {
    if !path.is_dir() {
        return read_file(path, side);
    }
    let context = || format!("cannot read {}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(context)? {
        let file = entry.with_context(context)?.path();
        let is_recording =
            file.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
        if is_recording && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!("{} holds no file that ends in .{}", path.display(), ENDINGS.join(" or ."));
    }
    files.sort();
    let mut all = Recording::default();
    for file in files {
        let recording = read_file(&file, side)?;
        all.is_capture |= recording.is_capture;
        all.conversations.extend(recording.conversations);
    }
    Ok(all)
}

fn read_file(path: &Path, side: TapSide) -> Result<Recording> {
    let octets = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let mut conversations = parse(&octets, side).with_context(|| path.display().to_string())?;
    if conversations.iter().all(|conversation| conversation.records.is_empty()) {
        bail!("{}: nothing was said in it", path.display());
    }
    for conversation in &mut conversations {
        let inside = std::mem::take(&mut conversation.name);
        conversation.name = if inside.is_empty() { name.clone() } else { format!("{name} {inside}") };
    }
    Ok(Recording { conversations, is_capture: pcap::is_capture(&octets) })
}

/// Recognises the format by how the file begins.
fn parse(octets: &[u8], side: TapSide) -> Result<Vec<Conversation>> {
    if pcap::is_capture(octets) {
        return pcap::parse(octets);
    }
    let text = octets.trim_ascii_start();
    if text.is_empty() {
        bail!("the file is empty");
    }
    if text.first() != Some(&b'{') {
        return tap::parse_binary(octets, side).unwrap_or_else(|| {
            bail!(
                "of no known format: neither JSON lines of records, nor what Envoy's tap writes (as JSON or binary, \
                 not as text), nor pcap or pcapng"
            )
        });
    }
    let first = serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>().next();
    let first = first.transpose().context("not JSON")?.unwrap_or_default();
    if first.get("dir").is_some() {
        Ok(vec![jsonl::parse(octets)?])
    } else if tap::is_json_trace(&first) {
        tap::parse_json(octets, side)
    } else {
        bail!("JSON, but neither a record (with `dir` and `hex`) nor a trace of Envoy's tap for sockets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recording_is_refused_with_what_would_be_one() {
        for (octets, problem) in [
            (&b""[..], "empty"),
            (b"220 hello\r\n", "no known format"),
            (b"{\"a\":1}", "neither a record"),
            (b"{\"dir\":", "not JSON"),
            (b"{\"http_buffered_trace\":{}}", "neither a record"),
        ] {
            let error = format!("{:#}", parse(octets, TapSide::Listener).unwrap_err());
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/no/such/file.jsonl"), TapSide::Listener).unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/file.jsonl"), "{error:#}");
    }
}
