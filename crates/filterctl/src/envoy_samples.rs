//! The blocks of deploy/envoy/ that are made from declarations in code: label rules, buckets, capabilities.
//!
//! The samples themselves are written by hand. A block stands between two comments, and is indented as they are:
//!
//! ```yaml
//! # generated: stats_tags smtp, ldap
//! - { tag_name: verb, regex: '(verb=\.=(.*?);\.;)' }
//! # end of generated
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use common_metrics::{HISTOGRAM_BUCKETS, StatsTag};

use crate::filters::Filter;
use crate::generated::Generated;

/// Where the samples are, below the repository's root.
pub const FOLDER: &str = "deploy/envoy";

const BEGIN: &str = "# generated: ";
const END: &str = "# end of generated";
/// Columns of a line of buckets.
const WIDTH: usize = 110;

/// Every sample, with its blocks as the code says.
///
/// # Errors
/// When a sample cannot be read, or asks for a block that is not known.
pub fn files(root: &Path) -> Result<Vec<Generated>> {
    let mut files = Vec::new();
    for path in paths(root)? {
        let text = fs::read_to_string(root.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let filled = fill(&text).with_context(|| path.display().to_string())?;
        files.push(Generated::new(path, filled));
    }
    Ok(files)
}

/// The paths of all samples below the repository's root, in order: `*.yaml` in [`FOLDER`] and one folder below.
///
/// # Errors
/// When a folder cannot be read.
pub fn paths(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![PathBuf::from(FOLDER)];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(root.join(&folder)).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// The text with every block as the code says.
fn fill(text: &str) -> Result<String> {
    let mut filled = String::with_capacity(text.len());
    let mut open: Option<(usize, &str)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        match (content.strip_prefix(BEGIN), open) {
            (Some(_), Some((begun, _))) => {
                bail!("the block begun in line {begun} does not end before line {number}")
            }
            (Some(what), None) => {
                filled.push_str(line);
                filled.push('\n');
                let block = block(what).with_context(|| format!("line {number}"))?;
                for line in block {
                    filled.extend(std::iter::repeat_n(' ', indent));
                    filled.push_str(&line);
                    filled.push('\n');
                }
                open = Some((number, what));
            }
            (None, Some(_)) if content != END => {}
            (None, _) => {
                open = None;
                filled.push_str(line);
                filled.push('\n');
            }
        }
    }
    match open {
        Some((number, what)) => bail!("the block `{what}` of line {number} does not end"),
        None => Ok(filled),
    }
}

/// The lines of a block: what it holds, and for which filters.
fn block(what: &str) -> Result<Vec<String>> {
    let (kind, names) = what.split_once(' ').unwrap_or((what, ""));
    let filters: Vec<&Filter> = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| Filter::named(name).with_context(|| format!("there is no filter `{name}`")))
        .collect::<Result<_>>()?;
    match (kind, filters.as_slice()) {
        ("buckets", []) => Ok(buckets()),
        ("stats_tags", [_, ..]) => Ok(stats_tags(&filters)),
        ("capabilities", [filter]) => {
            Ok(filter.capabilities.iter().map(|name| format!("{name}: {{}}")).collect())
        }
        _ => bail!("`{what}` is none of `buckets`, `stats_tags <filter>, …` and `capabilities <filter>`"),
    }
}

fn stats_tags(filters: &[&Filter]) -> Vec<String> {
    let mut tags: Vec<StatsTag> = Vec::new();
    for tag in filters.iter().flat_map(|filter| filter.stats_tags()) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.iter().map(|tag| format!("- {{ tag_name: {}, regex: '{}' }}", tag.tag_name, tag.regex)).collect()
}

/// `buckets: [100, …]`, broken into lines.
fn buckets() -> Vec<String> {
    let mut lines = vec!["buckets:".to_owned(), "  [".to_owned()];
    let mut line = "   ".to_owned();
    for bucket in HISTOGRAM_BUCKETS {
        let item = format!(" {bucket},");
        if line.len() + item.len() > WIDTH {
            lines.push(std::mem::replace(&mut line, "   ".to_owned()));
        }
        line.push_str(&item);
    }
    lines.push(line);
    lines.push("  ]".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_written_anew_and_indented_as_its_comments_are() {
        let filled =
            fill("a: 1\n  # generated: capabilities smtp\n  stale: {}\n  # end of generated\nb: 2\n")
                .unwrap();
        assert!(filled.starts_with(
            "a: 1\n  # generated: capabilities smtp\n  proxy_on_vm_start: {}\n  proxy_on_context_create: {}\n"
        ));
        assert!(filled.ends_with("  proxy_set_shared_data: {}\n  # end of generated\nb: 2\n"));
        assert!(!filled.contains("stale"));
        assert_eq!(fill(&filled).unwrap(), filled);
    }

    #[test]
    fn a_label_of_two_filters_has_one_rule() {
        let both = block("stats_tags smtp, ldap").unwrap();
        let rule = |label: &str| {
            let beginning = format!("- {{ tag_name: {label}, ");
            both.iter().filter(|line| line.starts_with(&beginning)).count()
        };
        assert_eq!((rule("stat_prefix"), rule("verb"), rule("operation"), rule("extension")), (1, 1, 1, 1));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, message) in [
            ("# generated: tags smtp\n# end of generated\n", "line 1: `tags smtp` is none of"),
            ("\n# generated: stats_tags pop3\n# end of generated\n", "line 2: there is no filter `pop3`"),
            ("# generated: buckets\nx: 1\n", "the block `buckets` of line 1 does not end"),
            (
                "# generated: buckets\n# generated: buckets\n",
                "the block begun in line 1 does not end before line 2",
            ),
        ] {
            let found = format!("{:#}", fill(text).unwrap_err());
            assert!(found.starts_with(message), "{found}");
        }
    }
}
