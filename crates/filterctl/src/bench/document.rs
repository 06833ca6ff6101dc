//! The tables in BENCHMARKS.md.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The document, in the root of the repository.
pub(super) const NAME: &str = "BENCHMARKS.md";

const BEGIN: &str = "<!-- begin: tables of `filterctl bench --write` -->";
const END: &str = "<!-- end -->";

/// Replaces the tables of the document in this folder.
///
/// # Errors
/// When there is no such document, or it has no place for them.
pub(super) fn write(folder: &Path, tables: &str) -> Result<()> {
    let path = folder.join(NAME);
    let before = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let after = replaced(&before, tables).with_context(|| path.display().to_string())?;
    fs::write(&path, after).with_context(|| format!("cannot write {}", path.display()))
}

fn replaced(document: &str, tables: &str) -> Result<String> {
    let (head, rest) = document.split_once(BEGIN).with_context(|| format!("there is no line `{BEGIN}`"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("there is no line `{END}` after it"))?;
    ensure!(!tail.contains(BEGIN), "`{BEGIN}` is there twice");
    Ok(format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::super::part;
    use super::*;

    #[test]
    fn only_the_tables_are_replaced() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&document, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "new").unwrap(), once);
    }

    #[test]
    fn a_document_without_a_place_is_refused() {
        for document in ["", BEGIN, END, &format!("{BEGIN}{END}{BEGIN}")] {
            assert!(replaced(document, "new").is_err(), "{document}");
        }
    }

    /// The document of this repository has a place for the tables, and tells of every part.
    #[test]
    fn the_document_names_every_part() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(NAME);
        let document = fs::read_to_string(path).unwrap();
        replaced(&document, "").unwrap();
        for (name, _) in part::all() {
            assert!(document.contains(&format!("`{name}`")), "{NAME} does not say what `{name}` is");
        }
    }
}
