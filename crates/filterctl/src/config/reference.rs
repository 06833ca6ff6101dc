//! The reference of a filter's configuration, from its JSON Schema, which is made from the types that read it.

use std::fmt::Write;

use serde_json::Value;

use super::examples::examples;
use crate::filters::{FILTERS, Filter};
use crate::generated::Generated;
use crate::validate::filter_config::Schema;

/// The release in which the first fields came.
const FIRST_RELEASE: &str = "0.1.0";
/// Fields that came later: filter (all, if empty), path, release.
const ADDED: &[(&str, &str, &str)] = &[];
/// The order of fields; others stand behind, by name.
const ORDER: [&str; 17] = [
    "stat_prefix",
    "reporter",
    "mode",
    "level",
    "strict",
    "on_internal_error",
    "on_protocol_error",
    "events",
    "limits",
    "enabled",
    "sink",
    "log_level",
    "sample",
    "per_second",
    "identities",
    "hmac_key",
    "id",
];

/// A page per filter.
pub(super) fn files() -> Vec<Generated> {
    let page =
        |filter: &Filter| Generated::new(format!("docs/configuration/{}.md", filter.name), page(filter));
    FILTERS.iter().map(page).collect()
}

fn page(filter: &Filter) -> String {
    let name = filter.name;
    let mut text = format!(
        "# Configuration of the {package}\n\n\
         <!-- Made from the types that read the configuration: `cargo filterctl config --write`. Do not edit. -->\n\n\
         A JSON object. Every field is optional; `{{}}` is all defaults. A field that is not listed here is refused when the\n\
         configuration is loaded, and so is a value out of its range: Envoy's log then names the field and says what would be\n\
         right. Numbers may be written as floats (`100.0`), because Istio passes every number as one.\n\n\
         | to | run |\n|---|---|\n\
         | write a configuration for Envoy, Istio or Helm | `filterctl config {name} --for envoy --listener {port}` |\n\
         | check one, wherever it stands | `filterctl validate FILE` |\n\
         | have the JSON Schema | `filterctl config {name} --schema` |\n\n\
         ## Where it stands\n\n\
         - **Envoy**: as JSON text in `typed_config.config.configuration`, a `google.protobuf.StringValue`.\n  \
         [deploy/envoy](../../deploy/envoy) has complete files.\n\
         - **Istio**: as an object in `spec.pluginConfig` of a `WasmPlugin`, or `spec.wasm.pluginConfig` of a `TrafficExtension`.\n\
         - **Helm**: as an object in `filters[].config` of the values.\n\n\
         In YAML, write `\"off\"` in quotes: without them it is a boolean.\n\n\
         ## All fields\n\n",
        package = filter.package,
        port = if name == "ldap" { 389 } else { 25 },
    );
    let fields = fields(filter);
    text.push_str("| field | type | default | since |\n|---|---|---|---|\n");
    for field in &fields {
        let _ = writeln!(
            text,
            "| [`{}`](#{}) | {} | {} | {} |",
            field.path,
            anchor(&field.path),
            field.kind.replace('|', "\\|"),
            field.default,
            field.since
        );
    }
    for field in &fields {
        let _ = write!(text, "\n### `{}`\n\n", field.path);
        let _ =
            writeln!(text, "{}. Default: {}. Since {}.\n", capital(&field.kind), field.default, field.since);
        let _ = writeln!(text, "{}", field.description);
        if !field.choices.is_empty() {
            text.push_str("\n| value | meaning |\n|---|---|\n");
            for (value, meaning) in &field.choices {
                let _ = writeln!(text, "| `{value}` | {meaning} |");
            }
        }
    }
    text.push_str("\n## Examples\n");
    for (what, json) in examples(filter) {
        let _ = write!(text, "\n{what}\n\n```json\n{}\n```\n", json.trim());
    }
    text
}

/// A field as the reference tells it.
struct Field {
    path: String,
    kind: String,
    default: String,
    since: &'static str,
    description: String,
    choices: Vec<(String, String)>,
}

fn fields(filter: &Filter) -> Vec<Field> {
    let mut found = Vec::new();
    collect(filter, &Schema::of(filter), &[], &mut found);
    found
}

