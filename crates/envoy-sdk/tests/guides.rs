//! The guides say what is so. Their code is compiled and run as documentation tests; here, every line of their tables is
//! held to that code, and the guide from `proxy-wasm` to the crate that it is about.
//!
//! A line's first cell names what one knows. Its second cell is code, each piece of which stands in a Rust block
//! of the same section; or it is [`NOT_NEEDED`] or [`OUT_OF_REACH`], and the third cell says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const NOT_NEEDED: &str = "not needed";
const OUT_OF_REACH: &str = "out of reach";

/// The guides that are tables, and how many lines they have at least: a table that the parser misses is no table.
const TRANSLATIONS: [(&str, usize); 4] = [
    ("from_cpp.md", 80),
    ("from_cpp_host.md", 90),
    ("from_proxy_wasm.md", 45),
    ("from_proxy_wasm_streams.md", 80),
];

#[test]
fn every_line_is_in_code_that_compiles() {
    for (guide, least) in TRANSLATIONS {
        let sections = sections(&read(guide));
        let rows = sections.iter().map(|section| section.rows.len()).sum::<usize>();
        assert!(rows >= least, "{guide}: only {rows} lines were found");
        let wrong: Vec<_> = sections.iter().flat_map(Section::unfounded).collect();
        assert!(wrong.is_empty(), "{guide}:\n{}", wrong.join("\n"));
    }
}

/// What the `proxy-wasm` crate makes public, one name per line behind its version. After an upgrade:
/// `PROXY_WASM=<folder of its source> cargo test --package envoy-sdk --test guides`.
const PROXY_WASM: &str = "tests/guides/proxy-wasm.txt";

#[test]
fn the_guide_from_proxy_wasm_is_complete_and_invents_nothing() {
    if let Some(source) = std::env::var_os("PROXY_WASM") {
        record(Path::new(&source));
    }
    let list = fs::read_to_string(package().join(PROXY_WASM)).expect("the list of names");
    let (version, names) = list.split_once('\n').expect("a version and names");
    let lock = fs::read_to_string(package().join("../../Cargo.lock")).expect("Cargo.lock");
    let locked = lock.split_once("name = \"proxy-wasm\"\nversion = \"").expect("a dependency").1;
    assert!(locked.starts_with(&format!("{version}\"")), "{PROXY_WASM} is of {version}: record it anew");
    let expected: BTreeSet<_> = names.lines().map(str::to_owned).collect();
    assert!(expected.len() > 190, "{PROXY_WASM} is not whole");

    let sections = sections(&(read("from_proxy_wasm.md") + &read("from_proxy_wasm_streams.md")));
    let named: BTreeSet<_> = sections.iter().flat_map(Section::names).collect();
    let missing: Vec<_> = expected.difference(&named).collect();
    let invented: Vec<_> = named.difference(&expected).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing: {missing:#?}\nno such thing: {invented:#?}");
}

/// A guide defines its links to other guides for readers of the file, and `mod.rs` for readers of the documentation.
#[test]
fn every_guide_that_is_linked_to_is_there() {
    let modules = read("mod.rs");
    let mut links = 0;
    for guide in fs::read_dir(folder()).expect("the guides") {
        let guide = guide.expect("a guide").path();
        let text = fs::read_to_string(&guide).expect("readable");
        let definitions = text.lines().filter(|line| line.starts_with('['));
        for (label, target) in definitions.filter_map(|line| line.split_once("]: ")) {
            assert!(folder().join(target).exists(), "{}: nothing is at {target}", guide.display());
            assert!(modules.contains(&format!("{label}]: ")), "mod.rs does not define {label}]");
            links += 1;
        }
    }
    assert!(links > 0, "no link was found");
}

/// The part of a guide under one heading.
#[derive(Default)]
struct Section {
    heading: String,
    rows: Vec<Vec<String>>,
    /// All of its Rust blocks.
    code: String,
}

impl Section {
    /// What is wrong with its lines.
    fn unfounded(&self) -> Vec<String> {
        let code = tokens(&self.code);
        let mut wrong = Vec::new();
        for row in &self.rows {
            let [what, ours, remark @ ..] = row.as_slice() else {
                wrong.push(format!("## {}: {row:?} has no second cell", self.heading));
                continue;
            };
            let explained = remark.first().is_some_and(|remark| !remark.is_empty());
            let pieces = spans(ours);
            if pieces.is_empty() && !(explained && [NOT_NEEDED, OUT_OF_REACH].contains(&ours.as_str())) {
                wrong.push(format!("## {}: {what}: neither code nor a reason", self.heading));
            }
            let missing = pieces.iter().filter(|piece| !contains(&code, &tokens(piece)));
            wrong.extend(missing.map(|piece| format!("## {}: {what}: no block has `{piece}`", self.heading)));
        }
        wrong
    }

    /// What its first cells name, with what the heading names in front: `Context::get_property`.
    fn names(&self) -> Vec<String> {
        let Some(of) = spans(&self.heading).first().copied() else { return Vec::new() };
        let cells = self.rows.iter().filter_map(|row| row.first());
        cells.flat_map(|cell| spans(cell)).map(|name| format!("{of}::{name}")).collect()
    }
}

/// Cuts a guide at its headings of the second level.
fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut in_block = false;
    let mut in_rust = false;
    for line in text.lines() {
        let section = sections.last_mut().expect("never empty");
        if let Some(info) = line.strip_prefix("```") {
            in_block = !in_block;
            in_rust = in_block && info == "rust";
        } else if in_rust {
            // Hidden lines are compiled too; comments are not.
            let line = line.strip_prefix("# ").unwrap_or(line);
            section.code += line.split("//").next().unwrap_or_default();
            section.code.push('\n');
        } else if in_block {
        } else if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section { heading: heading.to_owned(), ..Section::default() });
        } else if let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) {
            section.rows.push(cells.split('|').map(|cell| cell.trim().to_owned()).collect());
        }
    }
    for section in &mut sections {
        // The names of a table's columns, and the line below them.
        let rules: Vec<_> = section.rows.iter().map(|row| row.iter().all(|cell| is_rule(cell))).collect();
        let mut index = 0;
        section.rows.retain(|_| {
            let (here, next) = (rules.get(index), rules.get(index + 1));
            index += 1;
            here != Some(&true) && next != Some(&true)
        });
    }
    sections
}

