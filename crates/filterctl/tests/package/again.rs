//! The same commit gives the same octets, whatever is around it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use filterctl::build::inspect::inspect;
use filterctl::build::{Request, ToolchainChoice, build};
use filterctl::workspace::Workspace;

use crate::Test;
use crate::ground::{Ground, files};

pub(crate) const TESTS: &[Test] = &[
    ("two folders: the modules are the same, octet for octet", &[], two_folders),
    ("two times: the folder is the same under another umask, time zone, language and user", &[], two_times),
    ("no file names a path of this machine", &[], no_paths),
];

/// The clone was built in its own folder; here the checkout itself is, into its own target folder.
fn two_folders(ground: &Ground) -> Result<()> {
    let here = Workspace::find()?;
    ensure!(here.root != ground.clone.root && here.target != ground.clone.target);
    let toolchain = if ground.any_toolchain { ToolchainChoice::Auto } else { ToolchainChoice::Pinned };
    let modules = ground.digests.filters.keys().cloned().collect();
    let request = Request { modules, toolchain, ..Request::default() };
    for artifact in build(&here, &request, &mut |step| eprintln!("{step}"))? {
        let built = fs::read(&artifact.path)?;
        let released = ground.read(&ground.digests.filters[&artifact.module].file)?;
        ensure!(
            released.starts_with(&built),
            "{}: {} octets here, and others in the release of {}",
            artifact.package,
            built.len(),
            released.len()
        );
        // What follows is the stamp, and nothing but custom sections.
        let (here, there) = (inspect(&built)?, inspect(&released)?);
        ensure!(here.imports == there.imports && here.exported_functions == there.exported_functions);
        ensure!(there.custom_sections.len() == here.custom_sections.len() + 4, "{:?}", there.custom_sections);
    }
    Ok(())
}

fn two_times(ground: &Ground) -> Result<()> {
    let again = ground.folder("again")?.join("envoy-filters");
    let tool = ground.filterctl();
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077 && exec \"$@\"", "sh"])
        .arg(tool.get_program())
        .arg("package")
        .arg("--output")
        .arg(&again)
        .args(ground.any_toolchain.then_some("--any-toolchain"))
        .current_dir(&ground.clone.root)
        .env("CARGO_TARGET_DIR", &ground.clone.target)
        .env("TZ", "Asia/Kathmandu")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("LANG", "tr_TR.UTF-8")
        .env("USER", "somebody-else")
        .stdin(Stdio::null());
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let (first, second) = (files(&ground.release)?, files(&again)?);
    for ((path, one), (other, two)) in first.iter().zip(&second) {
        ensure!(path == other, "{} is in one of them only", path.min(other).display());
        ensure!(one == two, "{} differs", path.display());
        let mode = |root: &std::path::Path| {
            Ok::<_, std::io::Error>(fs::metadata(root.join(path))?.permissions().mode())
        };
        ensure!(mode(&ground.release)? == mode(&again)?, "the mode of {} differs", path.display());
    }
    ensure!(first.len() == second.len());
    Ok(())
}

fn no_paths(ground: &Ground) -> Result<()> {
    let home = std::env::home_dir().context("no home")?;
    let here = crate::repository::root();
    let paths = [&ground.clone.root, &ground.clone.target, &ground.release, &here, &home];
    let needles: Vec<Vec<u8>> = paths
        .iter()
        .filter_map(|path| path.to_str())
        // A home of one name, such as /root, is a word that a document may have; as a prefix it is a path.
        .map(|path| format!("{path}/").into_bytes())
        .chain([b".cargo/registry".to_vec(), b".rustup".to_vec()])
        .collect();
    for (file, contents) in files(&ground.release)? {
        for needle in &needles {
            ensure!(
                !contents.windows(needle.len()).any(|window| window == needle.as_slice()),
                "{} names {}",
                file.display(),
                String::from_utf8_lossy(needle)
            );
        }
    }
    Ok(())
}
