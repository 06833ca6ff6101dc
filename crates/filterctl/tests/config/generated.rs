//! The files that are made from the types of the configuration are checked in as they are made.

use anyhow::Result;
use filterctl::workspace::Workspace;
use filterctl::{config, generated};

use crate::Test;

pub(crate) const TESTS: &[Test] = &[("generated: the files in the repository are not stale", fresh)];

fn fresh() -> Result<()> {
    let workspace = Workspace::find()?;
    generated::check(&workspace.root, &config::files(&workspace)?, "cargo filterctl config --write")
}
