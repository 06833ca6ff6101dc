//! What is inside a Wasm module: what it wants from its host, and what it offers.

use std::fmt;

use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// A function, memory or other item that a module imports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The host module, such as `env`.
    pub module: String,
    /// The item, such as `proxy_log`.
    pub name: String,
    /// Whether it is a function.
    pub is_function: bool,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

impl Import {
    /// Whether a module of this suite may ask for it: host calls of the ABI, and of WASI only what gives
    /// randomness and time.
    pub fn is_allowed(&self) -> bool {
        self.is_function
            && match self.module.as_str() {
                "env" => self.name.starts_with("proxy_"),
                "wasi_snapshot_preview1" => matches!(self.name.as_str(), "random_get" | "clock_time_get"),
                _ => false,
            }
    }
}

/// What is inside a Wasm module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What it imports, in order of names.
    pub imports: Vec<Import>,
    /// The functions that it exports, in order of names.
    pub exported_functions: Vec<String>,
    /// The names of its custom sections.
    pub custom_sections: Vec<String>,
    /// Whether it can throw and catch: whether it was built to unwind.
    pub has_exceptions: bool,
}

impl Contents {
    /// What it imports but may not.
    pub fn forbidden_imports(&self) -> impl Iterator<Item = &Import> {
        self.imports.iter().filter(|import| !import.is_allowed())
    }
}

/// Lists what is inside a Wasm module.
///
/// # Errors
/// If the octets are no Wasm module.
pub fn inspect(module: &[u8]) -> Result<Contents, wasmparser::BinaryReaderError> {
    let mut contents = Contents::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    contents.has_exceptions |= matches!(import.ty, TypeRef::Tag(_));
                    contents.imports.push(Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        is_function: matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)),
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                        contents.exported_functions.push(export.name.to_owned());
                    }
                }
            }
            Payload::TagSection(section) => contents.has_exceptions |= section.count() > 0,
            Payload::CustomSection(section) => contents.custom_sections.push(section.name().to_owned()),
            _ => {}
        }
    }
    contents.imports.sort();
    contents.exported_functions.sort();
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(module: &str, name: &str, is_function: bool) -> Import {
        Import { module: module.to_owned(), name: name.to_owned(), is_function }
    }

    #[test]
    fn only_the_abi_randomness_and_time_are_allowed() {
        assert!(import("env", "proxy_log", true).is_allowed());
        assert!(import("wasi_snapshot_preview1", "random_get", true).is_allowed());
        assert!(import("wasi_snapshot_preview1", "clock_time_get", true).is_allowed());
        assert!(!import("wasi_snapshot_preview1", "fd_write", true).is_allowed());
        assert!(!import("env", "memory", false).is_allowed());
        assert!(!import("env", "abort", true).is_allowed());
        assert!(!import("wasi", "random_get", true).is_allowed());
    }

    #[test]
    fn imports_exports_and_tags_are_seen() {
        let module = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_write" (func (param i32)))
                (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
                (tag (param i32))
                (memory (export "memory") 1)
                (func (export "proxy_on_done")))"#,
        )
        .unwrap();
        let contents = inspect(&module).unwrap();
        assert_eq!(contents.exported_functions, ["proxy_on_done"]);
        assert!(contents.has_exceptions);
        let forbidden: Vec<String> = contents.forbidden_imports().map(ToString::to_string).collect();
        assert_eq!(forbidden, ["wasi_snapshot_preview1.fd_write"]);
        assert!(inspect(b"no module").is_err());
    }
}