fn is_rule(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|char| char == '-')
}

/// The pieces of a text that are code.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Names, numbers and punctuation, whatever the layout: a comma in front of a closing bracket is layout.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_name = false;
    for char in code.chars() {
        let is_name = char.is_alphanumeric() || char == '_';
        if char.is_whitespace() {
        } else if is_name && in_name {
            tokens.last_mut().expect("a name has begun").push(char);
        } else {
            if ")]}".contains(char) && tokens.last().is_some_and(|last| last == ",") {
                tokens.pop();
            }
            tokens.push(char.into());
        }
        in_name = is_name;
    }
    tokens
}

fn contains(code: &[String], piece: &[String]) -> bool {
    !piece.is_empty() && code.windows(piece.len()).any(|window| window == piece)
}

/// Writes [`PROXY_WASM`] from the source of that crate, which rustfmt has formatted.
fn record(source: &Path) {
    let read = |file: &str| fs::read_to_string(source.join(file)).expect("the crate's source");
    let manifest = read("Cargo.toml");
    let version = manifest.split_once("\nversion = \"").and_then(|(_, rest)| rest.split('"').next());
    let mut names = BTreeSet::from(["proxy_wasm::main!".to_owned()]);
    let traits = read("src/traits.rs");
    let mut of = "";
    for line in traits.lines() {
        if let Some(name) = line.strip_prefix("pub trait ") {
            of = identifier(name);
        } else if let Some(name) = line.strip_prefix("    fn ") {
            names.insert(format!("{of}::{}", identifier(name)));
        }
    }
    for (file, of, starts) in [
        ("src/hostcalls.rs", "hostcalls", ["pub fn ", "pub fn "]),
        ("src/lib.rs", "proxy_wasm", ["pub fn ", "pub fn "]),
        ("src/types.rs", "types", ["pub enum ", "pub type "]),
    ] {
        let source = read(file);
        let found =
            source.lines().filter_map(|line| starts.iter().find_map(|start| line.strip_prefix(start)));
        names.extend(found.map(|name| format!("{of}::{}", identifier(name))));
    }
    let names: Vec<_> = names.into_iter().collect();
    let list = format!("{}\n{}\n", version.expect("a version"), names.join("\n"));
    fs::write(package().join(PROXY_WASM), list).expect("the list can be written");
}

fn identifier(text: &str) -> &str {
    text.split(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or_default()
}

fn read(guide: &str) -> String {
    fs::read_to_string(folder().join(guide)).expect("a guide")
}

fn folder() -> PathBuf {
    package().join("src/guides")
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_line_that_has_gone_stale_is_found() {
    let guide = "## `A`: x\n\n| theirs | ours |  |\n|---|---|---|\n| `a` | `one(1)` | |\n| `b` | `two` | |\n\
                 | `c` | not needed | |\n| `d` | not needed | because |\n\n```rust\n# one( 1 );\nlet twofold = 2;\n```\n";
    let sections = sections(guide);
    let section = sections.last().expect("one");
    assert_eq!(section.names(), ["A::a", "A::b", "A::c", "A::d"]);
    let wrong = ["## `A`: x: `b`: no block has `two`", "## `A`: x: `c`: neither code nor a reason"];
    assert_eq!(section.unfounded(), wrong);
}
