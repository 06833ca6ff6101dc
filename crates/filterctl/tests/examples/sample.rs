//! An example's own `envoy.yaml`, made to run beside other tests.
//!
//! What is replaced, and nothing else:
//!
//! | in the file | here |
//! |---|---|
//! | `target/wasm/<package>.wasm` | the module, built by the test |
//! | ports to listen on: 9901, 10000, 10001 | 0: any free one |
//! | ports to connect to: 7000, 8000 | those of the test's servers |
//! | `/dev/stdout` | `access.log` in the test's folder |
//! | what a test [changes](Sample::change) | the field of the configuration that it is about |

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use envoy_runner::{Envoy, StartOptions};
use filterctl::build;
use filterctl::workspace::Workspace;

use crate::ground::Ground;

/// The port of the server behind Envoy, in every sample.
pub(crate) const SERVER: u16 = 7000;
/// The port of the service that the extension calls, in every sample.
pub(crate) const SERVICE: u16 = 8000;

/// An example's `envoy.yaml`.
pub(crate) struct Sample<'a> {
    ground: &'a Ground,
    text: String,
}

impl<'a> Sample<'a> {
    /// The sample of this example, with its module built.
    pub(crate) fn of(ground: &'a Ground, example: &str) -> Result<Self> {
        let file = Workspace::find()?.root.join("examples").join(example).join("envoy.yaml");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let mut sample = Self { ground, text };
        let module = module(example)?;
        sample = sample.change(&format!("target/wasm/{example}.wasm"), &module.display().to_string())?;
        for port in [9901, 10000, 10001] {
            sample.text = sample.text.replace(&format!("port_value: {port} "), "port_value: 0 ");
        }
        let access_log = sample.access_log().display().to_string();
        sample.text = sample.text.replace("/dev/stdout", &access_log);
        Ok(sample)
    }

    /// Puts a real port in the place of one to connect to.
    pub(crate) fn port(self, documented: u16, real: u16) -> Result<Self> {
        self.change(&format!("port_value: {documented} "), &format!("port_value: {real} "))
    }

    /// Replaces a text that has to be there.
    pub(crate) fn change(mut self, from: &str, to: &str) -> Result<Self> {
        ensure!(self.text.contains(from), "the sample has no {from:?}");
        self.text = self.text.replace(from, to);
        Ok(self)
    }

    /// Starts Envoy with it, with two workers.
    pub(crate) fn start(self) -> Result<Envoy> {
        for port in [SERVER, SERVICE] {
            let left = self.text.contains(&format!("port_value: {port} "));
            ensure!(!left, "the sample connects to {port}, and the test has no server for it");
        }
        let file = self.ground.folder.join("envoy.yaml");
        fs::write(&file, &self.text)?;
        let options = StartOptions { concurrency: 2, ..StartOptions::default() };
        Ok(Envoy::start_with_file(&self.ground.binary, &file, &self.ground.folder, &options)?)
    }

    fn access_log(&self) -> PathBuf {
        access_log(self.ground)
    }
}

/// Where access logs of a sample go.
pub(crate) fn access_log(ground: &Ground) -> PathBuf {
    // The path stands in a file that Envoy reads from its own folder.
    std::path::absolute(ground.folder.join("access.log")).unwrap_or_else(|_| Path::new("access.log").into())
}

/// Builds the module of an example, once per process.
fn module(example: &str) -> Result<PathBuf> {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};

    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // Held while building: Cargo would let the others wait as well.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = built.get(example) {
        return Ok(module.clone());
    }
    let module = build::module(example)?;
    built.insert(example.to_owned(), module.clone());
    Ok(module)
}
