//! Where projects can be made, and where not.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use filterctl::kind::Kind;
use filterctl::workspace::Workspace;

use crate::demo::{Demo, cargo, filterctl, forget, success, turn};

/// A test: a name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

/// What holds for every kind.
pub(crate) const TESTS: &[Test] = &[
    ("in a new project `cargo filterctl` is this tool", cargo_finds_the_tool),
    ("among the members of a workspace a project is a member", a_member),
    ("beside the members of a workspace a project stands alone", beside_members),
    ("in a workspace that lacks something nothing is left behind", an_unfit_workspace),
    ("what is there already is not touched", what_is_there_stays),
    ("without arguments questions are asked", questions),
];

fn cargo_finds_the_tool() -> Result<()> {
    let demo = Demo::new(Kind::Network)?;
    finds_the_tool(&demo.folder().join("src"))
}

fn finds_the_tool(folder: &Path) -> Result<()> {
    // Of the Cargo that runs these tests: an author's shell has none of it.
    let mut command = cargo(folder, ["filterctl", "--version"]);
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    // The tool is as compiled as it is for everybody else.
    command.env_remove("CARGO_INCREMENTAL");
    let _turn = turn();
    let said = success(&command.output()?)?;
    ensure!(said.trim() == concat!("filterctl ", env!("CARGO_PKG_VERSION")), "{said}");
    Ok(())
}

/// A workspace like this one, with other members: whatever is in `examples/`.
fn workspace() -> Result<tempfile::TempDir> {
    let ours = Workspace::find()?.root;
    let manifest = fs::read_to_string(ours.join("Cargo.toml"))?
        .replace(r#"members = ["crates/*", "examples/*"]"#, r#"members = ["examples/*"]"#)
        .replace(r#"path = ""#, &format!(r#"path = "{}/"#, ours.display()));
    let folder = tempfile::tempdir()?;
    let other = folder.path().join("examples/other");
    fs::create_dir_all(other.join("src"))?;
    fs::write(other.join("src/lib.rs"), "")?;
    fs::write(other.join("Cargo.toml"), "[package]\nname = \"other\"\nversion = \"0.1.0\"\n")?;
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::copy(ours.join("Cargo.lock"), folder.path().join("Cargo.lock"))?;
    Ok(folder)
}

fn a_member() -> Result<()> {
    let workspace = workspace()?;
    let said = success(&filterctl(workspace.path(), ["new", "examples/mine", "--kind", "http"]).output()?)?;
    ensure!(said.starts_with("examples/mine: an HTTP filter, a member of the workspace /"), "{said}");

    let folder = workspace.path().join("examples/mine");
    let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
    ensure!(manifest.contains("envoy-sdk.workspace = true") && !manifest.contains("path = "), "{manifest}");
    ensure!(!folder.join(".cargo").exists() && !folder.join("Cargo.lock").exists());
    let found = Workspace::at(&folder)?;
    ensure!(found.root == workspace.path().canonicalize()?);
    let module = found.module("mine").context("the module")?;
    ensure!(module.kind == Some(Kind::Http));

    let _turn = turn();
    let tested = filterctl(&folder, ["test"]).output()?;
    forget(&folder, "mine");
    let said = success(&tested)?;
    ensure!(said.contains(" passed, 0 failed, 0 skipped"), "{said}");
    Ok(())
}

fn beside_members() -> Result<()> {
    let workspace = workspace()?;
    for path in ["mine", "deep/in/there"] {
        let said = success(&filterctl(workspace.path(), ["new", path, "--kind", "network"]).output()?)?;
        ensure!(said.starts_with(&format!("{path}: a network filter, a workspace of its own\n")), "{said}");
        let folder = workspace.path().join(path).canonicalize()?;
        ensure!(Workspace::at(&folder)?.root == folder);
    }
    // This workspace has an alias of the same name, which must not get in the way of the project's own.
    fs::create_dir(workspace.path().join(".cargo"))?;
    let alias = Workspace::find()?.root.join(".cargo/config.toml");
    fs::copy(alias, workspace.path().join(".cargo/config.toml"))?;
    finds_the_tool(&workspace.path().join("deep/in/there"))
}

fn an_unfit_workspace() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"mine\"]\n")?;
    let output = filterctl(folder.path(), ["new", "mine", "--kind", "network"]).output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && said.lines().count() == 1, "{said}");
    ensure!(said.contains("would be a member of the workspace") && said.contains("lacks"), "{said}");
    ensure!(said.contains("`workspace.package.") && said.contains("was not defined"), "{said}");
    ensure!(!folder.path().join("mine").exists());
    Ok(())
}

fn what_is_there_stays() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "mine")?;
    fs::create_dir(folder.path().join("folder"))?;
    std::os::unix::fs::symlink("nowhere", folder.path().join("link"))?;
    for name in ["file", "folder", "link"] {
        let output = filterctl(folder.path(), ["new", name, "--kind", "http"]).output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(1), "{said}");
        let expected = "is there already; nothing is overwritten: choose another name, or remove it";
        ensure!(said == format!("filterctl: {name} {expected}\n"), "{said}");
    }
    ensure!(fs::read_to_string(folder.path().join("file"))? == "mine");
    ensure!(fs::read_dir(folder.path().join("folder"))?.next().is_none());
    Ok(())
}

fn questions() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let said = asked(folder.path(), &["new"], "No Name\nmine\nnetwork\n")?;
    ensure!(said.contains("no-name would do") && said.contains("  2  network"), "{said}");
    ensure!(Workspace::at(&folder.path().join("mine"))?.modules[0].kind == Some(Kind::Network));

    let said = asked(folder.path(), &["new", "other"], "4\n")?;
    ensure!(!said.contains("Name of the extension"), "{said}");
    ensure!(Workspace::at(&folder.path().join("other"))?.modules[0].kind == Some(Kind::BackgroundService));
    Ok(())
}

/// Runs the tool with these answers, and gives back what it asked.
fn asked(folder: &Path, arguments: &[&str], answers: &str) -> Result<String> {
    let file = folder.join("answers");
    fs::write(&file, answers)?;
    let mut command = filterctl(folder, arguments);
    let output = command.stdin(Stdio::from(fs::File::open(&file)?)).output()?;
    success(&output)?;
    Ok(String::from_utf8(output.stderr)?)
}