fn collect(filter: &Filter, schema: &Schema, parents: &[&str], found: &mut Vec<Field>) {
    let mut names = schema.fields(parents);
    names.sort_by_key(|name| {
        (ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()), name.clone())
    });
    for name in &names {
        let steps = [parents, &[name.as_str()]].concat();
        // What the field says of itself goes before what its type says.
        let own = schema.at(parents).and_then(|parent| parent.get("properties")?.get(name));
        let Some(resolved) = schema.at(&steps) else { continue };
        let of = |key: &str| own.and_then(|own| own.get(key)).or_else(|| resolved.get(key));
        let nested = schema.fields(&steps);
        let path = steps.join(".");
        let required = schema.at(parents).and_then(|parent| parent.get("required")?.as_array());
        let is_required = required.is_some_and(|required| required.iter().any(|one| one == name.as_str()));
        let default = match of("default") {
            Some(value) => format!("`{value}`"),
            None if is_required => format!("none; needed in `{}`", parents.join(".")),
            None if own.is_some_and(|own| own.get("anyOf").is_some()) => "none".to_owned(),
            None => "`{}`".to_owned(),
        };
        let choices = choices(filter, resolved, &steps);
        found.push(Field {
            kind: kind(resolved, &choices, !nested.is_empty()),
            default,
            since: since(filter, &path),
            description: of("description").and_then(Value::as_str).unwrap_or_default().trim().to_owned(),
            choices,
            path,
        });
        collect(filter, schema, &steps, found);
    }
}

/// The type and range in words.
fn kind(schema: &Value, choices: &[(String, String)], is_object: bool) -> String {
    let number = |key: &str| schema.get(key).filter(|value| value.is_number()).map(ToString::to_string);
    let range = match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
        (None, None) => String::new(),
    };
    if is_object {
        return "object".to_owned();
    }
    match choices {
        [] => (),
        [(only, _)] => return format!("`{only}`"),
        _ => return choices.iter().map(|(value, _)| format!("`{value}`")).collect::<Vec<_>>().join(", "),
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => match (schema.get("pattern").and_then(Value::as_str), number("minLength")) {
            (Some("^[A-Za-z0-9_-]{1,64}$"), _) => "string, 1 to 64 of `A-Z a-z 0-9 _ -`".to_owned(),
            (Some(pattern), _) => format!("string, `{pattern}`"),
            (None, Some(least)) => format!("string, at least {least} octets"),
            (None, None) => "string".to_owned(),
        },
        Some("integer") => format!("whole number{range}"),
        Some("number") => format!("number{range}"),
        Some("boolean") => "`true` or `false`".to_owned(),
        _ => "any".to_owned(),
    }
}

/// The words that this filter takes, and what they mean.
fn choices(filter: &Filter, schema: &Value, steps: &[&str]) -> Vec<(String, String)> {
    let all = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| {
        let value = one.get("const")?;
        // What the types allow and a filter does not: `domain` is for mail.
        let nested = steps.iter().rev().fold(value.clone(), |inner, step| serde_json::json!({*step: inner}));
        filter.check(nested.to_string().as_bytes()).ok()?;
        let meaning = one.get("description").and_then(Value::as_str).unwrap_or_default();
        Some((value.as_str()?.to_owned(), meaning.replace('\n', " ").replace('|', "\\|")))
    })
    .collect()
}

fn since(filter: &Filter, path: &str) -> &'static str {
    let later = ADDED.iter().find(|(of, field, _)| *field == path && (of.is_empty() || *of == filter.name));
    later.map_or(FIRST_RELEASE, |(_, _, release)| release)
}

/// The anchor of a heading that is a path in backquotes.
fn anchor(path: &str) -> String {
    path.chars().filter(|c| c.is_alphanumeric() || "_-".contains(*c)).collect::<String>().to_lowercase()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_described() {
        for filter in FILTERS {
            let fields = fields(filter);
            assert!(fields.len() > 20, "{}", fields.len());
            for Field { path, kind, description, choices, .. } in fields {
                assert!(description.len() > 20 && kind != "any", "{path}: {kind}: {description}");
                assert!(choices.iter().all(|(_, meaning)| !meaning.is_empty()), "{path}: {choices:?}");
            }
        }
    }

    #[test]
    fn anchors_are_unique() {
        for filter in FILTERS {
            let mut anchors: Vec<_> = fields(filter).iter().map(|field| anchor(&field.path)).collect();
            let all = anchors.len();
            anchors.sort();
            anchors.dedup();
            assert_eq!(anchors.len(), all);
        }
    }

    #[test]
    fn a_field_that_came_later_is_a_field() {
        for (of, path, release) in ADDED {
            let filters = FILTERS.iter().filter(|filter| of.is_empty() || filter.name == *of);
            for filter in filters {
                assert!(fields(filter).iter().any(|field| field.path == *path), "{path} since {release}");
            }
        }
    }
}
