//! The files of a new project.
//!
//! They stand in `templates/`, ready to be read and compiled as they are, for a project called `demo-filter` whose
//! SDK is in `/checkout`. `tests/new` makes a project of each kind and does with it what a user would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::name::Name;
use super::place::Place;
use crate::kind::Kind;

/// A file of a template: where it goes, and what is in it.
type File = (&'static str, &'static str);

/// The files of one kind's folder, by their paths there.
macro_rules! folder {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $folder, "/", $path)))),+]
    };
}

const HTTP: &[File] = folder!("http":
    "README.md", "config.json", "envoy.yaml", "src/lib.rs", "src/metrics.rs", "tests/timing.rs");
const NETWORK: &[File] = folder!("network":
    "README.md", "config.json", "envoy.yaml", "src/lib.rs", "src/metrics.rs", "tests/quota.rs");
const ACCESS_LOGGER: &[File] = folder!("access-logger":
    "README.md", "config.json", "envoy.yaml", "src/lib.rs", "src/metrics.rs", "tests/requests.rs");
const BACKGROUND_SERVICE: &[File] = folder!("background-service":
    "README.md", "config.json", "envoy.yaml", "src/lib.rs", "src/metrics.rs", "tests/probes.rs");

const MANIFEST_ALONE: &str = include_str!("../../templates/common/manifest-alone.toml");
const MANIFEST_OF_MEMBER: &str = include_str!("../../templates/common/manifest-of-member.toml");
const README_ALONE: &str = include_str!("../../templates/common/readme-alone.md");
const README_OF_MEMBER: &str = include_str!("../../templates/common/readme-of-member.md");
const CARGO_CONFIG: &str = include_str!("../../templates/common/cargo-config.toml");
const GIT_IGNORE: &str = include_str!("../../templates/common/gitignore");

/// A project that is to be made.
pub(super) struct Project<'a> {
    pub(super) name: &'a Name,
    pub(super) kind: Kind,
    pub(super) place: &'a Place,
    /// The root of the workspace that the SDK is in.
    pub(super) checkout: &'a Path,
}

impl Project<'_> {
    /// Writes all files into the folder.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        for (path, content) in self.files(folder) {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            }
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if *self.place == Place::Alone {
            // The versions that the SDK is tested with. A project without them is none the worse.
            let _ = fs::copy(self.checkout.join("Cargo.lock"), folder.join("Cargo.lock"));
        }
        Ok(())
    }

    fn files(&self, folder: &Path) -> Vec<(&'static str, String)> {
        let own = match self.kind {
            Kind::Http => HTTP,
            Kind::Network => NETWORK,
            Kind::AccessLogger => ACCESS_LOGGER,
            Kind::BackgroundService => BACKGROUND_SERVICE,
        };
        let (manifest, readme) = match self.place {
            Place::Alone => (MANIFEST_ALONE, README_ALONE),
            Place::Member { .. } => (MANIFEST_OF_MEMBER, README_OF_MEMBER),
        };
        let sdk = text(&from(folder, self.checkout));
        let mut files = vec![("Cargo.toml", self.filled_in(manifest, &sdk))];
        for (path, content) in own {
            let content = self.filled_in(content, &sdk);
            files.push((path, if *path == "README.md" { format!("{content}\n{readme}") } else { content }));
        }
        if *self.place == Place::Alone {
            files.push((
                ".cargo/config.toml",
                CARGO_CONFIG.replace("demo-alias", &alias(folder, self.checkout)),
            ));
            files.push((".gitignore", GIT_IGNORE.to_owned()));
        }
        files
    }

    /// The text with what is this project's in it; `/checkout` becomes `checkout`.
    fn filled_in(&self, text: &str, checkout: &str) -> String {
        substituted(
            text,
            &[
                ("demo-filter", self.name.as_str()),
                ("demo_filter", &self.name.identifier()),
                ("demo-kind", self.kind.as_str()),
                ("demo-rust-version", env!("CARGO_PKG_RUST_VERSION")),
                ("demo-description", description(self.kind)),
                ("/checkout", checkout),
            ],
        )
    }
}

/// The text with each of these words replaced, in one go: what is put in is not looked at again, whatever it is called.
fn substituted(text: &str, words: &[(&str, &str)]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    let next = |rest: &str| {
        let found = words.iter().filter_map(|(word, value)| Some((rest.find(word)?, word.len(), *value)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, length, value)) = next(rest) {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        result.push_str(value);
        rest = from.split_at(length).1;
    }
    result + rest
}

/// Formats the project as the place where it stands has it: a long name may have moved a line's end. Without rustfmt
/// it stays as it is.
pub(super) fn format(folder: &Path) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg("fmt").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.status();
}

fn description(kind: Kind) -> &'static str {
    match kind {
        Kind::Http => "An HTTP filter that tells clients and operators how long the server took",
        Kind::Network => "A network filter that gives each client a quota of octets",
        Kind::AccessLogger => "An access logger that counts requests and logs those that failed",
        Kind::BackgroundService => "A background service that probes a server and counts whether it is well",
    }
}

