//! Where a new project stands: alone, or in a workspace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::name::Name;
use crate::workspace::{Workspace, WorkspaceError};

/// Where a new project stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is a workspace of its own.
    Alone,
    /// It is a member of the workspace with this root folder.
    Member {
        /// The folder.
        root: PathBuf,
    },
}

/// What Cargo says of a package below a workspace that does not have it among its members.
const NO_MEMBER: &str = "current package believes it's in a workspace when it's not";

impl Place {
    /// Lets Cargo decide: it alone knows what a workspace's `members` and `exclude` mean. Leaves a small package in
    /// the folder, which is to be overwritten.
    pub(super) fn of(folder: &Path, name: &Name) -> Result<Self> {
        let write = |file: &str, content: &str| {
            let path = folder.join(file);
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
        };
        fs::create_dir(folder.join("src"))
            .with_context(|| format!("cannot write to {}", folder.display()))?;
        write(
            "Cargo.toml",
            &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        )?;
        write("src/lib.rs", "")?;
        match Workspace::at(folder) {
            Ok(workspace) if workspace.root == folder => Ok(Self::Alone),
            Ok(workspace) => Ok(Self::Member { root: workspace.root }),
            Err(WorkspaceError::NotFound { reason, .. }) if reason.starts_with(NO_MEMBER) => Ok(Self::Alone),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds out whether Cargo takes the finished project where it stands.
    pub(super) fn check(&self, folder: &Path) -> Result<()> {
        match (self, Workspace::at(folder)) {
            (_, Ok(workspace)) if workspace.modules.iter().any(|module| module.folder == folder) => Ok(()),
            (Self::Member { root }, Err(WorkspaceError::NotFound { reason, .. })) => bail!(
                "{} would be a member of the workspace {}, which lacks what a member takes from it ({reason}): make \
                 the project elsewhere, or exclude its folder there",
                folder.display(),
                root.display()
            ),
            (_, Err(error)) => Err(error.into()),
            (_, Ok(workspace)) => {
                bail!("{} became no module of {}", folder.display(), workspace.root.display())
            }
        }
    }
}
