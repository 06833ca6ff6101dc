//! libFuzzer with all targets in one program: `FUZZ_TARGET` says which. `cargo filterctl fuzz` builds and runs it.
//!
//! With `FUZZ_PREPARE=FOLDER` it writes seeds and dictionary of the target there, and ends; recordings below `FUZZ_SEEDS`
//! become seeds too. With `FUZZ_ALOUD` it shows each input before it tries it.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::{LazyLock, OnceLock};

use anyhow::{Context, Result};
use fuzz_targets::{Target, dictionary, seeds};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();
/// Whether each input is shown.
static ALOUD: LazyLock<bool> = LazyLock::new(|| std::env::var_os("FUZZ_ALOUD").is_some());

fuzz_target!(init: begin(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        if *ALOUD {
            eprint!("{}", target.told(data));
        }
        target.run(data);
    }
});

fn begin() {
    match chosen() {
        Ok(target) => drop(TARGET.set(target)),
        Err(error) => {
            eprintln!("{error:#}");
            exit(2);
        }
    }
}

fn chosen() -> Result<Target> {
    let name = std::env::var("FUZZ_TARGET").context("FUZZ_TARGET says which target")?;
    let target = fuzz_targets::target(&name)?;
    if let Some(folder) = std::env::var_os("FUZZ_PREPARE") {
        prepare(&target, Path::new(&folder))?;
        exit(0);
    }
    Ok(target)
}

/// Writes `dictionary` and `seeds/`.
fn prepare(target: &Target, folder: &Path) -> Result<()> {
    let words = dictionary::dictionary(&target.profile.dictionary).context("there is no such dictionary")?;
    let seeds_folder = folder.join("seeds");
    fs::create_dir_all(&seeds_folder)?;
    fs::write(folder.join("dictionary"), words)?;
    let more = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from);
    for (number, seed) in seeds::seeds(&target.name, more.as_deref()).iter().enumerate() {
        fs::write(seeds_folder.join(format!("{number:04}")), seed)?;
    }
    Ok(())
}