/// The checkout as seen from the project: a path that goes on to hold when the checkout moves, if the project is in it.
fn from(folder: &Path, checkout: &Path) -> PathBuf {
    match folder.strip_prefix(checkout) {
        Ok(inside) => inside.components().map(|_| "..").collect(),
        Err(_) => checkout.to_owned(),
    }
}

/// What `cargo filterctl` stands for, as TOML.
///
/// A string, because the checkout has one of the same name: Cargo puts two lists together, and refuses a list beside a
/// string. But a string is cut at spaces, so that a path that has some takes a list, or, below the checkout, to be as
/// seen from the project's own folder.
fn alias(folder: &Path, checkout: &Path) -> String {
    let has_space = |path: &Path| path.to_string_lossy().contains(char::is_whitespace);
    let as_seen = from(folder, checkout);
    let words = |path: &Path| {
        let manifest = text(&path.join("Cargo.toml"));
        ["run", "--manifest-path", &manifest, "--package", "filterctl", "--"].map(str::to_owned)
    };
    if has_space(&as_seen) {
        let words = words(checkout).map(|word| format!("\"{word}\""));
        return format!("[{}]", words.join(", "));
    }
    format!("\"{}\"", words(if has_space(checkout) { &as_seen } else { checkout }).join(" "))
}

/// A path inside a TOML string.
fn text(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_found_from_inside_the_checkout_and_from_outside() {
        let sdk = |folder| text(&from(Path::new(folder), Path::new("/home/me/suite")));
        assert_eq!(sdk("/home/me/suite/demo"), "..");
        assert_eq!(sdk("/home/me/suite/a/demo"), "../..");
        assert_eq!(sdk("/home/me/demo"), "/home/me/suite");
        assert_eq!(text(Path::new(r#"/a "b"\c"#)), r#"/a \"b\"\\c"#);
    }

    #[test]
    fn the_tool_is_found_whatever_the_path_of_the_checkout() {
        let alias = |folder, checkout| alias(Path::new(folder), Path::new(checkout));
        let found = |manifest| format!("\"run --manifest-path {manifest} --package filterctl --\"");
        assert_eq!(alias("/home/me/demo", "/home/me/suite"), found("/home/me/suite/Cargo.toml"));
        assert_eq!(alias("/home/me/suite/demo", "/home/me/suite"), found("/home/me/suite/Cargo.toml"));
        assert_eq!(alias("/my home/suite/a/demo", "/my home/suite"), found("../../Cargo.toml"));
        assert_eq!(
            alias("/my home/demo", "/my home/suite"),
            r#"["run", "--manifest-path", "/my home/suite/Cargo.toml", "--package", "filterctl", "--"]"#
        );
    }

    #[test]
    fn a_name_may_be_one_of_the_templates_own_words() {
        for own in ["demo-kind", "my-demo_filter", "demo-filter", "demo-description-checkout"] {
            let name = Name::parse(own).unwrap();
            let (kind, place) = (Kind::Network, Place::Alone);
            let project = Project { name: &name, kind, place: &place, checkout: Path::new("/checkout/it") };
            let files = project.files(Path::new("/home/me/it"));
            let file = |path| &files.iter().find(|(other, _)| *other == path).unwrap().1;
            let manifest = file("Cargo.toml");
            assert!(manifest.starts_with(&format!("[package]\nname = \"{own}\"\n")), "{manifest}");
            assert!(manifest.contains("kind = \"network\"\n"), "{manifest}");
            assert!(manifest.contains("path = \"/checkout/it/crates/envoy-sdk\""), "{manifest}");
            assert!(file("tests/quota.rs").contains(&format!("use {}::module;\n", name.identifier())));
        }
    }

    #[test]
    fn nothing_of_the_templates_own_names_is_left() {
        let name = Name::parse("my-thing").unwrap();
        for kind in Kind::ALL {
            for place in [Place::Alone, Place::Member { root: "/home/me/suite".into() }] {
                let project =
                    Project { name: &name, kind, place: &place, checkout: Path::new("/home/me/suite") };
                let files = project.files(Path::new("/home/me/my-thing"));
                for (path, content) in &files {
                    for left in ["demo-", "demo_", "/checkout"] {
                        assert!(!content.contains(left), "{kind}: {path} contains {left}");
                    }
                }
                let has = |path: &str| files.iter().any(|(other, _)| *other == path);
                assert!(has("Cargo.toml") && has("README.md") && has("envoy.yaml"));
                assert_eq!(has(".cargo/config.toml"), place == Place::Alone);
            }
        }
    }

    #[test]
    fn a_project_that_stands_alone_is_built_as_ours_are() {
        let ours = include_str!("../../../../Cargo.toml");
        for profile in ["[profile.dev]", "[profile.wasm]"] {
            let section = |manifest: &'static str| {
                let rest = manifest.split_once(profile).map(|(_, rest)| rest).unwrap_or_default();
                let lines = rest.lines().skip(1).take_while(|line| line.contains(" = "));
                // Ours says for each package what it is optimised for.
                lines.filter(|line| !line.starts_with("opt-level")).collect::<Vec<_>>()
            };
            assert_eq!(section(MANIFEST_ALONE), section(ours), "{profile}");
            assert!(!section(ours).is_empty());
        }
    }
}
