//! Peers that are scripts: the order goes in as JSON, what came of it comes back as JSON.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Runs the script with the order on its standard input, and reads its standard output as the answer. Returns
/// what it wrote to standard error besides.
///
/// # Errors
/// When it cannot be started or fails, with what it wrote to standard error; or when its answer is none.
pub(crate) fn run<A: DeserializeOwned>(command: &mut Command, order: &impl Serialize) -> Result<(A, String)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    child.stdin.take().context("the script has no input")?.write_all(&serde_json::to_vec(order)?)?;
    let output = child.wait_with_output()?;
    let transcript = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("the script ended with {}: {transcript}", output.status);
    }
    let answer = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("reading the script's answer; it said {transcript:?}"))?;
    Ok((answer, transcript))
}
