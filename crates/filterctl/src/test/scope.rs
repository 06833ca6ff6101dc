//! What is tested: the suite, or a project.

use std::path::PathBuf;

use crate::workspace::Workspace;

/// Packages that are tested together, and the folder where Cargo is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) folder: PathBuf,
    selection: Selection,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selection {
    /// The workspace that this tool is part of, with all that its tests need.
    Suite,
    /// The package of the current folder.
    Package(String),
    /// All packages of a workspace that is not ours; these are its modules.
    Workspace(Vec<String>),
}

impl Scope {
    /// The module of the current folder; where that is none, all of its workspace.
    pub(super) fn here(workspace: &Workspace) -> Self {
        if let Some(module) = workspace.module_here() {
            let selection = Selection::Package(module.package.clone());
            return Self { folder: module.folder.clone(), selection };
        }
        let is_ours = Workspace::of_the_tool().is_some_and(|ours| ours.root == workspace.root);
        let selection = if is_ours {
            Selection::Suite
        } else {
            Selection::Workspace(workspace.modules.iter().map(|module| module.package.clone()).collect())
        };
        Self { folder: workspace.root.clone(), selection }
    }

    /// Whether it is the suite, whose tests need more than Cargo.
    pub(super) fn is_suite(&self) -> bool {
        self.selection == Selection::Suite
    }

    /// Cargo's arguments that name the packages.
    pub(super) fn packages(&self) -> Vec<String> {
        match &self.selection {
            Selection::Suite | Selection::Workspace(_) => vec!["--workspace".to_owned()],
            Selection::Package(package) => named([package]),
        }
    }

    /// The same for `cargo fmt`, whose `--all` would go on into dependencies by path: the SDK is no project's to format.
    pub(super) fn packages_to_format(&self) -> Vec<String> {
        match &self.selection {
            Selection::Suite => vec!["--all".to_owned()],
            Selection::Workspace(modules) => named(modules),
            Selection::Package(package) => named([package]),
        }
    }
}

fn named<'a>(packages: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    packages.into_iter().flat_map(|package| ["--package".to_owned(), package.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_tested_alone_and_the_suite_as_a_whole() {
        let scope = |selection| Scope { folder: "/".into(), selection };
        let suite = scope(Selection::Suite);
        assert!(suite.is_suite());
        assert_eq!(
            (suite.packages(), suite.packages_to_format()),
            (vec!["--workspace".into()], vec!["--all".into()])
        );
        let package = scope(Selection::Package("a".into()));
        assert!(!package.is_suite());
        assert_eq!(package.packages(), ["--package", "a"]);
        let workspace = scope(Selection::Workspace(vec!["a".into(), "b".into()]));
        assert_eq!(workspace.packages(), ["--workspace"]);
        assert_eq!(workspace.packages_to_format(), ["--package", "a", "--package", "b"]);
    }
}
