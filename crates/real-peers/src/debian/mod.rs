//! Debian's packages as a source of programs: downloaded by `apt-get`, unpacked into the target folder, never
//! installed.
//!
//! A [`Bundle`] is a package with everything that it depends on, down to the C library, so that it runs in a
//! root of its own and does not depend on what the machine has. About 20–40 MB to download each (they share
//! most files' archives), once per target folder.

mod apt;
mod bundle;
mod program;

pub use bundle::Bundle;
pub use program::Program;
