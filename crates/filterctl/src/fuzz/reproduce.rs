//! One input again: what it says, and what breaks on it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::program::Program;
use super::targets::Target;
use crate::failure::Usage;

/// Gives one input to its target, and shows what it says. The target is the one that is named, or else the one that a folder
/// of the file's path is named after. A file that ends in `.hex` is text: see `crates/fuzz/regressions`.
///
/// # Errors
/// When the input breaks something, cannot be read, or nobody says for which target it is.
pub fn reproduce(program: &Program, targets: &[Target], named: &[String], file: &Path) -> Result<()> {
    let target = target_of(targets, named, file)?;
    // libFuzzer begins in a folder of its own.
    let file = file.canonicalize().with_context(|| format!("reading {}", file.display()))?;
    let input = if file.extension().is_some_and(|extension| extension == "hex") {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let octets = decoded(&text).with_context(|| format!("{} is no hexadecimal", file.display()))?;
        let folder = program.folder(target);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let input = folder.join("reproduced");
        fs::write(&input, octets).with_context(|| format!("writing {}", input.display()))?;
        input
    } else {
        file.clone()
    };
    let status = program
        .command(target)
        .env("FUZZ_ALOUD", "1")
        .arg(&input)
        .status()
        .context("cannot start the fuzzer")?;
    if status.success() {
        eprintln!("{}: nothing breaks on {}", target.name, file.display());
        return Ok(());
    }
    bail!("{} breaks on {}", target.name, file.display());
}

fn target_of<'t>(targets: &'t [Target], named: &[String], file: &Path) -> Result<&'t Target> {
    let find = |name: &str| targets.iter().find(|target| target.name == name);
    match named {
        [name] => find(name).ok_or_else(|| Usage(format!("there is no target {name}")).into()),
        [] => {
            let folders: Vec<PathBuf> = file.ancestors().skip(1).map(Path::to_owned).collect();
            let names =
                folders.iter().filter_map(|folder| folder.file_name()).filter_map(|name| name.to_str());
            let found = names.into_iter().find_map(find);
            found.ok_or_else(|| Usage("for which target? Name it in front of --reproduce".to_owned()).into())
        }
        _ => Err(Usage("one input is for one target".to_owned()).into()),
    }
}

/// Hexadecimal in lines; `#` begins what is for people.
fn decoded(text: &str) -> Result<Vec<u8>, data_encoding::DecodeError> {
    let digits: String = text
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.chars().filter(|digit| !digit.is_whitespace()))
        .collect();
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Target {
        Target {
            name: name.to_owned(),
            about: String::new(),
            longest: 1,
            long_run_only: false,
            only_named: false,
        }
    }

    #[test]
    fn the_target_is_named_or_stands_in_the_path() {
        let targets = [target("smtp-data"), target("driver")];
        let of = |named: &[&str], file: &str| {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            target_of(&targets, &named, Path::new(file))
                .map(|target| target.name.clone())
                .map_err(|e| e.to_string())
        };
        assert_eq!(of(&[], "target/fuzzing/smtp-data/finds/crash-1").unwrap(), "smtp-data");
        assert_eq!(of(&["driver"], "smtp-data/x").unwrap(), "driver");
        assert!(of(&[], "/x/crash-1").unwrap_err().starts_with("for which target?"));
        assert!(of(&["driver", "smtp-data"], "x").is_err());
    }

    #[test]
    fn text_is_decoded_without_its_comments() {
        assert_eq!(decoded("# a dot at a cut\n0d 0A\n2e # .\n").unwrap(), b"\r\n.");
        assert!(decoded("0").is_err());
    }
}
