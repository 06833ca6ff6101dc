//! What a released module says about itself, in custom sections at its end: Envoy skips them.
//!
//! `version`, `revision` and `licenses` are plain text under the names that other tools look for (`wasm-tools metadata
//! show` prints them). `config-schema.gz` is the JSON Schema of the filter's configuration, minified and compressed by
//! gzip: plain, it would be larger than what is left of the module's size limit.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;
use wasm_encoder::{CustomSection, Section};
use wasmparser::{Parser, Payload};

use super::archive::{gunzip, gzip};
use super::canonical::canonical;

const VERSION: &str = "version";
const REVISION: &str = "revision";
const LICENCES: &str = "licenses";
const SCHEMA: &str = "config-schema.gz";
/// No schema comes near; what claims to be larger is no stamp of ours.
const LARGEST_SCHEMA: u64 = 1 << 20;

/// What a released module says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// The suite's version.
    pub version: String,
    /// The commit that it was built from, with `-dirty` behind it if the checkout said something else.
    pub revision: String,
    /// The licence of the suite itself, as an SPDX expression. What else is linked is in `LICENSES.md`.
    pub licenses: String,
    /// The JSON Schema of the configuration.
    pub config_schema: Value,
}

impl Stamp {
    /// The module with this stamp behind it.
    ///
    /// # Errors
    /// When it is no module, or is stamped already.
    pub fn put_on(&self, module: &[u8]) -> Result<Vec<u8>> {
        ensure!(sections(module)?.is_empty(), "the module is stamped already");
        let mut stamped = module.to_vec();
        let schema = gzip(serde_json::to_string(&canonical(&self.config_schema))?.as_bytes())?;
        for (name, data) in [
            (VERSION, self.version.as_bytes()),
            (REVISION, self.revision.as_bytes()),
            (LICENCES, self.licenses.as_bytes()),
            (SCHEMA, schema.as_slice()),
        ] {
            CustomSection { name: name.into(), data: data.into() }.append_to(&mut stamped);
        }
        Ok(stamped)
    }

    /// The stamp of a module.
    ///
    /// # Errors
    /// When it is no module, has no stamp, or one that cannot be read.
    pub fn of(module: &[u8]) -> Result<Self> {
        let found = sections(module)?;
        let section = |name: &str| {
            let data = found.iter().find(|(its, _)| *its == name).map(|(_, data)| *data);
            data.with_context(|| format!("the module has no section `{name}`: it is not from a release"))
        };
        let text = |name: &str| -> Result<String> {
            let text = String::from_utf8(section(name)?.to_vec());
            text.with_context(|| format!("its section `{name}` is not text"))
        };
        let schema = gunzip(section(SCHEMA)?, LARGEST_SCHEMA).context("its section `config-schema.gz`")?;
        Ok(Self {
            version: text(VERSION)?,
            revision: text(REVISION)?,
            licenses: text(LICENCES)?,
            config_schema: serde_json::from_slice(&schema).context("its section `config-schema.gz`")?,
        })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version   {}", self.version)?;
        writeln!(f, "revision  {}", self.revision)?;
        writeln!(f, "licenses  {}", self.licenses)?;
        write!(f, "config-schema.gz:\n{:#}", self.config_schema)
    }
}

/// The custom sections of a stamp that a module has.
fn sections(module: &[u8]) -> Result<Vec<(&str, &[u8])>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("this is no Wasm module")? {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                bail!("this is a component, not a module")
            }
            Payload::CustomSection(section)
                if [VERSION, REVISION, LICENCES, SCHEMA].contains(&section.name()) =>
            {
                found.push((section.name(), section.data()));
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            version: "1.2.3".to_owned(),
            revision: "0123abcd-dirty".to_owned(),
            licenses: "Apache-2.0".to_owned(),
            config_schema: json!({"type": "object", "properties": {"level": {"enum": ["a", "b"]}}}),
        }
    }

    #[test]
    fn a_stamp_is_read_as_it_was_put_on_and_the_module_stands_before_it() {
        let module = wat::parse_str("(module (memory 1) (func (export \"f\")))").unwrap();
        let stamped = stamp().put_on(&module).unwrap();
        assert!(stamped.starts_with(&module));
        wasmparser::validate(&stamped).unwrap();
        assert_eq!(Stamp::of(&stamped).unwrap(), stamp());
        assert_eq!(stamped, stamp().put_on(&module).unwrap());
    }

    #[test]
    fn a_module_is_stamped_once_and_one_without_a_stamp_says_so() {
        let module = wat::parse_str("(module)").unwrap();
        let stamped = stamp().put_on(&module).unwrap();
        assert_eq!(stamp().put_on(&stamped).unwrap_err().to_string(), "the module is stamped already");
        let error = Stamp::of(&module).unwrap_err().to_string();
        assert!(error.contains("no section `config-schema.gz`: it is not from a release"), "{error}");
        assert_eq!(Stamp::of(b"no module").unwrap_err().to_string(), "this is no Wasm module");
    }
}
