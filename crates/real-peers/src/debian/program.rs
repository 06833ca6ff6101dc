//! Running a program of a bundle where it lies, without a root of its own and so without root's rights.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// A program of an unpacked bundle, started through that bundle's own dynamic loader and libraries.
///
/// For programs without paths of their own (clients, load tools). Servers run in an
/// [`Instance`](crate::instance::Instance).
pub struct Program {
    root: PathBuf,
    libraries: PathBuf,
    loader: PathBuf,
}

impl Program {
    /// For the programs of the bundle unpacked in `root`.
    ///
    /// # Errors
    /// When there is no dynamic loader in it: it is not a bundle.
    pub fn of(root: &Path) -> Result<Self> {
        let libraries = entry(&root.join("usr/lib"), |name| name.ends_with("-linux-gnu"))?;
        let loader = entry(&libraries, |name| name.starts_with("ld-linux"))?;
        Ok(Self { root: root.to_path_buf(), libraries, loader })
    }

    /// A command that runs `program`, a path below the bundle's root such as `usr/sbin/smtp-sink`.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut paths = OsString::from(&self.libraries);
        paths.push(":");
        paths.push(self.root.join("usr/lib/postfix"));
        let mut command = Command::new(&self.loader);
        command.arg("--library-path").arg(paths).arg(self.root.join(program));
        command
    }

    /// The folder of the bundle's shared libraries.
    pub(crate) fn libraries(&self) -> &Path {
        &self.libraries
    }

    /// The bundle's dynamic loader.
    pub(crate) fn loader(&self) -> &Path {
        &self.loader
    }

    /// A command that runs a Perl script of the bundle with the bundle's Perl and modules.
    ///
    /// # Errors
    /// When the bundle has no Perl.
    pub fn perl_script(&self, script: &str) -> Result<Command> {
        let version = |folder: &Path| entry(folder, |name| name.starts_with("5."));
        let mut command = self.command("usr/bin/perl");
        for folder in [
            self.root.join("etc/perl"),
            version(&self.libraries.join("perl5"))?,
            self.root.join("usr/share/perl5"),
            self.libraries.join("perl-base"),
            version(&self.libraries.join("perl"))?,
            version(&self.root.join("usr/share/perl"))?,
        ] {
            command.arg("-I").arg(folder);
        }
        command.arg(self.root.join(script));
        Ok(command)
    }

    /// A command that runs a Python script, given as text, with the bundle's Python and modules. Nothing of the
    /// environment reaches it but what the caller adds; Cyrus SASL finds the bundle's mechanisms.
    ///
    /// # Errors
    /// When the bundle has no Python.
    pub fn python(&self, script: &str) -> Result<Command> {
        let python = entry(&self.root.join("usr/bin"), |name| name.starts_with("python3."))?;
        // It is below the root: to join an absolute path replaces what it is joined to.
        let mut command = self.command(python.to_str().context("a path that is not text")?);
        command.env_clear().env("LC_ALL", "C.UTF-8").env("PYTHONHOME", self.root.join("usr"));
        command.env("SASL_PATH", self.libraries.join("sasl2"));
        command.args(["-B", "-c", script]);
        Ok(command)
    }
}

/// The first entry of `folder`, by name, that `fits`.
fn entry(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&fits))
        .collect();
    entries.sort();
    entries.into_iter().next().with_context(|| format!("{} has none of what is looked for", folder.display()))
}
