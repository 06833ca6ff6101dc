//! What is not packaged, and what is said then.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use anyhow::{Context, Result, ensure};
use filterctl::build::PINNED;

use crate::Test;
use crate::ground::Ground;

pub(crate) const TESTS: &[Test] = &[
    ("a checkout that differs from its commit is refused, and named", &[], dirty),
    ("another compiler than the pinned one is refused, with the command that helps", &[], other_compiler),
    ("a folder that is no release folder is left alone", &[], other_folder),
];

fn refused(ground: &Ground, change: impl FnOnce(&mut std::process::Command)) -> Result<String> {
    let mut command = ground.filterctl();
    command.arg("package").arg("--output").arg(ground.scratch.join("refused"));
    change(&mut command);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    ensure!(!ground.scratch.join("refused").exists(), "something was made");
    let last = said.lines().last().context("nothing was said")?;
    Ok(last.to_owned())
}

fn dirty(ground: &Ground) -> Result<()> {
    // In a checkout of its own, for others look at the clone.
    let checkout = ground.folder("dirty")?.join("checkout");
    let (from, to) = (ground.clone.root.display().to_string(), checkout.display().to_string());
    crate::ground::git(&ground.scratch, &["clone", "--quiet", &from, &to])?;
    fs::write(checkout.join("note.txt"), "")?;
    fs::write(checkout.join("LICENSE"), "do as you please")?;
    let said = refused(ground, |command| {
        command.current_dir(&checkout);
    })?;
    let commit = &ground.commit;
    ensure!(
        said == format!(
            "filterctl: the checkout differs from commit {commit}: M LICENSE, ?? note.txt; commit, or say --allow-dirty \
             for a folder that is not for release"
        ),
        "{said}"
    );
    Ok(())
}

fn other_compiler(ground: &Ground) -> Result<()> {
    // A PATH with an old compiler, and nothing to get another one with.
    let programs = ground.folder("old-compiler")?;
    let old = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'rustc 1.80.0 (051478957 2024-07-21)' || exec /bin/false\n";
    fs::write(programs.join("rustc"), old)?;
    fs::set_permissions(programs.join("rustc"), fs::Permissions::from_mode(0o755))?;
    for program in ["git", "sh"] {
        symlink(which(program)?, programs.join(program))?;
    }
    let cargo = std::env::var("CARGO").context("tests run under Cargo")?;
    let said = refused(ground, |command| {
        command.env("PATH", &programs).env("CARGO", &cargo);
    })?;
    for part in [
        format!("releases are built with {} and binaryen {}", PINNED.rustc, PINNED.binaryen),
        PINNED.installation(),
        "--any-toolchain takes what is there".to_owned(),
    ] {
        ensure!(said.contains(&part), "{said}");
    }
    Ok(())
}

fn which(program: &str) -> Result<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .with_context(|| format!("no {program}"))
}

fn other_folder(ground: &Ground) -> Result<()> {
    let folder = ground.folder("holidays")?;
    fs::write(folder.join("photograph"), "")?;
    let output = ground.filterctl().arg("package").arg("--output").arg(&folder).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        said.contains("is there and is no release folder: remove it, or name another --output"),
        "{said}"
    );
    ensure!(folder.join("photograph").is_file());
    Ok(())
}
