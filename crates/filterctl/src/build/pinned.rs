//! What releases are built with. `ci/toolchain.env` says it, for this tool and for the release workflow alike.

/// The compiler and the optimiser of releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// What `rustc --version` says.
    pub rustc: &'static str,
    /// What rustup calls the toolchain.
    pub toolchain: &'static str,
    /// The version of the npm package `binaryen`.
    pub binaryen: &'static str,
}

/// Where it stands, below the repository's root.
pub const PINNED_IN: &str = "ci/toolchain.env";

/// What releases are built with.
pub const PINNED: Pinned =
    Pinned { rustc: value("RUSTC"), toolchain: value("RUST_TOOLCHAIN"), binaryen: value("BINARYEN") };

impl Pinned {
    /// The command that installs the compiler where there is rustup.
    pub fn installation(&self) -> String {
        format!("rustup toolchain install {} --profile minimal --component rust-src", self.toolchain)
    }
}

const FILE: &str = include_str!("../../../../ci/toolchain.env");

/// The value of a line `NAME="value"`. Read by the compiler, so a file that lacks one does not compile.
const fn value(name: &str) -> &'static str {
    let mut rest = FILE;
    loop {
        let (line, after) = cut(rest, b'\n');
        let (key, assigned) = cut(line, b'=');
        if equal(key, name) {
            let (nothing, quoted) = cut(assigned, b'"');
            assert!(nothing.is_empty(), "a value in ci/toolchain.env is not quoted");
            return cut(quoted, b'"').0;
        }
        assert!(!after.is_empty(), "ci/toolchain.env lacks a value");
        rest = after;
    }
}

/// What stands before and after the first `separator`.
const fn cut(text: &'static str, separator: u8) -> (&'static str, &'static str) {
    let octets = text.as_bytes();
    let mut at = 0;
    while at < octets.len() && octets[at] != separator {
        at += 1;
    }
    let (before, after) = text.split_at(at);
    (before, if after.is_empty() { "" } else { after.split_at(1).1 })
}

const fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_file() {
        for line in [
            format!("RUSTC=\"{}\"", PINNED.rustc),
            format!("RUST_TOOLCHAIN=\"{}\"", PINNED.toolchain),
            format!("BINARYEN=\"{}\"", PINNED.binaryen),
        ] {
            assert!(FILE.lines().any(|its| its == line), "{line}");
        }
        assert!(PINNED.rustc.starts_with(&format!("rustc {} (", PINNED.toolchain)), "{PINNED:?}");
    }
}
