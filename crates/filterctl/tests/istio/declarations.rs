//! What the manifests say about the filters is what the filters themselves say.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, anyhow, ensure};
use filterctl::filters::Filter;
use serde_json::Value;

use crate::Test;
use crate::deploy;

pub(crate) const TESTS: &[Test] = &[
    ("every configuration is one that its filter takes", configurations),
    ("every EnvoyFilter allows what its filter needs, and no more", capabilities),
];

/// A filter in a manifest: its name, its configuration as JSON, and the capabilities that it is given, if restricted.
struct Mention {
    filter: String,
    configuration: String,
    capabilities: Option<BTreeSet<String>>,
}

/// Every filter in every manifest.
fn mentions() -> Result<Vec<(String, Mention)>> {
    let mut found = Vec::new();
    for file in deploy::all()? {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(&file)?)
            .with_context(|| file.display().to_string())?;
        for document in &documents {
            let mut here = Vec::new();
            look_into(document, &mut here);
            found.extend(here.into_iter().map(|mention| (file.display().to_string(), mention)));
        }
    }
    Ok(found)
}

/// Looks for both ways to write a filter down: Istio's (`pluginName`) and Envoy's (`root_id`).
fn look_into(value: &Value, found: &mut Vec<Mention>) {
    if let Some(filter) = value["pluginName"].as_str() {
        let configuration = value["pluginConfig"].to_string();
        found.push(Mention { filter: filter.to_owned(), configuration, capabilities: None });
    }
    if let Some(filter) = value["root_id"].as_str() {
        let allowed = value["capability_restriction_config"]["allowed_capabilities"].as_object();
        found.push(Mention {
            filter: filter.to_owned(),
            configuration: value["configuration"]["value"].as_str().unwrap_or_default().to_owned(),
            capabilities: allowed.map(|allowed| allowed.keys().cloned().collect()),
        });
    }
    match value {
        Value::Object(fields) => fields.values().for_each(|value| look_into(value, found)),
        Value::Array(items) => items.iter().for_each(|value| look_into(value, found)),
        _ => {}
    }
}

fn configurations() -> Result<()> {
    let mentions = mentions()?;
    for name in ["smtp", "ldap"] {
        ensure!(mentions.iter().any(|(_, mention)| mention.filter == name), "no manifest has {name}");
    }
    for (file, mention) in mentions {
        let filter = Filter::named(&mention.filter)
            .with_context(|| format!("{file}: there is no filter {}", mention.filter))?;
        let taken = filter.check(mention.configuration.as_bytes());
        taken.map_err(|error| anyhow!("{file}: {error}"))?;
    }
    Ok(())
}

fn capabilities() -> Result<()> {
    let mut checked = 0;
    for (file, mention) in mentions()? {
        let Some(allowed) = mention.capabilities else { continue };
        let filter = Filter::named(&mention.filter).context("an unknown filter")?;
        let needed: BTreeSet<String> = filter.capabilities.iter().map(|name| (*name).to_owned()).collect();
        ensure!(allowed == needed, "{file}: {allowed:?}, but {} needs {needed:?}", filter.name);
        checked += 1;
    }
    ensure!(checked > 0, "no manifest restricts capabilities");
    Ok(())
}
