//! The licences of everything that is linked into the modules: checked against the list in `deny.toml`, with their texts
//! as the packages themselves bring them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, LicenseItem, Licensee, ParseMode};

use super::components::{Component, Components, Origin};

/// The list of licences, below the repository's root. cargo-deny reads the same.
pub(super) const ALLOWED_IN: &str = "deny.toml";

/// What a file with a licence or a notice is called, in lower case, up to a dot or a hyphen.
const FILES: [&str; 7] =
    ["license", "licence", "copying", "copyright", "notice", "unlicense", "license_apache"];

/// Licences whose text names no copyright holder, so that SPDX's is as good as any.
const IMPERSONAL: [&str; 1] = ["Apache-2.0"];

/// What the standard library says about its own parts, below the compiler's folder.
const OF_THE_LIBRARY: &str = "share/doc/rust/COPYRIGHT-library.html";

/// The licences that may be linked.
#[derive(Clone, Debug)]
pub(super) struct Allowed(Vec<Licensee>);

#[derive(Deserialize)]
struct DenyFile {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

impl Allowed {
    /// The list of the repository at `root`.
    ///
    /// # Errors
    /// When there is none, or it names what is no SPDX licence.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join(ALLOWED_IN);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}: [licenses] allow", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let file: DenyFile = toml::from_str(text)?;
        let licensees = file.licenses.allow.iter().map(|name| Licensee::parse(name));
        Ok(Self(licensees.collect::<Result<_, _>>()?))
    }

    /// Whether a component may be linked.
    ///
    /// # Errors
    /// When it declares no licence, or none that is on the list.
    pub(super) fn check(&self, component: &Component) -> Result<Expression> {
        let name = component.reference();
        if component.licence.is_empty() {
            bail!("{name} declares no licence, so it cannot be released");
        }
        let expression = Expression::parse_mode(&component.licence, ParseMode::LAX)
            .with_context(|| format!("the licence of {name} is no SPDX expression"))?;
        if expression.evaluate(|required| self.0.iter().any(|allowed| allowed.satisfies(required))) {
            return Ok(expression);
        }
        bail!("{name} is under {}, none of which {ALLOWED_IN} allows", component.licence)
    }
}

/// Documents about licences for the release folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Licences {
    /// All components with their licences, and every text once.
    pub(super) document: String,
    /// The standard library's notices about its parts, as the compiler brings them; `None` if this one does not.
    pub(super) of_the_library: Option<Vec<u8>>,
}

impl Licences {
    /// Gathers them.
    ///
    /// # Errors
    /// When a component's licence is not allowed, or its text is not to be had.
    pub(super) fn gather(components: &Components, allowed: &Allowed, sysroot: Option<&Path>) -> Result<Self> {
        let linked = components.all_linked();
        let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut add = |text: String, whose: String| {
            texts.entry(text).or_default().insert(whose);
        };
        for component in &linked {
            let expression = allowed.check(component)?;
            match component.origin {
                // One text for all of the suite, and the library's two for all of it.
                Origin::Suite => {}
                Origin::Toolchain => {
                    for text in standard_texts(&expression) {
                        add(text.to_owned(), "the Rust standard library".to_owned());
                    }
                }
                Origin::Registry { .. } => {
                    for text in texts_of(component, &expression)? {
                        add(text, component.reference());
                    }
                }
            }
        }
        let of_the_library = sysroot.and_then(|folder| fs::read(folder.join(OF_THE_LIBRARY)).ok());
        let document = document(&linked, &texts, of_the_library.is_some())?;
        Ok(Self { document, of_the_library })
    }
}

fn document(
    linked: &BTreeSet<&Component>,
    texts: &BTreeMap<String, BTreeSet<String>>,
    notices: bool,
) -> Result<String> {
    let mut document = String::from(
        "# Licences\n\nWhat is linked into the modules, and under which licence. Where a licence leaves a choice, any of \
         it may be\ntaken. The suite itself is under the licence in `LICENSE`.\n",
    );
    if notices {
        document += "What the Rust standard library says about its own parts is in \
                     `licenses/rust-standard-library.html`.\n";
    }
    document += "\n| component | version | licence | from |\n|---|---|---|---|\n";
    for component in linked {
        let from = match component.origin {
            Origin::Suite => "this suite",
            Origin::Registry { .. } => "crates.io",
            Origin::Toolchain => "the Rust standard library",
        };
        writeln!(
            document,
            "| {} | {} | {} | {from} |",
            component.name, component.version, component.licence
        )?;
    }
    document += "\n## Texts\n";
    let mut ordered: Vec<_> = texts.iter().collect();
    ordered.sort_by_key(|(_, whose)| *whose);
    for (text, whose) in ordered {
        let whose: Vec<&str> = whose.iter().map(String::as_str).collect();
        write!(document, "\n### {}\n\n````text\n{text}\n````\n", whose.join(", "))?;
    }
    Ok(document)
}

/// The texts that a package brings; without any, those that are the same for everybody.
fn texts_of(component: &Component, expression: &Expression) -> Result<Vec<String>> {
    let named = component.licence_file.iter().map(|file| component.folder.join(file));
    let mut files: Vec<_> = fs::read_dir(&component.folder)
        .with_context(|| format!("reading {}", component.folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && is_licence_file(path))
        .chain(named)
        .collect();
    files.sort();
    files.dedup();
    let mut texts = Vec::new();
    for file in &files {
        let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        texts.push(tidy(&String::from_utf8_lossy(&text)));
    }
    if texts.is_empty() {
        texts.extend(impersonal_texts(expression).map(tidy));
    }
    if texts.is_empty() {
        bail!(
            "{} is under {} but brings no text of it: the release would lack a licence",
            component.reference(),
            component.licence
        );
    }
    Ok(texts)
}

fn is_licence_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let stem = name.split(['.', '-']).next().unwrap_or_default();
    FILES.contains(&stem)
}

/// SPDX's texts of the licences of this expression.
fn standard_texts(expression: &Expression) -> impl Iterator<Item = &'static str> {
    expression.requirements().filter_map(|required| match &required.req.license {
        LicenseItem::Spdx { id, .. } => Some(id.text()),
        _ => None,
    })
}

fn impersonal_texts(expression: &Expression) -> impl Iterator<Item = &'static str> {
    expression.requirements().filter_map(|required| match &required.req.license {
        LicenseItem::Spdx { id, .. } if IMPERSONAL.contains(&id.name) => Some(id.text()),
        _ => None,
    })
}

/// Without what differs between copies and means nothing: line ends, spaces at them, blank lines around.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests;
