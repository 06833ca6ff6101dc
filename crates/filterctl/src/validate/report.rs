//! What was found, and how it is told.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::document::{Key, Node, Position};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It will not work: it is refused, or the filter measures nothing.
    Error,
    /// It works, but probably not as it was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file: the one that was named, or one that it refers to.
    pub file: PathBuf,
    /// Where in it.
    #[serde(flatten)]
    pub at: Position,
    /// How bad it is.
    pub severity: Severity,
    /// The field, such as `limits.max_reply_line`; empty where it is the whole document.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: ", self.file.display(), self.at, self.severity)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n    {suggestion}")?;
        }
        Ok(())
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Notes an error at a value.
    pub(super) fn error(&mut self, place: &Place<'_>, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Error, place, message.into())
    }

    /// Notes a warning at a value.
    pub(super) fn warning(&mut self, place: &Place<'_>, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Warning, place, message.into())
    }

    fn add(&mut self, severity: Severity, place: &Place<'_>, message: String) -> &mut Finding {
        self.push(Finding {
            file: place.file.to_owned(),
            at: place.at,
            severity,
            path: place.path.clone(),
            message,
            suggestion: None,
        })
    }

    /// Notes a finding.
    pub(super) fn push(&mut self, finding: Finding) -> &mut Finding {
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// What was found, by file and place; the same thing once.
    pub fn findings(mut self) -> Vec<Finding> {
        self.findings.sort_by(|a, b| {
            (&a.file, a.at, a.severity, &a.path, &a.message)
                .cmp(&(&b.file, b.at, b.severity, &b.path, &b.message))
        });
        self.findings.dedup();
        self.findings
    }
}

impl Finding {
    /// Says what would be right.
    pub(super) fn suggest(&mut self, suggestion: impl Into<String>) {
        self.suggestion = Some(suggestion.into());
    }
}

/// A value that is being looked at, and how it is called.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    /// The file that it stands in.
    pub(super) file: &'a Path,
    /// The value.
    pub(super) node: &'a Node,
    /// Where a finding about it points: its key, where it has one.
    pub(super) at: Position,
    /// Its path from the top of the document.
    pub(super) path: String,
}

impl<'a> Place<'a> {
    /// A whole document.
    pub(super) fn top(file: &'a Path, node: &'a Node) -> Self {
        Self { file, node, at: node.at, path: String::new() }
    }

    /// The field of this name.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        self.node.field(name).map(|(key, value)| self.field(key, value))
    }

    /// The field behind these names, one inside the other.
    pub(super) fn find(&self, names: &[&str]) -> Option<Self> {
        names.iter().try_fold(self.clone(), |place, name| place.get(name))
    }

    /// Its fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a str, Self)> + '_ {
        self.node.fields().iter().map(|(key, value)| (key.name.as_str(), self.field(key, value)))
    }

    /// Its items.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> + '_ {
        self.node.items().iter().enumerate().map(|(index, node)| Self {
            file: self.file,
            node,
            at: node.at,
            path: format!("{}[{index}]", self.path),
        })
    }

    /// What it says, if it is a string.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.node.text()
    }

    /// What the field of this name says, if it is a string.
    pub(super) fn text_of(&self, name: &str) -> Option<&'a str> {
        self.node.get(name)?.text()
    }

    fn field(&self, key: &Key, node: &'a Node) -> Self {
        Self { file: self.file, node, at: key.at, path: join(&self.path, &key.name) }
    }
}

/// The path of a field.
pub(super) fn join(path: &str, name: &str) -> String {
    let name = if name.contains(['.', '/']) { format!("[{name:?}]") } else { name.to_owned() };
    match path {
        "" => name,
        _ if name.starts_with('[') => format!("{path}{name}"),
        _ => format!("{path}.{name}"),
    }
}
